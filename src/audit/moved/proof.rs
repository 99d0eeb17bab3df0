//! What: The result of a scheduled audit, and the accounts that it looks at.

use std::collections::BTreeMap;

use crate::domain::audit::{Checkpoint, Draft, FINDINGS_MAX, Finding, Head, Held, Since, Times};
use crate::domain::{Account, AccountId, LegId, Timestamp};

/// The result of a scheduled audit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof {
    /// The closed time up to which accounts were proved. `None`: it didn't come that far.
    pub closed: Option<Timestamp>,
    /// Accounts seen.
    pub accounts: usize,
    /// Accounts that had moved.
    pub moved: usize,
    /// Accounts that had moved and are not proved, and accounts that can't be judged.
    pub behind: usize,
    /// The time up to which every account is proved.
    pub oldest: Option<Timestamp>,
    /// Postings read.
    pub postings: u64,
    /// A balance had to be between two bounds. This is the widest distance between them, in minor units.
    pub widest: i128,
    /// Dead letters that are whole.
    pub letters: usize,
    /// What doesn't add up.
    pub findings: Vec<Finding>,
    /// Findings beyond those that are kept.
    pub more: usize,
    /// What was read, in thousandths of a read unit.
    pub read_milliunits: u64,
    /// Where it stopped at its deadline, and the last error of the store. `None`: it finished.
    pub stopped: Option<String>,
}

impl Proof {
    /// How many things don't add up.
    #[must_use]
    pub fn count(&self) -> usize {
        self.findings.len().saturating_add(self.more)
    }

    /// Takes a finding. Two accounts may tell of the same payment.
    pub(super) fn find(&mut self, finding: Finding) {
        if self.findings.contains(&finding) {
            return;
        }
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// An account to look at.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) account: AccountId,
    /// `None`: it was never proved.
    pub(super) head: Option<Head>,
    /// It needs a checkpoint.
    pub(super) moved: bool,
    /// What was read for the next look.
    pub(super) fresh: Option<ItemsRead>,
    /// What an earlier look has read, before the lists of this one.
    pub(super) read: Option<ItemsRead>,
    /// What its postings make up to a time of their own. It fits the head.
    pub(super) draft: Option<Draft>,
    /// How many milliseconds its next slice should take in. `None`: this audit has made no slice of it yet.
    pub(super) step_ms: Option<i64>,
    /// What its items show by themselves was told in this audit, so that its slices can begin.
    pub(super) is_state_told: bool,
    /// It isn't looked at again in this audit, if this look finds something too.
    pub(super) is_last: bool,
    pub(super) findings: Vec<Finding>,
}

impl Job {
    pub(super) fn new(account: AccountId, head: Option<Head>, moved: bool) -> Self {
        let (fresh, read, draft, step_ms, findings) = (None, None, None, None, Vec::new());
        Self { account, head, moved, fresh, read, draft, step_ms, is_state_told: false, is_last: false, findings }
    }

    /// The times of the checkpoint and of the draft that its items are judged by.
    pub(super) fn judged_by(&self) -> [Option<Timestamp>; 2] {
        [self.head.as_ref().map(|head| head.checkpoint.as_of), self.draft.as_ref().map(Draft::as_of)]
    }

    /// Its items were read, or can't be.
    pub(super) fn is_opened(&self) -> bool {
        self.fresh.is_some() || !self.findings.is_empty()
    }

    /// Up to when its postings are known: by its draft, else by its checkpoint.
    pub(super) fn known_to(&self) -> Timestamp {
        let known = self.draft.as_ref().map(|draft| &draft.made).or(self.head.as_ref().map(|head| &head.checkpoint));
        known.map_or(Timestamp::MIN, |known: &Checkpoint| known.as_of)
    }

    /// Begins to take its postings since then.
    pub(super) fn since<'a>(&'a self, account: &'a Account, times: Times) -> Since<'a> {
        match &self.draft {
            Some(draft) => Since::after_draft(account, draft, times),
            None => Since::new(account, self.head.as_ref().map(|head| &head.checkpoint), times),
        }
    }
}

/// What was read of an account's items. The lists of each later look are judged by it: they show all that it holds, as
/// soon as the indexes have caught up. If it was read anew, a busy account would always be ahead of its lists.
#[derive(Debug)]
pub(super) struct ItemsRead {
    pub(super) held: Held,
    /// When the read began.
    pub(super) began: Timestamp,
    /// When it had ended.
    pub(super) ended: Timestamp,
    /// The sums of refunds that the lists have named.
    pub(super) sums: BTreeMap<LegId, u64>,
}
