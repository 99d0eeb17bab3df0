//! What: Finds the known fields of one JSON object, each as its own JSON.
//!
//! Data: Takes a text, and the known names. Gives the JSON of each known field, and ignores all else.
//!
//! [`plain`] reads a plain object. Serde reads any other, and says what is wrong with it.
//!
//! Why not serde's derive: It is as fast as the full reader here, so its speed decides nothing. But it names a field
//! that stands twice in its own words only, and needs a struct for each set of names.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::plain;
use super::raw::Json;

/// The JSON of each known field, by its index among the names. `None` if it is missing.
pub(in crate::wire) type Members<'a, const N: usize> = [Option<Json<'a>>; N];

/// Why a text has no such fields.
#[derive(Debug)]
pub(in crate::wire) enum Unclear {
    /// It isn't JSON, or not a JSON object.
    NotAnObject(serde_json::Error),
    /// The known field of this index is there more than once.
    Twice(usize),
}

/// Reads an object.
///
/// # Errors
/// [`Unclear`], in its order.
#[inline]
pub(in crate::wire) fn members<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<Members<'a, N>, Unclear> {
    let mut members = [None; N];
    match plain::members(text, names, &mut members) {
        Some(()) => Ok(members),
        None => full(text, names),
    }
}

/// The full reader.
fn full<'a, const N: usize>(text: &'a str, names: &[&str; N]) -> Result<Members<'a, N>, Unclear> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Known { names }.deserialize(&mut deserializer);
    let (members, twice) = read.and_then(|read| deserializer.end().map(|()| read)).map_err(Unclear::NotAnObject)?;
    twice.map_or(Ok(members), |ix| Err(Unclear::Twice(ix)))
}

/// Reads an object's known fields, and the index of one that is there more than once.
struct Known<'n, const N: usize> {
    names: &'n [&'n str; N],
}

impl<'de, const N: usize> DeserializeSeed<'de> for Known<'_, N> {
    type Value = (Members<'de, N>, Option<usize>);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Known<'_, N> {
    type Value = (Members<'de, N>, Option<usize>);
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut members, mut twice) = ([None; N], None);
        while let Some(Name(name)) = map.next_key()? {
            let Some(ix) = self.names.iter().position(|known| *known == name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if members[ix].replace(map.next_value::<&RawValue>()?.into()).is_some() {
                twice.get_or_insert(ix);
            }
        }
        Ok((members, twice))
    }
}

/// A field's name. It is borrowed if it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn is_plain(text: &str) -> bool {
        let mut plain = [None; 3];
        if plain::members(text, &NAMES, &mut plain).is_none() {
            return false;
        }
        let Ok(full) = full(text, &NAMES) else { panic!("{text} is no object") };
        let shown = |members: Members<'_, 3>| {
            members.map(|json| json.map(|json| (json.get().to_owned(), json.text().map(Cow::into_owned))))
        };
        assert_eq!(shown(plain), shown(full), "{text}");
        true
    }

    #[test]
    fn what_is_plain() {
        for plain in [
            "{}",
            " { } ",
            r#"{"a":1,"b":"x","c":null}"#,
            r#"{"c" : -12 , "a" : true, "x":0,"b":false}"#,
            r#"{"a":[],"b":{},"c":[{"h":[1,-2]},{"i":[]}]}"#,
            r#"{"x":1,"x":2,"":"","ü":"ü"}"#,
            r#"{"a":"0123456789012345678901234567890123456789012345678901234567890123456789"}"#,
        ] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "",
            "{",
            "[]",
            "7",
            "\"a\"",
            "null",
            "{}{}",
            "{,}",
            r#"{"a":1,}"#,
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1 "b":2}"#,
            r#"{a:1}"#,
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":+1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":nul}"#,
            r#"{"a":nullx}"#,
            r#"{"a":1x}"#,
            r#"{"a":"x}"#,
            "{\"a\":\"\n\"}",
            "{\n}",
            r#"{"a":"\n"}"#,
            r#"{"\u0061":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":{"b":1,}}"#,
            r#"{"a":[[[[[1]]]]]}"#,
            "\u{feff}{}",
            r#"{"a":"x"y}"#,
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }

    /// For every text, the plain reader agrees with the full one.
    #[test]
    fn the_plain_reader_finds_what_the_full_one_finds() {
        let tokens = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"b\"",
            "\"c\"",
            "\"x\"",
            "1",
            "-0",
            "23",
            "1.5",
            "null",
            "true",
            "false",
            " ",
            "\"",
            "\\",
            "\"\\u0061\"",
            "\"ü\"",
            "\n",
            "\"a\":1",
            "\"b\":\"y\"",
            ",\"c\":[1,2]",
            "{\"x\":{}}",
        ];
        let mut random = fastrand::Rng::with_seed(1);
        let mut plain = 0;
        for _ in 0..300_000 {
            let mut text: String = (0..random.usize(0..7)).map(|_| tokens[random.usize(0..tokens.len())]).collect();
            if random.u8(0..4) > 0 {
                text = format!("{{{text}}}");
            }
            plain += u32::from(is_plain(&text));
        }
        assert!(plain > 5_000, "{plain} were plain");
    }
}
