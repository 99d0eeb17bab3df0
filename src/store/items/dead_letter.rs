//! What: The items of a dead letter: its bytes, cut into parts that each fit an item.
//!
//! Data: [`DeadLetter`]. A dead letter is a row of pieces: its key, its headers and its value, in that order. A part
//! takes pieces up to [`PART_BYTES_MAX`]. A key, a header's value or a value that doesn't fit goes on in the next part.
//! All parts together, in order, give back every byte. Missing and empty stay different.
//!
//! Invariants: Part 0 describes the dead letter, and says how many parts there are. It is written last, so a dead
//! letter with a part 0 is whole, and a dead letter without it is still on its way. Parts of one name are of one
//! record, so they hold the same bytes whoever writes them.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Item, n, number, parsed, s, text};
use crate::domain::dead_letter::DeadLetterStatus;
use crate::domain::{DeadLetter, DeadLetterId, Header, Source, Timestamp};

/// The partition key attribute: the name of the dead letter, `topic/partition/offset/digest`. Older versions wrote it
/// without the digest.
pub const KEY: &str = "source";
/// The sort key attribute: the part's number.
pub const PART: &str = "part";

/// The condition under which a part may be written: it is new, or it describes a dead letter that was redriven.
/// `source` and `status` are reserved words of DynamoDB.
pub const IS_NEW_OR_REDRIVEN: &str = "attribute_not_exists(#source) OR #status = :redriven";

/// Marks a dead letter as redriven, on its first part.
pub const MARK_REDRIVEN: &str = "SET #status = :redriven";
/// The condition of that: the dead letter waits for a redrive.
pub const IS_PARKED: &str = "#status = :parked";

/// Finds the dead letters whose records stood at one place. Their names begin with what [`below`] gives. In older
/// versions the name is the place alone.
pub const STOOD_AT: &str = "#source = :place OR begins_with(#source, :below)";

/// What the names of dead letters of a place begin with.
#[must_use]
pub fn below(place: &Source) -> String {
    format!("{place}/")
}

/// The most bytes of key, headers and value in one part. With names and the description, an item stays well below
/// DynamoDB's 400 KB.
pub const PART_BYTES_MAX: usize = 300 * 1024;

/// What each header costs beside its name and value.
const HEADER_OVERHEAD: usize = 32;

/// The longest header name that is kept as a name. Kafka's own clients write short names. A longer one is kept in the
/// value of a header [`LONG_NAME_HEADER`]: the name, a zero byte and the value.
const HEADER_NAME_BYTES_MAX: usize = 1024;

// Otherwise a part might have no room behind a header, and the cutting would never end.
const _: () = assert!(PART_BYTES_MAX > HEADER_NAME_BYTES_MAX + HEADER_OVERHEAD, "a part takes any header");

/// The name under which a header with a longer name is kept.
pub const LONG_NAME_HEADER: &str = "giro-long-name-header";

/// The key of a part.
#[must_use]
pub fn key(letter: &DeadLetterId, part: usize) -> Item {
    Item::from([(KEY.into(), s(letter)), (PART.into(), n(part))])
}

/// The dead letter and the part that an item belongs to.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn place(item: &Item) -> Result<(DeadLetterId, usize), String> {
    Ok((parsed(item, KEY, str::parse::<DeadLetterId>)?, number(item, PART)?))
}

/// How many parts the dead letter has, as its first part says.
///
/// # Errors
/// What was expected, if it isn't a first part.
pub fn parts(item: &Item) -> Result<usize, String> {
    number(item, "parts")
}

/// The bytes that a part holds.
#[derive(Default)]
struct Part {
    key: Option<Vec<u8>>,
    headers: Vec<AttributeValue>,
    value: Option<Vec<u8>>,
}

/// Writes a dead letter as its parts, in order.
#[must_use]
pub fn encode(letter: &DeadLetter) -> Vec<Item> {
    let (id, parts) = (letter.id(), cut(letter));
    let count = parts.len();
    let item = |(ix, part): (usize, Part)| {
        let mut item = key(&id, ix);
        if let Some(bytes) = part.key {
            item.insert("key".into(), AttributeValue::B(Blob::new(bytes)));
        }
        if !part.headers.is_empty() {
            item.insert("headers".into(), AttributeValue::L(part.headers));
        }
        if let Some(bytes) = part.value {
            item.insert("value".into(), AttributeValue::B(Blob::new(bytes)));
        }
        if ix == 0 {
            item.insert("parts".into(), n(count));
            item.insert("reason".into(), s(&letter.reason));
            item.insert("detail".into(), s(&letter.detail));
            item.insert("received_at".into(), s(letter.received_at));
            item.insert("status".into(), s(letter.status.name()));
        }
        item
    };
    parts.into_iter().enumerate().map(item).collect()
}

fn cut(letter: &DeadLetter) -> Vec<Part> {
    let mut cutter = Cutter { parts: vec![Part::default()], room: PART_BYTES_MAX };
    if let Some(key) = &letter.key {
        cutter.bytes(key, |part, piece, _| part.key.get_or_insert_default().extend_from_slice(piece));
    }
    for header in &letter.headers {
        cutter.header(header);
    }
    if let Some(value) = &letter.value {
        cutter.bytes(value, |part, piece, _| part.value.get_or_insert_default().extend_from_slice(piece));
    }
    cutter.parts
}

struct Cutter {
    parts: Vec<Part>,
    room: usize,
}

impl Cutter {
    /// Lays bytes into parts. `lay` gets the part, a piece, and whether more pieces of these bytes follow. Empty bytes
    /// are one empty piece.
    fn bytes(&mut self, mut bytes: &[u8], mut lay: impl FnMut(&mut Part, &[u8], bool)) {
        loop {
            if self.room == 0 {
                self.parts.push(Part::default());
                self.room = PART_BYTES_MAX;
            }
            let (piece, rest) = bytes.split_at(bytes.len().min(self.room));
            self.room = self.room.saturating_sub(piece.len());
            if let Some(part) = self.parts.last_mut() {
                lay(part, piece, !rest.is_empty());
            }
            if rest.is_empty() {
                return;
            }
            bytes = rest;
        }
    }

    fn header(&mut self, header: &Header) {
        if header.name.len() > HEADER_NAME_BYTES_MAX {
            let mut value = header.name.clone().into_bytes();
            value.push(0);
            value.extend_from_slice(header.value.as_deref().unwrap_or_default());
            return self.header(&Header { name: LONG_NAME_HEADER.into(), value: Some(value) });
        }
        // A name is never cut, and each piece of a value repeats it.
        let overhead = header.name.len().saturating_add(HEADER_OVERHEAD);
        self.room = self.room.saturating_sub(overhead);
        let element = |value: AttributeValue, more: bool| {
            let mut map = Item::from([("name".to_owned(), s(&header.name)), ("value".to_owned(), value)]);
            if more {
                map.insert("more".into(), AttributeValue::Bool(true));
            }
            AttributeValue::M(map)
        };
        match &header.value {
            Some(value) => self.bytes(value, |part, piece, more| {
                part.headers.push(element(AttributeValue::B(Blob::new(piece)), more));
            }),
            None => self.bytes(&[], |part, _, _| part.headers.push(element(AttributeValue::Null(true), false))),
        }
    }
}

/// Reads a dead letter from all of its parts, in order. `None` if it isn't whole yet. Parts that it doesn't count are
/// ignored: older versions could write two dead letters under one name.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(parts: &[Item]) -> Result<Option<DeadLetter>, String> {
    let Some(first) = parts.first().filter(|first| number(first, PART) == Ok(0_usize)) else { return Ok(None) };
    let Some(parts) = parts.get(..self::parts(first)?).filter(|parts| !parts.is_empty()) else { return Ok(None) };
    let in_order = parts.iter().enumerate().all(|(ix, part)| number::<usize>(part, PART).is_ok_and(|part| part == ix));
    if !in_order {
        return Ok(None);
    }
    let DeadLetterId { source, digest } = parsed(first, KEY, str::parse::<DeadLetterId>)?;
    let mut letter = DeadLetter {
        source,
        digest,
        key: None,
        value: None,
        headers: Vec::new(),
        reason: text(first, "reason")?.into(),
        detail: text(first, "detail")?.into(),
        received_at: parsed(first, "received_at", Timestamp::parse)?,
        status: parsed(first, "status", |name| DeadLetterStatus::from_name(name).ok_or("expected parked or redriven"))?,
    };
    let mut open_header = false;
    for part in parts {
        for (name, bytes) in [("key", &mut letter.key), ("value", &mut letter.value)] {
            if let Some(piece) = part.get(name) {
                let piece = piece.as_b().map_err(|_| format!("{name}: expected bytes (B)"))?;
                bytes.get_or_insert_default().extend_from_slice(piece.as_ref());
            }
        }
        if let Some(list) = part.get("headers") {
            for element in list.as_l().map_err(|_| "headers: expected a list (L)")? {
                let map = element.as_m().map_err(|_| "headers: expected maps (M)")?;
                join_header(&mut letter.headers, map, &mut open_header)?;
            }
        }
    }
    Ok(Some(letter))
}

/// Joins a list element to the header before it if that one has more to come.
fn join_header(headers: &mut Vec<Header>, map: &Item, open: &mut bool) -> Result<(), String> {
    let value = match map.get("value") {
        Some(AttributeValue::B(bytes)) => Some(bytes.as_ref().to_vec()),
        Some(AttributeValue::Null(_)) => None,
        _ => return Err("headers.value: expected bytes (B) or NULL".into()),
    };
    match headers.last_mut() {
        Some(header) if *open => header.value.get_or_insert_default().extend(value.unwrap_or_default()),
        _ => headers.push(Header { name: text(map, "name")?.into(), value }),
    }
    *open = map.contains_key("more");
    Ok(())
}
