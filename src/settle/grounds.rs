//! Whether what a decline for want of money rests on was so at one moment: a moment after the earlier debits of its
//! debtor, and after every answer that was given before its record was delivered.
//!
//! In: requests as they were decided. Out: which accounts must be confirmed first ([`mod@super::confirm`]), or which
//! requests must wait for the round to be over.
//!
//! A debit that is settled carries conditions, and they find out what has changed since the read. A decline moves
//! nothing and carries none but those of the items that its transaction changes anyway. And a plain read may see a
//! transaction on one item and not yet on another, when somebody else has been answered on the strength of the first.
//! So:
//!
//! | the decline rests on | it is right at | because |
//! |---|---|---|
//! | an account without lanes that a debit of the same plan changes before it | that debit's transaction | the change holds if the version is the one decided on (`plan::guard`) |
//! | an account with lanes, after a debit of the same plan | nothing, until the plan is carried out and it is confirmed | no version tells of a credit on a lane |
//! | any other that is confirmed | the moment of which it was read | no debit of ours has changed it since |
//! | any other | nothing, until it is confirmed; in the next round, if somebody else is at work on it | |
//!
//! Invariant: whatever is held, the earlier debit that makes it so is sent, so each round moves. What somebody else
//! hinders holds up its debtor's later payments, and nothing else.
//!
//! Limits: of an account with lanes, payments settled and declined for want of money by turns take a round each turn.

use std::collections::{BTreeSet, HashSet};

use super::knowledge::Knowledge;
use crate::domain::decide::Decisions;
use crate::domain::decline::BalanceOf;
use crate::domain::{AccountIx, Batch, Decline, RequestIx};

/// What stands between decisions and their plan.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Accounts to confirm. Once they are, all is to be decided again.
    pub(super) confirm: BTreeSet<AccountIx>,
    /// Declines that wait for the end of the round.
    pub(super) hold: Vec<RequestIx>,
    /// Declines on accounts that somebody else is at work on.
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

/// Finds the declines that can't stand as they were decided.
pub(super) fn doubts(batch: &Batch, knowledge: &Knowledge<'_>, pending: &[RequestIx], decisions: &Decisions) -> Doubts {
    let mut doubts = Doubts::default();
    let mut declines = decisions.verdicts.iter().filter_map(|verdict| verdict.err());
    if declines.all(|decline| decline.depends_on_balance().is_none()) {
        return doubts;
    }
    let mut debited: HashSet<AccountIx> = HashSet::new();
    for (&request, &verdict) in pending.iter().zip(&decisions.verdicts) {
        let (debtor, creditor) = batch.parties(request);
        match verdict.map_err(Decline::depends_on_balance) {
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
