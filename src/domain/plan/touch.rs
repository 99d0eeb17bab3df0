//! What: Says which main items and lanes each decided request touches.
//!
//! A decline that rests on lanes needs proof that nobody swept them meanwhile: a condition on the version of the
//! debtor's main item. If no request before it in the plan changes the main item, the decline checks it.

use crate::domain::decide::{Decisions, Snapshot, Sweep};
use crate::domain::decline::BalanceOf;
use crate::domain::{AccountIx, Amount, Batch, Decision, Decline, RequestIx};

/// The debtor's main item and the creditor's: what a transaction may hold beside the request's own items.
const ACCOUNTS: usize = 2;

/// What a decided request does to its accounts. Or a sweep of lanes that don't fit beside the debit that needs them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touch<'d> {
    /// `None`: it only sweeps lanes.
    pub(super) request: Option<RequestIx>,
    pub(super) decision: Decision,
    pub(super) debtor: AccountIx,
    pub(super) creditor: AccountIx,
    /// It is a refund, and gives back this much.
    pub(super) repaid: Option<Amount>,
    /// Others of the batch refund the same original, so it stays in order with them.
    shares_original: bool,
    /// The debtor pays from a lane.
    from_lane: bool,
    /// The creditor takes this credit on a lane.
    on_lane: bool,
    /// The decline rests on the debtor's lanes.
    rests_on_lanes: bool,
    /// The decline checks the debtor's main item, because no request before it changes or checks that.
    checks: bool,
    /// The lanes are only swept while they are free.
    while_free: bool,
    /// The debtor's lanes to sweep before the debit.
    pub(super) sweeps: &'d [Sweep],
}

/// The touches of requests, in their order.
pub(super) fn touches<'d>(
    batch: &Batch,
    requests: &[RequestIx],
    decisions: &'d Decisions,
    snapshot: Snapshot<'_>,
    items_max: usize,
) -> Vec<Touch<'d>> {
    let accounts = snapshot.accounts;
    let pays = |account: AccountIx| !snapshot.paying_lanes(batch, account).is_empty();
    let pays: Vec<bool> = (0..accounts.len()).map(pays).collect();
    let has_lanes =
        |account: AccountIx| accounts[account].as_ref().is_some_and(|account| !account.payment_lanes().is_none());
    let mut is_written = vec![false; accounts.len()];
    let mut sweeps = decisions.sweeps.as_slice();
    let mut touches = Vec::with_capacity(requests.len());
    for (position, (&request, &decision)) in requests.iter().zip(&decisions.decisions).enumerate() {
        let (debtor, creditor) = batch.parties(request);
        let needed = sweeps.iter().take_while(|sweep| sweep.position == position).count();
        let (mut own, rest) = sweeps.split_at(needed);
        sweeps = rest;
        let on_lane = has_lanes(creditor) && decisions.gathered.binary_search(&creditor).is_err();
        let from_lane = pays[debtor];
        let rests_on = decision.err().and_then(Decline::depends_on_balance);
        let rests_on_lanes =
            matches!(rests_on, Some(BalanceOf::Debtor | BalanceOf::Both)) && has_lanes(debtor) && !from_lane;
        let checks = rests_on_lanes && !is_written[debtor];
        let touch = Touch {
            request: Some(request),
            decision,
            debtor,
            creditor,
            repaid: decisions.repaid(position),
            shares_original: batch.shares_original(request),
            from_lane,
            on_lane,
            rests_on_lanes,
            checks,
            while_free: false,
            sweeps: &[],
        };
        touch.changes().for_each(|account| is_written[account] = true);
        // Lanes that don't fit beside the debit are swept before it.
        while own.len() > items_max.saturating_sub(touch.own_items()).saturating_sub(ACCOUNTS) {
            let (first, rest) = own.split_at(own.len().min(items_max.saturating_sub(1)));
            touches.push(touch.sweeping(first));
            own = rest;
        }
        touches.push(Touch { sweeps: own, ..touch });
    }
    touches
}

impl<'d> Touch<'d> {
    /// A sweep of some of its debtor's lanes, without the debit that needs them.
    pub(super) fn sweeping(self, sweeps: &'d [Sweep]) -> Self {
        Self { request: None, sweeps, ..self }
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

    /// The main items that it writes or checks.
    pub(super) fn changes(&self) -> impl Iterator<Item = AccountIx> + use<> {
        let debtor = self.moves() && !self.from_lane || self.checks || !self.sweeps.is_empty();
        let creditor = self.moves() && !self.on_lane;
        debtor.then_some(self.debtor).into_iter().chain(creditor.then_some(self.creditor))
    }

    /// The number of items that no other request touches: its payment, and the lanes that it sweeps. The sum of refunds
    /// of an original is counted as one of each refund.
    pub(super) fn own_items(&self) -> usize {
        let total = usize::from(self.moves() && self.repaid.is_some());
        usize::from(self.request.is_some()).saturating_add(total).saturating_add(self.sweeps.len())
    }

    /// The accounts that it changes on a lane.
    pub(super) fn on_lanes(&self) -> impl Iterator<Item = AccountIx> + use<> {
        let creditor = (self.moves() && self.on_lane).then_some(self.creditor);
        let debtor = (self.moves() && self.from_lane).then_some(self.debtor);
        creditor.into_iter().chain(debtor)
    }

    /// Whether its debtor pays from lanes. Then a lane's statement lists it.
    pub(super) fn is_from_lane(&self) -> bool {
        self.from_lane
    }

    /// Whether it credits a lane.
    pub(super) fn is_on_lane(&self) -> bool {
        self.on_lane
    }

    /// The main items whose requests must stay in order around this one. The debtor's is one, because payments of one
    /// debtor are decided in order. It isn't one if the debtor pays from lanes, because then they commute. Only refunds
    /// of one original don't. The
    /// creditor's is one if money moves or a decline rests on its balance. It isn't one if the creditor takes its
    /// credits on lanes.
    pub(super) fn ordered_by(&self) -> impl Iterator<Item = AccountIx> + use<> {
        let both = matches!(
            self.decision.map_err(Decline::depends_on_balance),
            Ok(()) | Err(Some(BalanceOf::Creditor | BalanceOf::Both))
        );
        let rests = self.request.is_some() && both;
        let creditor = (rests && !self.on_lane).then_some(self.creditor);
        (!self.from_lane || self.shares_original).then_some(self.debtor).into_iter().chain(creditor)
    }

    /// The account on whose lanes the decline rests.
    pub(super) fn rests_on(&self) -> Option<AccountIx> {
        self.rests_on_lanes.then_some(self.debtor)
    }

    /// The main item that it checks.
    pub(super) fn checks(&self) -> Option<AccountIx> {
        self.checks.then_some(self.debtor)
    }
}
