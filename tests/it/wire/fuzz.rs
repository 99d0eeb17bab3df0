//! The fuzz targets without a fuzzer: every input of their corpora, and mutations of them for a while.
//!
//! What `make fuzz` finds is put into `fuzz/corpus/` and so is replayed here for ever. `GIRO_FUZZ_SECONDS` says for how
//! long each target is fed mutations (default: 2); a failure prints its input.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[path = "../../../fuzz/bodies.rs"]
mod bodies;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn feed(target: &str, body: fn(&[u8]), input: &[u8]) {
    if std::panic::catch_unwind(AssertUnwindSafe(|| body(input))).is_err() {
        panic!("{target} fails on {:?}\nput it into fuzz/corpus/{target}", String::from_utf8_lossy(input));
    }
}

/// Bytes that make trouble where text, JSON and numbers are read.
const SPICE: [&[u8]; 20] = [
    b"null",
    b"-1",
    b"9223372036854775808",
    b"1e999999999",
    b"0.1",
    b"\"\"",
    b"{}",
    b"[]",
    b"true",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xc3\x28",
    "\u{202e}".as_bytes(),
    "а".as_bytes(),
    b"/",
    b"\n",
    b"\"",
    b",",
    b"[[[[[[[[[[[[[[[[",
];

fn mutated(random: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.choice(corpus).cloned().unwrap_or_default();
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(0..=bytes.len());
        let to = (at + random.usize(0..24)).min(bytes.len());
        match random.u8(0..5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..to, SPICE[random.usize(0..SPICE.len())].iter().copied())),
            2 => drop(bytes.drain(at..to)),
            3 => {
                let again = bytes[at..to].to_vec();
                drop(bytes.splice(at..at, again));
            }
            _ => {
                let other = random.choice(corpus).cloned().unwrap_or_default();
                let from = random.usize(0..=other.len());
                let piece = other[from..(from + random.usize(0..60)).min(other.len())].to_vec();
                drop(bytes.splice(at..to, piece));
            }
        }
    }
    bytes
}

#[test]
fn every_input_of_the_corpora_is_survived() {
    for &(target, body) in bodies::TARGETS {
        let corpus = corpus(target);
        assert!(corpus.len() >= 3, "{target} has a corpus");
        corpus.iter().for_each(|input| feed(target, body, input));
    }
}

#[test]
fn mutations_of_the_corpora_are_survived() {
    let seconds = std::env::var("GIRO_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let mut random = fastrand::Rng::new();
    for &(target, body) in bodies::TARGETS {
        let (corpus, until) = (corpus(target), Instant::now() + Duration::from_secs(seconds));
        let mut inputs = 0_u64;
        while Instant::now() < until {
            (0..100).for_each(|_| feed(target, body, &mutated(&mut random, &corpus)));
            inputs += 100;
        }
        println!("{target}: {inputs} mutations");
        assert!(inputs > 0);
    }
}

/// The corpora reach past the first check: each seed that is meant to be read is read.
#[test]
fn the_seeds_are_what_their_targets_accept() {
    let accepted = |target: &str, reads: fn(&[u8]) -> bool| corpus(target).iter().filter(|input| reads(input)).count();
    let payments = accepted("payment", |input| giro::wire::instruction::decode_json(input).is_ok());
    assert_eq!(
        payments, 10,
        "full, least, most, escaped, unknown, refunds: full, least, of a leg, legs: full and least"
    );
    let command = |input: &[u8]| {
        giro::wire::account_command::decode(&giro::wire::kafka_event::Payload::Bytes(input.to_vec().into())).is_ok()
    };
    assert_eq!(accepted("command", command), 7, "all but the unknown command");
    assert_eq!(accepted("outcome", |input| giro::wire::outcome::decode(input).is_ok()), 8);
    let event = |input: &[u8]| serde_json::from_slice::<giro::wire::kafka_event::KafkaEvent>(input).is_ok();
    assert!(accepted("envelope", event) > 15);
}
