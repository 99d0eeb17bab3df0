//! What: How far each request of a batch is: which have their disposition, and which must wait, and why.
//!
//! Data: Takes what became of each step. Gives the requests that must still be committed, and at last a [`Disposition`]
//! for every request.
//!
//! Invariants: A request keeps its disposition. A request waits for every earlier one that it must follow.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::disposition::Disposition;
use super::knowledge::Knowledge;
use crate::domain::plan::Step;
use crate::domain::{AccountIx, Batch, Fingerprint, LegId, Request, RequestIx, Source};

/// How far the requests of a batch are.
pub(super) struct Progress<'b> {
    batch: &'b Batch,
    /// By request: its disposition, once it has one.
    found: Vec<Option<Disposition>>,
    /// The fingerprints of outcomes that were stored before, by the request that found them.
    recorded: HashMap<RequestIx, Fingerprint>,
    /// Requests whose stored payment can't be read.
    unreadable: HashSet<RequestIx>,
    /// Requests that the store rejects, or whose accounts' writes it rejects.
    rejected: HashSet<RequestIx>,
}

impl<'b> Progress<'b> {
    /// No request has its disposition yet.
    pub(super) fn new(batch: &'b Batch) -> Self {
        Self {
            batch,
            found: vec![None; batch.requests().len()],
            recorded: HashMap::new(),
            unreadable: HashSet::new(),
            rejected: HashSet::new(),
        }
    }

    /// The batch.
    pub(super) fn batch(&self) -> &'b Batch {
        self.batch
    }

    /// The requests that must still be committed, in order.
    ///
    /// If the batch holds a payment id several times, only the first request is sent, and the others follow its
    /// disposition. If an account or a payment of a request is unread or unreadable, its partition stops: it and all
    /// after it wait. The same is true if an account asks payments to wait.
    pub(super) fn pending(&self, knowledge: &Knowledge<'_>) -> Vec<RequestIx> {
        self.pending_if(|account| knowledge.is_ready(account))
    }

    /// Whether requests could be committed if no account asked payments to wait.
    pub(super) fn would_go_on(&self, knowledge: &Knowledge<'_>) -> bool {
        !self.pending_if(|account| knowledge.is_read(account)).is_empty()
    }

    /// The requests that must still be committed, if these accounts may be used.
    fn pending_if(&self, may_be_used: impl Fn(AccountIx) -> bool) -> Vec<RequestIx> {
        let mut stopped: HashSet<(&str, i32)> = HashSet::new();
        let mut pending = Vec::new();
        for (ix, request) in self.batch.requests().iter().enumerate() {
            let leader = self.batch.leader(ix);
            if self.found[leader].is_some() {
                continue;
            }
            let partition = partition_of(request);
            if leader != ix {
                // A copy has its disposition when its leader has one. If the leader is stopped, perhaps on another
                // partition, the copy is stopped too. If the leader is never decided, this copy may be decided on its
                // own partition. What comes after the copy is sent after the leader only if the same debtor chains
                // them.
                if pending.binary_search(&leader).is_err() || !self.chained(leader, ix) {
                    stopped.insert(partition);
                }
                continue;
            }
            let refused = self.unreadable.contains(&ix) || self.rejected.contains(&ix);
            if refused || !self.batch.named(ix).all(&may_be_used) {
                stopped.insert(partition);
            }
            if !stopped.contains(&partition) {
                pending.push(ix);
            }
        }
        pending
    }

    /// Whether what comes after a copy is never sent before its leader. Then both are of one debtor, or on one
    /// partition, which is delivered again from the leader on.
    fn chained(&self, leader: RequestIx, copy: RequestIx) -> bool {
        let [first, second] = [leader, copy].map(|ix| &self.batch.requests()[ix]);
        first.instruction.debtor() == second.instruction.debtor() || partition_of(first) == partition_of(second)
    }

    fn fingerprint(&self, request: RequestIx) -> Fingerprint {
        self.batch.requests()[request].instruction.fingerprint()
    }

    /// The accounts that undecided requests name.
    pub(super) fn rested_on(&self) -> BTreeSet<AccountIx> {
        let left = |ix: &RequestIx| self.found[*ix].is_none() && self.batch.leader(*ix) == *ix;
        (0..self.found.len()).filter(left).flat_map(|ix| self.batch.named(ix)).collect()
    }

    /// Whether a stored item that can't be read stops a request. What the store rejects doesn't count: this code can't
    /// get it written.
    pub(super) fn is_damaged(&self, knowledge: &Knowledge<'_>) -> bool {
        !self.unreadable.is_empty() || self.rested_on().into_iter().any(|account| knowledge.is_damaged(account))
    }

    /// All of a step happened, so its requests have their outcomes.
    pub(super) fn applied(&mut self, step: &Step<'_>) {
        for (&request, entry) in step.requests.iter().zip(&step.transaction.entries) {
            self.found[request] = Some(Disposition::Decided(entry.decision));
        }
    }

    /// The id of a request already has an outcome, of a payment with this fingerprint. Returns the accounts that the
    /// payment may have changed.
    pub(super) fn has_outcome(
        &mut self,
        request: RequestIx,
        recorded: Fingerprint,
    ) -> impl Iterator<Item = AccountIx> + use<'b> {
        let same = self.fingerprint(request) == recorded;
        self.found[request] = Some(if same { Disposition::Replayed } else { Disposition::IdReused });
        self.recorded.insert(request, recorded);
        self.batch.named(request)
    }

    /// The stored payments of these requests can't be read.
    pub(super) fn cannot_read(&mut self, requests: impl IntoIterator<Item = RequestIx>) {
        self.unreadable.extend(requests);
    }

    /// These sums of refunds can't be read, so no request that adds to one can be decided.
    pub(super) fn cannot_read_totals(&mut self, totals: &[LegId]) {
        let requests = self.batch.requests().iter().enumerate();
        let is_of = |request: &Request| request.instruction.total().is_some_and(|id| totals.contains(&id));
        let refunds = requests.filter(|(_, request)| is_of(request));
        self.unreadable.extend(refunds.map(|(ix, _)| ix));
    }

    /// The store rejects these requests.
    pub(super) fn rejects(&mut self, requests: impl IntoIterator<Item = RequestIx>) {
        self.rejected.extend(requests);
    }

    /// The store rejects a write of one of these accounts, and so the requests of the step that name it.
    pub(super) fn rejects_accounts(&mut self, step: &Step<'_>, accounts: &BTreeSet<AccountIx>) {
        let named = |ix: &RequestIx| self.batch.named(*ix).any(|party| accounts.contains(&party));
        let requests: Vec<RequestIx> = step.requests.iter().copied().filter(named).collect();
        self.rejects(requests);
    }

    /// Requests whose payment could not be read are sent again: somebody may have mended it.
    pub(super) fn look_again(&mut self) {
        self.unreadable.clear();
    }

    /// The record of the first request that names an account.
    pub(super) fn first_to_name(&self, account: AccountIx) -> Option<Source> {
        let first = (0..self.found.len()).find(|&request| self.batch.named(request).any(|party| party == account))?;
        Some(self.batch.requests()[first].source.clone())
    }

    /// The disposition of every request.
    pub(super) fn dispositions(&self) -> Vec<Disposition> {
        (0..self.found.len()).map(|ix| self.disposition(ix)).collect()
    }

    fn disposition(&self, request: RequestIx) -> Disposition {
        let leader = self.batch.leader(request);
        match &self.found[leader] {
            None => Disposition::Unfinished,
            Some(disposition) if leader == request => disposition.clone(),
            Some(_) => {
                let recorded = self.recorded.get(&leader).copied().unwrap_or_else(|| self.fingerprint(leader));
                if self.fingerprint(request) == recorded { Disposition::Replayed } else { Disposition::IdReused }
            }
        }
    }
}

/// The topic and partition of a request, in which its order counts.
pub(super) fn partition_of(request: &Request) -> (&str, i32) {
    (&request.source.topic, request.source.partition)
}
