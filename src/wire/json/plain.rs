//! What: Reads JSON objects of the plain form in one pass. Nearly all objects have it.
//!
//! Data: Takes any text. Gives the known fields of a plain object, or `None`. Then the full reader
//! ([`members`](super::members)) finds out what the text is.
//!
//! A plain object has no escapes, no numbers but integers, each known field once, and no deep nesting. Its parts have
//! no space between them, or blanks.
//!
//! Why not serde: This reader takes 277 ns for a record and 474 ns for a payment. A struct of raw values by serde's
//! derive takes 662 and 980 ns, and the full reader 662 and 1,101 ns. Each record of a batch costs both.
//!
//! Invariants: What is plain is JSON, and the full reader finds the same in it (a test holds that).

use super::raw::Json;

/// The deepest nesting of a plain value. A record's headers are a list of objects of lists of numbers.
const DEPTH_MAX: u32 = 4;

/// The fields of a plain object, by their index in `names`. `None` if the text is not a plain object.
pub(in crate::wire) fn members<'a, const N: usize>(text: &'a str, names: &[&str; N]) -> Option<[Option<Json<'a>>; N]> {
    let mut found = [None; N];
    let mut rest = blanks(text).strip_prefix('{').map(blanks)?;
    if let Some(after) = rest.strip_prefix('}') {
        return blanks(after).is_empty().then_some(found);
    }
    // Fields mostly come in one order, so the next name is tried first.
    let mut next: usize = 0;
    loop {
        let (ix, after) = match names.get(next).and_then(|name| expected(rest, name)) {
            Some(after) => (Some(next), after),
            None => {
                let (name, after) = string(rest)?;
                let after = blanks(after).strip_prefix(':')?;
                (names.iter().position(|known| *known == name), after)
            }
        };
        let value_on = blanks(after);
        let after = value(value_on, DEPTH_MAX)?;
        if let Some(ix) = ix {
            let length = value_on.len().checked_sub(after.len())?;
            if found[ix].replace(Json::plain(value_on.get(..length)?)).is_some() {
                return None;
            }
            next = ix.saturating_add(1);
        }
        match blanks(after).split_at_checked(1)? {
            (",", after) => rest = blanks(after),
            ("}", after) => return blanks(after).is_empty().then_some(found),
            (_, _) => return None,
        }
    }
}

/// What follows a field's name and colon, if the name is this one.
fn expected<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix('"')?.strip_prefix(name)?.strip_prefix("\":")
}

fn blanks(text: &str) -> &str {
    // Mostly there are no blanks.
    if text.starts_with(' ') { text.trim_start_matches(' ') } else { text }
}

/// What follows the value at the beginning of a text.
fn value(text: &str, depth: u32) -> Option<&str> {
    match text.as_bytes().first()? {
        b'"' => string(text).map(|(_, after)| after),
        b'-' | b'0'..=b'9' => integer(text),
        b'[' => list(text, depth.checked_sub(1)?),
        b'{' => object(text, depth.checked_sub(1)?),
        b'n' => text.strip_prefix("null"),
        b't' => text.strip_prefix("true"),
        b'f' => text.strip_prefix("false"),
        _ => None,
    }
}

fn integer(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let length = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, after) = digits.split_at_checked(length)?;
    // Without digits, or with a leading zero, a fraction or an exponent, it isn't plain or isn't a number.
    let whole = !digits.is_empty() && (digits == "0" || !digits.starts_with('0'));
    (whole && !after.starts_with(['.', 'e', 'E'])).then_some(after)
}

fn list(text: &str, depth: u32) -> Option<&str> {
    let mut rest = blanks(text.strip_prefix('[')?);
    if let Some(after) = rest.strip_prefix(']') {
        return Some(after);
    }
    loop {
        match blanks(value(rest, depth)?).split_at_checked(1)? {
            (",", after) => rest = blanks(after),
            ("]", after) => return Some(after),
            (_, _) => return None,
        }
    }
}

fn object(text: &str, depth: u32) -> Option<&str> {
    let mut rest = blanks(text.strip_prefix('{')?);
    if let Some(after) = rest.strip_prefix('}') {
        return Some(after);
    }
    loop {
        let (_, after) = string(rest)?;
        let after = blanks(blanks(after).strip_prefix(':')?);
        match blanks(value(after, depth)?).split_at_checked(1)? {
            (",", after) => rest = blanks(after),
            ("}", after) => return Some(after),
            (_, _) => return None,
        }
    }
}

/// The content of the string at the beginning of a text, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let (content, after) = inner.split_at_checked(special(inner.as_bytes())?)?;
    // A text with a backslash or a control character isn't plain or isn't JSON.
    Some((content, after.strip_prefix('"')?))
}

/// The place of the first byte that a string can't hold unescaped: a quote, a backslash, a control character.
///
/// It reads eight bytes at a time as one little-endian number, and long strings such as base64 in blocks of those.
fn special(bytes: &[u8]) -> Option<usize> {
    let mut passed: usize = 0;
    let (blocks, _) = bytes.as_chunks::<32>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        if words.iter().fold(0, |any, &word| any | specials(word)) != 0 {
            break;
        }
        passed = passed.saturating_add(32);
    }
    let rest = bytes.get(passed..)?;
    let (words, last) = rest.as_chunks::<8>();
    for &word in words {
        let found = specials(word);
        if found != 0 {
            let bits = usize::try_from(found.trailing_zeros()).ok()?;
            return passed.checked_add(bits >> 3);
        }
        passed = passed.saturating_add(8);
    }
    let ahead = last.iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    passed.checked_add(ahead)
}

/// Marks the special bytes among eight. The highest bit of the first special byte is set. Bits of later bytes may be
/// set wrongly. The result is zero if no byte is special.
///
/// Source: S. E. Anderson, "Bit Twiddling Hacks", "Determine if a word has a byte less than n".
fn specials(bytes: [u8; 8]) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    let word = u64::from_le_bytes(bytes);
    let below = |word: u64, than: u64| word.wrapping_sub(than) & !word;
    let equal = |byte: u64| below(word ^ byte, EACH);
    (below(word, EACH << 5) | equal(EACH * 0x22) | equal(EACH * 0x5c)) & HIGHEST
}
