//! What the scheduled audit reads, holds and takes: its worst case first.
//!
//! | part | what |
//! |---|---|
//! | `beside` | on the embedded engine, beside payments: no clean ledger is accused, and each posting is proved once |
//! | `memory` | 2,000,000 payments over 50,000 accounts in memory, then 20,000 new ones |
//! | `engine` | 200,000 payments over 50,000 accounts on the embedded engine, then 20,000 new ones |
//!
//! Arguments name parts; without any, all run. Prints each figure beside its goal, and exits with 1 if one is missed.
//! CPU time is the audit's own, without that of the embedded engine. The store in memory is part of it.
//! Memory is what the process has allocated at the most during an audit, beyond what it had before. It has what the
//! store wrote meanwhile, too.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    missing_docs,
    reason = "a benchmark stops at the first surprise"
)]

use std::cell::Cell;
use std::process::ExitCode;
use std::time::{Duration, Instant as Now};

use giro::audit::moved::{AuditStore, Proof, Settings, prove};
use giro::audit::{Pace, READ_UNITS_PER_SECOND};
use giro::domain::Timestamp;
use giro::store::{Checkpoints, Ledger, ScannedHead, ScannedItem, Segment, Table, TableScan};
use giro_cli::bench::cpu;
use giro_cli::bench::goals::Figure;
use giro_testkit::audited::{self, minute, prove_at, settle, settle_within};
use giro_testkit::engine::Engine;
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::open_accounts::OpenAccounts;
use peak_alloc::PeakAlloc;
use tokio::time::Instant;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const ACCOUNTS: usize = 50_000;
const NEW: usize = 20_000;

/// The engine's lists are never behind.
fn settings(wait: Duration) -> Settings {
    Settings { for_indexes: wait, before_another_look: [wait; 2], before_told: wait, ..Settings::default() }
}

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_asked = |part: &str| asked.is_empty() || asked.iter().any(|asked| asked == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut figures = Vec::new();
    if is_asked("beside") {
        figures.extend(runtime.block_on(beside_payments(2_200, Duration::from_secs(60))));
    }
    if is_asked("memory") {
        let store = MemoryStore::new();
        figures.extend(runtime.block_on(what_moved(&store, "in memory", 2_000_000)));
    }
    if is_asked("engine") {
        let engine = runtime.block_on(Engine::start()).unwrap();
        figures.extend(runtime.block_on(what_moved(&engine.ledger(), "on the engine", 200_000)));
    }
    figures.iter().for_each(|figure| println!("{figure}"));
    if figures.iter().all(Figure::is_met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The CPU time of this process, without the embedded engine.
fn used() -> Duration {
    cpu::of_this_process().saturating_sub(cpu::of_own_dynamodb())
}

/// What an audit held at the most, and the CPU time that it took.
async fn measured(proof: impl Future<Output = Proof>) -> (Proof, f64, Duration) {
    let (before, before_used) = (MEMORY.current_usage(), used());
    MEMORY.reset_peak_usage();
    let proof = proof.await;
    let held = MEMORY.peak_usage().saturating_sub(before) as f64 / 1_048_576.0;
    (proof, held, used().saturating_sub(before_used))
}

/// A first audit of so many payments, the second look that it owes each account, and an audit of new ones.
async fn what_moved(store: &(impl AuditStore + OpenAccounts), what: &str, payments: usize) -> Vec<Figure> {
    let wait = settings(Duration::from_millis(1));
    audited::open(store, ACCOUNTS).await.unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let all = settle(store, &mut random, ACCOUNTS, ("f", payments, 10)).await;
    let (first, held_first, used) = measured(async { prove_at(store, 60, wait).await.unwrap() }).await;
    assert_eq!((first.count(), first.behind, first.postings), (0, 0, all), "{first:?}");
    println!(
        "{what}: {payments} payments over {ACCOUNTS} accounts. The first run read {all} postings for {} read units, in \
         {:.1} CPU seconds",
        first.read_milliunits / 1_000,
        used.as_secs_f64()
    );
    // What moved is looked at once more, as an index may have been late. After that the first audit is whole.
    let (second, held_second, used_second) = measured(async { prove_at(store, 120, wait).await.unwrap() }).await;
    assert_eq!((second.count(), second.behind, second.postings), (0, 0, 0), "{second:?}");
    println!(
        "{what}: the second look at {} accounts took {:.1} CPU seconds and {held_second:.0} MB",
        second.moved,
        used_second.as_secs_f64()
    );
    let moved = settle(store, &mut random, ACCOUNTS, ("m", NEW, 130)).await;
    let began = Now::now();
    let (next, held, used) = measured(async { prove_at(store, 180, wait).await.unwrap() }).await;
    let took = began.elapsed();
    assert_eq!((next.count(), next.behind), (0, 0), "{next:?}");
    let again = prove_at(store, 240, wait).await.unwrap();
    assert_eq!((again.count(), again.behind, again.postings), (0, 0, 0), "{again:?}");
    // A run in which nothing moved reads no more than it takes to find that.
    let rest = prove_at(store, 300, wait).await.unwrap();
    assert_eq!((rest.moved, rest.postings), (0, 0));
    println!(
        "{what}: the run after {NEW} new payments read {} postings of {} accounts for {} read units, in {:.1} s. Another \
         look an hour later cost {} units",
        next.postings,
        next.moved,
        (next.read_milliunits - rest.read_milliunits) / 1_000,
        took.as_secs_f64(),
        (again.read_milliunits - rest.read_milliunits) / 1_000
    );
    let to_find = rest.read_milliunits as f64 / 1_000.0 / ACCOUNTS as f64;
    vec![
        Figure::at_most(format!("{what}: MB held by the first run"), held_first, 256.0),
        Figure::at_most(format!("{what}: MB held by the next run"), held, 256.0),
        Figure::at_most(format!("{what}: CPU seconds of the next run"), used.as_secs_f64(), 30.0),
        Figure::at_most(
            format!("{what}: postings read, to those that moved"),
            next.postings as f64 / moved as f64,
            1.3,
        ),
        Figure::at_most(format!("{what}: read units an account to find them"), to_find, 0.5),
    ]
}

/// Time runs sixty times faster: an hour of closed times, time-outs and audits takes a minute.
const FASTER: u32 = 60;

/// How many writers settle batches, and how many a second each.
const WRITERS: u32 = 8;
const BATCHES_A_SECOND: u32 = 2;

/// The time of day, sixty times as fast.
fn clock(began: Instant) -> impl Fn() -> Timestamp + Copy {
    move || {
        let passed = began.elapsed().saturating_mul(FASTER).as_millis();
        Timestamp::try_from_millis(minute(60).millis() + i64::try_from(passed).unwrap()).unwrap()
    }
}

/// Settles batches of this size. Half of the writers pay between twenty accounts, so that these never rest.
async fn write(store: &impl Ledger, writer: u32, size: u32, during: Duration, began: Instant) {
    let mut random = fastrand::Rng::with_seed(u64::from(writer));
    let accounts = if writer.is_multiple_of(2) { 20 } else { 1_000 };
    for batch in 0..u32::try_from(during.as_secs()).unwrap() * BATCHES_A_SECOND {
        tokio::time::sleep_until(began + Duration::from_secs(1) * batch / BATCHES_A_SECOND).await;
        let name = format!("w{writer}b{batch}");
        let requests = (0..size as usize).map(|ix| audited::draw(&mut random, accounts, &name, ix)).collect();
        // A batch has a minute, as on Lambda.
        settle_within(store, requests, Duration::from_secs(60) / FASTER, clock(began)).await;
    }
}

/// Payments at a steady rate, while audits follow one another.
async fn beside_payments(rate: u32, during: Duration) -> Vec<Figure> {
    let engine = Engine::start().await.unwrap();
    let store = engine.ledger();
    audited::open(&store, 1_000).await.unwrap();
    let began = Instant::now();
    let size = rate / WRITERS / BATCHES_A_SECOND;
    let writers = (0..WRITERS).map(|writer| write(&store, writer, size, during, began));
    let is_done = Cell::new(false);
    let wait = settings(Duration::from_secs(60) / FASTER);
    let audit = async || {
        let until = Instant::now() + Duration::from_secs(120);
        prove(&store, clock(began), Pace::per_second(READ_UNITS_PER_SECOND), wait, until).await.unwrap()
    };
    let audits = async {
        let mut proofs = Vec::new();
        while !is_done.get() {
            proofs.push(audit().await);
        }
        proofs
    };
    let work = async {
        futures_util::future::join_all(writers).await;
        is_done.set(true);
    };
    let (mut proofs, ()) = tokio::join!(audits, work);
    // All is closed, and then proved to the end.
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(25)).await;
        proofs.push(audit().await);
    }
    let (proved, (settled, made)) = (postings_of_heads(&store).await, settled(&store).await);
    let busy = proofs.iter().filter(|proof| proof.widest > 0).count();
    println!(
        "beside payments: {settled} settled in {} s; {} audits, {busy} of accounts that moved meanwhile, by bounds of up \
         to {} minor units",
        during.as_secs(),
        proofs.len(),
        proofs.iter().map(|proof| proof.widest).max().unwrap_or_default()
    );
    let found: usize = proofs.iter().map(Proof::count).sum();
    let a_second = settled as f64 / during.as_secs_f64();
    vec![
        Figure::at_most("beside payments: findings in a clean ledger", found as f64, 0.0),
        Figure::at_least("beside payments: payments settled a second", a_second, 2_000.0),
        Figure::at_most("beside payments: accounts behind at rest", proofs.last().unwrap().behind as f64, 0.0),
        Figure::at_most("beside payments: postings not proved", made.abs_diff(proved) as f64, 0.0),
    ]
}

/// How many postings the newest checkpoints hold.
async fn postings_of_heads(store: &impl Checkpoints) -> u64 {
    let (mut mark, mut postings) = (None, 0);
    loop {
        let page = store.heads(Segment { number: 0, of: 1 }, mark).await.unwrap();
        for head in page.items {
            if let ScannedHead::Head(head) = head {
                postings += head.checkpoint.postings;
            }
        }
        match page.next {
            Some(next) => mark = Some(next),
            None => return postings,
        }
    }
}

/// How many payments were settled, and how many postings they made.
async fn settled(store: &impl TableScan) -> (u64, u64) {
    let (mut mark, mut settled, mut postings) = (None, 0, 0);
    loop {
        let page = store.page(Table::Payments, Segment { number: 0, of: 1 }, mark).await.unwrap();
        for item in page.items {
            if let ScannedItem::Payment(recorded) = &item
                && recorded.outcome.decision.is_ok()
            {
                (settled, postings) = (settled + 1, postings + 2);
            }
            if let ScannedItem::Leg(_) = item {
                postings += 2;
            }
        }
        match page.next {
            Some(next) => mark = Some(next),
            None => return (settled, postings),
        }
    }
}
