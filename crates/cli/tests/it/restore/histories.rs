//! Random histories of a ledger, restored with torn transactions and computed anew.
//!
//! | what must hold | because |
//! |---|---|
//! | the audit finds nothing but what lost payments explain | every balance, sum and window is computed from the journal |
//! | every payment that is in the table, or was told, is there with the same outcome | what was told stands for ever |
//! | a second run changes nothing | a run may be stopped and begun again |
//! | if no journal was torn, accounts have the terms and the money of the truth | terms are those that commands gave |
//!
//! `GIRO_HISTORIES` asks for more of them.

use std::collections::BTreeMap;
use std::time::Duration;

use giro::domain::account_command::{Action, Policy, Terms, opened};
use giro::domain::limits::WindowLimit;
use giro::domain::{
    Account, AccountCommand, AccountId, Amount, CommandRequest, CreditLanes, Instruction, LegNumber, Limits,
    OverdraftLimit, Principal, Refund, Request, Timestamp,
};
use giro::settle::{Backoff, settle_requests};
use giro_testkit::given::{Placed as _, account, command, eur, legged, payment, refund};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

use super::tables::{LANES, Tables, Topics};
use super::torn::torn;
use crate::processes::e2e::setting;

const STEPS: usize = 24;
/// How many steps a restore may tear.
const TORN_MAX: usize = 4;
const ACCOUNTS: [&str; 7] = ["bank", "shop", "ann", "bob", "vault", "fees", "direct"];
/// It was opened without a command.
const DIRECT: &str = "direct";
const PARTITIONS: i32 = 2;

struct History {
    store: MemoryStore,
    random: fastrand::Rng,
    clock: i64,
    offset: i64,
    asked: Vec<Instruction>,
    moments: Vec<Tables>,
}

fn terms(name: &str) -> Terms {
    let overdraft_limit = if name == "bank" { OverdraftLimit::Unlimited } else { OverdraftLimit::Limited(20) };
    let owner = Principal::try_new(name).ok().filter(|_| name != "bank");
    Terms { currency: eur(), overdraft_limit, credit_lanes: CreditLanes::NONE, owner }
}

impl History {
    async fn new(seed: u64) -> Self {
        let store = MemoryStore::new();
        store.insert_account(account(DIRECT));
        let random = fastrand::Rng::with_seed(seed);
        let mut history = Self { store, random, clock: 3_000_000, offset: 0, asked: Vec::new(), moments: Vec::new() };
        for name in ACCOUNTS.into_iter().filter(|name| *name != DIRECT) {
            history.apply(name, Action::Open(terms(name))).await;
        }
        for name in ACCOUNTS {
            history.settle(vec![payment(&format!("fund-{name}"), "bank", name, 40).into()]).await;
        }
        history
    }

    fn now(&self) -> Timestamp {
        Timestamp::try_from_millis(self.clock).unwrap()
    }

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    async fn apply(&mut self, name: &str, action: Action) {
        self.offset += 1;
        let command: AccountCommand = command(&format!("c{}", self.offset), name, action);
        let requests: [CommandRequest; 1] = [command.at(0, self.offset)];
        let policy = Policy { lanes_min: CreditLanes::try_new(LANES).unwrap(), accepts_limits: true };
        let (now, backoff) = (self.now(), || Backoff::with_seed(1));
        giro::account_commands::apply(&self.store, &requests, policy, Self::deadline(), || now, backoff).await;
        self.moments.push(Tables::of(&self.store).await);
    }

    async fn settle(&mut self, asked: Vec<Instruction>) {
        let place = |instruction: Instruction| {
            self.offset += 1;
            self.asked.push(instruction.clone());
            let source = giro_testkit::given::source(0, self.offset);
            let by = Principal::try_new(instruction.debtor().as_str()).ok().filter(|_| self.offset % 3 == 0);
            Request::new(instruction, source).by(by)
        };
        let requests: Vec<Request> = asked.into_iter().map(place).collect();
        let (now, partitions) = (self.now(), PARTITIONS as u32);
        settle_requests(&self.store, requests, partitions, Self::deadline(), || now, Backoff::with_seed(1)).await;
        self.moments.push(Tables::of(&self.store).await);
    }

    fn name(&mut self) -> &'static str {
        ACCOUNTS[self.random.usize(..ACCOUNTS.len())]
    }

    fn instruction(&mut self) -> Instruction {
        let (id, amount) = (format!("p{}-{}", self.asked.len(), self.random.u32(..)), self.random.u64(1..30));
        let (debtor, creditor) = (self.name(), self.name());
        match self.random.u32(..9) {
            0..5 => payment(&id, debtor, creditor, amount).into(),
            5..7 => legged(&id, debtor, &[(debtor, creditor, "EUR", amount), (creditor, "fees", "EUR", 1)]).into(),
            _ => {
                let original = self.asked[self.random.usize(..self.asked.len())].clone();
                let debtor = original.transfer().map_or(debtor, |transfer| {
                    ACCOUNTS.into_iter().find(|name| *name == transfer.creditor.as_str()).unwrap()
                });
                let leg = original.legs().len().checked_sub(1).map(LegNumber::at);
                let debtor = original.legs().last().map_or(debtor, |_| "fees");
                let amount = self.random.bool().then_some(amount.min(3));
                Refund { leg, ..refund(&id, original.id().as_str(), debtor, amount) }.into()
            }
        }
    }

    fn action(&mut self) -> Action {
        let limit = |random: &mut fastrand::Rng| {
            let limit = WindowLimit { amount: Some(random.u64(20..90)), count: Some(random.u64(2..9)) };
            random.bool().then_some(limit)
        };
        match self.random.u32(..9) {
            0 => Action::Freeze,
            1..3 => Action::Unfreeze,
            3 => Action::SetOwner(Principal::try_new(["ann", "none", "bob"][self.random.usize(..3)]).ok()),
            4 => Action::SetOverdraftLimit(OverdraftLimit::Limited(self.random.u64(..50))),
            5 => Action::SetOverdraftLimit(OverdraftLimit::Unlimited),
            6 => Action::AddLanes(CreditLanes::try_new(self.random.u16(1..9)).unwrap()),
            7 => Action::SetLimits(Limits {
                max_payment: Amount::try_new(self.random.u64(5..40)).ok(),
                max_balance: self.random.bool().then(|| self.random.u64(60..200)),
                windows: [limit(&mut self.random), limit(&mut self.random), limit(&mut self.random)],
            }),
            _ => Action::Close,
        }
    }

    async fn run(mut self) -> Self {
        for _ in 0..STEPS {
            self.clock += if self.random.u32(..8) == 0 { 1_800_000 } else { self.random.i64(1..900) };
            if self.random.u32(..3) == 0 {
                let (name, action) = (self.name(), self.action());
                self.apply(name, action).await;
            } else {
                let asked = (0..self.random.usize(1..6)).map(|_| self.instruction()).collect();
                self.settle(asked).await;
            }
        }
        self
    }

    /// The accounts as commands on their topic open them.
    fn opened(&self) -> BTreeMap<AccountId, Account> {
        let with_record = ACCOUNTS.into_iter().filter(|name| *name != DIRECT);
        let open = |name: &str| opened(&name.parse().unwrap(), terms(name), Timestamp::EPOCH);
        with_record.map(open).map(|account| (account.id.clone(), account)).collect()
    }
}

/// An account without what a restore may lose: how its money is divided, its version, and a pause.
fn of_terms(account: &Account) -> Account {
    let balance = giro::domain::Balance::ZERO;
    Account { balance, version: 0, paused_until: None, opened_at: Timestamp::EPOCH, ..account.clone() }
}

fn holds(seed: u64, torn: &Tables, topics: &Topics, truth: &Tables) -> Tables {
    let (_, changes) = torn.rebuilt(topics);
    let changes = changes.unwrap_or_else(|findings| panic!("seed {seed}: {findings:?}"));
    let after = torn.clone().with(&changes);
    assert_eq!(after.faults(), [], "seed {seed}: {changes:#?}");
    let (_, again) = after.rebuilt(topics);
    assert_eq!(again.unwrap().items(), 0, "seed {seed}: a second run");
    let told = topics.told.iter().map(|outcome| outcome.instruction.id());
    for id in torn.payments.keys().chain(told) {
        let (there, was) = (&after.payments[id], &truth.payments[id]);
        assert_eq!(there.outcome.decision, was.outcome.decision, "seed {seed}: {id}");
        assert_eq!(giro::wire::outcome::encode(&there.outcome), giro::wire::outcome::encode(&was.outcome));
        let is_told_only = !torn.payments.contains_key(id) && !topics.asked.contains_key(id);
        let may_differ = is_told_only && was.outcome.instruction.original().is_some();
        assert!(may_differ || there.fingerprint == was.fingerprint, "seed {seed}: {id}");
    }
    let mut naive = BTreeMap::<&AccountId, i128>::new();
    for recorded in after.payments.values().filter(|recorded| recorded.outcome.decision.is_ok()) {
        for transfer in recorded.outcome.transfers() {
            *naive.entry(transfer.debtor).or_default() -= i128::from(transfer.amount.minor_units());
            *naive.entry(transfer.creditor).or_default() += i128::from(transfer.amount.minor_units());
        }
    }
    for (id, net) in naive {
        assert_eq!(after.held(id), net, "seed {seed}: {id}");
    }
    after
}

#[tokio::test(start_paused = true)]
async fn every_torn_history_is_made_whole() {
    let (mut lost, mut written, mut removed) = (0, 0, 0);
    for seed in 0..setting("GIRO_HISTORIES", 60) as u64 {
        let history = History::new(seed).await.run().await;
        let (truth, opened) = (history.moments.last().unwrap(), history.opened());
        assert_eq!(truth.faults(), [], "seed {seed}: the history itself");
        let mut random = fastrand::Rng::with_seed(seed);
        let all = |tables: &Tables| tables.payments.values().map(|it| it.outcome.clone()).collect::<Vec<_>>();
        let asked: BTreeMap<_, _> = history.asked.iter().map(|it| (it.id().clone(), it.clone())).collect();

        // Nothing is torn: only money moves, from lanes to main items.
        let topics = Topics { told: all(truth), asked: asked.clone(), opened: opened.clone(), ..Topics::default() };
        let (_, untouched) = truth.rebuilt(&topics);
        let untouched = untouched.unwrap();
        assert_eq!((untouched.payments.len(), untouched.legs.len(), untouched.sums.len()), (0, 0, 0), "seed {seed}");
        same_accounts(seed, truth, &holds(seed, truth, &topics, truth));

        // Accounts and sums are torn, and the journals are whole.
        let depth = random.usize(1..=TORN_MAX);
        let near = &history.moments[history.moments.len() - depth..];
        let of = torn(near, &mut random);
        let journals = Tables { payments: truth.payments.clone(), commands: truth.commands.clone(), ..of };
        same_accounts(seed, truth, &holds(seed, &journals, &topics, truth));

        // All is torn, and outcomes were told that are newer than the restored second.
        let end = random.usize(TORN_MAX + 1..=history.moments.len());
        let of = torn(&history.moments[end - depth..end], &mut random);
        let newest = &history.moments[random.usize(end - depth..history.moments.len())];
        let told = all(newest).into_iter().filter(|_| random.u32(..9) > 0).collect();
        let asked = asked.into_iter().filter(|_| random.u32(..4) > 0).collect();
        let topics = Topics { told, asked, opened, ..Topics::default() };
        let after = holds(seed, &of, &topics, truth);
        lost += truth.payments.len() - after.payments.len();
        written += after.payments.len() - of.payments.len();
        removed += of.legs.keys().filter(|leg| !after.legs.contains_key(leg)).count();
    }
    assert!(lost > 0 && written > 0 && removed > 0, "{lost} lost, {written} written, {removed} removed");
    println!("{lost} payments to decide anew, {written} written again, {removed} items of legs removed");
}

/// Each account has the terms and the money of the truth.
fn same_accounts(seed: u64, truth: &Tables, after: &Tables) {
    for (id, account) in &truth.accounts {
        assert_eq!(of_terms(&after.accounts[id]), of_terms(account), "seed {seed}");
        assert_eq!(after.held(id), truth.held(id), "seed {seed}: {id}");
    }
    assert_eq!((&after.sums, &after.legs), (&truth.sums, &truth.legs), "seed {seed}");
}
