//! What: Decides a payment with legs: leg by leg, in order, and all or none.
//!
//! Data: Takes a payment with legs and the state before it. Gives a decision, and the leg that it is declined for.
//!
//! | a leg takes from | if | and then |
//! |---|---|---|
//! | the payment's debtor | | its limits hold for the sum of these legs, and its balance must cover them |
//! | an account that earlier legs paid | what they paid it, less what legs took from it, covers the leg | its balance never falls below what it was, so nothing else is checked |
//! | an account without a limit | | nothing is checked, and the transaction rests on there being no limit |
//!
//! Anything else is [`Decline::LegDebtorNotAllowed`].
//!
//! Invariants: A declined payment leaves everything as it was. Each leg finds the accounts as the legs before it left
//! them. So a balance that overflows in the middle counts, and no later leg hides it.

use super::funds::Debit;
use super::{Decision, State, between};
use crate::domain::batch::LegParties;
use crate::domain::{AccountIx, Decline, LegNumber, OverdraftLimit, RequestIx};

/// What the legs of a payment have moved so far.
struct Moved {
    /// The payment's debtor.
    debtor: AccountIx,
    /// What legs took from it, in minor units.
    taken: u64,
    /// What each account was paid, less what was taken from it.
    received: Vec<(AccountIx, i128)>,
}

impl Moved {
    fn received(&self, account: AccountIx) -> i128 {
        self.received.iter().find(|(known, _)| *known == account).map_or(0, |&(_, received)| received)
    }

    fn receives(&mut self, account: AccountIx, net: i128) {
        match self.received.iter_mut().find(|(known, _)| *known == account) {
            Some((_, received)) => *received = received.saturating_add(net),
            None => self.received.push((account, net)),
        }
    }
}

impl State<'_, '_> {
    /// Decides a payment with legs.
    ///
    /// # Errors
    /// The first reason that holds, of the first leg that has any.
    pub(super) fn decide_legs(&mut self, position: usize, request: RequestIx) -> Decision {
        let before = self.funds.keep(self.batch.named(request));
        let debtor = self.batch.debtor(request);
        let mut moved = Moved { debtor, taken: 0, received: Vec::new() };
        let covered = self.covered.len();
        for (place, &parties) in self.batch.legs(request).iter().enumerate() {
            if let Err(decline) = self.decide_leg(position, request, place, parties, &mut moved) {
                self.funds.restore(before);
                // Of a declined payment, only the leg that it is declined for matters.
                let is_covered = self.covered.last() == Some(&(position, place));
                self.covered.truncate(covered);
                self.covered.extend(is_covered.then_some((position, place)));
                self.declined_legs.push((position, LegNumber::at(place)));
                return Err(decline);
            }
        }
        if let Some(account) = &self.snapshot.accounts[debtor] {
            self.spent.settled(moved.taken, debtor, account);
        }
        Ok(())
    }

    fn decide_leg(
        &mut self,
        position: usize,
        request: RequestIx,
        place: usize,
        LegParties { debtor, creditor }: LegParties,
        moved: &mut Moved,
    ) -> Decision {
        let accounts = self.snapshot.accounts;
        let transfer = self.batch.transfer(request, place)?;
        let parties = between(transfer, accounts[debtor].as_ref(), accounts[creditor].as_ref())?;
        let (amount, units) = (transfer.amount, i128::from(transfer.amount.minor_units()));
        let lowest = parties.0.overdraft_limit.lowest_balance();
        let debit = if debtor == moved.debtor {
            moved.taken = moved.taken.saturating_add(amount.minor_units());
            self.spent.check(moved.taken, debtor, parties.0)?;
            Debit::from_balance(amount, lowest)
        } else if moved.received(debtor) >= units {
            self.covered.push((position, place));
            Debit::from_credits(amount)
        } else if parties.0.overdraft_limit == OverdraftLimit::Unlimited {
            Debit::from_balance(amount, lowest)
        } else {
            return Err(Decline::LegDebtorNotAllowed);
        };
        self.funds.pay(position, debit, (debtor, creditor), parties)?;
        moved.receives(debtor, units.saturating_neg());
        moved.receives(creditor, units);
        Ok(())
    }
}
