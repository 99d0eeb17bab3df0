//! What: The name of a dead letter: the place of its record, and a digest of the record.
//!
//! A place alone names no record. Offsets begin again when a topic is deleted and created again, and on another
//! cluster. So the name also holds a digest of the record. The same record has the same name again, and another record
//! has another name.

use std::fmt;

use sha2::{Digest, Sha256};

use super::Header;
use crate::domain::Source;

/// A record's key or value, as its digest sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'r> {
    /// No key or value.
    Absent,
    /// These bytes.
    Bytes(&'r [u8]),
    /// The text that stood where base64 was expected.
    NotBase64(&'r [u8]),
}

/// What tells records of one place apart. Shown as 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordDigest(u64);

impl RecordDigest {
    /// The first eight bytes of the SHA-256 over a decoded record. `timestamp` is in milliseconds since 1970.
    ///
    /// The encoding is fixed for ever, because stored dead letters are named by it. First comes the timestamp as eight
    /// bytes, −1 if there is none. Then come key and value, each as a tag (0 absent, 1 bytes, 2 not base64), four bytes
    /// of length, and the bytes. Then comes the count of headers in four bytes, and each one's name and value like a
    /// key and value. All numbers are big-endian.
    #[must_use]
    pub fn of(timestamp: Option<i64>, key: Content<'_>, value: Content<'_>, headers: &[Header]) -> Self {
        let mut hash = Sha256::new();
        hash.update(timestamp.unwrap_or(-1).to_be_bytes());
        add(&mut hash, key);
        add(&mut hash, value);
        hash.update(four_bytes(headers.len()));
        for header in headers {
            add(&mut hash, Content::Bytes(header.name.as_bytes()));
            add(&mut hash, header.value.as_deref().map_or(Content::Absent, Content::Bytes));
        }
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Reads 16 lower-case hexadecimal digits; `None` if the text is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digits = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_digits { u64::from_str_radix(text, 16).ok().map(Self) } else { None }
    }
}

fn add(hash: &mut Sha256, content: Content<'_>) {
    let (tag, bytes): (u8, &[u8]) = match content {
        Content::Absent => (0, &[]),
        Content::Bytes(bytes) => (1, bytes),
        Content::NotBase64(bytes) => (2, bytes),
    };
    hash.update([tag]);
    hash.update(four_bytes(bytes.len()));
    hash.update(bytes);
}

/// A Lambda event has at most 6 MB, so every length fits.
fn four_bytes(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

impl fmt::Display for RecordDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The name of a dead letter. Shown as `topic/partition/offset/digest`.
///
/// Older versions named dead letters by place alone, as `topic/partition/offset`. Such dead letters have no digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetterId {
    /// Where the record stood.
    pub source: Source,
    /// Which record stood there. `None` in the name of an older version.
    pub digest: Option<RecordDigest>,
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.digest {
            Some(digest) => write!(f, "{}/{digest}", self.source),
            None => self.source.fmt(f),
        }
    }
}

/// Why a text names no dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected topic/partition/offset/digest, such as payment-requests/3/42/0123456789abcdef, or topic/partition/offset"
)]
pub struct InvalidDeadLetterId;

impl std::str::FromStr for DeadLetterId {
    type Err = InvalidDeadLetterId;
    fn from_str(text: &str) -> Result<Self, InvalidDeadLetterId> {
        let read = |source: &str, digest| Some(Self { source: source.parse().ok()?, digest });
        let with_digest = text
            .rsplit_once('/')
            .and_then(|(source, digest)| RecordDigest::parse(digest).and_then(|digest| read(source, Some(digest))));
        with_digest.or_else(|| read(text, None)).ok_or(InvalidDeadLetterId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: Option<&[u8]>) -> Header {
        Header { name: name.into(), value: value.map(Into::into) }
    }

    /// The encoding is part of the stored names. If this test fails, every record that is delivered again is stored
    /// twice. Another program computed the expected digits from the documented bytes.
    #[test]
    fn the_digest_never_changes() {
        let digest =
            |timestamp, key, value, headers: &[Header]| RecordDigest::of(timestamp, key, value, headers).to_string();
        let nothing = digest(None, Content::Absent, Content::Absent, &[]);
        assert_eq!(nothing, "fadcfd9c18c30be4");
        let whole = digest(
            Some(1_795_341_600_015),
            Content::Bytes(b"alice"),
            Content::NotBase64(b"not base64!"),
            &[header("trace", Some(&[0, 127, 128, 255])), header("none", None), header("empty", Some(b""))],
        );
        assert_eq!(whole, "b3de0dd5945db418");
    }

    #[test]
    fn each_part_of_a_record_makes_another_digest() {
        let (key, value, headers) = (Content::Bytes(b"k"), Content::Bytes(b"v"), [header("n", Some(b"v"))]);
        let all = [
            RecordDigest::of(Some(1), key, value, &headers),
            RecordDigest::of(Some(2), key, value, &headers),
            RecordDigest::of(None, key, value, &headers),
            RecordDigest::of(Some(1), Content::Absent, value, &headers),
            RecordDigest::of(Some(1), Content::Bytes(b""), value, &headers),
            RecordDigest::of(Some(1), Content::NotBase64(b"k"), value, &headers),
            RecordDigest::of(Some(1), key, Content::Absent, &headers),
            RecordDigest::of(Some(1), value, key, &headers),
            RecordDigest::of(Some(1), Content::Bytes(b"kv"), Content::Bytes(b""), &headers),
            RecordDigest::of(Some(1), key, value, &[]),
            RecordDigest::of(Some(1), key, value, &[header("n", None)]),
            RecordDigest::of(Some(1), key, value, &[header("n", Some(b""))]),
            RecordDigest::of(Some(1), key, value, &[header("nv", Some(b""))]),
            RecordDigest::of(Some(1), key, value, &[headers[0].clone(), headers[0].clone()]),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn names_read_back_with_and_without_a_digest() {
        let source = |topic: &str| Source { topic: topic.into(), partition: 3, offset: 42 };
        let digest = RecordDigest::parse("00123456789abcde");
        for id in [
            DeadLetterId { source: source("a-b.c"), digest },
            DeadLetterId { source: source("a-b.c"), digest: None },
            // Kafka has no such topic, but an event may name one.
            DeadLetterId { source: source("a/1/2"), digest },
        ] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(DeadLetterId { source: source("t"), digest }.to_string(), "t/3/42/00123456789abcde");
        for bad in
            ["", "t", "t/1", "t/1/x", "t/1/2/00123456789abcd", "t/1/2/00123456789ABCDE", "t/1/2/+0123456789abcde"]
        {
            assert_eq!(bad.parse::<DeadLetterId>(), Err(InvalidDeadLetterId), "{bad}");
        }
    }
}
