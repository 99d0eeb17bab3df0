//! What: Writes what a person reads when giro itself has a bug.

use std::panic::PanicHookInfo;

use crate::local::terminal::tell;

/// Has panics tell of themselves in plain words, for the whole process.
pub(super) fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(|at| format!("{}, line {}", at.file(), at.line()));
        tell!("{}", own_fault(&place.unwrap_or_else(|| "an unknown place".into()), panic.payload_as_str()));
    }));
}

fn own_fault(place: &str, said: Option<&str>) -> String {
    format!(
        "giro: this is a fault of giro's own, not of yours: {}\n  Please report it to those you have giro from: this text, \
         `giro --version`, the command, and what came before it. It happened at {place}.",
        said.unwrap_or("it says nothing")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_as_giros_own_fault_and_how_to_report_it() {
        let text = own_fault("src/x.rs, line 7", Some("index out of bounds"));
        for part in ["a fault of giro's own", "index out of bounds", "Please report it", "src/x.rs, line 7"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(own_fault("y", None).contains("it says nothing"));
    }
}
