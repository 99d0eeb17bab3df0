//! What: The fields of a frame of Kafka's protocol, as bytes.
//!
//! A request has an older form and a newer one. The newer one has compact lengths, and tags behind each structure.
//!
//! Data: Takes the rest of a frame, field by field. Gives each as the bytes that it has there, or in the other form.
//!
//! Limits: It knows no request and no answer.
//!
//! Source: Kafka's protocol guide (<https://kafka.apache.org/protocol>).

/// What is left of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next bytes, so many.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next bytes, as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// A number in groups of seven bits, the lowest first.
    fn varint(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            number |= u32::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A compact length. The inner `None` is null.
    fn length(&mut self) -> Option<Option<usize>> {
        match self.varint()?.checked_sub(1) {
            Some(length) => usize::try_from(length).ok().map(Some),
            None => Some(None),
        }
    }

    /// How many items a compact array has. One that is null has none.
    pub(super) fn count(&mut self) -> Option<usize> {
        self.length().map(Option::unwrap_or_default)
    }

    /// A text whose length is an i16, or that is null.
    pub(super) fn text(&mut self) -> Option<()> {
        let length = usize::try_from(self.i16()?.max(0)).ok()?;
        self.take(length).map(drop)
    }

    /// A compact text, or null: its length too.
    pub(super) fn compact(&mut self) -> Option<&'a [u8]> {
        self.spanned(|fields| {
            let length = fields.count()?;
            fields.take(length).map(drop)
        })
    }

    /// Tagged fields.
    pub(super) fn tags(&mut self) -> Option<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = usize::try_from(self.varint()?).ok()?;
            self.take(length)?;
        }
        Some(())
    }

    /// All bytes that another reading takes.
    pub(super) fn spanned(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<&'a [u8]> {
        let before = self.0;
        read(self)?;
        before.get(..before.len().saturating_sub(self.0.len()))
    }
}

/// What a structure is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// So many bytes.
    Fixed(usize),
    Text,
    Bytes,
    List(&'static [Field]),
}

/// Writes a structure of the newer form in the older one.
pub(super) fn older(structure: &[Field], from: &mut Fields<'_>, to: &mut Vec<u8>) -> Option<()> {
    for field in structure {
        match field {
            Field::Fixed(length) => to.extend(from.take(*length)?),
            Field::Text => {
                let length = from.length()?;
                let told = length.map_or(Some(-1), |length| i16::try_from(length).ok())?;
                to.extend(told.to_be_bytes());
                to.extend(from.take(length.unwrap_or_default())?);
            }
            Field::Bytes | Field::List(_) => {
                let length = from.length()?;
                let told = length.map_or(Some(-1), |length| i32::try_from(length).ok())?;
                to.extend(told.to_be_bytes());
                if let Field::List(item) = field {
                    (0..length.unwrap_or_default()).try_for_each(|_| older(item, from, to))?;
                } else {
                    to.extend(from.take(length.unwrap_or_default())?);
                }
            }
        }
    }
    from.tags()
}

/// Writes a structure of the older form in the newer one.
pub(super) fn newer(structure: &[Field], from: &mut Fields<'_>, to: &mut Vec<u8>) -> Option<()> {
    for field in structure {
        let length = match field {
            Field::Fixed(length) => {
                to.extend(from.take(*length)?);
                continue;
            }
            Field::Text => i32::from(from.i16()?),
            Field::Bytes | Field::List(_) => from.array().map(i32::from_be_bytes)?,
        };
        // Null is -1 in the older form.
        let length = usize::try_from(length).ok();
        to.extend(length.map_or(NULL.to_vec(), count_of));
        if let Field::List(item) = field {
            (0..length.unwrap_or_default()).try_for_each(|_| newer(item, from, to))?;
        } else {
            to.extend(from.take(length.unwrap_or_default())?);
        }
    }
    to.extend(NO_TAGS);
    Some(())
}

/// Fields without tags.
pub(super) const NO_TAGS: &[u8] = &[0];

/// A compact length of nothing.
const NULL: &[u8] = &[0];

/// How a compact array of so many items begins.
pub(super) fn count_of(items: usize) -> Vec<u8> {
    let mut rest = items.saturating_add(1);
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or_default();
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A frame of these fields, with its length before it.
pub(super) fn frame(fields: &[&[u8]]) -> Vec<u8> {
    let body = fields.concat();
    // No frame that is read is longer than an i32 tells, and none grows by more than a few bytes.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_seven_bits_a_byte() {
        for (items, bytes) in [
            (0, &[1][..]),
            (1, &[2]),
            (126, &[127]),
            (127, &[0x80, 1]),
            (16_382, &[0xff, 0x7f]),
            (16_383, &[0x80, 0x80, 1]),
        ] {
            assert_eq!(count_of(items), bytes, "{items}");
            assert_eq!(Fields(bytes).count(), Some(items), "{bytes:?}");
            assert_eq!(Fields(&bytes[..bytes.len() - 1]).count(), None, "{bytes:?} cut off");
        }
        assert_eq!(Fields(&[0]).count(), Some(0), "null");
        assert_eq!(Fields(&[0x80; 6]).count(), None, "more than a number has");
    }

    #[test]
    fn fields_end_where_they_say() {
        type Read = fn(&mut Fields<'_>) -> Option<()>;
        let (text, compact, tags): (Read, Read, Read) = (|it| it.text(), |it| it.compact().map(drop), |it| it.tags());
        for (what, read, bytes, rest) in [
            ("a text", text, &b"\x00\x02abc"[..], Some(&b"c"[..])),
            ("a text that is null", text, b"\xff\xffabc", Some(b"abc")),
            ("a text that is cut off", text, b"\x00\x04abc", None),
            ("a compact text", compact, b"\x03abc", Some(b"c")),
            ("a compact text that is null", compact, b"\x00abc", Some(b"abc")),
            ("a compact text that is cut off", compact, b"\x05abc", None),
            ("no tags", tags, b"\x00abc", Some(b"abc")),
            ("two tags", tags, b"\x02\x00\x01a\x05\x00bc", Some(b"bc")),
            ("tags that are cut off", tags, b"\x02\x00\x01a\x05", None),
        ] {
            let mut fields = Fields(bytes);
            assert_eq!(read(&mut fields).map(|()| fields.0), rest, "{what}");
        }
        assert_eq!(Fields(b"\x03abc").compact(), Some(&b"\x03ab"[..]));
    }

    #[test]
    fn a_structure_has_two_forms() {
        const STRUCTURE: &[Field] =
            &[Field::Fixed(2), Field::Text, Field::Text, Field::Bytes, Field::List(&[Field::Text, Field::Bytes])];
        let old = [
            &b"\x01\x02"[..],
            b"\x00\x01a",
            b"\xff\xff",
            b"\x00\x00\x00\x02bc",
            b"\x00\x00\x00\x02",
            b"\x00\x00\xff\xff\xff\xff",
            b"\x00\x01d\x00\x00\x00\x00",
        ]
        .concat();
        let new = b"\x01\x02\x02a\x00\x03bc\x03\x01\x00\x00\x02d\x01\x00\x00";
        let read = |read: fn(&[Field], &mut Fields<'_>, &mut Vec<u8>) -> Option<()>, bytes: &[u8]| {
            let (mut fields, mut to) = (Fields(bytes), Vec::new());
            read(STRUCTURE, &mut fields, &mut to).map(|()| (to, fields.0.len()))
        };
        assert_eq!(read(newer, &old), Some((new.to_vec(), 0)));
        assert_eq!(read(older, new), Some((old.clone(), 0)));
        let tagged = [&new[..new.len() - 2], b"\x01\x00\x01x\x01\x05\x02yy!"].concat();
        assert_eq!(read(older, &tagged), Some((old.clone(), 1)), "tags are left out");
        for end in 0..old.len() {
            assert_eq!(read(newer, &old[..end]), None, "cut off at {end}");
        }
        for end in 0..new.len() {
            assert_eq!(read(older, &new[..end]), None, "cut off at {end}");
        }
    }
}
