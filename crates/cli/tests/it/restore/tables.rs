//! Tables as values: read from a store in memory, changed as the command line would write them, and audited.

use std::collections::BTreeMap;

use giro::domain::account_command::RecordedCommand;
use giro::domain::audit::{Books, Finding, Report, Running};
use giro::domain::plan::Entry;
use giro::domain::{Account, AccountId, CommandId, CreditLanes, Instruction, Lane, LaneId, LegId, Outcome};
use giro::domain::{PaymentId, Recorded, SettledLeg};
use giro::store::{CommandQueries, LedgerQueries, items};
use giro::wire::outcome;
use giro_cli::restore::changes::{Changed, Changes, Restored, changes};
use giro_cli::restore::journal::{Journal, KnownTerms};
use giro_cli::restore::terms::{accounts, said};
use giro_testkit::memory_store::MemoryStore;

/// What accounts are opened with at least.
pub(super) const LANES: u16 = 4;

/// All tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tables {
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) lanes: BTreeMap<LaneId, Lane>,
    pub(super) sums: BTreeMap<LegId, u64>,
    pub(super) commands: BTreeMap<CommandId, RecordedCommand>,
    pub(super) payments: BTreeMap<PaymentId, Recorded>,
    pub(super) legs: BTreeMap<LegId, SettledLeg>,
}

/// What the topics still tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Topics {
    pub(super) told: Vec<Outcome>,
    pub(super) asked: BTreeMap<PaymentId, Instruction>,
    pub(super) opened: BTreeMap<AccountId, Account>,
    /// What a person says.
    pub(super) stands: Vec<PaymentId>,
}

impl Tables {
    pub(super) async fn of(store: &MemoryStore) -> Self {
        let mut tables = Self::default();
        for holding in store.accounts().await.unwrap() {
            tables.lanes.extend(holding.lanes.into_iter().map(|lane| (lane.id.clone(), lane)));
            tables.accounts.insert(holding.account.id.clone(), holding.account);
        }
        tables.lanes.extend(store.stray_lanes().await.unwrap().into_iter().map(|lane| (lane.id.clone(), lane)));
        tables.sums = store.refunds().await.unwrap().into_iter().collect();
        let commands = store.commands().await.unwrap().into_iter();
        tables.commands = commands.map(|recorded| (recorded.command.id.clone(), recorded)).collect();
        let payments = store.payments().await.unwrap().into_iter();
        tables.payments = payments.map(|recorded| (recorded.outcome.instruction.id().clone(), recorded)).collect();
        tables.legs = store.settled_legs().into_iter().map(|leg| (leg.id.clone(), leg)).collect();
        tables
    }

    /// The journal of these tables and topics, and what must be written.
    pub(super) fn rebuilt(&self, topics: &Topics) -> (Journal, Result<Changes, Vec<String>>) {
        let restored = Restored { accounts: self.accounts.clone(), lanes: self.lanes.clone(), sums: self.sums.clone() };
        let said = said(&self.commands.values().cloned().collect::<Vec<_>>());
        let lanes = CreditLanes::try_new(LANES).unwrap();
        let mut journal = Journal::new(KnownTerms { accounts: accounts(&self.accounts, &said, lanes), said })
            .letting_stand(topics.stands.clone());
        for (offset, told) in topics.told.iter().enumerate() {
            let (id, value) = (told.instruction.id().as_str(), outcome::encode(told));
            journal.record(&format!("payment-outcomes/0/{offset}"), Some(id.as_bytes()), Some(value.as_bytes()));
        }
        self.payments.values().for_each(|recorded| journal.payment(recorded));
        self.legs.values().cloned().for_each(|leg| journal.leg(leg));
        journal.findings.extend(journal.stands.in_vain());
        match journal.lost() {
            Ok(lost) => journal.rebuild(lost, &topics.asked),
            Err(finding) => journal.findings.push(finding),
        }
        let changes = changes(&restored, &journal, &topics.opened);
        (journal, changes)
    }

    /// The tables after these changes, by way of the items that are written.
    pub(super) fn with(mut self, changes: &Changes) -> Self {
        for outcome in &changes.payments {
            let item = items::payment::encode(&Entry::of(&outcome.request(), outcome));
            let read = items::payment::decode(&item).unwrap();
            assert_eq!(self.payments.insert(outcome.instruction.id().clone(), read), None);
        }
        for leg in &changes.legs {
            assert_eq!(self.legs.insert(leg.id.clone(), leg.clone()), None);
        }
        for id in &changes.stray_legs {
            self.legs.remove(id).unwrap();
        }
        for Changed { was, to } in &changes.accounts {
            assert_eq!(self.accounts.insert(to.id.clone(), to.clone()), *was);
            assert_eq!(to.version, was.as_ref().map_or(0, |was| was.version) + 1);
        }
        for Changed { was, to } in &changes.lanes {
            assert_eq!(self.lanes.insert(to.id.clone(), to.clone()), *was);
            assert_eq!(to.version, was.as_ref().map_or(0, |was| was.version) + 1);
        }
        for lane in &changes.stray_lanes {
            self.lanes.remove(&lane.id).unwrap();
        }
        for (id, Changed { was, to }) in &changes.sums {
            assert_eq!(self.sums.insert(id.clone(), *to), *was);
        }
        self
    }

    fn books(&self) -> Books {
        let mut books = Books::default();
        self.accounts.values().cloned().for_each(|account| books.account(account));
        self.lanes.values().cloned().for_each(|lane| books.lane(lane));
        books
    }

    /// What the audit finds.
    pub(super) fn audited(&self) -> Report {
        let mut running = Running::new(self.books());
        running.refund_sums_before(self.sums.clone());
        for look in 0..2 {
            self.payments.values().for_each(|recorded| running.payment(&recorded.outcome));
            self.legs.values().cloned().for_each(|leg| running.leg(leg));
            if look == 0 {
                running.refund_sums_after(&self.sums, BTreeMap::new());
            }
            running.end_look(self.books());
        }
        running.finish()
    }

    /// What the audit finds that no payment can mend which is decided anew.
    pub(super) fn faults(&self) -> Vec<Finding> {
        let mends = ["below_limit", "above_maximum", "over_refunded"];
        self.audited().findings.into_iter().filter(|finding| !mends.contains(&finding.name())).collect()
    }

    /// What an account holds with its lanes.
    pub(super) fn held(&self, id: &AccountId) -> i128 {
        let lanes = self.lanes.values().filter(|lane| lane.id.account == *id).map(|lane| lane.balance);
        let all = self.accounts.get(id).map(|account| account.balance).into_iter().chain(lanes);
        all.map(|balance| i128::from(balance.minor_units())).sum()
    }
}
