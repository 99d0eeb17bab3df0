//! What: Decides instructions: all the rules, for one instruction and the state of its two accounts.
//!
//! Data: Takes an instruction and a snapshot of accounts, lanes and refunds. Gives a decision, and the snapshot after
//! it.
//!
//! | phase | where | what |
//! |---|---|---|
//! | rules | here | the reasons, in their order |
//! | snapshot | `snapshot` | what is decided on, and what is decided |
//! | limits | `limits` | how much the payments of the batch use of their debtors' limits |
//! | legs | `legs` | several movements of money, all or none |
//! | refunds | `refunds` | how much is left of an original, while the batch is decided |
//! | funds | `funds` | what each account holds while the batch is decided, with its lanes and the credits of the batch |
//!
//! Invariants: The reasons are checked in the order of [`Decline::ALL`], and the first that holds is the answer. After
//! the last check the instruction must succeed. A batch is decided serially, as if each instruction were alone. So an
//! overdraft in the middle counts, and netting never hides one. No payment is declined for insufficient funds before
//! all lanes of its debtor are known. Nothing is conditional on the balance of an account that pays from lanes. Nothing
//! here can panic or overflow.

mod funds;
mod legs;
mod limits;
mod refunds;
mod snapshot;

use super::batch::LegParties;
use super::{Account, AccountStatus, Batch, Decision, Decline, Instruction, LegNumber, Refund, RequestIx, Transfer};
use funds::{Debit, Funds};
use limits::Spent;
use refunds::Refunds;

pub use snapshot::{Decisions, Snapshot, Sweep};

/// Checks the reasons that don't look at balances. Returns the two accounts if money may move between them.
fn between<'a>(
    transfer: Transfer<'_>,
    debtor: Option<&'a Account>,
    creditor: Option<&'a Account>,
) -> Result<(&'a Account, &'a Account), Decline> {
    if transfer.debtor == transfer.creditor {
        return Err(Decline::SameAccount);
    }
    let debtor = debtor.ok_or(Decline::DebtorNotFound)?;
    let creditor = creditor.ok_or(Decline::CreditorNotFound)?;
    if debtor.status == AccountStatus::Closed {
        return Err(Decline::DebtorClosed);
    }
    if creditor.status == AccountStatus::Closed {
        return Err(Decline::CreditorClosed);
    }
    if debtor.status == AccountStatus::Frozen {
        return Err(Decline::DebtorFrozen);
    }
    if creditor.status == AccountStatus::Frozen {
        return Err(Decline::CreditorFrozen);
    }
    if debtor.currency != transfer.currency || creditor.currency != transfer.currency {
        return Err(Decline::CurrencyMismatch);
    }
    Ok((debtor, creditor))
}

/// Decides requests of a batch, in the given order. Each finds the accounts as the requests before it left them.
#[must_use]
pub fn decide_all(batch: &Batch, requests: &[RequestIx], snapshot: Snapshot<'_>) -> Decisions {
    let (funds, refunds, spent) = (Funds::new(batch, snapshot), Refunds::new(snapshot), Spent::new(snapshot));
    let (covered, declined_legs) = (Vec::new(), Vec::new());
    let mut state = State { batch, snapshot, funds, refunds, spent, covered, declined_legs };
    let mut decisions = Vec::with_capacity(requests.len());
    for (position, &request) in requests.iter().enumerate() {
        decisions.push(state.decide(position, request));
    }
    let State { funds, refunds, covered, declined_legs, .. } = state;
    Decisions { covered, declined_legs, ..refunds.finish(funds.finish(decisions)) }
}

/// What the requests before have left.
struct State<'b, 's> {
    batch: &'b Batch,
    snapshot: Snapshot<'s>,
    funds: Funds<'b, 's>,
    refunds: Refunds<'s>,
    spent: Spent<'s>,
    /// Legs that credits of their own payment cover: each the position of its payment, and its place there.
    covered: Vec<(usize, usize)>,
    /// The legs that payments are declined for, each with the position of its payment.
    declined_legs: Vec<(usize, LegNumber)>,
}

impl State<'_, '_> {
    fn decide(&mut self, position: usize, request: RequestIx) -> Decision {
        let batch = self.batch;
        match &batch.requests()[request].instruction {
            Instruction::Payment(_) => self.decide_payment(position, request),
            Instruction::Legged(_) => self.decide_legs(position, request),
            Instruction::Refund(refund) => self.decide_refund(position, request, refund),
        }
    }

    fn decide_payment(&mut self, position: usize, request: RequestIx) -> Decision {
        let LegParties { debtor, creditor } = self.batch.legs(request)[0];
        let (transfer, accounts) = (self.batch.transfer(request, 0)?, self.snapshot.accounts);
        let parties = between(transfer, accounts[debtor].as_ref(), accounts[creditor].as_ref())?;
        self.spent.check(transfer.amount.minor_units(), debtor, parties.0)?;
        let debit = Debit::from_balance(transfer.amount, parties.0.overdraft_limit.lowest_balance());
        self.funds.pay(position, debit, (debtor, creditor), parties)?;
        self.spent.settled(transfer.amount.minor_units(), debtor, parties.0);
        Ok(())
    }

    fn decide_refund(&mut self, position: usize, request: RequestIx, refund: &Refund) -> Decision {
        let LegParties { debtor, creditor } = self.batch.legs(request)[0];
        let (transfer, accounts) = (self.batch.transfer(request, 0)?, self.snapshot.accounts);
        self.refunds.asked(position, refund);
        let parties = between(transfer, accounts[debtor].as_ref(), accounts[creditor].as_ref())?;
        let amount = self.refunds.amount(position, refund, transfer.amount)?;
        let lowest = self.batch.requests()[request].instruction.lowest_balance(parties.0.overdraft_limit);
        let debit = Debit::from_balance(amount, lowest);
        let decision = self.funds.pay(position, debit, (debtor, creditor), parties);
        self.refunds.decided(refund, amount, decision);
        decision
    }
}
