//! What: The requests of one batch. Every account that they name has a number, so that all later steps work on indices.
//!
//! Data: Takes requests in the order in which they must be decided, the outcomes of the originals of refunds, and the
//! number of partitions of their topic. Gives the same requests and the accounts to read. If an id is there more than
//! once, it says which request leads and which ones follow.
//!
//! Invariants: The order of the requests is never changed.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

use super::originals::{Originals, refundable};
use super::slice::{Parity, Slice};
use super::{AccountId, CreditLanes, Decline, Instruction, Leg, LegId, PaymentId, Repayment, Request, Transfer};

/// The index of a request in its [`Batch`].
pub type RequestIx = usize;

/// The index of an account in its [`Batch`].
pub type AccountIx = usize;

/// Who pays and who is paid in one leg of a request. A request without legs is one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegParties {
    /// The account that pays.
    pub debtor: AccountIx,
    /// The account that is paid.
    pub creditor: AccountIx,
}

/// What a refund of the batch may give back.
#[derive(Debug)]
struct Refundable {
    /// All that was paid, or why it can't be refunded.
    all: Result<Repayment, Decline>,
    /// Another request of the batch adds to the same sum of refunds.
    shares_original: bool,
}

/// Requests in deciding order, indexed.
#[derive(Debug, Default)]
pub struct Batch {
    requests: Vec<Request>,
    accounts: Vec<AccountId>,
    /// By request: the account whose order it keeps.
    debtors: Vec<AccountIx>,
    /// The legs of all requests, one request after the other.
    legs: Vec<LegParties>,
    /// By request: where its legs end.
    leg_ends: Vec<usize>,
    leaders: Vec<RequestIx>,
    /// By request: what it may give back, if it is a refund.
    refundable: HashMap<RequestIx, Refundable>,
    /// The partitions that the requests come from, each once, in order.
    partitions: Vec<i32>,
    /// How many partitions the topic has.
    partitions_of: u32,
}

/// An empty map with room for so many ids.
///
/// Clients choose the ids. So each map gets a random seed from the system, and nobody can choose ids that collide.
/// `foldhash` takes a fifth of the time of the standard library's own hash.
fn by_id<K, V>(capacity: usize) -> HashMap<K, V, SeedableRandomState> {
    let seed = RandomState::new().hash_one(capacity);
    HashMap::with_capacity_and_hasher(capacity, SeedableRandomState::with_seed(seed, SharedSeed::global_random()))
}

impl Batch {
    /// Indexes requests. They must be in the order in which they must be decided. No original of a refund has an
    /// outcome.
    #[must_use]
    pub fn new(requests: Vec<Request>) -> Self {
        Self::with_originals(requests, &Originals::new())
    }

    /// Indexes requests. They must be in the order in which they must be decided. The outcomes of all originals must
    /// have been read after the outcomes of all requests before them.
    #[must_use]
    pub fn with_originals(requests: Vec<Request>, originals: &Originals) -> Self {
        let refundable = each_refundable(&requests, originals);
        let mut accounts: Vec<AccountId> = Vec::new();
        let mut debtors = Vec::with_capacity(requests.len());
        let mut legs = Vec::with_capacity(requests.len());
        let mut leg_ends = Vec::with_capacity(requests.len());
        let mut leaders = Vec::with_capacity(requests.len());
        let mut partitions: Vec<i32> = Vec::new();
        {
            let mut account_ix = by_id::<&AccountId, AccountIx>(requests.len().saturating_mul(2));
            let mut first_of = by_id::<&PaymentId, RequestIx>(requests.len());
            for (ix, request) in requests.iter().enumerate() {
                let debtor = request.instruction.debtor();
                let mut number = |id| {
                    *account_ix.entry(id).or_insert_with(|| {
                        accounts.push(id.clone());
                        accounts.len().saturating_sub(1)
                    })
                };
                let own = number(debtor);
                debtors.push(own);
                match &request.instruction {
                    Instruction::Payment(payment) => {
                        legs.push(LegParties { debtor: own, creditor: number(&payment.creditor) });
                    }
                    Instruction::Legged(payment) => legs.extend(
                        payment
                            .legs
                            .iter()
                            .map(|leg| LegParties { debtor: number(&leg.debtor), creditor: number(&leg.creditor) }),
                    ),
                    // A refund without a creditor is declined, and moves nothing.
                    Instruction::Refund(_) => match refundable.get(&ix).map(|refundable| &refundable.all) {
                        Some(Ok(all)) => legs.push(LegParties { debtor: own, creditor: number(&all.creditor) }),
                        Some(Err(_)) | None => legs.push(LegParties { debtor: own, creditor: own }),
                    },
                }
                leg_ends.push(legs.len());
                let partition = request.source.partition;
                if partitions.last() != Some(&partition) {
                    partitions.push(partition);
                }
                leaders.push(*first_of.entry(request.instruction.id()).or_insert(ix));
            }
        }
        partitions.sort_unstable();
        partitions.dedup();
        Self { requests, accounts, debtors, legs, leg_ends, leaders, refundable, partitions, partitions_of: 1 }
    }

    /// Sets how many partitions the topic of the requests has. Without this it is 1.
    #[must_use]
    pub fn with_partitions(mut self, count: u32) -> Self {
        self.partitions_of = count.max(1);
        self
    }

    /// The lanes that the partitions of this batch own, of an account with this number of lanes, in order.
    ///
    /// Partition p of P owns the lanes l with l mod P = p, so no two partitions write one lane. If there are fewer
    /// lanes than partitions, or P is wrong, partitions share lanes and may conflict.
    #[must_use]
    pub fn owned_lanes(&self, lanes: CreditLanes) -> Vec<u16> {
        let of = i64::from(self.partitions_of);
        let count = i64::from(lanes.count());
        let mut owned = Vec::new();
        for &partition in &self.partitions {
            let Some(first) = i64::from(partition).checked_rem_euclid(of) else { continue };
            let shared = first.checked_rem_euclid(count);
            let own = (first..count).step_by(usize::try_from(of).unwrap_or(usize::MAX));
            owned.extend(own.chain(shared.filter(|_| first >= count)).filter_map(|lane| u16::try_from(lane).ok()));
        }
        owned.sort_unstable();
        owned.dedup();
        owned
    }

    /// Whether a partition of this batch owns the lane. Nobody else credits it then, unless there are fewer lanes than
    /// partitions, so that some share lanes.
    #[must_use]
    pub fn owns(&self, lane: u16) -> bool {
        let of = i64::from(self.partitions_of);
        let owner = i64::from(lane).checked_rem_euclid(of);
        self.partitions.iter().any(|&partition| i64::from(partition).checked_rem_euclid(of) == owner)
    }

    /// The parity of a lane among those that its partition owns: every other one is even. `None` if its partition owns
    /// no other one, or if there is one partition. Such a lane takes credits in every slice of time, so it is never
    /// free.
    #[must_use]
    pub fn parity(&self, lane: u16, lanes: CreditLanes) -> Option<Parity> {
        let (lane, of) = (u32::from(lane), self.partitions_of);
        let has_others = lane >= of || lane.saturating_add(of) < u32::from(lanes.count());
        let place = lane.checked_div(of).filter(|_| has_others && of > 1)?;
        Some(Parity::of(place.into()))
    }

    /// Whether a sweep of this lane meets no credit of another batch in this slice of time.
    #[must_use]
    pub fn is_free(&self, lane: u16, lanes: CreditLanes, slice: Slice) -> bool {
        self.owns(lane) || self.parity(lane, lanes).is_some_and(|parity| slice.frees(parity))
    }

    /// The requests, in deciding order.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The accounts that the batch names, each once.
    #[must_use]
    pub fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }

    /// The account whose order a request keeps: its debtor.
    #[must_use]
    pub fn debtor(&self, request: RequestIx) -> AccountIx {
        self.debtors[request]
    }

    /// The legs of a request, in order. There is at least one.
    #[must_use]
    pub fn legs(&self, request: RequestIx) -> &[LegParties] {
        let start = request.checked_sub(1).map_or(0, |before| self.leg_ends[before]);
        &self.legs[start..self.leg_ends[request]]
    }

    /// The accounts that a request names. Some may be there more than once.
    pub fn named(&self, request: RequestIx) -> impl Iterator<Item = AccountIx> + '_ {
        let parties = self.legs(request).iter().flat_map(|leg| [leg.debtor, leg.creditor]);
        std::iter::once(self.debtor(request)).chain(parties)
    }

    /// The money that the leg of a request at this place moves. A refund moves as much as is asked for, and at most all
    /// that was paid.
    ///
    /// # Errors
    /// Why the original can't be refunded.
    pub fn transfer(&self, request: RequestIx, place: usize) -> Result<Transfer<'_>, Decline> {
        let instruction = &self.requests[request].instruction;
        if let Some(transfer) = instruction.transfer().or(instruction.legs().get(place).map(Leg::transfer)) {
            return Ok(transfer);
        }
        match self.refundable.get(&request).map(|refundable| &refundable.all) {
            Some(Ok(all)) => Ok(all.from(instruction.debtor())),
            Some(Err(decline)) => Err(*decline),
            None => Err(Decline::OriginalNotFound),
        }
    }

    /// Whether another request of the batch refunds the same original, so that both must stay in order.
    #[must_use]
    pub fn shares_original(&self, request: RequestIx) -> bool {
        self.refundable.get(&request).is_some_and(|refundable| refundable.shares_original)
    }

    /// The first request of the batch with the same id. It may be the request itself.
    #[must_use]
    pub fn leader(&self, request: RequestIx) -> RequestIx {
        self.leaders[request]
    }
}

/// What each refund may give back.
fn each_refundable(requests: &[Request], originals: &Originals) -> HashMap<RequestIx, Refundable> {
    let mut found: HashMap<RequestIx, Refundable> = HashMap::new();
    let mut first_of: HashMap<LegId, RequestIx> = HashMap::new();
    for (ix, request) in requests.iter().enumerate() {
        let Instruction::Refund(refund) = &request.instruction else { continue };
        let first = *first_of.entry(refund.total()).or_insert(ix);
        if let Some(first) = found.get_mut(&first) {
            first.shares_original = true;
        }
        found.insert(ix, Refundable { all: refundable(refund, originals), shares_original: first != ix });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Amount, Currency, Instruction, Payment, Source};

    fn batch(partitions: &[i32]) -> Batch {
        let request = |&partition: &i32| {
            Request::new(
                Instruction::Payment(Payment {
                    id: "p".parse().unwrap(),
                    debtor: "alice".parse().unwrap(),
                    creditor: "shop".parse().unwrap(),
                    amount: Amount::try_new(1).unwrap(),
                    currency: Currency::try_new("EUR").unwrap(),
                    reference: None,
                    requested_at: None,
                }),
                Source { topic: "t".into(), partition, offset: 0 },
            )
        };
        Batch::new(partitions.iter().map(request).collect())
    }

    #[test]
    fn a_partition_owns_each_lane_whose_turn_it_is() {
        for (partitions, of, lanes, expected) in [
            (&[0][..], 1, 4, &[0, 1, 2, 3][..]),
            (&[1], 2, 4, &[1, 3]),
            (&[1], 2, 5, &[1, 3]),
            (&[0, 2], 3, 6, &[0, 2, 3, 5]),
            (&[2, 0, 2], 3, 6, &[0, 2, 3, 5]),
            (&[3], 4, 4, &[3]),
            // There are fewer lanes than partitions, so one is shared.
            (&[3], 4, 3, &[0]),
            (&[5], 8, 4, &[1]),
            (&[1, 5], 8, 4, &[1]),
            // The number of partitions is wrong: lanes are shared, and none is forgotten.
            (&[9], 4, 8, &[1, 5]),
            (&[3], 0, 2, &[0, 1]),
            (&[0], 4, 0, &[]),
        ] {
            let owned = batch(partitions).with_partitions(of).owned_lanes(CreditLanes::try_new(lanes).unwrap());
            assert_eq!(owned, expected, "{partitions:?} of {of}, {lanes} lanes");
        }
    }

    #[test]
    fn lanes_of_other_partitions_are_free_in_every_other_slice() {
        use Parity::{Even, Odd};
        for (of, lanes, lane, owned, parity) in [
            (1, 4, 0, true, None),
            (1, 4, 3, true, None),
            (2, 4, 0, true, Some(Even)),
            (2, 4, 1, false, Some(Even)),
            (2, 4, 2, true, Some(Odd)),
            (2, 4, 3, false, Some(Odd)),
            (2, 8, 7, false, Some(Odd)),
            // The second partition owns one lane only.
            (2, 3, 1, false, None),
            (2, 3, 2, true, Some(Odd)),
            // There are as many lanes as partitions, or fewer.
            (4, 4, 3, false, None),
            (4, 2, 1, false, None),
        ] {
            let batch = batch(&[0]).with_partitions(of);
            let lanes = CreditLanes::try_new(lanes).unwrap();
            assert_eq!((batch.owns(lane), batch.parity(lane, lanes)), (owned, parity), "{lane} of {lanes}, {of}");
            for (at_ms, free) in [(0, None), (200, Some(Odd)), (600, Some(Even))] {
                let slice = Slice::at(super::super::Timestamp::try_from_millis(at_ms).unwrap());
                let expected = owned || parity.is_some() && parity == free;
                assert_eq!(batch.is_free(lane, lanes, slice), expected, "{lane} of {lanes}, {of}, at {at_ms}");
            }
        }
    }

    #[test]
    fn accounts_are_numbered_once_and_ids_lead() {
        let batch = batch(&[0, 1]);
        assert_eq!(batch.accounts().iter().map(AccountId::as_str).collect::<Vec<_>>(), ["alice", "shop"]);
        let leg = LegParties { debtor: 0, creditor: 1 };
        assert_eq!((batch.legs(0), batch.legs(1)), (&[leg][..], &[leg][..]));
        assert_eq!((batch.debtor(1), batch.named(1).collect::<Vec<_>>()), (0, vec![0, 0, 1]));
        assert_eq!((batch.requests().len(), batch.leader(0), batch.leader(1)), (2, 0, 0));
    }
}
