//! What: Audits a whole ledger beside payments in flight. It scans the tables at a limited rate, and the domain judges
//! them.
//!
//! | step | read | judged by |
//! |---|---|---|
//! | 1 | dead letters | [`Letters`]: which are not whole |
//! | 2 | accounts and lanes | [`Running::new`] |
//! | 3 | sums of refunds, before the payments of the first look and after them | [`RefundSums`] |
//! | 3 | payments, then accounts and lanes | [`Running::end_look`]; again while accounts are undecided, up to [`LOOKS_MAX`] times |
//! | 4 | dead letters, if some were not whole | those that are still not whole |
//!
//! Data: Takes a [`TableScan`], how fast it may be read, and a deadline. Gives an [`Audited`]. The module `running` of
//! [`crate::domain::audit`] says why no clean ledger is accused.
//!
//! Invariants: It writes nothing. At the deadline it stops between two pages and says how far it came. Findings up to
//! then hold. Memory grows with accounts, never with payments.

pub mod moved;
mod pace;
mod scan;
mod scanned;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::audit::{Books, Finding, Letters, RefundSums, Report, Running};
use crate::store::{ScannedItem, StoreError, Table, TableScan};

pub use pace::{Pace, READ_UNITS_PER_SECOND};
pub use scan::{Stopped, scan};
use scanned::{take_account, take_letter};

/// How often payments are read at most. The first look decides all accounts at rest, and the second and third decide
/// those that rest now and then. An account that moves through three looks would move through a fourth.
pub const LOOKS_MAX: u32 = 3;

/// How much later a dead letter that is not whole is looked at again. One invocation writes all of its parts, in well
/// under a second.
const LETTER_GAP: Duration = Duration::from_secs(5);

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Accounts and payments.
    pub report: Report,
    /// Dead letters that are whole.
    pub letters: usize,
    /// What was read, in thousandths of a read unit.
    pub read_milliunits: u64,
    /// Where it stopped at its deadline, and the last error of the store. `None` if it finished.
    pub stopped: Option<String>,
}

/// Audits a ledger, until it is done or the deadline has come.
///
/// # Errors
/// [`StoreError::Rejected`] if the store refuses to be read at all, [`StoreError::Corrupt`] if it can't be understood.
/// Other errors are tried again until the deadline, and then reported in [`Audited::stopped`].
pub async fn audit(ledger: &impl TableScan, mut pace: Pace, deadline: Instant) -> Result<Audited, StoreError> {
    let mut under_way =
        UnderWay { ledger, pace: &mut pace, deadline, running: Running::new(Books::default()), letters: 0 };
    let stopped = match under_way.run().await {
        Ok(()) => None,
        Err(Stopped::Refused(error)) => return Err(error),
        Err(Stopped::Deadline(text)) => Some(text),
    };
    let (report, letters) = (under_way.running.finish(), under_way.letters);
    Ok(Audited { report, letters, read_milliunits: pace.taken(), stopped })
}

struct UnderWay<'a, S> {
    ledger: &'a S,
    pace: &'a mut Pace,
    deadline: Instant,
    running: Running,
    letters: usize,
}

impl<S: TableScan> UnderWay<'_, S> {
    async fn run(&mut self) -> Result<(), Stopped> {
        let (letters, unreadable) = self.letters().await?;
        let letters_read = Instant::now();
        self.letters = letters.whole;
        self.running = Running::new(self.books().await?);
        unreadable.into_iter().for_each(|finding| self.running.find(finding));
        self.looks().await?;
        if letters.has_suspects() {
            let at = letters_read.checked_add(LETTER_GAP).unwrap_or(letters_read);
            tokio::time::sleep_until(at.min(self.deadline)).await;
            let (later, _) = self.letters().await?;
            letters.still_open(&later).for_each(|finding| self.running.find(finding));
        }
        Ok(())
    }

    async fn looks(&mut self) -> Result<(), Stopped> {
        for _ in 0..LOOKS_MAX {
            let began = Instant::now();
            if self.running.is_first_look() {
                let (sums, _) = self.refund_sums().await?;
                self.running.refund_sums_before(sums);
            }
            self.payments().await?;
            if self.running.is_first_look() {
                let (sums, unreadable) = self.refund_sums().await?;
                self.running.refund_sums_after(&sums, unreadable);
            }
            let after = self.books().await?;
            if self.running.end_look(after) == 0 {
                return Ok(());
            }
            // A look that can't end in time would prove nothing.
            if Instant::now().checked_add(began.elapsed()).is_none_or(|end| end > self.deadline) {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn payments(&mut self) -> Result<(), Stopped> {
        let running = &mut self.running;
        let take = |item| match item {
            ScannedItem::Payment(recorded) => running.payment(&recorded.outcome),
            ScannedItem::Leg(leg) => running.leg(leg),
            ScannedItem::Unreadable { key, expected } if running.is_first_look() => {
                running.find(Finding::Unreadable { table: Table::Payments.name(), key, expected });
            }
            ScannedItem::Unreadable { .. }
            | ScannedItem::Account(_)
            | ScannedItem::Lane(_)
            | ScannedItem::RefundSum(..)
            | ScannedItem::DeadLetterPart { .. } => {}
        };
        scan(self.ledger, Table::Payments, self.pace, self.deadline, take).await
    }

    /// The sums, and by key what was expected of those that can't be read.
    async fn refund_sums(&mut self) -> Result<(RefundSums, BTreeMap<String, String>), Stopped> {
        let (mut sums, mut unreadable) = (RefundSums::new(), BTreeMap::new());
        let take = |item| match item {
            ScannedItem::RefundSum(original, sum) => drop(sums.insert(original, sum)),
            ScannedItem::Unreadable { key, expected } => drop(unreadable.insert(key, expected)),
            ScannedItem::Account(_)
            | ScannedItem::Lane(_)
            | ScannedItem::Payment(_)
            | ScannedItem::Leg(_)
            | ScannedItem::DeadLetterPart { .. } => {}
        };
        scan(self.ledger, Table::Refunds, self.pace, self.deadline, take).await?;
        Ok((sums, unreadable))
    }

    async fn books(&mut self) -> Result<Books, Stopped> {
        let mut books = Books::default();
        let take = |item| take_account(&mut books, item);
        scan(self.ledger, Table::Accounts, self.pace, self.deadline, take).await?;
        Ok(books)
    }

    async fn letters(&mut self) -> Result<(Letters, Vec<Finding>), Stopped> {
        let (mut letters, mut unreadable) = (Letters::default(), Vec::new());
        let take = |item| take_letter(&mut letters, &mut unreadable, item);
        scan(self.ledger, Table::DeadLetters, self.pace, self.deadline, take).await?;
        Ok((letters, unreadable))
    }
}
