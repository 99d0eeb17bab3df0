//! Reads JSON objects of the plain form, which nearly all are, in one pass.
//!
//! In: any text. Out: the known fields of the object that it is; `None` if it is not plain, and then it says nothing:
//! whether and what that text is, the full reader ([`members`](super::members)) finds out.
//!
//! Plain is JSON without escapes, with integers as its only numbers, with each known field once, and not nested deeply.
//! Space between its parts is none, or blanks.
//!
//! Invariant: what is plain is JSON, and the full reader finds the same in it (a test holds that). Written by hand for
//! speed: it takes a third of the time of the full reader, and every record is read twice, once as a part of its event.

use super::raw::Json;

/// What stands in a plain value at the most: a record's headers are a list of objects of lists of numbers.
const DEPTH_MAX: u32 = 4;

/// The fields of a plain object by their index in `names`; `None` if the text is not a plain object.
pub(in crate::wire) fn members<'a, const N: usize>(text: &'a str, names: &[&str; N]) -> Option<[Option<Json<'a>>; N]> {
    let mut found = [None; N];
    let mut rest = blanks(text).strip_prefix('{').map(blanks)?;
    if let Some(after) = rest.strip_prefix('}') {
        return blanks(after).is_empty().then_some(found);
    }
    // Fields mostly come in one order: the next is looked for behind the last.
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
    // Mostly there are none.
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
    // No digits, a leading zero, a fraction, an exponent: not plain, or no number.
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
    // A backslash or a control character is not plain, or no JSON.
    Some((content, after.strip_prefix('"')?))
}

/// Where the first byte stands that can't stand in a string as it is: a quote, a backslash, a control character.
///
/// Eight bytes at a time as one number, little end first; long strings, such as base64, by blocks of them.
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

/// Eight bytes' special ones: the highest bit of the first of them, in the byte's place, is set (that of one behind it
/// may be set wrongly). None is special: zero.
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
