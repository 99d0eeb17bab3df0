//! What: Ledgers that don't add up: a clean one, and what a hand does to it that reaches past the ports. Whatever checks
//! a ledger must find each of them, and must name the same things.
//!
//! Data: A store in memory or on DynamoDB, and its [`Hand`]. [`CORRUPTIONS`] lists each corruption with the findings
//! that it makes: a name, and what it is about.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test stops at the first surprise")]

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use giro::domain::dead_letter::{DeadLetterStatus, RecordDigest};
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{
    Account, AccountId, Balance, DeadLetter, DeadLetterId, Lane, LaneId, PaymentId, Request, Timestamp,
};
use giro::settle::{Backoff, Disposition, settle_requests};
use giro::store::items::{self, Item};
use giro::store::{Commit, Ledger, LedgerQueries, TableScan, Tables};
use tokio::time::Instant;

use crate::given::{self, Placed as _, Setters as _, account, currency, id, payment, payment_in, source, update};
use crate::memory_store::MemoryStore;
use crate::open_accounts::OpenAccounts;

/// The digest of every dead letter here: their places are different.
pub const DIGEST: &str = "0123456789abcdef";

/// What it takes to plant a corruption.
pub trait Store: Ledger + LedgerQueries + OpenAccounts + TableScan {}
impl<S: Ledger + LedgerQueries + OpenAccounts + TableScan> Store for S {}

/// A hand that reaches past the ports and their conditions.
#[derive(Debug)]
pub enum Hand {
    /// Into a store in memory.
    Memory(MemoryStore),
    /// Into tables.
    Dynamo(Client, Tables),
}

impl Hand {
    async fn put(client: &Client, table: &str, item: Item) {
        client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    async fn delete(client: &Client, table: &str, key: Item) {
        client.delete_item().table_name(table).set_key(Some(key)).send().await.unwrap();
    }

    /// Writes an account over any other.
    pub async fn put_account(&self, account: Account) {
        match self {
            Self::Memory(store) => store.insert_account(account),
            Self::Dynamo(client, tables) => Self::put(client, &tables.accounts, items::account::encode(&account)).await,
        }
    }

    async fn put_lane(&self, lane: Lane) {
        match self {
            Self::Memory(store) => store.insert_lane(lane),
            Self::Dynamo(client, tables) => Self::put(client, &tables.accounts, items::lane::encode(&lane)).await,
        }
    }

    async fn lose_payment(&self, id: &str) {
        let id: PaymentId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_payment(&id),
            Self::Dynamo(client, tables) => Self::delete(client, &tables.payments, items::payment::key(&id)).await,
        }
    }

    async fn lose_lane(&self, id: &str) {
        let id: LaneId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_lane(&id),
            Self::Dynamo(client, tables) => Self::delete(client, &tables.accounts, items::lane::key(&id)).await,
        }
    }

    /// Loses a part of a dead letter.
    pub async fn lose_part(&self, letter: &DeadLetterId, part: usize) {
        match self {
            Self::Memory(store) => store.lose_letter_part(letter, part),
            Self::Dynamo(client, tables) => {
                Self::delete(client, &tables.dead_letters, items::dead_letter::key(letter, part)).await;
            }
        }
    }

    async fn spoil_account(&self, id: &str) {
        let id: AccountId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.plant_corrupt_account(&id),
            Self::Dynamo(client, tables) => Self::put(client, &tables.accounts, items::account::key(&id)).await,
        }
    }

    async fn spoil_payment(&self, id: &str) {
        let id: PaymentId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.plant_corrupt_payment(&id),
            Self::Dynamo(client, tables) => Self::put(client, &tables.payments, items::payment::key(&id)).await,
        }
    }
}

fn request(offset: i64, name: &str, debtor: &str, creditor: &str, amount: u64) -> Request {
    payment(name, debtor, creditor, amount).at(0, offset)
}

/// Settles requests. Gives how many were settled and not declined.
pub async fn settle_all(store: &impl Ledger, requests: Vec<Request>, seed: u64) -> usize {
    let until = Instant::now().checked_add(Duration::from_secs(60)).unwrap();
    let settled = settle_requests(store, requests, 1, until, || Timestamp::EPOCH, Backoff::with_seed(seed)).await;
    settled.dispositions.iter().filter(|end| **end == Disposition::Decided(Ok(()))).count()
}

async fn commit(store: &impl Store, entries: Vec<Entry<'_>>, updates: Vec<AccountUpdate>) {
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

/// A clean ledger in an empty store. bank -20, alice 12, bob 3, shop 5 of which 2 on a lane; a declined payment; two
/// dead letters, a long one among them.
pub async fn clean(store: &impl Store) {
    let accounts = [account("bank").unlimited(), account("alice"), account("bob"), account("shop").lanes(2)];
    for account in &accounts {
        assert_eq!(store.open_account(account).await, Ok(None));
    }
    let requests = vec![
        request(1, "p1", "bank", "alice", 20),
        request(2, "p2", "alice", "bob", 3),
        request(3, "p3", "alice", "bob", 300),
    ];
    assert_eq!(settle_all(store, requests, 1).await, 2);
    // The shop's credit in two halves, as two payments on main item and lane would leave it.
    let credit = request(4, "p4", "alice", "shop", 5);
    let entries = vec![Entry { lanes: given::on_lane(Some(1)), ..given::entry(&credit, Ok(())) }];
    let updates = vec![update("alice", -5), update("shop", 3), update("shop/1", 2)];
    commit(store, entries, updates).await;
    for (offset, length) in [(7, 3), (8, 700_000)] {
        store.write_dead_letter(&letter(offset, length)).await.unwrap();
    }
}

/// What a hand does to a clean ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corruption {
    /// A balance is off by one.
    BalanceOffByOne,
    /// A payment was lost, and its postings stay.
    PaymentLost,
    /// A payment is to an account that isn't there.
    CreditorMissing,
    /// The money of a payment moved twice.
    PaymentDoubled,
    /// A payment took an account below its limit.
    BelowLimit,
    /// A payment is of another currency than its accounts.
    OtherCurrency,
    /// An account can't be read.
    AccountUnreadable,
    /// A payment can't be read.
    PaymentUnreadable,
    /// A dead letter lacks a part.
    PartLost,
    /// A dead letter lacks its first part.
    FirstPartLost,
    /// A lane was lost with what it held.
    LaneLost,
    /// A lane is there that no account counts.
    LaneStray,
}

/// Each corruption, with what must be found.
pub const CORRUPTIONS: [(Corruption, &[&str]); 12] = [
    (Corruption::BalanceOffByOne, &["balance account alice", "not_zero currency EUR"]),
    (Corruption::PaymentLost, &["balance account alice", "balance account bob"]),
    (Corruption::CreditorMissing, &["no_account payment p9, account ghost", "not_zero currency EUR"]),
    (Corruption::PaymentDoubled, &["balance account alice", "balance account bob"]),
    (Corruption::BelowLimit, &["below_limit account alice"]),
    (Corruption::OtherCurrency, &["currency payment p9, account alice", "currency payment p9, account bank"]),
    (Corruption::AccountUnreadable, &["not_zero currency EUR", "unreadable table accounts, key \"bob\""]),
    (
        Corruption::PaymentUnreadable,
        &["balance account alice", "balance account bob", "unreadable table payments, key \"p2\""],
    ),
    (Corruption::PartLost, &["dead_letter dead letter payment-requests/0/8/0123456789abcdef"]),
    (Corruption::FirstPartLost, &["dead_letter dead letter payment-requests/0/8/0123456789abcdef"]),
    (Corruption::LaneLost, &["balance account shop", "not_zero currency EUR"]),
    (Corruption::LaneStray, &["stray_lane lane alice/4"]),
];

impl Corruption {
    /// Does it to a clean ledger.
    pub async fn plant(self, store: &impl Store, hand: &Hand) {
        match self {
            Self::BalanceOffByOne => {
                let mut alice = store.account(&id("alice")).await.unwrap().unwrap().account;
                alice.balance = Balance::new(alice.balance.minor_units().saturating_add(1));
                hand.put_account(alice).await;
            }
            Self::PaymentLost => hand.lose_payment("p2").await,
            Self::CreditorMissing => {
                let lost = request(9, "p9", "bank", "ghost", 1);
                commit(store, vec![given::entry(&lost, Ok(()))], vec![update("bank", -1)]).await;
            }
            Self::PaymentDoubled => commit(store, vec![], vec![update("alice", -3), update("bob", 3)]).await,
            Self::BelowLimit => {
                let overdrawn = request(9, "p9", "alice", "bank", 13);
                let updates = vec![update("alice", -13), update("bank", 13)];
                commit(store, vec![given::entry(&overdrawn, Ok(()))], updates).await;
            }
            Self::OtherCurrency => {
                let mut dollars = request(9, "p9", "bank", "alice", 1);
                payment_in(&mut dollars).currency = currency("USD");
                let updates = vec![update("bank", -1), update("alice", 1)];
                commit(store, vec![given::entry(&dollars, Ok(()))], updates).await;
            }
            Self::AccountUnreadable => hand.spoil_account("bob").await,
            Self::PaymentUnreadable => hand.spoil_payment("p2").await,
            Self::PartLost => hand.lose_part(&letter(8, 0).id(), 1).await,
            Self::FirstPartLost => {
                hand.lose_part(&letter(8, 0).id(), 1).await;
                hand.lose_part(&letter(8, 0).id(), 0).await;
            }
            Self::LaneLost => hand.lose_lane("shop/1").await,
            Self::LaneStray => hand.put_lane(Lane::new(&account("alice").unlimited(), 4)).await,
        }
    }
}
