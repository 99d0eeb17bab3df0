//! Plans decisions into as few transactions as they fit in: the group commit.
//!
//! In: a batch, the verdicts of some of its requests, and the accounts that the verdicts rest on. Out: transactions of
//! at most [`TRANSACTION_ITEMS_MAX`] items, and which must wait for which.
//!
//! | phase | where | what |
//! |---|---|---|
//! | group | `group` | requests that share an account, directly or through others, form a component; components are packed into transactions |
//! | guard | `guard` | each transaction's requests become one Put a payment and one Update an account, with the conditions that the verdicts rest on |
//! | chain | here | a transaction waits for the last one before it that touches one of its accounts |
//!
//! Invariants: every request stands in exactly one transaction; two transactions that touch one account are ordered as
//! their requests are, so payments of one debtor stay in order; transactions that share no account don't wait for each
//! other; no transaction holds an item twice.
//!
//! Limits: 4 MB a transaction can't be reached by 100 items of this size (the store's tests hold it).

mod group;
mod guard;

use super::{
    Account, AccountId, AccountIx, Batch, Currency, Decline, OverdraftLimit, Request, RequestIx, Timestamp, Verdict,
};

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
    /// The lane of the creditor's in whose statement it stands, if the creditor has lanes. A credit is on that lane.
    pub creditor_lane: Option<u16>,
}

/// The change of one account's main item, or of one of its lanes, in a transaction, and what must still be true of the account for it to happen.
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
    /// Condition: the version is exactly this; where a decline rests on the balance that this update changes.
    pub version: Option<u64>,
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
    /// The steps (all before this one) that must have been applied first, because they touch an account of this one.
    pub after: Vec<usize>,
}

/// Plans requests with their verdicts, in as few transactions of at most `items_max` items as they fit in.
///
/// `requests` are in deciding order, `verdicts` stand beside them, and `accounts` is the snapshot, by [`AccountIx`],
/// that they were decided on. `items_max` is [`TRANSACTION_ITEMS_MAX`]; tests plan with less. It must be at least 3: a
/// payment and its two accounts.
#[must_use]
pub fn plan<'a>(
    batch: &'a Batch,
    requests: &[RequestIx],
    verdicts: &[Verdict],
    accounts: &[Option<Account>],
    decided_at: Timestamp,
    items_max: usize,
) -> Vec<Step<'a>> {
    let touches: Vec<Touch> = requests.iter().zip(verdicts).map(|(&ix, &verdict)| touch(batch, ix, verdict)).collect();
    let groups = group::group(&touches, accounts.len(), items_max);

    let mut guard = guard::Guard::new(batch, accounts);
    let mut last_step: Vec<Option<usize>> = vec![None; accounts.len()];
    let mut steps = Vec::with_capacity(groups.len());
    for (step, members) in groups.into_iter().enumerate() {
        let mut after = Vec::new();
        for &member in &members {
            for account in touches[member].ordered_by() {
                // The same step again means: touched by an earlier member of this very transaction.
                if let Some(before) = last_step[account].replace(step).filter(|&before| before != step) {
                    after.push(before);
                }
            }
        }
        after.sort_unstable();
        after.dedup();
        let (transaction, accounts) = guard.transaction(members.iter().map(|&member| &touches[member]), decided_at);
        let requests = members.into_iter().map(|member| touches[member].request).collect();
        steps.push(Step { transaction, requests, accounts, after });
    }
    steps
}

/// What a decided request does to its accounts.
#[derive(Debug, Clone, Copy)]
struct Touch {
    request: RequestIx,
    verdict: Verdict,
    debtor: AccountIx,
    creditor: AccountIx,
}

fn touch(batch: &Batch, request: RequestIx, verdict: Verdict) -> Touch {
    let (debtor, creditor) = batch.parties(request);
    Touch { request, verdict, debtor, creditor }
}

impl Touch {
    /// The accounts that it changes: an item each.
    fn changes(&self) -> impl Iterator<Item = AccountIx> + use<> {
        let both = self.verdict.is_ok().then_some([self.debtor, self.creditor]);
        both.into_iter().flatten()
    }

    /// The accounts whose requests must stay in order around it: both if money moves; of a decline the debtor, because
    /// payments of one debtor are decided in order, and whichever balance the decline rests on.
    fn ordered_by(&self) -> impl Iterator<Item = AccountIx> + use<> {
        let creditor = matches!(self.verdict, Ok(()) | Err(Decline::BalanceOverflow)).then_some(self.creditor);
        std::iter::once(self.debtor).chain(creditor)
    }

    /// The accounts whose balance its decline rests on.
    fn rests_on(&self) -> impl Iterator<Item = AccountIx> + use<> {
        let (debtor, creditor) = match self.verdict {
            Err(Decline::InsufficientFunds) => (Some(self.debtor), None),
            Err(Decline::BalanceOverflow) => (Some(self.debtor), Some(self.creditor)),
            Ok(())
            | Err(
                Decline::SameAccount
                | Decline::DebtorNotFound
                | Decline::CreditorNotFound
                | Decline::DebtorClosed
                | Decline::CreditorClosed
                | Decline::DebtorFrozen
                | Decline::CreditorFrozen
                | Decline::CurrencyMismatch,
            ) => (None, None),
        };
        debtor.into_iter().chain(creditor)
    }
}
