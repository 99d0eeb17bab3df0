//! What: Tests of the front: its connections, and all of it before the broker itself.

use rdkafka::mocking::MockCluster;

use super::fields::frame;
use super::*;

const PORTS: Ports = Ports { broker: 0x9c41, own: 0x9c42 };
const PATIENCE: Duration = Duration::from_secs(10);

/// The requests of these tests, by their numbers.
const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const METADATA: i16 = 3;
const FIND_COORDINATOR: i16 = 10;
const API_VERSIONS: i16 = 18;

fn request(key: i16, version: i16, id: u32, rest: &[u8]) -> Vec<u8> {
    frame(&[&key.to_be_bytes(), &version.to_be_bytes(), &id.to_be_bytes(), rest])
}

/// What a client is answered to these requests by a broker that gives these answers.
async fn answered(asks: &[Vec<u8>], gives: &[Vec<u8>]) -> Vec<u8> {
    let (ask, asked) = mpsc::channel(QUESTIONS_MAX);
    let mut told = Vec::new();
    requests(asks.concat().as_slice(), Vec::new(), ask).await.unwrap();
    answers(gives.concat().as_slice(), &mut told, asked, PORTS).await.unwrap();
    told
}

#[tokio::test]
async fn an_answer_changes_as_its_own_request_asked() {
    let asks = |key: i16, version: i16, id: u32| request(key, version, id, b"\x00\x01c\x00");
    let answer = |id: u32, body: &[u8]| frame(&[&id.to_be_bytes(), body]);
    let (listener, ours) = (b"\x0a127.0.0.1\x00\x00\x9c\x41", b"\x0a127.0.0.1\x00\x00\x9c\x42");
    let (no_versions, refused) = (b"\x00\x00\x00\x00\x00\x00", b"\x00\x23\x00\x00\x00\x01\x00\x12\x00\x00\x00\x04");
    for (what, asked, given, expected) in [
        (
            "records that look like an address pass as they are",
            vec![asks(FETCH, 11, 1)],
            vec![answer(1, listener)],
            vec![answer(1, listener)],
        ),
        (
            "a refusal stays in its place",
            vec![asks(METADATA, 9, 1), asks(API_VERSIONS, 9, 2), asks(FETCH, 11, 3)],
            vec![answer(1, listener), answer(2, no_versions), answer(3, listener)],
            vec![answer(1, ours), answer(2, refused), answer(3, listener)],
        ),
        (
            "a request has no answer, and another one's answer doesn't change",
            vec![asks(PRODUCE, 8, 1), asks(API_VERSIONS, 2, 2), asks(FIND_COORDINATOR, 3, 3)],
            vec![answer(2, no_versions), answer(3, listener)],
            vec![answer(2, no_versions), answer(3, ours)],
        ),
    ] {
        assert_eq!(answered(&asked, &given).await, expected.concat(), "{what}");
    }
}

#[tokio::test]
async fn what_is_no_frame_ends_a_connection() {
    let whole = request(FETCH, 11, 1, b"\x00\x01c");
    for (what, bytes, ends) in [
        ("nothing", Vec::new(), None),
        ("a part of a length", whole[..3].to_vec(), None),
        ("a part of a frame", whole[..10].to_vec(), None),
        ("a whole one", whole.clone(), None),
        ("a negative length", b"\xff\xff\xff\xff".to_vec(), Some("a frame has 4294967295 bytes: expected at most")),
        ("a length that is too large", b"\x06\x40\x00\x01".to_vec(), Some("a frame has 104857601 bytes: expected")),
        ("the largest length, cut off", b"\x06\x40\x00\x00".to_vec(), None),
        ("no header", frame(&[b"1234567"]), Some("a request has 11 bytes: expected a header")),
    ] {
        let (mut passed, (ask, _asked)) = (Vec::new(), mpsc::channel(QUESTIONS_MAX));
        let ended = requests(bytes.as_slice(), &mut passed, ask).await;
        match ends {
            None => ended.unwrap(),
            Some(ends) => {
                let error = ended.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{what}");
                assert!(error.to_string().starts_with(ends), "{what}: {error}");
            }
        }
        assert_eq!(passed, if bytes == whole { whole.clone() } else { Vec::new() }, "{what}");
    }
}

/// The answer to a request on a new connection, without its length. None if the connection ends.
async fn ask(at: &str, request: &[u8]) -> Option<Vec<u8>> {
    let asked = async {
        let mut connection = TcpStream::connect(at).await.ok()?;
        connection.write_all(request).await.ok()?;
        let length = connection.read_u32().await.ok()?;
        let mut answer = vec![0; usize::try_from(length).ok()?];
        connection.read_exact(&mut answer).await.ok()?;
        Some(answer)
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap()
}

/// The newest version of each request, as an answer to `ApiVersions` tells it. Each item has so many bytes.
fn versions(items: &[u8], each: usize) -> Vec<(i16, i16)> {
    let number = |bytes: &[u8]| i16::from_be_bytes([bytes[0], bytes[1]]);
    items.chunks_exact(each).map(|item| (number(item), number(&item[4..]))).collect()
}

/// Before the broker itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_what_it_can_read_and_where_the_front_is() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let broker = cluster.bootstrap_servers();
    let front = Front::start(&broker).await.unwrap();
    let at = front.address().to_owned();

    let of_broker = ask(&broker, &request(API_VERSIONS, 0, 1, b"\x00\x01c")).await.unwrap();
    let of_broker = versions(&of_broker[10..], 6);
    for version in [3, 4] {
        let newer = request(API_VERSIONS, version, 1, b"\x00\x01c\x00\x02n\x02v\x00");
        let told = ask(&at, &newer).await.unwrap();
        // An id, no error, and how many there are.
        assert_eq!(told[..7], [0, 0, 0, 1, 0, 0, u8::try_from(of_broker.len() + 1).unwrap()]);
        let told = versions(&told[7..told.len() - 5], 7);
        let newer: Vec<_> = told.iter().filter(|told| !of_broker.contains(told)).copied().collect();
        assert_eq!((told.len(), newer), (of_broker.len(), vec![(9, 8), (10, 4), (18, 4)]));
        // Without the front, the broker's own refusal has one byte where a client expects a count of four.
        let its_own = ask(&broker, &request(API_VERSIONS, version, 1, b"\x00\x01c\x00\x02n\x02v\x00")).await.unwrap();
        assert_eq!(its_own[4..7], [0, 35, 1], "librdkafka was mended: is the front still needed?");
    }

    let address = |at: &str| {
        let port: u32 = at.rsplit_once(':').unwrap().1.parse().unwrap();
        [&b"127.0.0.1"[..], &port.to_be_bytes()].concat()
    };
    let has = |answer: &[u8], at: &str| answer.windows(13).any(|bytes| bytes == address(at));
    for (what, asked) in [
        ("all topics", request(METADATA, 1, 1, b"\x00\x01c\xff\xff\xff\xff")),
        ("all topics, in a newer form", request(METADATA, 9, 1, b"\x00\x01c\x00\x00\x00\x00\x00\x00")),
        ("a group", request(FIND_COORDINATOR, 0, 1, b"\x00\x01c\x00\x01g")),
        ("two groups, in a newer form", request(FIND_COORDINATOR, 4, 1, b"\x00\x01c\x00\x00\x03\x02g\x02h\x00")),
    ] {
        let told = ask(&at, &asked).await.unwrap();
        assert!(has(&told, &at) && !has(&told, &broker), "{what}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_with_the_broker_and_with_the_front() {
    let cluster = MockCluster::new(1).unwrap();
    let front = Front::start(&cluster.bootstrap_servers()).await.unwrap();
    let at = front.address().to_owned();
    let asked = request(API_VERSIONS, 0, 1, b"\x00\x01c");
    let open = async || {
        let mut open = TcpStream::connect(&at).await.unwrap();
        open.write_all(&asked).await.unwrap();
        let length = open.read_u32().await.unwrap();
        open.read_exact(&mut vec![0; usize::try_from(length).unwrap()]).await.unwrap();
        open
    };
    let ends = async |mut open: TcpStream| {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, open.read_to_end(&mut rest)).await.expect("it ends");
        assert_eq!(rest, [0; 0]);
    };

    let before = open().await;
    cluster.broker_down(1).unwrap();
    ends(before).await;
    assert_eq!(ask(&at, &asked).await, None);
    cluster.broker_up(1).unwrap();
    let after = open().await;
    drop(front);
    ends(after).await;
    assert_eq!(ask(&at, &asked).await, None);
}

#[tokio::test]
async fn a_broker_that_isnt_there_ends_a_connection() {
    let nobody = TcpListener::bind((HOST, 0)).await.unwrap().local_addr().unwrap();
    let front = Front::start(&nobody.to_string()).await.unwrap();
    assert_eq!(ask(front.address(), &request(API_VERSIONS, 0, 1, b"\x00\x01c")).await, None);
    for address in ["127.0.0.1", "", "127.0.0.1:x"] {
        let error = Front::start(address).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the broker's address is {address}: expected a port"));
    }
}
