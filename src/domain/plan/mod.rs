//! Plans decisions into as few transactions as they fit in: the group commit.
//!
//! In: a batch, the decisions on some of its requests, and the accounts that they rest on. Out: transactions of at most
//! [`TRANSACTION_ITEMS_MAX`] items, and which must wait for which.
//!
//! | phase | where | what |
//! |---|---|---|
//! | touch | `touch` | what each request does to which main items and lanes; what a debit must sweep first |
//! | group | `group` | requests that share an account, directly or through others, form a component; components are packed into transactions |
//! | levels | `levels` | a component that doesn't fit one transaction is cut into cells that do, side by side as far as they are not tied |
//! | turns | `lanes` | each group that credits an account with lanes takes the next lane that the batch owns |
//! | guard | `guard` | each transaction's requests become one Put a payment and one Update a main item or lane, with the conditions that the verdicts rest on |
//! | chain | `chain` | a transaction waits for the last one before it that touches one of its main items or lanes |
//!
//! A creditor that takes its credits on lanes doesn't tie the requests that credit it together: its component ends
//! there.
//!
//! Invariants: every request stands in exactly one transaction; two transactions that touch one main item or lane are
//! ordered, for a main item as their requests are, so payments of one debtor stay in order; transactions that share
//! neither don't wait for each other; no transaction holds an item twice.
//!
//! Limits: 4 MB a transaction can't be reached by 100 items of this size (the store's tests hold it).

mod chain;
mod group;
mod guard;
mod lanes;
mod levels;
mod limits;
mod touch;

use super::decide::{Decisions, Snapshot};
use super::{AccountId, AccountIx, Batch, Currency, LaneId, OverdraftLimit, Request, RequestIx, Timestamp, Verdict};
pub use limits::Limits;
use touch::Touch;

/// A lane of an account.
type LaneIx = (AccountIx, u16);

/// The most items one transaction may write. Source: DynamoDB `TransactWriteItems`, 100 actions.
pub const TRANSACTION_ITEMS_MAX: usize = 100;

/// A set of writes that happen together or not at all: one Put a payment, one Update an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// The payments that it gives an outcome. Each is written only if no payment of that id exists.
    pub entries: Vec<Entry<'a>>,
    /// The accounts and lanes that it changes, each once.
    pub updates: Vec<AccountUpdate>,
    /// When the entries were decided.
    pub decided_at: Timestamp,
}

/// A payment and the outcome that a transaction gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The payment and its record.
    pub request: &'a Request,
    /// The answer.
    pub verdict: Verdict,
    /// The lane of the creditor's in whose statement it stands, if the creditor has lanes. A credit is on that lane, or
    /// on the main item where a debit of the same batch spends it.
    pub creditor_lane: Option<u16>,
}

/// The change of one account's main item, or of one of its lanes, in a transaction, and what must still be true of the
/// account for it to happen.
///
/// Status `open` and the currency are always conditions; the others where they are `Some`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUpdate {
    /// The account.
    pub account: AccountId,
    /// The lane of it that changes; none: its main item.
    pub lane: Option<u16>,
    /// What is added to the balance, in minor units (below zero: taken from it). The version rises by one.
    pub net: i128,
    /// Condition: the account's currency.
    pub currency: Currency,
    /// Condition: the overdraft limit is this one; where the decisions rest on it, because the account is debited.
    pub overdraft_limit: Option<OverdraftLimit>,
    /// Condition: the balance before is at least this, so that the worst prefix of the debits stays within the limit.
    pub balance_min: Option<i128>,
    /// Condition: the balance before is at most this, so that no prefix of the credits passes what a balance can hold.
    pub balance_max: Option<i128>,
    /// Condition: the version is exactly this; where a decline of this transaction, or of one that waits for it, rests
    /// on the balance that this update changes.
    pub version: Option<u64>,
}

impl AccountUpdate {
    /// The lane that changes; `None`: the account's main item.
    #[must_use]
    pub fn lane_id(&self) -> Option<LaneId> {
        self.lane.map(|lane| LaneId { account: self.account.clone(), lane })
    }
}

/// A planned transaction, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// What to commit.
    pub transaction: Transaction<'a>,
    /// The requests behind [`Transaction::entries`], in the same order.
    pub requests: Vec<RequestIx>,
    /// The accounts behind [`Transaction::updates`], in the same order.
    pub accounts: Vec<AccountIx>,
    /// The steps (all before this one) that must have been applied first, because they touch an account or a lane of
    /// this one.
    pub after: Vec<usize>,
}

/// Plans requests as they were decided, in as few transactions as they fit in.
///
/// `requests` are in deciding order, and `decisions` were made of them on `snapshot`; none may be
/// [unread](Decisions::unread).
#[must_use]
pub fn plan<'a>(
    batch: &'a Batch,
    requests: &[RequestIx],
    decisions: &Decisions,
    snapshot: Snapshot<'_>,
    decided_at: Timestamp,
    limits: &Limits,
) -> Vec<Step<'a>> {
    let touches = touch::touches(batch, requests, decisions, snapshot.accounts, limits.items_max());
    let groups = group::group(&touches, snapshot.accounts.len(), limits);
    let pinned = guard::pinned(&groups, &touches);

    let mut turns = lanes::Turns::new(batch, snapshot);
    let mut guard = guard::Guard::new(batch, snapshot.accounts);
    let mut last_steps = chain::LastSteps::new(snapshot.accounts.len());
    let mut steps = Vec::with_capacity(groups.len());
    for (step, (group, pinned)) in groups.into_iter().zip(pinned).enumerate() {
        let members = group.members.iter().map(|&member| &touches[member]);
        let lanes: Vec<LaneIx> = group.laned.iter().map(|&account| (account, turns.next(account))).collect();
        let swept = members.clone().flat_map(|touch| touch.sweeps);
        let after = last_steps.before(
            step,
            members.clone().flat_map(Touch::ordered_by),
            lanes.iter().copied().chain(swept.map(|sweep| (sweep.account, sweep.lane))),
        );
        let requests = members.clone().filter_map(|touch| touch.request).collect();
        let (transaction, accounts) = guard.transaction(members, &pinned, &lanes, &mut turns, decided_at);
        steps.push(Step { transaction, requests, accounts, after });
    }
    steps
}
