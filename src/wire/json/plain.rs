//! What: Reads JSON objects of the plain form in one pass. Nearly all objects have it.
//!
//! Data: Takes any text. Gives the known fields of a plain object, or `None`. Then the full reader
//! ([`members`](super::members)) finds out what the text is.
//!
//! A plain object has no escapes, no numbers but integers, each known field once, and no deep nesting. Its parts have
//! no space between them, or blanks.
//!
//! Why not serde: A struct of raw values by serde's derive takes twice as long or more, and so does the full reader.
//! A batch has two such objects for each record: the record and its request.
//!
//! Invariants: What is plain is JSON, and the full reader finds the same in it (a test holds that).

use super::raw::Json;

/// The deepest nesting of a plain value. A record's headers are a list of objects of lists of numbers.
const DEPTH_MAX: u32 = 4;

/// Finds the fields of a plain object, by their index in `names`. `None` if the text is not a plain object: then what
/// was found doesn't count. `found` has none at first. It is filled in place, because it is too large to be copied
/// for each record.
pub(in crate::wire) fn members<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
    found: &mut [Option<Json<'a>>; N],
) -> Option<()> {
    // What a value or a name stands between is ASCII, so each is cut out of the text at a character's border.
    let until =
        |from: &[u8], to: &[u8]| text.get(text.len().checked_sub(from.len())?..text.len().checked_sub(to.len())?);
    let mut rest = blanks(blanks(text.as_bytes()).strip_prefix(b"{")?);
    if let [b'}', after @ ..] = rest {
        return blanks(after).is_empty().then_some(());
    }
    // Fields mostly come in one order, so the next name is tried first.
    let mut next: usize = 0;
    loop {
        let (ix, after) = match names.get(next).and_then(|name| expected(rest, name)) {
            Some(after) => (Some(next), after),
            None => {
                let after = string(rest.strip_prefix(b"\"")?)?;
                let name = until(rest, after)?.trim_matches('"');
                (names.iter().position(|known| *known == name), blanks(after).strip_prefix(b":")?)
            }
        };
        let value_on = blanks(after);
        let after = value(value_on, DEPTH_MAX)?;
        if let Some(ix) = ix {
            if found[ix].replace(Json::plain(until(value_on, after)?)).is_some() {
                return None;
            }
            next = ix.saturating_add(1);
        }
        match blanks(after) {
            [b',', after @ ..] => rest = blanks(after),
            [b'}', after @ ..] => return blanks(after).is_empty().then_some(()),
            _ => return None,
        }
    }
}

/// What follows a field's name and colon, if the name is this one.
fn expected<'a>(json: &'a [u8], name: &str) -> Option<&'a [u8]> {
    json.strip_prefix(b"\"")?.strip_prefix(name.as_bytes())?.strip_prefix(b"\":")
}

fn blanks(mut json: &[u8]) -> &[u8] {
    while let [b' ', after @ ..] = json {
        json = after;
    }
    json
}

/// What follows the value at the beginning of a text.
fn value(json: &[u8], depth: u32) -> Option<&[u8]> {
    match json {
        [b'"', inner @ ..] => string(inner),
        [b'-', digits @ ..] => integer(digits),
        [b'0'..=b'9', ..] => integer(json),
        [b'[', inner @ ..] => list(inner, depth.checked_sub(1)?),
        [b'{', inner @ ..] => object(inner, depth.checked_sub(1)?),
        [b'n', ..] => json.strip_prefix(b"null"),
        [b't', ..] => json.strip_prefix(b"true"),
        [b'f', ..] => json.strip_prefix(b"false"),
        _ => None,
    }
}

/// What follows the digits of an integer.
fn integer(digits: &[u8]) -> Option<&[u8]> {
    let after = match digits {
        // A leading zero isn't JSON.
        [b'0', after @ ..] => after,
        [b'1'..=b'9', more @ ..] => {
            let length = more.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(more.len());
            more.get(length..)?
        }
        _ => return None,
    };
    // With a fraction or an exponent it isn't plain.
    match after {
        [b'0'..=b'9' | b'.' | b'e' | b'E', ..] => None,
        _ => Some(after),
    }
}

/// What follows a list, behind its first bracket.
fn list(inner: &[u8], depth: u32) -> Option<&[u8]> {
    let mut rest = blanks(inner);
    if let [b']', after @ ..] = rest {
        return Some(after);
    }
    loop {
        match blanks(value(rest, depth)?) {
            [b',', after @ ..] => rest = blanks(after),
            [b']', after @ ..] => return Some(after),
            _ => return None,
        }
    }
}

/// What follows an object, behind its first brace.
fn object(inner: &[u8], depth: u32) -> Option<&[u8]> {
    let mut rest = blanks(inner);
    if let [b'}', after @ ..] = rest {
        return Some(after);
    }
    loop {
        let after = string(rest.strip_prefix(b"\"")?)?;
        let value_on = blanks(blanks(after).strip_prefix(b":")?);
        match blanks(value(value_on, depth)?) {
            [b',', after @ ..] => rest = blanks(after),
            [b'}', after @ ..] => return Some(after),
            _ => return None,
        }
    }
}

/// What follows a string, behind its first quote.
fn string(inner: &[u8]) -> Option<&[u8]> {
    match inner.get(special(inner)?..)? {
        [b'"', after @ ..] => Some(after),
        // A text with a backslash or a control character isn't plain or isn't JSON.
        _ => None,
    }
}

/// The place of the first byte that a string can't hold unescaped: a quote, a backslash, a control character.
///
/// It reads eight bytes at a time as one little-endian number. Most strings end in the first few of them. What is left
/// of long ones, such as base64, is read in blocks of four.
fn special(bytes: &[u8]) -> Option<usize> {
    const FEW: usize = 3;
    let (words, _) = bytes.as_chunks::<8>();
    let mut passed: usize = 0;
    for &word in words.iter().take(FEW) {
        let found = specials(word);
        if found != 0 {
            return place(passed, found);
        }
        passed = passed.saturating_add(8);
    }
    let (blocks, _) = bytes.get(passed..)?.as_chunks::<32>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        if words.iter().fold(0, |any, &word| any | specials(word)) != 0 {
            break;
        }
        passed = passed.saturating_add(32);
    }
    let (words, last) = bytes.get(passed..)?.as_chunks::<8>();
    for &word in words {
        let found = specials(word);
        if found != 0 {
            return place(passed, found);
        }
        passed = passed.saturating_add(8);
    }
    let ahead = last.iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    passed.checked_add(ahead)
}

/// The place of the first byte that is marked, so many bytes further.
fn place(passed: usize, marks: u64) -> Option<usize> {
    let bits = usize::try_from(marks.trailing_zeros()).ok()?;
    passed.checked_add(bits >> 3)
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
