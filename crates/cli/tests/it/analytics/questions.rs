//! The questions that the SQL answers: over a ledger of some thousand requests, its answers are those of a naive count.
//!
//! The count reads the same tables by the codecs of Giro, and adds up in Rust.

mod count;

use std::path::Path;
use std::time::Duration;

use giro::domain::{AccountStatus, Instruction, LegNumber, Limits, Refund, Request, Timestamp};
use giro::settle::{Backoff, settle_requests};
use giro::store::dynamodb::DynamoDb;
use giro::store::{ScannedItem, Segment, Table, TableScan};
use giro_testkit::engine::Engine;
use giro_testkit::given::{Placed as _, Setters as _, account, currency, legged, payment, payment_in, refund};
use giro_testkit::open_accounts::OpenAccounts;
use serde_json::Value;
use tokio::time::Instant;

use super::{export_all, found, python, rows};

/// When the first request was decided: 2026-11-22T22:00:00Z.
const FIRST_MS: i64 = 1_795_384_800_000;
/// How many requests a batch has, and how many batches there are, an hour from one to the next.
const BATCH: (usize, i64) = (150, 20);

fn at(ms: i64) -> Timestamp {
    Timestamp::try_from_millis(ms).unwrap()
}

async fn open_accounts(store: &DynamoDb) {
    let dollars = currency("USD");
    let mut accounts = vec![
        account("bank").paying_from_lanes(4),
        account("bank-usd").paying_from_lanes(4).currency(dollars),
        account("frozen").lanes(2).status(AccountStatus::Frozen),
        account("capped").lanes(2).limits(Limits { max_balance: Some(3_000), ..Limits::NONE }),
    ];
    accounts.extend((0..6).map(|n| account(&format!("shop-{n}")).lanes(4)));
    let limits = Limits { max_payment: giro::domain::Amount::try_new(900).ok(), ..Limits::NONE };
    accounts.extend((0..20).map(|n| account(&format!("a{n}")).limits(limits)));
    accounts.extend((0..10).map(|n| account(&format!("d{n}")).currency(dollars)));
    for account in &accounts {
        store.open_account(account).await.unwrap();
    }
}

/// A request of some kind. Refunds are of payments that came before.
fn request(random: &mut fastrand::Rng, number: usize, decided_ms: i64) -> Request {
    let offset = i64::try_from(number).unwrap();
    let (partition, name) = (i32::try_from(number % 4).unwrap(), format!("k{number}"));
    let shop = |number: usize| format!("shop-{}", number % 6);
    let person = format!("a{}", random.usize(0..20));
    let amount = random.u64(1..=1_000);
    let before = random.usize(0..=number);
    let mut request = match random.u8(0..20) {
        0..=5 => payment(&name, "bank", &person, amount).at(partition, offset),
        6..=10 => payment(&name, &person, &shop(number), amount).at(partition, offset),
        11 => payment(&name, &person, ["frozen", "capped", "nobody"][number % 3], amount).at(partition, offset),
        12..=13 => payment(&name, "bank-usd", &format!("d{}", number % 10), amount).at(partition, offset),
        14..=16 => {
            let shop = shop(number);
            let legs = [("bank", shop.as_str(), "EUR", amount), ("bank", person.as_str(), "EUR", 3)];
            return legged(&name, "bank", &legs).at(partition, offset);
        }
        _ => {
            let amount = Some(amount / 4).filter(|amount| *amount > 0);
            let leg = LegNumber::try_new(random.u64(1..=2)).ok().filter(|_| random.bool());
            // The debtor of a refund must be the creditor of its original: often it is another here.
            let refund = Refund { leg, ..refund(&name, &format!("k{before}"), &shop(before), amount) };
            return refund.at(partition, offset);
        }
    };
    let payment = payment_in(&mut request);
    if payment.creditor.as_str().starts_with('d') {
        payment.currency = currency("USD");
    }
    // Some clients don't say when they asked. A few have a clock that is ahead.
    let waited = random.i64(-20..2_000);
    payment.requested_at = random.bool().then(|| at(decided_ms - waited));
    request
}

/// Settles all batches, each at its own hour.
async fn settle_all(store: &DynamoDb) {
    let mut random = fastrand::Rng::with_seed(16);
    let (batch, batches) = BATCH;
    for hour in 0..batches {
        let decided_ms = FIRST_MS + hour * 3_600_000;
        let first = usize::try_from(hour).unwrap() * batch;
        let requests: Vec<Request> =
            (first..first + batch).map(|number| request(&mut random, number, decided_ms)).collect();
        // A partition a batch at a time, as the poller gives them.
        for partition in 0..4 {
            let of = requests.iter().filter(|request| request.source.partition == partition).cloned().collect();
            let until = Instant::now() + Duration::from_secs(120);
            let settled =
                settle_requests(store, of, 4, until, || at(decided_ms), Backoff::with_seed(1)).await.dispositions;
            assert!(settled.iter().all(|end| matches!(end, giro::settle::Disposition::Decided(_))), "{settled:?}");
        }
    }
}

/// Everything that was decided.
async fn outcomes(store: &DynamoDb) -> Vec<giro::domain::Outcome> {
    let (mut outcomes, mut mark) = (Vec::new(), None);
    loop {
        let page = store.page(Table::Payments, Segment { number: 0, of: 1 }, mark).await.unwrap();
        for item in page.items {
            if let ScannedItem::Payment(recorded) = item {
                outcomes.push(recorded.outcome);
            }
        }
        mark = page.next;
        if mark.is_none() {
            return outcomes;
        }
    }
}

/// The rows of a query, without its name.
fn answers(python: &Path, export: &Path, query: &str) -> Vec<Value> {
    let mut rows = rows(python, export, &[query]);
    rows.iter_mut().for_each(|row| drop(row.as_object_mut().unwrap().remove("query")));
    rows
}

#[tokio::test]
async fn the_answers_are_those_of_a_naive_count() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start().await.unwrap();
    let store = engine.ledger();
    open_accounts(&store).await;
    settle_all(&store).await;
    let outcomes = outcomes(&store).await;
    let settled = |kind: fn(&Instruction) -> bool| {
        outcomes.iter().filter(|outcome| outcome.decision.is_ok() && kind(&outcome.instruction)).count()
    };
    let kinds = [
        settled(|instruction| matches!(instruction, Instruction::Payment(_))),
        settled(|instruction| matches!(instruction, Instruction::Legged(_))),
        settled(|instruction| matches!(instruction, Instruction::Refund(_))),
        outcomes.iter().filter(|outcome| outcome.decision.is_err()).count(),
    ];
    assert!(outcomes.len() == 3_000 && kinds.iter().all(|count| *count > 30), "{} {kinds:?}", outcomes.len());
    export_all(&engine, folder.path()).await;
    let export = folder.path();
    assert_eq!(found(&python, export), Vec::<String>::new());
    assert_eq!(answers(&python, export, "settled-by-day"), count::settled_by_day(&outcomes));
    assert_eq!(answers(&python, export, "decline-reasons"), count::decline_reasons(&outcomes));
    assert_eq!(answers(&python, export, "top-creditors"), count::top_creditors(&outcomes));
    assert_eq!(answers(&python, export, "latency"), count::latency(&outcomes));
}
