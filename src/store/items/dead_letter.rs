//! The items of a dead letter: its bytes, cut into parts that each fit an item.
//!
//! In and out: [`DeadLetter`]. A letter is a run of pieces: its key, its headers, its value, in that order. Parts take
//! pieces until [`PART_BYTES_MAX`]; a key, a header's value or a value that doesn't fit goes on in the next part.
//! Joining the parts in their order gives back every byte, and tells none from empty.
//!
//! Part 0 holds what describes the letter, and how many parts there are. It is written last, so a letter with a part 0
//! is whole, and one without is still on its way. Parts of one name are of one record, so they hold the same bytes
//! whoever writes them.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Item, n, number, parsed, s, text};
use crate::domain::dead_letter::DeadLetterStatus;
use crate::domain::{DeadLetter, Header, LetterId, Source, Timestamp};

/// The partition key attribute, the letter's name: `topic/partition/offset/digest`, or an older version's without
/// digest.
pub const KEY: &str = "source";
/// The sort key attribute: the part's number.
pub const PART: &str = "part";

/// The condition under which a part may be written: it is new, or it describes a letter that was redriven. `source` and
/// `status` are reserved words.
pub const IS_NEW_OR_REDRIVEN: &str = "attribute_not_exists(#source) OR #status = :redriven";

/// Marks a letter as redriven; on its first part, which describes it.
pub const MARK_REDRIVEN: &str = "SET #status = :redriven";
/// The condition of that: it is still parked.
pub const IS_PARKED: &str = "#status = :parked";

/// Finds the letters whose records stood at one place: [`below`] is what their names begin with. An older version's is
/// the place alone.
pub const STOOD_AT: &str = "#source = :place OR begins_with(#source, :below)";

/// What the names of letters of a place begin with.
#[must_use]
pub fn below(place: &Source) -> String {
    format!("{place}/")
}

/// The most bytes of key, headers and value in one part: with names and the description it stays well below DynamoDB's
/// 400 KB an item.
pub const PART_BYTES_MAX: usize = 300 * 1024;

/// What each header costs beside its name and value.
const HEADER_OVERHEAD: usize = 32;

/// The longest name of a header kept as a name. Kafka's own clients write short ones; a longer one is kept in the value
/// of a header [`LONG_NAME_HEADER`], as name, a zero byte and value.
const HEADER_NAME_BYTES_MAX: usize = 1024;

// Else a part could have no room behind a header, and cutting would never end.
const _: () = assert!(PART_BYTES_MAX > HEADER_NAME_BYTES_MAX + HEADER_OVERHEAD, "a part takes any header");

/// Stands for a header whose name is too long to be kept as one.
pub const LONG_NAME_HEADER: &str = "giro-long-name-header";

/// The key of a part.
#[must_use]
pub fn key(letter: &LetterId, part: usize) -> Item {
    Item::from([(KEY.into(), s(letter)), (PART.into(), n(part))])
}

/// The letter and the part that an item belongs to.
///
/// # Errors
/// The attribute that isn't as it must be, and what was expected.
pub fn place(item: &Item) -> Result<(LetterId, usize), String> {
    Ok((parsed(item, KEY, str::parse::<LetterId>)?, number(item, PART)?))
}

/// How many parts the letter has, as its first part says.
///
/// # Errors
/// What was expected, if it is no first part.
pub fn parts(item: &Item) -> Result<usize, String> {
    number(item, "parts")
}

/// What a part holds of the bytes.
#[derive(Default)]
struct Part {
    key: Option<Vec<u8>>,
    headers: Vec<AttributeValue>,
    value: Option<Vec<u8>>,
}

/// Writes a letter: its parts, the first one first.
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
    /// Lays bytes into parts: `lay` gets the part, a piece, and whether more of the same follows. Empty bytes are one
    /// empty piece.
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

/// Reads a letter from all of its parts, in order. `None` if it isn't whole yet. Parts beyond those that it counts are
/// none of its own: older versions could leave them under one name.
///
/// # Errors
/// The attribute that isn't as it must be, and what was expected.
pub fn decode(parts: &[Item]) -> Result<Option<DeadLetter>, String> {
    let Some(first) = parts.first().filter(|first| number(first, PART) == Ok(0_usize)) else { return Ok(None) };
    let Some(parts) = parts.get(..self::parts(first)?).filter(|parts| !parts.is_empty()) else { return Ok(None) };
    let in_order = parts.iter().enumerate().all(|(ix, part)| number::<usize>(part, PART).is_ok_and(|part| part == ix));
    if !in_order {
        return Ok(None);
    }
    let LetterId { source, digest } = parsed(first, KEY, str::parse::<LetterId>)?;
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
