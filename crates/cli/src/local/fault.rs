//! What: Says why something local can't be done, by what would mend it.
//!
//! Invariants: No error becomes a [`Fault`] by itself: the code that reports it says which of the two it is.
//! [`Fault::Asked`] stays that, through all callers.

use std::fmt;

/// Why something local can't be done. `Display` is the whole chain of causes, in one line where they are.
#[derive(Debug)]
pub enum Fault {
    /// The input is wrong: a template, a parameter, a port, a folder, a login.
    Asked(anyhow::Error),
    /// An engine can't be reached, doesn't start, or refuses.
    Engine(anyhow::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(error) | Self::Engine(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Says which of the two an error is.
pub(crate) trait OrFault<T> {
    /// The input is wrong.
    fn or_asked(self) -> Result<T, Fault>;
    /// An engine can't be reached, doesn't start, or refuses.
    fn or_engine(self) -> Result<T, Fault>;
}

impl<T, E: Into<anyhow::Error>> OrFault<T> for Result<T, E> {
    fn or_asked(self) -> Result<T, Fault> {
        self.map_err(|error| Fault::Asked(error.into()))
    }

    fn or_engine(self) -> Result<T, Fault> {
        self.map_err(|error| {
            let error: anyhow::Error = error.into();
            match error.downcast_ref() {
                Some(Fault::Asked(_)) => Fault::Asked(error),
                Some(Fault::Engine(_)) | None => Fault::Engine(error),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn what_was_asked_for_is_no_engines_fault_whoever_passes_it_on() {
        let asked = || Err::<(), _>(Fault::Asked(anyhow!("no such topic")));
        let passed_on = asked().context("the mapping").or_engine().unwrap_err();
        assert!(matches!(passed_on, Fault::Asked(_)), "{passed_on:?}");
        assert_eq!(passed_on.to_string(), "the mapping: no such topic");
        assert!(matches!(asked().or_engine(), Err(Fault::Asked(_))));
        let engine = Err::<(), _>(anyhow!("no answer")).or_engine();
        assert!(matches!(engine, Err(Fault::Engine(_))));
    }
}
