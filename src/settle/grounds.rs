//! What: Finds declines that rest on balances which may never have been true together. They must have been true at one
//! point in time. It must come after the earlier debits of the same debtor, and after every answer given before the
//! record was delivered.
//!
//! Data: Takes decided requests. Gives the accounts that must be confirmed first ([`mod@super::confirm`]), and the
//! requests that must wait for the end of the round.
//!
//! A settled debit carries conditions, and they fail if an account has changed since the read. A decline moves nothing.
//! It carries only the conditions of items that its transaction changes anyway. And a plain read may see a transaction
//! on one item and not yet on another. Meanwhile somebody else may already have an answer that rests on the first item.
//! So:
//!
//! | the decline rests on | it is right at | because |
//! |---|---|---|
//! | an account without lanes, changed by an earlier debit of the same plan | the transaction of that debit | that transaction has the version decided on as a condition (`plan::guard`) |
//! | an account with lanes, after a debit of the same plan | no point yet: carry out the plan, then confirm the account | a credit on a lane changes no version of the main item |
//! | any other account that is confirmed | the time of its snapshot read | no debit of this batch has changed it since |
//! | any other account | no point yet: confirm it; in the next round, if somebody else holds it | |
//!
//! Invariants: If a request is held, the earlier debit that holds it is sent, so each round makes progress. If somebody
//! else holds up a request, only the later payments of its debtor wait for it.
//!
//! Limits: If an account with lanes has payments settled and declined in turn, each turn takes a round.

use std::collections::{BTreeSet, HashSet};

use super::knowledge::Knowledge;
use crate::domain::decide::Decisions;
use crate::domain::decline::BalanceOf;
use crate::domain::{AccountIx, Batch, Decline, RequestIx};

/// What stands between decisions and their plan.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Accounts to confirm. After that, everything is decided again.
    pub(super) confirm: BTreeSet<AccountIx>,
    /// Declines that wait for the end of the round.
    pub(super) hold: Vec<RequestIx>,
    /// Declines on accounts that somebody else holds.
    pub(super) hindered: Vec<RequestIx>,
}

impl Doubts {
    /// A decline rests on an account as it was read.
    fn rests_on(&mut self, knowledge: &Knowledge<'_>, request: RequestIx, account: AccountIx) {
        if knowledge.awaits_its_turn(account) {
            self.hindered.push(request);
        } else if !knowledge.is_confirmed(account) {
            self.confirm.insert(account);
        }
    }
}

/// Finds the declines that can't be committed as they were decided.
pub(super) fn doubts(batch: &Batch, knowledge: &Knowledge<'_>, pending: &[RequestIx], decisions: &Decisions) -> Doubts {
    let mut doubts = Doubts::default();
    let mut declines = decisions.decisions.iter().filter_map(|decision| decision.err());
    if declines.all(|decline| decline.depends_on_balance().is_none()) {
        return doubts;
    }
    let mut debited: HashSet<AccountIx> = HashSet::new();
    for (&request, &decision) in pending.iter().zip(&decisions.decisions) {
        let (debtor, creditor) = batch.parties(request);
        match decision.map_err(Decline::depends_on_balance) {
            Ok(()) => {
                debited.insert(debtor);
            }
            Err(Some(BalanceOf::Debtor)) if debited.contains(&debtor) => {
                doubts.hold.extend(has_lanes(knowledge, debtor).then_some(request));
            }
            Err(Some(BalanceOf::Debtor)) => doubts.rests_on(knowledge, request, debtor),
            Err(Some(BalanceOf::Both)) => {
                let parties = [debtor, creditor].into_iter().filter(|&account| !has_lanes(knowledge, account));
                parties.for_each(|account| doubts.rests_on(knowledge, request, account));
            }
            Err(None) => {}
        }
    }
    doubts
}

fn has_lanes(knowledge: &Knowledge<'_>, account: AccountIx) -> bool {
    !knowledge.lanes_of(account).is_none()
}
