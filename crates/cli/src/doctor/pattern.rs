//! What: Whether a text is as the template says, where only AWS knows parts of it. It is pure.

use giro_template::UNKNOWN;

/// Whether a text is as a pattern says: [`UNKNOWN`] stands for any text.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split(UNKNOWN);
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
        last = Some(piece);
    }
    // The last piece must stand at the end, and may stand before too.
    match last {
        None => rest.is_empty(),
        Some("") => true,
        Some(piece) => rest.is_empty() || rest.ends_with(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unknown_parts_may_be_anything() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("…", "", true),
            ("…", "anything", true),
            ("arn:…:key", "arn:1:2:key", true),
            ("arn:…:key", "arn:1:2:keys", false),
            ("a…b", "axbxb", true),
            ("a…b", "b", false),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
