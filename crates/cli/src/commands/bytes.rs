//! What: Shows bytes of records on a terminal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::local::escaped::Line;

/// How much of a value is shown to a person.
const SHOWN_CHARACTERS_MAX: usize = 2_000;

/// Text, with control characters escaped. Otherwise base64.
pub(super) fn shown(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "(none)".into() };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Line(text).to_string(),
        Err(_) => format!("base64 {}", STANDARD.encode(bytes)),
    };
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        None => text,
        Some((end, _)) => format!("{} … ({} bytes in all; --value gives them)", &text[..end], bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_record_holds_reaches_the_terminal_raw() {
        assert_eq!(shown(None), "(none)");
        assert_eq!(shown(Some(b"\x1b[2Jhi\n\"\x00")), r#"\u001b[2Jhi\n"\u0000"#);
        assert_eq!(shown(Some(&[0xff, 0xfe])), "base64 //4=");
        let long = shown(Some("ü".repeat(5_000).as_bytes()));
        assert!(long.ends_with("(10000 bytes in all; --value gives them)"), "{long}");
    }
}
