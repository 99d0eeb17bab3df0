//! What: Escapes text for a terminal, so that others' text can't control it, hide anything, or forge a line.
//!
//! Data: Takes text. Gives the same with some characters escaped as in JSON: `\n`, `\u001b`. These are characters that
//! a terminal obeys, or that change how others look. JSON stays the same JSON, because it has such characters only in
//! its strings.
//!
//! All output of the command line goes through here, whether a terminal reads it or not. Only raw bytes (`dead-letters
//! show --value`) don't.

use std::fmt::{self, Display, Write};

/// Shows a text as one line.
pub(crate) struct Line<T>(pub(crate) T);

/// Shows a text with the line ends that it has.
pub(crate) struct Lines<T>(pub(crate) T);

/// JSON as one line. In JSON, line ends and tabs are only between its parts.
pub(crate) fn json_line(json: &str) -> String {
    json.trim_end().replace(['\n', '\r', '\t'], " ")
}

impl<T: Display> Display for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaped { to: f, line_ends: false }, "{}", self.0)
    }
}

impl<T: Display> Display for Lines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaped { to: f, line_ends: true }, "{}", self.0)
    }
}

struct Escaped<'f, 't> {
    to: &'f mut fmt::Formatter<'t>,
    line_ends: bool,
}

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| steers(*c) && !(self.line_ends && *c == '\n')) {
            let (plain, from) = rest.split_at(at);
            self.to.write_str(plain)?;
            escape(self.to, c)?;
            rest = from.get(c.len_utf8()..).unwrap_or_default();
        }
        self.to.write_str(rest)
    }
}

fn escape(to: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '\n' => to.write_str("\\n"),
        '\r' => to.write_str("\\r"),
        '\t' => to.write_str("\\t"),
        _ => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(to, "\\u{unit:04x}")),
    }
}

/// Whether a character does something to a terminal or to other characters, or can't be seen.
///
/// Source: Unicode, general categories Cc, Zl and Zp, and of Cf those that reorder or are invisible. Joiners (U+200C,
/// U+200D) stay, because scripts and emoji need them.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_the_rest_is_not() {
        for (given, shown) in [
            ("Köln \"17\" \\ 日本 👨\u{200d}👩 می\u{200c}خواهم", "Köln \"17\" \\ 日本 👨\u{200d}👩 می\u{200c}خواهم"),
            ("\u{1b}[2J\u{1b}]0;owned\u{7}", "\\u001b[2J\\u001b]0;owned\\u0007"),
            ("\u{9b}31m\u{7f}\0", "\\u009b31m\\u007f\\u0000"),
            ("all\nis\r\twell", "all\\nis\\r\\twell"),
            ("\u{202e}ecila\u{2066}\u{200f}", "\\u202eecila\\u2066\\u200f"),
            ("a\u{200b}b\u{feff}\u{2028}\u{ad}", "a\\u200bb\\ufeff\\u2028\\u00ad"),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("", ""),
        ] {
            assert_eq!(Line(given).to_string(), shown);
            assert_eq!(Line(shown).to_string(), shown, "a second time changes nothing");
        }
        assert_eq!(Lines("one\ntwo\u{1b}").to_string(), "one\ntwo\\u001b");
    }

    #[test]
    fn json_stays_the_json_that_it_was() {
        let value = serde_json::json!({ "reference": "\u{1b}\u{9b}\u{7f}\u{202e}\u{e0041}\n\"\\" });
        for json in [value.to_string(), json_line(&serde_json::to_string_pretty(&value).unwrap())] {
            let shown = Line(json).to_string();
            assert!(shown.chars().all(|c| !steers(c)), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
