//! What: Requests of consumer groups, in forms that librdkafka's mock cluster reads, and its answers to them.
//!
//! The mock cluster says that it knows `JoinGroup` 6, `LeaveGroup` 4 and `SyncGroup` 4. But it reads lists as if they
//! had the older form, and closes the connection. And `@platformatic/kafka` needs two requests in newer forms than the
//! mock cluster knows. Those have lists of groups, and are asked here for one broker or one group.
//!
//! Data: Takes requests and answers with their length before them, and gives others. `None`: they can't be read.
//!
//! Limits: `OffsetFetch` asks for one group, and `LeaveGroup` for one member.
//!
//! Source: Kafka's protocol guide (<https://kafka.apache.org/protocol>).

use super::fields::{Field, Fields, NO_TAGS, count_of, frame, newer, older};
use super::keys::{FIND_COORDINATOR, LEAVE_GROUP, OFFSET_FETCH};

/// What the requests and answers of a group are made of.
pub(super) const JOIN: &[Field] = &[
    Field::Text,
    Field::Fixed(4),
    Field::Fixed(4),
    Field::Text,
    Field::Text,
    Field::Text,
    Field::List(&[Field::Text, Field::Bytes]),
];
pub(super) const JOINED: &[Field] = &[
    Field::Fixed(4),
    Field::Fixed(2),
    Field::Fixed(4),
    Field::Text,
    Field::Text,
    Field::Text,
    Field::List(&[Field::Text, Field::Text, Field::Bytes]),
];
pub(super) const SYNC: &[Field] =
    &[Field::Text, Field::Fixed(4), Field::Text, Field::Text, Field::List(&[Field::Text, Field::Bytes])];
pub(super) const SYNCED: &[Field] = &[Field::Fixed(4), Field::Fixed(2), Field::Bytes];
const LEAVE: &[Field] = &[Field::Text, Field::List(&[Field::Text, Field::Text])];
const LEFT: &[Field] = &[Field::Fixed(4), Field::Fixed(2), Field::List(&[Field::Text, Field::Text, Field::Fixed(2)])];

/// The versions of `LeaveGroup` that have a list, the second one in the newer form.
pub(super) const LEAVE_LISTS: i16 = 3;
pub(super) const LEAVE_NEWER: i16 = 4;

/// The id and the client's name of a request's newer header, and the fields behind the header.
fn opened(request: &[u8]) -> Option<(&[u8], Fields<'_>)> {
    let mut fields = Fields(request.get(8..)?);
    let head = fields.spanned(|fields| {
        fields.take(4)?;
        fields.text()
    })?;
    fields.tags()?;
    Some((head, fields))
}

/// A request of the newer form, in the older form of this version.
pub(super) fn older_request(request: &[u8], structure: &[Field], version: i16) -> Option<Vec<u8>> {
    let key = request.get(4..6)?;
    let (head, mut fields) = opened(request)?;
    let mut body = Vec::new();
    older(structure, &mut fields, &mut body)?;
    Some(frame(&[key, &version.to_be_bytes(), head, &body]))
}

/// An answer of the older form, in the newer one.
pub(super) fn newer_answer(answer: &[u8], structure: &[Field]) -> Option<Vec<u8>> {
    let mut fields = Fields(answer.get(4..)?);
    let mut to = fields.take(4)?.to_vec();
    to.extend(NO_TAGS);
    newer(structure, &mut fields, &mut to)?;
    Some(frame(&[&to]))
}

/// `LeaveGroup` of version 2 for the one member of a list, and that member: its id, and the id of its instance.
pub(super) fn one_member(request: &[u8], version: i16) -> Option<(Vec<u8>, Vec<u8>)> {
    let listed = match version {
        LEAVE_NEWER => older_request(request, LEAVE, LEAVE_LISTS)?,
        _ => request.to_vec(),
    };
    let mut fields = Fields(listed.get(8..)?);
    let head = fields.spanned(|fields| {
        fields.take(4)?;
        fields.text()
    })?;
    let group = fields.spanned(Fields::text)?;
    if u32::from_be_bytes(fields.array()?) != 1 {
        return None;
    }
    let before = fields;
    let id = fields.spanned(Fields::text)?;
    fields.text()?;
    let member = before.0.strip_suffix(fields.0)?;
    Some((frame(&[&LEAVE_GROUP.to_be_bytes(), &2_i16.to_be_bytes(), head, group, id]), member.to_vec()))
}

/// The answer to `LeaveGroup` of version 2, as one to a list of this member.
pub(super) fn member_left(answer: &[u8], member: &[u8], version: i16) -> Option<Vec<u8>> {
    let mut fields = Fields(answer.get(4..)?);
    let (head, error) = (fields.take(8)?, fields.take(2)?);
    let listed = frame(&[head, error, &1_i32.to_be_bytes(), member, error]);
    match version {
        LEAVE_NEWER => newer_answer(&listed, LEFT),
        _ => Some(listed),
    }
}

/// `FindCoordinator` of version 3 for the first name of a list, and all the names.
pub(super) fn one_coordinator(request: &[u8]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let (head, mut fields) = opened(request)?;
    let kind = fields.take(1)?;
    let names: Option<Vec<Vec<u8>>> = (0..fields.count()?).map(|_| fields.compact().map(<[u8]>::to_vec)).collect();
    let (names, version) = (names?, 3_i16.to_be_bytes());
    let asked = frame(&[&FIND_COORDINATOR.to_be_bytes(), &version, head, NO_TAGS, names.first()?, kind, NO_TAGS]);
    Some((asked, names))
}

/// The answer to `FindCoordinator` of version 3 in the form of version 4, for these names. There is one broker.
pub(super) fn coordinators(answer: &[u8], names: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut fields = Fields(answer.get(4..)?);
    let head = head_of_answer(&mut fields)?;
    let error = fields.spanned(|fields| {
        fields.take(2)?;
        fields.compact().map(drop)
    })?;
    let broker = fields.spanned(|fields| {
        fields.take(4)?;
        fields.compact()?;
        fields.take(4).map(drop)
    })?;
    let each: Vec<u8> = names.iter().flat_map(|name| [name.as_slice(), broker, error, NO_TAGS].concat()).collect();
    Some(frame(&[head, &count_of(names.len()), &each, NO_TAGS]))
}

/// `OffsetFetch` of version 6 for the one group of a newer version, and that group's name.
pub(super) fn one_group(request: &[u8], version: i16) -> Option<(Vec<u8>, Vec<u8>)> {
    let (head, mut fields) = opened(request)?;
    if version == 8 && fields.count()? != 1 {
        return None;
    }
    let group = fields.compact()?;
    let topics = fields.spanned(|fields| {
        for _ in 0..fields.count()? {
            fields.compact()?;
            let partitions = fields.count()?;
            fields.take(partitions.checked_mul(4)?)?;
            fields.tags()?;
        }
        Some(())
    })?;
    let version = 6_i16.to_be_bytes();
    let asked = frame(&[&OFFSET_FETCH.to_be_bytes(), &version, head, NO_TAGS, group, topics, NO_TAGS]);
    Some((asked, group.to_vec()))
}

/// The answer to `OffsetFetch` of version 6 in the form of version 8, for one group.
pub(super) fn offsets_of(answer: &[u8], group: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(answer.get(4..)?);
    let head = head_of_answer(&mut fields)?;
    // Topics and the error stand in both forms alike, and the broker has no tags.
    let alike = fields.0.strip_suffix(NO_TAGS)?;
    Some(frame(&[head, &count_of(1), group, alike, NO_TAGS, NO_TAGS]))
}

/// How a newer answer begins: the id, tags, and for how long the client was throttled.
fn head_of_answer<'a>(fields: &mut Fields<'a>) -> Option<&'a [u8]> {
    fields.spanned(|fields| {
        fields.take(4)?;
        fields.tags()?;
        fields.take(4).map(drop)
    })
}
