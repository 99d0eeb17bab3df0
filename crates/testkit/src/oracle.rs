//! What: Checks that every published record has its disposition, that nothing else is there, and that the ledger adds
//! up.
//!
//! Data: Takes the published records with their places, and the tables. Gives counts, and everything that is missing,
//! too much or wrong.
//!
//! The checks read records as clients wrote them, and tables as they are. They know nothing of how the handler works.

mod ledger;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::workload::Record;
use giro::domain::audit::Finding;
use giro::domain::dead_letter::PAYMENT_ID_REUSED;
use giro::domain::{DeadLetter, Holding, Outcome, PaymentId, Recorded, Source};
use giro::store::{LedgerQueries, StoreError};
use giro::wire::{instruction, payment_request};

/// A record, and where it was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where it was put.
    pub source: Source,
    /// The record.
    pub record: Record,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Records published.
    pub records: usize,
    /// Payments and refunds settled.
    pub settled: usize,
    /// Refunds among them.
    pub refunds: usize,
    /// Payments with legs among them.
    pub with_legs: usize,
    /// Payments declined, by reason.
    pub declined: BTreeMap<&'static str, usize>,
    /// Records that repeat a payment which already has its outcome.
    pub replayed: usize,
    /// Dead letters, by reason.
    pub dead_letters: BTreeMap<String, usize>,
    /// Accounts.
    pub accounts: usize,
    /// Records without a disposition, and dispositions without a record.
    pub findings: Vec<String>,
    /// What doesn't add up in the ledger.
    pub ledger: Vec<Finding>,
}

impl Checked {
    fn settles(&mut self, outcome: &Outcome) {
        count(&mut self.settled);
        self.refunds = self.refunds.saturating_add(outcome.instruction.original().iter().count());
        self.with_legs = self.with_legs.saturating_add(usize::from(!outcome.instruction.legs().is_empty()));
    }

    /// How many things are missing, too much or wrong.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.findings.len().saturating_add(self.ledger.len())
    }
}

/// Reads the tables and checks them against what was published.
///
/// # Errors
/// If a table can't be read.
pub async fn check(ledger: &impl LedgerQueries, published: &[Published]) -> Result<Checked, StoreError> {
    let (accounts, payments) = (ledger.accounts().await?, ledger.payments().await?);
    let mut checked = check_tables(published, &accounts, &payments, &ledger.dead_letters().await?);
    checked.findings.extend(ledger::of_limits(&accounts, &payments));
    checked.ledger.extend(ledger::of_refunds(&payments, &ledger.refunds().await?));
    Ok(checked)
}

/// Checks tables against what was published. Pure.
#[must_use]
pub fn check_tables(
    published: &[Published],
    accounts: &[Holding],
    payments: &[Recorded],
    dead_letters: &[DeadLetter],
) -> Checked {
    let mut checked = Checked { records: published.len(), accounts: accounts.len(), ..Checked::default() };
    // A real ledger may have payments from other topics; the audit looks at all of them.
    let ours = |source: &Source| published.first().is_some_and(|first| first.source.topic == source.topic);
    let by_id: HashMap<&PaymentId, &Recorded> =
        payments.iter().map(|recorded| (recorded.outcome.instruction.id(), recorded)).collect();
    // If a topic was created again, several records may have had one place.
    let mut at: HashMap<&Source, Vec<&DeadLetter>> = HashMap::new();
    dead_letters.iter().for_each(|letter| at.entry(&letter.source).or_default().push(letter));
    let at = |source: &Source| at.get(source).map(Vec::as_slice).unwrap_or_default();
    let holds = |letter: &DeadLetter, record: &Record| letter.value == record.value && letter.key == record.key;

    let mut outcomes: HashSet<PaymentId> = HashSet::new();
    let mut aside: HashMap<&Source, Vec<&Record>> = HashMap::new();
    for Published { source, record } in published {
        let asked = match &record.value {
            None => Err(payment_request::Malformed::Tombstone),
            Some(value) => instruction::decode_json(value),
        };
        let reason = match asked {
            Err(malformed) => malformed.name(),
            Ok(asked) => match by_id.get(asked.id()) {
                None => {
                    checked.findings.push(format!("{source}: payment {} has no outcome", asked.id()));
                    continue;
                }
                Some(recorded) if recorded.fingerprint == asked.fingerprint() => {
                    if !outcomes.insert(asked.id().clone()) {
                        count(&mut checked.replayed);
                    }
                    if at(source).iter().any(|letter| holds(letter, record)) {
                        checked.findings.push(format!("{source}: has an outcome, and is a dead letter as well"));
                    }
                    continue;
                }
                Some(_) => PAYMENT_ID_REUSED,
            },
        };
        aside.entry(source).or_default().push(record);
        match at(source).iter().find(|letter| holds(letter, record)) {
            None if at(source).is_empty() => {
                checked.findings.push(format!("{source}: expected a dead letter {reason}, found none"));
            }
            None => {
                checked.findings.push(format!("{source}: its dead letter doesn't hold the bytes that were published"));
            }
            Some(letter) if letter.reason != reason => {
                checked.findings.push(format!("{source}: expected a dead letter {reason}, found {}", letter.reason));
            }
            Some(_) => {}
        }
    }
    for recorded in payments.iter().filter(|recorded| ours(&recorded.outcome.source)) {
        let (outcome, id) = (&recorded.outcome, recorded.outcome.instruction.id());
        match outcome.decision {
            Ok(()) => checked.settles(outcome),
            Err(decline) => count(checked.declined.entry(decline.name()).or_default()),
        }
        if !outcomes.contains(id) {
            checked.findings.push(format!("payment {id} has an outcome, and was not published"));
        }
    }
    for letter in dead_letters.iter().filter(|letter| ours(&letter.source)) {
        count(checked.dead_letters.entry(letter.reason.clone()).or_default());
        if !aside.get(&letter.source).is_some_and(|records| records.iter().any(|record| holds(letter, record))) {
            checked.findings.push(format!("{}: a dead letter that should not be there", letter.id()));
        }
    }
    checked.ledger = ledger::findings(accounts, payments);
    checked
}

fn count(counter: &mut usize) {
    *counter = counter.saturating_add(1);
}
