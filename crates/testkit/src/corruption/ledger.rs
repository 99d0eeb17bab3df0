//! What: The clean ledger that each corruption begins with.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test stops at the first surprise")]

use std::time::Duration;

use giro::domain::dead_letter::{DeadLetterStatus, RecordDigest};
use giro::domain::limits::WindowLimit;
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{AccountStatus, DeadLetter, LegNumber, Limits, Refund, Request, Timestamp};
use giro::settle::{Backoff, Disposition, settle_requests};
use giro::store::{Commit, Ledger, LedgerQueries, TableScan};
use tokio::time::Instant;

use crate::given::{self, Placed as _, Setters as _, account, legged, payment, refund, source, update};
use crate::open_accounts::OpenAccounts;

/// The digest of every dead letter here: their places are different.
pub const DIGEST: &str = "0123456789abcdef";

/// What it takes to plant a corruption.
pub trait Store: Ledger + LedgerQueries + OpenAccounts + TableScan {}
impl<S: Ledger + LedgerQueries + OpenAccounts + TableScan> Store for S {}

/// A payment at this offset.
pub(super) fn request(offset: i64, name: &str, debtor: &str, creditor: &str, amount: u64) -> Request {
    payment(name, debtor, creditor, amount).at(0, offset)
}

/// Settles requests. Gives how many were settled and not declined.
pub async fn settle_all(store: &impl Ledger, requests: Vec<Request>, seed: u64) -> usize {
    let until = Instant::now().checked_add(Duration::from_secs(60)).unwrap();
    let settled = settle_requests(store, requests, 1, until, || Timestamp::EPOCH, Backoff::with_seed(seed)).await;
    settled.dispositions.iter().filter(|end| **end == Disposition::Decided(Ok(()))).count()
}

/// Commits a transaction without the conditions that planning would give it.
pub(super) async fn commit(store: &impl Store, entries: Vec<Entry<'_>>, updates: Vec<AccountUpdate>) {
    let transaction = Transaction { totals: Vec::new(), entries, updates };
    assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
}

/// A dead letter with so long a value.
#[must_use]
pub fn letter(offset: i64, length: usize) -> DeadLetter {
    DeadLetter {
        source: source(0, offset),
        digest: RecordDigest::parse(DIGEST),
        key: None,
        value: Some(vec![7; length]),
        headers: vec![],
        reason: "not_json".into(),
        detail: "value: expected JSON".into(),
        received_at: Timestamp::EPOCH,
        status: DeadLetterStatus::Parked,
    }
}

/// A clean ledger in an empty store: lanes, limits, legs, refunds, a declined payment, and two dead letters.
///
/// | account | holds | what it shows |
/// |---|---|---|
/// | `bank` | -59 | no limit |
/// | `alice`, `bob` | 12, 3 | plain |
/// | `shop` | 5 | two lanes, of which one is there and holds 2 |
/// | `merchant`, `fees` | 8, 0 | legs, one of them refunded |
/// | `metered` | 26 | a window of an hour and of a month |
/// | `capped` | 5 | a maximum balance, so its lane is shut |
/// | `cold` | 0 | frozen, so its two lanes are there |
pub async fn clean(store: &impl Store) {
    let window = Some(WindowLimit { amount: Some(100), count: Some(9) });
    for account in [
        account("bank").unlimited(),
        account("alice"),
        account("bob"),
        account("shop").lanes(2),
        account("merchant"),
        account("fees"),
        account("metered").limits(Limits { windows: [window, None, window], ..Limits::NONE }),
        account("capped").lanes(1).limits(Limits { max_balance: Some(50), ..Limits::NONE }),
        account("cold").lanes(2).status(AccountStatus::Frozen),
    ] {
        assert_eq!(store.open_account(&account).await, Ok(None));
    }
    let legs = [("bank", "merchant", "EUR", 10), ("merchant", "fees", "EUR", 1), ("merchant", "bank", "EUR", 2)];
    let requests = vec![
        request(1, "p1", "bank", "alice", 20),
        request(2, "p2", "alice", "bob", 3),
        request(3, "p3", "alice", "bob", 300),
        request(5, "p5", "bank", "metered", 30),
        request(6, "p6", "bank", "capped", 9),
        legged("l1", "bank", &legs).at(0, 7),
    ];
    assert_eq!(settle_all(store, requests, 1).await, 5);
    let of_leg = Refund { leg: LegNumber::try_new(2).ok(), ..refund("r2", "l1", "fees", Some(1)) };
    let requests =
        vec![request(8, "p7", "metered", "bank", 4), refund("r1", "p6", "capped", Some(4)).at(0, 9), of_leg.at(0, 10)];
    assert_eq!(settle_all(store, requests, 1).await, 3);
    // The shop's credit in two halves, as two payments on main item and lane would leave it.
    let credit = request(4, "p4", "alice", "shop", 5);
    let entries = vec![Entry { lanes: given::on_lane(Some(1)), ..given::entry(&credit, Ok(())) }];
    commit(store, entries, vec![update("alice", -5), update("shop", 3), update("shop/1", 2)]).await;
    for (offset, length) in [(7, 3), (8, 700_000)] {
        store.write_dead_letter(&letter(offset, length)).await.unwrap();
    }
}
