//! What: Tests of what changes, frame by frame, against bytes that are written out by hand.

use super::super::fields::frame;
use super::*;

const ID: [u8; 4] = [0, 0, 1, 2];
const PORTS: Ports = Ports { broker: 0x9c41, own: 0x9c42 };

/// A client's name in a header, with the tags of a newer one.
const NAME: &[u8] = b"\x00\x01c\x00";

fn request(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    frame(&[&key.to_be_bytes(), &version.to_be_bytes(), &ID, NAME, body])
}

/// What the broker gets in place of a request, and what of its answer changes.
fn asked(mut request: Vec<u8>) -> (Vec<u8>, Option<Change>) {
    let question = question(&mut request).unwrap();
    assert!(question.iter().all(|question| question.correlation == ID));
    (request, question.map(|question| question.change))
}

#[test]
fn a_request_of_a_version_that_the_broker_knows_passes_as_it_is() {
    for (key, version, change) in [
        (API_VERSIONS, 0, None),
        (API_VERSIONS, 2, None),
        (METADATA, 0, Some(Change::Port)),
        (METADATA, 12, Some(Change::Port)),
        (FIND_COORDINATOR, 0, Some(Change::Port)),
        (FIND_COORDINATOR, 3, Some(Change::Port)),
        (OFFSET_FETCH, 6, None),
        (JOIN_GROUP, 5, None),
        (SYNC_GROUP, 3, None),
        (LEAVE_GROUP, 2, None),
        (INIT_PRODUCER_ID, 2, None),
        (0, 10, None),
        (1, 16, None),
        (-1, -1, None),
    ] {
        let before = request(key, version, b"a body");
        assert_eq!(asked(before.clone()), (before, change), "key {key}, version {version}");
    }
}

#[test]
fn the_versions_are_asked_for_in_the_oldest_form() {
    let oldest = b"\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x01\x02\xff\xff";
    for (version, change) in
        [(3, Change::Versions), (4, Change::Versions), (5, Change::Refused), (i16::MAX, Change::Refused)]
    {
        let newest = request(API_VERSIONS, version, b"\x05node\x022\x00");
        assert_eq!(asked(newest), (oldest.to_vec(), Some(change)), "version {version}");
    }
}

#[test]
fn lists_become_the_one_that_the_broker_knows() {
    let topics = b"\x03\x02t\x03\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02u\x01\x00";
    let group = |name: &[u8]| Some(Change::Group(name.to_vec()));
    let coordinators = |names: &[&[u8]]| Some(Change::Coordinators(names.iter().map(|name| name.to_vec()).collect()));
    for (what, (key, version, body), older, expected, change) in [
        (
            "one coordinator",
            (FIND_COORDINATOR, 4, b"\x00\x02\x03g1\x00".to_vec()),
            3,
            b"\x03g1\x00\x00".to_vec(),
            coordinators(&[b"\x03g1"]),
        ),
        (
            "two coordinators of transactions",
            (FIND_COORDINATOR, 4, b"\x01\x03\x03g1\x03g2\x00".to_vec()),
            3,
            b"\x03g1\x01\x00".to_vec(),
            coordinators(&[b"\x03g1", b"\x03g2"]),
        ),
        (
            "offsets of some topics",
            (OFFSET_FETCH, 8, [b"\x02\x03g1", &topics[..], b"\x00\x01\x00"].concat()),
            6,
            [b"\x03g1", &topics[..], b"\x00"].concat(),
            group(b"\x03g1"),
        ),
        (
            "offsets of all topics",
            (OFFSET_FETCH, 8, b"\x02\x03g1\x00\x00\x00\x00".to_vec()),
            6,
            b"\x03g1\x00\x00".to_vec(),
            group(b"\x03g1"),
        ),
        (
            "offsets that are stable",
            (OFFSET_FETCH, 7, [b"\x03g1", &topics[..], b"\x01\x00"].concat()),
            6,
            [b"\x03g1", &topics[..], b"\x00"].concat(),
            None,
        ),
    ] {
        assert_eq!(asked(request(key, version, &body)), (request(key, older, &expected), change), "{what}");
    }
}

#[test]
fn requests_of_groups_take_the_form_that_the_broker_reads() {
    let older = |key: i16, version: i16, body: &[&[u8]]| {
        frame(&[&key.to_be_bytes(), &version.to_be_bytes(), &ID, b"\x00\x01c", &body.concat()])
    };
    let member = b"\x00\x02m1\xff\xff".to_vec();
    for (what, (key, version, body), expected, change) in [
        (
            "a member joins",
            (JOIN_GROUP, 6, &b"\x03g1\0\0\0\x01\0\0\0\x02\x01\x00\x02c\x02\x02r\x04abc\x00\x00"[..]),
            older(
                JOIN_GROUP,
                5,
                &[
                    b"\x00\x02g1",
                    b"\0\0\0\x01\0\0\0\x02",
                    b"\x00\x00\xff\xff\x00\x01c",
                    b"\0\0\0\x01\x00\x01r\0\0\0\x03abc",
                ],
            ),
            Change::Newer(JOINED),
        ),
        (
            "a leader assigns",
            (SYNC_GROUP, 4, b"\x03g1\0\0\0\x07\x03m1\x00\x02\x03m1\x03ab\x00\x00"),
            older(
                SYNC_GROUP,
                3,
                &[b"\x00\x02g1", b"\0\0\0\x07", b"\x00\x02m1\xff\xff", b"\0\0\0\x01\x00\x02m1\0\0\0\x02ab"],
            ),
            Change::Newer(SYNCED),
        ),
        (
            "a member leaves",
            (LEAVE_GROUP, 4, b"\x03g1\x02\x03m1\x00\x00\x00"),
            older(LEAVE_GROUP, 2, &[b"\x00\x02g1\x00\x02m1"]),
            Change::Left(member.clone(), 4),
        ),
    ] {
        assert_eq!(asked(request(key, version, body)), (expected, Some(change)), "{what}");
    }
    let listed = older(LEAVE_GROUP, 3, &[b"\x00\x02g1\0\0\0\x01\x00\x02m1\xff\xff"]);
    let expected = older(LEAVE_GROUP, 2, &[b"\x00\x02g1\x00\x02m1"]);
    assert_eq!(asked(listed), (expected, Some(Change::Left(member, 3))), "a member leaves, in the older form");
}

#[test]
fn a_producer_without_a_transaction_is_a_new_one() {
    let named = b"\0\0\0\0\0\0\0\x09\0\x03";
    for (what, transaction, producer) in
        [("no transaction", &b"\x00"[..], &[0xff; 10]), ("a transaction", b"\x02t", named)]
    {
        for version in [3, 4] {
            let body = |producer: &[u8]| [transaction, b"\0\0\x27\x10", producer, b"\x00"].concat();
            let expected = request(INIT_PRODUCER_ID, version, &body(producer));
            assert_eq!(asked(request(INIT_PRODUCER_ID, version, &body(named))), (expected, None), "{what}");
        }
    }
}

#[test]
fn what_cant_be_read_is_told_with_what_was_expected() {
    for (what, mut frame, expected) in [
        ("no header", frame(&[b"1234567"]), "a request has 11 bytes: expected a header of 8 after its length"),
        ("nothing", frame(&[]), "a request has 4 bytes: expected a header of 8 after its length"),
        ("no coordinator", request(FIND_COORDINATOR, 4, b"\x00\x01\x00"), "a request of kind 10, version 4, can't be"),
        ("a name that is cut off", request(FIND_COORDINATOR, 4, b"\x00\x02\x09g"), "a request of kind 10, version 4,"),
        (
            "two groups",
            request(OFFSET_FETCH, 8, b"\x03\x03g1\x01\x00\x03g2\x01\x00\x00\x00"),
            "a request of kind 9, version 8, can't be translated: expected all its fields, and one group or member \
             where it has a list",
        ),
        (
            "partitions that are cut off",
            request(OFFSET_FETCH, 8, b"\x02\x03g1\x02\x02t\x03\x00\x00\x00\x00"),
            "a request of kind 9, version 8,",
        ),
        (
            "two members",
            request(LEAVE_GROUP, 4, b"\x03g1\x03\x03m1\x00\x00\x03m2\x00\x00\x00"),
            "a request of kind 13, version 4,",
        ),
        ("a member that is cut off", request(JOIN_GROUP, 6, b"\x03g1\0\0"), "a request of kind 11, version 6,"),
        ("a producer that is cut off", request(INIT_PRODUCER_ID, 4, b"\x00\0\0"), "a request of kind 22, version 4,"),
    ] {
        let error = question(&mut frame).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{what}");
        assert!(error.to_string().starts_with(expected), "{what}: {error}");
    }
}

/// How an answer of the older form begins: the id, and for how long the client was throttled.
const OLD: &[u8] = b"\x00\x00\x01\x02\x00\x00\x00\x07";
/// The same of the newer form, which has no tags between them.
const NEW: &[u8] = b"\x00\x00\x01\x02\x00\x00\x00\x00\x07";

/// Each answer of the broker, and what the client gets.
fn become_what_was_asked_for(cases: Vec<(&str, Change, Vec<u8>, Vec<u8>)>) {
    for (what, change, given, expected) in cases {
        let question = Question { correlation: ID, change };
        assert!(question.is_answered_by(&frame(&[&given])), "{what}");
        assert_eq!(question.answer(frame(&[&given]), PORTS).unwrap(), frame(&[&expected]), "{what}");
    }
}

#[test]
fn an_answer_tells_the_versions_that_are_known_here() {
    become_what_was_asked_for(vec![
        (
            "the versions",
            Change::Versions,
            [
                &b"\x00\x00\x01\x02\x00\x00\x00\x00\x00\x04"[..],
                b"\x00\x01\x00\x00\x00\x10",
                b"\x00\x09\x00\x00\x00\x06",
                b"\x00\x0a\x00\x00\x00\x03",
                b"\x00\x12\x00\x00\x00\x02",
            ]
            .concat(),
            [
                &b"\x00\x00\x01\x02\x00\x00\x05"[..],
                b"\x00\x01\x00\x00\x00\x10\x00",
                b"\x00\x09\x00\x00\x00\x08\x00",
                b"\x00\x0a\x00\x00\x00\x04\x00",
                b"\x00\x12\x00\x00\x00\x04\x00",
                b"\x00\x00\x00\x00\x00",
            ]
            .concat(),
        ),
        (
            "a refusal: error 35, and the versions of one key",
            Change::Refused,
            b"\x00\x00\x01\x02\x00\x00\x00\x00\x00\x00".to_vec(),
            b"\x00\x00\x01\x02\x00\x23\x00\x00\x00\x01\x00\x12\x00\x00\x00\x04".to_vec(),
        ),
    ]);
}

#[test]
fn an_answer_has_the_list_that_was_asked_for() {
    let coordinators = Change::Coordinators([&b"\x03g1"[..], b"\x03g2"].map(<[u8]>::to_vec).to_vec());
    let topics = b"\x02\x02t\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05\xff\xff\xff\xff\x01\x00\x00\x00\x00";
    become_what_was_asked_for(vec![
        (
            "two coordinators",
            coordinators.clone(),
            [NEW, b"\x00\x00\x00", b"\x00\x00\x00\x01\x0a127.0.0.1\x00\x00\x9c\x41", b"\x00"].concat(),
            [
                NEW,
                b"\x03",
                b"\x03g1\x00\x00\x00\x01\x0a127.0.0.1\x00\x00\x9c\x42\x00\x00\x00\x00",
                b"\x03g2\x00\x00\x00\x01\x0a127.0.0.1\x00\x00\x9c\x42\x00\x00\x00\x00",
                b"\x00",
            ]
            .concat(),
        ),
        (
            "no coordinator yet",
            coordinators,
            [NEW, b"\x00\x0f\x03no", b"\xff\xff\xff\xff\x01\xff\xff\xff\xff", b"\x00"].concat(),
            [
                NEW,
                b"\x03",
                b"\x03g1\xff\xff\xff\xff\x01\xff\xff\xff\xff\x00\x0f\x03no\x00",
                b"\x03g2\xff\xff\xff\xff\x01\xff\xff\xff\xff\x00\x0f\x03no\x00",
                b"\x00",
            ]
            .concat(),
        ),
        (
            "offsets of a group",
            Change::Group(b"\x03g1".to_vec()),
            [NEW, topics, b"\x00\x00", b"\x00"].concat(),
            [NEW, b"\x02\x03g1", topics, b"\x00\x00", b"\x00", b"\x00"].concat(),
        ),
    ]);
}

#[test]
fn an_answer_to_a_member_has_the_form_that_was_asked_for() {
    let member = b"\x00\x02m1\xff\xff".to_vec();
    become_what_was_asked_for(vec![
        (
            "a member that joined",
            Change::Newer(JOINED),
            [OLD, b"\x00\x00\0\0\0\x05\x00\x01r\x00\x02m1\x00\x02m1", b"\0\0\0\x01\x00\x02m1\xff\xff\0\0\0\x02ab"]
                .concat(),
            [NEW, b"\x00\x00\0\0\0\x05\x02r\x03m1\x03m1", b"\x02\x03m1\x00\x03ab\x00", b"\x00"].concat(),
        ),
        (
            "what was assigned",
            Change::Newer(SYNCED),
            [OLD, b"\x00\x00\0\0\0\x02ab"].concat(),
            [NEW, b"\x00\x00\x03ab\x00"].concat(),
        ),
        (
            "a member that left",
            Change::Left(member.clone(), 4),
            [OLD, b"\x00\x00"].concat(),
            [NEW, b"\x00\x00\x02\x03m1\x00\x00\x00\x00\x00"].concat(),
        ),
        (
            "a member that left, in the older form",
            Change::Left(member.clone(), 3),
            [OLD, b"\x00\x00"].concat(),
            [OLD, b"\x00\x00\0\0\0\x01", &member, b"\x00\x00"].concat(),
        ),
        (
            "a member that wasn't known",
            Change::Left(member, 4),
            [OLD, b"\x00\x19"].concat(),
            [NEW, b"\x00\x19\x02\x03m1\x00\x00\x19\x00\x00"].concat(),
        ),
    ]);
}

#[test]
fn an_answer_that_cant_be_read_is_an_error() {
    for (change, answer) in [
        (Change::Versions, &b"\x00\x00\x01\x02\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00"[..]),
        (Change::Coordinators(vec![b"\x02g".to_vec()]), b"\x00\x00\x01\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
        (Change::Group(b"\x02g".to_vec()), b"\x00\x00\x01\x02\x00\x00\x00\x00\x00\x01\x00\x00\x07"),
        (Change::Newer(SYNCED), b"\x00\x00\x01\x02\x00\x00\x00\x07\x00\x00\0\0\0\x02a"),
        (Change::Left(b"\x00\x01m\xff\xff".to_vec(), 4), b"\x00\x00\x01\x02\x00\x00\x00\x07"),
    ] {
        let error = Question { correlation: ID, change }.answer(frame(&[answer]), PORTS).unwrap_err();
        assert!(error.to_string().starts_with("an answer of the embedded Kafka can't be read: "), "{error}");
    }
}

#[test]
fn only_the_own_answer_is_taken() {
    let question = Question { correlation: ID, change: Change::Refused };
    for (answer, is_its_own) in [
        (&b"\x00\x00\x00\x04\x00\x00\x01\x02"[..], true),
        (b"\x00\x00\x00\x04\x00\x00\x01\x03", false),
        (b"\x00\x00\x01\x02\x00\x00\x00\x00", false),
        (b"\x00\x00\x00\x02\x00\x00", false),
        (b"\x00", false),
    ] {
        assert_eq!(question.is_answered_by(answer), is_its_own, "{answer:?}");
    }
}

#[test]
fn a_port_is_replaced_behind_its_host_alone() {
    const CLASSIC: &[u8] = b"\x00\x09127.0.0.1\x00\x00\x9c\x41";
    const COMPACT: &[u8] = b"\x0a127.0.0.1\x00\x00\x9c\x41";
    for (what, before, after) in [
        ("a classic text", CLASSIC.to_vec(), b"\x00\x09127.0.0.1\x00\x00\x9c\x42".to_vec()),
        ("a compact text", COMPACT.to_vec(), b"\x0a127.0.0.1\x00\x00\x9c\x42".to_vec()),
        ("amid others", [b"ab", CLASSIC, b"cd"].concat(), b"ab\x00\x09127.0.0.1\x00\x00\x9c\x42cd".to_vec()),
        ("two", [COMPACT, COMPACT].concat(), b"\x0a127.0.0.1\x00\x00\x9c\x42".repeat(2)),
        ("another port", b"\x0a127.0.0.1\x00\x00\x9c\x43".to_vec(), b"\x0a127.0.0.1\x00\x00\x9c\x43".to_vec()),
        ("another host", b"\x0a127.0.0.2\x00\x00\x9c\x41".to_vec(), b"\x0a127.0.0.2\x00\x00\x9c\x41".to_vec()),
        ("the end of a text", b"\x0b1127.0.0.1\x00\x00\x9c\x41".to_vec(), b"\x0b1127.0.0.1\x00\x00\x9c\x41".to_vec()),
        ("cut off", COMPACT[..13].to_vec(), COMPACT[..13].to_vec()),
        ("no bytes", Vec::new(), Vec::new()),
    ] {
        let mut answer = before;
        replace_port(&mut answer, PORTS);
        assert_eq!(answer, after, "{what}");
    }
}
