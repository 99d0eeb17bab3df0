//! What: Decodes base64, as the keys and values of Kafka events hold it.
//!
//! Data: Takes text. Gives the bytes. The bytes of many values share one piece of memory, so that a record needs no
//! allocation of its own. A key is kept there as text, and decoded alone if it is asked for.
//!
//! `base64-simd` reads most values. `base64` reads what that refuses, and decides. So the rules are those of one
//! reader: the standard alphabet, full padding or less, and no bits left over. AWS pads; other producers of such
//! events may not.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64_simd::AsOut;
use bytes::{Bytes, BytesMut};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The size of a piece of memory, for some 250 records. Little of it is unused when a batch ends, and a dead letter
/// keeps little of it alive.
const PIECE_BYTES: usize = 64 * 1024;

/// Decodes texts into shared pieces of memory.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    piece: BytesMut,
}

impl Decoder {
    /// The bytes; `None` if the text is not base64.
    pub(super) fn decode(&mut self, text: &[u8]) -> Option<Bytes> {
        let room = base64_simd::STANDARD.estimated_decoded_length(text.len());
        if self.piece.capacity() < room {
            self.piece = BytesMut::with_capacity(room.max(PIECE_BYTES));
        }
        self.piece.resize(room, 0);
        let padded = text.len().is_multiple_of(4);
        let fast = if padded { base64_simd::STANDARD } else { base64_simd::STANDARD_NO_PAD };
        let decoded = fast.decode(text, self.piece.as_mut().as_out()).map(|bytes| bytes.len());
        let length = decoded.ok().or_else(|| BASE64.decode_slice(text, self.piece.as_mut()).ok());
        self.piece.truncate(length.unwrap_or_default());
        length.map(|_| self.piece.split().freeze())
    }

    /// The text as it is, in the same memory.
    pub(super) fn keep(&mut self, text: &str) -> Bytes {
        if self.piece.capacity() < text.len() {
            self.piece = BytesMut::with_capacity(text.len().max(PIECE_BYTES));
        }
        self.piece.extend_from_slice(text.as_bytes());
        self.piece.split().freeze()
    }
}

/// The bytes of one text alone; `None` if it is not base64.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both readers read the same texts as the same bytes, so it doesn't matter which one reads.
    #[test]
    fn the_fast_reader_says_nothing_else_than_the_full_one() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut decoder = Decoder::default();
        let mut taken = 0;
        for _ in 0..100_000 {
            let bytes: Vec<u8> = (0..random.usize(0..70)).map(|_| random.u8(..)).collect();
            let mut text = BASE64.encode(&bytes).into_bytes();
            while random.u8(0..3) == 0 && text.last() == Some(&b'=') {
                text.pop();
            }
            if random.bool() && !text.is_empty() {
                let at = random.usize(0..text.len());
                text[at] = b"=A/+_- \n\x80zZ9"[random.usize(0..12)];
            }
            let expected = BASE64.decode(&text).ok();
            taken += usize::from(expected.is_some());
            assert_eq!(decoder.decode(&text).as_deref(), expected.as_deref(), "{}", text.escape_ascii());
        }
        assert!((60_000..100_000).contains(&taken), "{taken} of them are base64");
    }

    #[test]
    fn a_text_of_any_length_is_taken() {
        let mut decoder = Decoder::default();
        for length in [0, 1, 2, 3, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 1] {
            let bytes = vec![7; length];
            assert_eq!(decoder.decode(BASE64.encode(&bytes).as_bytes()).as_deref(), Some(bytes.as_slice()));
        }
    }
}
