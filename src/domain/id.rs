//! What: The three identifiers that clients choose: of a payment, of an account and of an account command.
//!
//! Data: Takes text. Gives a newtype that holds 1 to 64 characters of `A-Z a-z 0-9 . _ : -` and nothing else.
//!
//! `.` and `..` are not valid ids. In the path of a URL they mean a folder, so nobody could fetch what they name. Older
//! versions accepted them, so `try_stored` still reads them.
//!
//! The set leaves out `/`, so that keys like `account/lane` and `topic/partition/offset` need no escaping. It leaves
//! out everything that isn't printable ASCII, so that no two ids look alike and no id can break a log line.

use std::fmt;
use std::hash::{Hash, Hasher};

/// The longest id, in characters, which are bytes here. A UUID with a prefix fits, and a payment item stays within one
/// write unit of 1 KB.
pub const ID_CHARACTERS_MAX: usize = 64;

/// Why a text is not an id. `Display` says what was expected, and never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 characters of A-Z a-z 0-9 . _ : -, and neither . nor ..")]
pub struct InvalidId;

/// The text of an id, kept in place: ids are short and of limited length, and every payment has three.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Text {
    /// The text, then zeros, so that the order of these arrays is the order of the texts.
    bytes: [u8; ID_CHARACTERS_MAX],
    /// Not zero.
    length: u8,
}

/// By byte: whether it may stand in an id.
const ALLOWED: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut set: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    while let Some((byte, more)) = set.split_first() {
        // The array has 256 places, so every byte is an index.
        #[allow(clippy::as_conversions, reason = "From is not const")]
        let place = *byte as usize;
        allowed[place] = true;
        set = more;
    }
    allowed
};

impl Text {
    fn try_new(text: &str) -> Result<Self, InvalidId> {
        let length = u8::try_from(text.len()).map_err(|_| InvalidId)?;
        let mut bytes = [0; ID_CHARACTERS_MAX];
        bytes.get_mut(..text.len()).ok_or(InvalidId)?.copy_from_slice(text.as_bytes());
        // Nearly all are allowed, so it looks at every byte, without a branch at each.
        let allowed = text.bytes().fold(length > 0, |allowed, byte| allowed & ALLOWED[usize::from(byte)]);
        if allowed { Ok(Self { bytes, length }) } else { Err(InvalidId) }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    fn as_str(&self) -> &str {
        // Only ASCII gets in, so this never falls back.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        // The zeros behind the text are left out: most ids are a quarter as long as the longest.
        self.as_bytes().hash(hasher);
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text);

        impl $name {
            /// Takes a text as an id.
            ///
            /// # Errors
            /// [`InvalidId`] if it is not 1 to 64 characters of `A-Z a-z 0-9 . _ : -`, or is `.` or `..`.
            pub fn try_new(text: &str) -> Result<Self, InvalidId> {
                if matches!(text, "." | "..") { Err(InvalidId) } else { Self::try_stored(text) }
            }

            /// Takes a stored or published text as an id. It may be `.` or `..`.
            ///
            /// # Errors
            /// [`InvalidId`] if it is not 1 to 64 characters of `A-Z a-z 0-9 . _ : -`.
            pub fn try_stored(text: &str) -> Result<Self, InvalidId> {
                Text::try_new(text).map(Self)
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }
    };
}

id! {
    /// Names a payment, and is its idempotency key. The client chooses it, and it is decided at most once for ever.
    PaymentId
}
id! {
    /// Names an account.
    AccountId
}
id! {
    /// Names an account command, and is its idempotency key. The sender chooses it, and it is applied at most once for
    /// ever.
    CommandId
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    use super::*;

    #[test]
    fn ids_take_the_allowed_set_and_nothing_else() {
        let longest = "x".repeat(64);
        for good in ["a", "A-Z_0.9:z", longest.as_str()] {
            assert_eq!(AccountId::try_new(good).unwrap().as_str(), good);
        }
        let too_long = "x".repeat(65);
        for bad in ["", ".", "..", " ", "a b", "a/b", "a#b", "é", "a\n", "\u{0}", "аlice", too_long.as_str()] {
            assert_eq!(PaymentId::try_new(bad), Err(InvalidId), "{bad:?}");
        }
        for byte in 0..=u8::MAX {
            let text = char::from(byte).to_string();
            let allowed = byte.is_ascii_alphanumeric() || b"_:-".contains(&byte);
            assert_eq!(PaymentId::try_new(&text).is_ok(), allowed, "{text:?}");
        }
    }

    /// The path of a URL can't hold these, so nobody may choose them. What was stored under them before is still read.
    #[test]
    fn dots_alone_are_no_ids_and_stay_readable() {
        for dots in [".", ".."] {
            assert_eq!(PaymentId::try_new(dots), Err(InvalidId));
            assert_eq!(dots.parse::<AccountId>(), Err(InvalidId));
            assert_eq!(CommandId::try_stored(dots).unwrap().as_str(), dots);
        }
        for good in ["...", ".a", "a.", "..a", ".-"] {
            assert_eq!(AccountId::try_new(good).unwrap().as_str(), good);
        }
        assert_eq!(AccountId::try_stored("a/b"), Err(InvalidId));
    }

    #[test]
    fn ids_are_ordered_and_shown_as_their_texts() {
        let longest = "x".repeat(64);
        let texts = ["-", "0", "a", "a-", "a-b", "a0", "aa", "b", &longest[..63], &longest];
        for (one, other) in texts.iter().flat_map(|one| texts.map(|other| (*one, other))) {
            let ids = [one, other].map(|text| AccountId::try_new(text).unwrap());
            assert_eq!((ids[0].cmp(&ids[1]), ids[0] == ids[1]), (one.cmp(other), one == other), "{one} {other}");
        }
        let id = AccountId::try_new("alice").unwrap();
        let hash =
            |text: &str| BuildHasherDefault::<DefaultHasher>::default().hash_one(AccountId::try_new(text).unwrap());
        assert_eq!(
            (hash("alice") == hash("alice"), hash("alice") == hash("bob")),
            (true, false),
            "a map finds its place"
        );
        assert_eq!(format!("{id} {id:>6} {id:?}"), r#"alice  alice AccountId("alice")"#);
    }
}
