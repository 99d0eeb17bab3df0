//! What: Says which main items and lanes each decided request touches.
//!
//! A decline that rests on lanes needs proof that nobody swept them meanwhile: a condition on the version of the
//! debtor's main item. If no request before it in the plan changes the main item, the decline checks it.

use super::accounts::{Accounts, Marks};
use crate::domain::batch::LegParties;
use crate::domain::decide::{Decisions, Snapshot, Sweep};
use crate::domain::decline::BalanceOf;
use crate::domain::{AccountIx, Amount, Batch, Decision, Decline, LegNumber, RequestIx};

/// One leg of a decided request.
#[derive(Debug, Clone, Copy)]
pub(super) struct LegTouch {
    pub(super) debtor: AccountIx,
    pub(super) creditor: AccountIx,
    /// The debit is on a lane.
    pub(super) from_lane: bool,
    /// Credits of the same payment cover the debit. So it takes back from where they went.
    pub(super) is_covered: bool,
    /// The creditor takes this credit on a lane.
    pub(super) on_lane: bool,
}

/// What a decided request does to its accounts. Or a sweep of lanes that don't fit beside the debit that needs them.
#[derive(Debug, Clone)]
pub(super) struct Touch<'d> {
    /// `None`: it only sweeps lanes.
    pub(super) request: Option<RequestIx>,
    pub(super) decision: Decision,
    /// The account whose order it keeps.
    pub(super) debtor: AccountIx,
    pub(super) legs: &'d [LegTouch],
    /// The leg that it is declined for.
    pub(super) declined_leg: Option<LegNumber>,
    /// It is a refund, and gives back this much.
    pub(super) repaid: Option<Amount>,
    /// Others of the batch refund the same original, so it stays in order with them.
    shares_original: bool,
    /// The debtor pays from lanes, so its payments commute.
    from_lane: bool,
    /// The account on whose lanes the decline rests.
    rests_on: Option<AccountIx>,
    /// The decline checks that account's main item, because no request before it changes or checks that.
    checks: bool,
    /// The lanes are only swept while they are free.
    while_free: bool,
    /// The lanes to sweep before its debits. Those of one account stand together.
    pub(super) sweeps: &'d [Sweep],
    accounts: Accounts,
}

/// The legs of all requests of a plan.
pub(super) struct LegTouches {
    all: Vec<LegTouch>,
    /// By account: whether it pays from lanes.
    pays: Vec<bool>,
}

impl LegTouches {
    /// The legs of these requests, in their order.
    pub(super) fn of(batch: &Batch, requests: &[RequestIx], decisions: &Decisions, snapshot: Snapshot<'_>) -> Self {
        let accounts = snapshot.accounts.len();
        let pays: Vec<bool> = (0..accounts).map(|account| !snapshot.paying_lanes(batch, account).is_empty()).collect();
        let takes_on_lane =
            |account| has_lanes(snapshot, account) && decisions.gathered.binary_search(&account).is_err();
        let mut all = Vec::with_capacity(requests.len());
        for (position, &request) in requests.iter().enumerate() {
            for (place, &LegParties { debtor, creditor }) in batch.legs(request).iter().enumerate() {
                let is_covered = place > 0 && decisions.is_covered(position, place);
                let from_lane = if is_covered { takes_on_lane(debtor) } else { pays[debtor] };
                all.push(LegTouch { debtor, creditor, from_lane, is_covered, on_lane: takes_on_lane(creditor) });
            }
        }
        Self { all, pays }
    }
}

/// Whether the account takes credits on lanes.
fn has_lanes(snapshot: Snapshot<'_>, account: AccountIx) -> bool {
    snapshot.accounts[account].as_ref().is_some_and(|account| !account.payment_lanes().is_none())
}

/// The touches of requests, in their order.
pub(super) fn touches<'d>(
    batch: &Batch,
    requests: &[RequestIx],
    decisions: &'d Decisions,
    legs: &'d LegTouches,
    snapshot: Snapshot<'_>,
    items_max: usize,
) -> Vec<Touch<'d>> {
    let mut is_written = vec![false; snapshot.accounts.len()];
    let mut sweeps = decisions.sweeps.as_slice();
    let mut legs_left = legs.all.as_slice();
    let mut touches = Vec::with_capacity(requests.len());
    for (position, (&request, &decision)) in requests.iter().zip(&decisions.decisions).enumerate() {
        let (legs_of, rest) = legs_left.split_at(batch.legs(request).len());
        legs_left = rest;
        let needed = sweeps.iter().take_while(|sweep| sweep.position == position).count();
        let (mut own, rest) = sweeps.split_at(needed);
        sweeps = rest;
        let debtor = batch.debtor(request);
        let mut touch = Touch {
            request: Some(request),
            decision,
            debtor,
            legs: legs_of,
            declined_leg: decisions.declined_leg(position),
            repaid: decisions.repaid(position),
            shares_original: batch.shares_original(request),
            from_lane: legs.pays[debtor],
            rests_on: None,
            checks: false,
            while_free: false,
            sweeps: &[],
            accounts: Accounts::NONE,
        };
        touch.rest(snapshot, &is_written);
        touch.list();
        touch.changes().for_each(|account| is_written[account] = true);
        // Lanes that don't fit beside the debit are swept before it.
        let room = if own.is_empty() { 0 } else { items_max.saturating_sub(touch.items()) };
        while own.len() > room {
            let same = own.chunk_by(|one, next| one.account == next.account).next().map_or(0, <[Sweep]>::len);
            let (first, rest) = own.split_at(same.min(items_max.saturating_sub(1)));
            touches.push(touch.clone().sweeping(first));
            own = rest;
        }
        if !own.is_empty() {
            touch.sweeps = own;
            touch.list();
        }
        touches.push(touch);
    }
    touches
}

impl<'d> Touch<'d> {
    /// Notes whether it rests on lanes. `is_written` says which main items the requests before change or check.
    fn rest(&mut self, snapshot: Snapshot<'_>, is_written: &[bool]) {
        let balance = self.decision.err().and_then(Decline::depends_on_balance);
        let is_debtors = matches!(balance, Some(BalanceOf::Debtor | BalanceOf::Both));
        let declined = self.declined_leg.map_or(0, LegNumber::place);
        let Some(leg) = self.legs.get(declined).filter(|_| is_debtors) else { return };
        if has_lanes(snapshot, leg.debtor) && !leg.from_lane && !leg.is_covered {
            (self.rests_on, self.checks) = (Some(leg.debtor), !is_written[leg.debtor]);
        }
    }

    /// A sweep of some of its debtor's lanes, without the debit that needs them.
    pub(super) fn sweeping(self, sweeps: &'d [Sweep]) -> Self {
        let mut sweeping = Self { request: None, sweeps, ..self };
        sweeping.list();
        sweeping
    }

    /// The same, but its lanes are only swept while they are free.
    pub(super) fn while_free(self) -> Self {
        Self { while_free: true, ..self }
    }

    /// Whether its lanes are only swept while they are free.
    pub(super) fn is_only_while_free(&self) -> bool {
        self.while_free
    }

    /// Whether money moves.
    pub(super) fn moves(&self) -> bool {
        self.request.is_some() && self.decision.is_ok()
    }

    /// The legs whose money moves.
    fn moved(&self) -> &'d [LegTouch] {
        if self.moves() { self.legs } else { &[] }
    }

    /// Lists the accounts that it touches.
    fn list(&mut self) {
        let mut accounts = Accounts::NONE;
        if !self.from_lane || self.shares_original {
            accounts.mark(self.debtor, Marks::ORDERS);
        }
        if let Some(account) = self.checks() {
            accounts.mark(account, Marks::CHANGES);
        }
        for sweep in self.sweeps.chunk_by(|one, next| one.account == next.account).filter_map(<[Sweep]>::first) {
            accounts.mark(sweep.account, Marks::CHANGES.and(Marks::ORDERS));
        }
        let on_main = match self.decision.map_err(Decline::depends_on_balance) {
            Ok(()) => Marks::CHANGES.and(Marks::ORDERS),
            Err(Some(BalanceOf::Creditor | BalanceOf::Both)) => Marks::ORDERS,
            Err(Some(BalanceOf::Debtor) | None) => Marks::NONE,
        };
        let on_lane = if self.moves() { Marks::ON_LANE } else { Marks::NONE };
        let legs = if self.request.is_some() { self.legs } else { &[] };
        for leg in legs {
            accounts.mark(leg.debtor, if leg.from_lane { on_lane } else { on_main });
            accounts.mark(leg.creditor, if leg.on_lane { on_lane } else { on_main });
        }
        self.accounts = accounts;
    }

    /// The main items that it writes or checks, each once.
    pub(super) fn changes(&self) -> impl Iterator<Item = AccountIx> + '_ {
        self.accounts.with(Marks::CHANGES)
    }

    /// The accounts that it changes on a lane, each once.
    pub(super) fn on_lanes(&self) -> impl Iterator<Item = AccountIx> + '_ {
        self.accounts.with(Marks::ON_LANE)
    }

    /// The number of items that no other request touches: its payment with an item for each further leg, and the lanes
    /// that it sweeps. The sum of refunds of an original is counted as one of each refund.
    pub(super) fn own_items(&self) -> usize {
        let total = usize::from(self.moves() && self.repaid.is_some());
        let payment = usize::from(self.request.is_some()).max(self.moved().len());
        payment.saturating_add(total).saturating_add(self.sweeps.len())
    }

    /// The items of a transaction of this request alone.
    pub(super) fn items(&self) -> usize {
        self.own_items().saturating_add(self.changes().count()).saturating_add(self.on_lanes().count())
    }

    /// The main items whose requests must stay in order around this one, each once. The debtor's is one, because
    /// payments of one debtor are decided in order. It isn't one if the debtor pays from lanes, because then they
    /// commute. Only refunds of one original don't. Those of the legs are too, if money moves or a decline rests on a
    /// creditor's balance. They aren't if the debtor pays from lanes, or the creditor takes its credits on lanes.
    pub(super) fn ordered_by(&self) -> impl Iterator<Item = AccountIx> + '_ {
        self.accounts.with(Marks::ORDERS)
    }

    /// The account on whose lanes the decline rests.
    pub(super) fn rests_on(&self) -> Option<AccountIx> {
        self.rests_on
    }

    /// The main item that it checks.
    pub(super) fn checks(&self) -> Option<AccountIx> {
        self.rests_on.filter(|_| self.checks)
    }

    /// The accounts that it names. Some may be there more than once.
    pub(super) fn named(&self) -> impl Iterator<Item = AccountIx> + use<'d> {
        std::iter::once(self.debtor).chain(self.legs.iter().flat_map(|leg| [leg.debtor, leg.creditor]))
    }
}
