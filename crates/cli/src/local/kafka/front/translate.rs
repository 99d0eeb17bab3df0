//! What: Puts requests into forms that librdkafka's mock cluster knows, and its answers into those that clients want.
//!
//! | request | from the client | to the broker | its answer |
//! |---|---|---|---|
//! | `ApiVersions` | 3, 4 | 0 | in the newer form, with the versions of this table |
//! | `ApiVersions` | newer | 0 | a refusal |
//! | `FindCoordinator` | 4 | 3, for the first name | once for each name |
//! | `OffsetFetch` | 7 | 6 | the same |
//! | `OffsetFetch` | 8 | 6, for one group | as the one of a list |
//! | `JoinGroup`, `SyncGroup` | 6, 4 | 5, 3 | in the newer form |
//! | `LeaveGroup` | 3, 4 | 2, for one member | as the one of a list |
//! | `InitProducerId` | 3, 4, without a transaction | the same, for a new producer | the same |
//! | `Metadata`, `FindCoordinator` | any other | the same | with the front's port in place of the broker's |
//! | any other | any | the same | the same |
//!
//! Data: Takes frames, each with its length before it. Gives those that go on.
//!
//! Source: Kafka's protocol guide (<https://kafka.apache.org/protocol>).

use std::io;

use super::fields::{Field, Fields};
use super::groups::{self, JOIN, JOINED, LEAVE_LISTS, LEAVE_NEWER, SYNC, SYNCED};
use super::keys::{
    API_VERSIONS, FIND_COORDINATOR, INIT_PRODUCER_ID, JOIN_GROUP, LEAVE_GROUP, METADATA, OFFSET_FETCH, SYNC_GROUP,
};
use super::versions::{self, NEWEST, NEWEST_OF_BROKER};

/// Where the broker and the front listen. The broker's answers have it as a text.
pub(super) const HOST: &str = "127.0.0.1";

/// The port that the broker tells, and the one that clients are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) broker: u16,
    pub(super) own: u16,
}

/// A request whose answer changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    correlation: [u8; 4],
    change: Change,
}

/// What of an answer changes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// It becomes a refusal.
    Refused,
    /// It becomes the newer form of the versions.
    Versions,
    /// The broker's port.
    Port,
    /// It becomes a list of coordinators, one for each of these names, and the broker's port changes.
    Coordinators(Vec<Vec<u8>>),
    /// It becomes a list of one group with this name.
    Group(Vec<u8>),
    /// It takes the newer form of this structure.
    Newer(&'static [Field]),
    /// It becomes a list of this member, as this version has it.
    Left(Vec<u8>, i16),
}

pub(super) fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// What of a request's answer changes, if anything does. A request that the broker would not understand becomes one
/// that it does.
///
/// # Errors
/// If it isn't a request, or one that can't be translated.
pub(super) fn question(request: &mut Vec<u8>) -> io::Result<Option<Question>> {
    let Some((key, version, correlation)) = header(request) else {
        return Err(invalid(format!("a request has {} bytes: expected a header of 8 after its length", request.len())));
    };
    let Some((translated, change)) = translated(request, key, version, correlation) else {
        return Err(invalid(format!(
            "a request of kind {key}, version {version}, can't be translated: expected all its fields, and one group \
             or member where it has a list"
        )));
    };
    if let Some(translated) = translated {
        *request = translated;
    }
    Ok(change.map(|change| Question { correlation, change }))
}

/// A request as the broker gets it, if that is another one, and what of the answer changes.
type Translated = (Option<Vec<u8>>, Option<Change>);

/// `None`: it can't be translated.
fn translated(request: &[u8], key: i16, version: i16, correlation: [u8; 4]) -> Option<Translated> {
    let (translated, change) = match (key, version) {
        (API_VERSIONS, version) if version > NEWEST => (versions::oldest_question(correlation), Some(Change::Refused)),
        (API_VERSIONS, version) if version > NEWEST_OF_BROKER => {
            (versions::oldest_question(correlation), Some(Change::Versions))
        }
        (FIND_COORDINATOR, 4) => {
            let (older, names) = groups::one_coordinator(request)?;
            (older, Some(Change::Coordinators(names)))
        }
        (OFFSET_FETCH, 7) => (groups::one_group(request, version)?.0, None),
        (OFFSET_FETCH, 8) => {
            let (older, group) = groups::one_group(request, version)?;
            (older, Some(Change::Group(group)))
        }
        (JOIN_GROUP, 6) => (groups::older_request(request, JOIN, 5)?, Some(Change::Newer(JOINED))),
        (SYNC_GROUP, 4) => (groups::older_request(request, SYNC, 3)?, Some(Change::Newer(SYNCED))),
        (LEAVE_GROUP, LEAVE_LISTS | LEAVE_NEWER) => {
            let (older, member) = groups::one_member(request, version)?;
            (older, Some(Change::Left(member, version)))
        }
        (INIT_PRODUCER_ID, 3 | 4) => (new_producer(request)?, None),
        (METADATA | FIND_COORDINATOR, _) => return Some((None, Some(Change::Port))),
        _ => return Some((None, None)),
    };
    Some((Some(translated), change))
}

impl Question {
    /// Whether this is the frame that answers it.
    pub(super) fn is_answered_by(&self, answer: &[u8]) -> bool {
        answer.get(4..).is_some_and(|rest| rest.starts_with(&self.correlation))
    }

    /// The broker's answer, as the client asked for it.
    ///
    /// # Errors
    /// If the answer isn't one to the request that the broker got.
    pub(super) fn answer(&self, mut answer: Vec<u8>, ports: Ports) -> io::Result<Vec<u8>> {
        let translated = match &self.change {
            Change::Refused => Some(versions::refusal(self.correlation)),
            Change::Versions => versions::newer_answer(&answer),
            Change::Port => {
                replace_port(&mut answer, ports);
                Some(answer)
            }
            Change::Coordinators(names) => {
                replace_port(&mut answer, ports);
                groups::coordinators(&answer, names)
            }
            Change::Group(name) => groups::offsets_of(&answer, name),
            Change::Newer(structure) => groups::newer_answer(&answer, structure),
            Change::Left(member, version) => groups::member_left(&answer, member, *version),
        };
        translated.ok_or_else(|| invalid(format!("an answer of the embedded Kafka can't be read: {:?}", self.change)))
    }
}

/// A request's key, its version, and the id that its answer has too.
fn header(request: &[u8]) -> Option<(i16, i16, [u8; 4])> {
    let mut fields = Fields(request);
    fields.take(4)?;
    Some((fields.i16()?, fields.i16()?, fields.array()?))
}

/// `InitProducerId` that asks for a new producer, if it names no transaction. Apache Kafka then passes over the
/// producer that a client names, and the mock cluster looks for it.
fn new_producer(request: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(request);
    let before = fields.spanned(|fields| {
        fields.take(12)?;
        fields.text()?;
        fields.tags()
    })?;
    let (transaction, timeout) = (fields.compact()?, fields.take(4)?);
    let producer = fields.take(10)?;
    let producer = if transaction == [0] { &[0xff; 10] } else { producer };
    Some([before, transaction, timeout, producer, fields.0].concat())
}

/// Writes the front's port where the broker's stands behind its host. A port is an i32, so no length changes.
fn replace_port(answer: &mut [u8], ports: Ports) {
    // A text has its length before it, as an i16, or in newer forms as a varint of one more.
    let lengths = [9, 10];
    let listener = [HOST.as_bytes(), &u32::from(ports.broker).to_be_bytes()].concat();
    let is_listener = |bytes: &[u8]| {
        bytes.split_first().is_some_and(|(length, rest)| lengths.contains(length) && rest == listener.as_slice())
    };
    let windows = answer.windows(listener.len().saturating_add(1)).enumerate();
    let ends: Vec<usize> =
        windows.filter(|(_, bytes)| is_listener(bytes)).map(|(at, bytes)| at.saturating_add(bytes.len())).collect();
    for end in ends {
        if let Some(port) = answer.get_mut(end.saturating_sub(4)..end) {
            port.copy_from_slice(&u32::from(ports.own).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
