//! What: The port of the audit: scans whole tables, a page at a time, in segments side by side.

use std::future::Future;

use super::StoreError;
use crate::domain::{Account, DeadLetterId, Lane, LegId, Recorded, SettledLeg};

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Accounts and their lanes.
    Accounts,
    /// Payments.
    Payments,
    /// Sums of refunds.
    Refunds,
    /// Dead letters.
    DeadLetters,
}

impl Table {
    /// Its name in findings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Payments => "payments",
            Self::Refunds => "refunds",
            Self::DeadLetters => "dead-letters",
        }
    }
}

/// One of the parts of a scan. Parts run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Which one, from 0 on.
    pub number: u16,
    /// How many there are.
    pub of: u16,
}

/// An item of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScannedItem {
    /// An account's main item.
    Account(Account),
    /// A lane.
    Lane(Lane),
    /// A payment.
    Payment(Box<Recorded>),
    /// A further leg of a payment.
    Leg(SettledLeg),
    /// A sum of refunds.
    RefundSum(LegId, u64),
    /// A part of a dead letter.
    DeadLetterPart {
        /// Of which dead letter.
        letter: DeadLetterId,
        /// Its number.
        part: usize,
        /// How many parts there are. Only the first part says.
        count: Option<usize>,
    },
    /// An item that this version can't read.
    Unreadable {
        /// Its key, as far as it is text.
        key: String,
        /// What was expected. Never the value.
        expected: String,
    },
}

/// A page of a segment, or of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPage<M, I = ScannedItem> {
    /// Its items.
    pub items: Vec<I>,
    /// Where the next page begins, if there is one.
    pub next: Option<M>,
    /// What it cost, in thousandths of a read unit.
    pub read_milliunits: u64,
}

/// Scans of whole tables.
pub trait TableScan: Sync {
    /// Where a page ended.
    type Mark: Clone + Send;

    /// Reads the page of a segment that begins after `mark`, or its first page. Each item is read strongly consistent,
    /// at some time of its own. All pages of all segments together hold each item that was there when the first was
    /// asked for. Parts of one dead letter come one after the other, in order.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn page(
        &self,
        table: Table,
        segment: Segment,
        mark: Option<Self::Mark>,
    ) -> impl Future<Output = Result<ScanPage<Self::Mark>, StoreError>> + Send;
}
