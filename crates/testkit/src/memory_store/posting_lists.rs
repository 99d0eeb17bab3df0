//! What: Lists postings in memory, as the indexes of payments do: a little behind, if a test asks for that.

use std::collections::BTreeMap;
use std::time::Duration;

use giro::domain::audit::PostingList;
use giro::domain::plan::{Entry, StatementLanes};
use giro::domain::statement::Side;
use giro::domain::{AccountId, LaneId, Leg, LegId, Outcome, SettledLeg, Timestamp, Transfer};
use giro::store::items::{self, Item};
use giro::store::{PostingLists, Read, ScanPage, ScannedItem, Segment, Span, StoreError};
use tokio::time::Instant;

use super::scan::{PAGE_ITEMS, segment_of};
use super::{MemoryStore, State};
use crate::charge::kilobytes;

/// What is listed, and from when on it is seen. `None`: it is seen at once.
type Listed = BTreeMap<(Timestamp, LegId), Option<Instant>>;

/// The lists of all accounts and lanes.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    /// By side and key.
    all: BTreeMap<(Side, String), Listed>,
    /// The most milliseconds that a posting is seen late, and what draws them. `None`: it is seen at once. A generator
    /// that nobody asked for would take a number of the simulation's seed, and change its worlds. A time that nobody
    /// asked for would differ between two runtimes: a paused clock runs ahead.
    late: Option<(u64, fastrand::Rng)>,
}

impl Lists {
    /// Lists an entry and its further legs.
    pub(super) fn add(&mut self, entry: &Entry<'_>, outcome: &Outcome) {
        let delay = self.late.as_mut().map(|(most_ms, random)| Duration::from_millis(random.u64(0..=*most_ms)));
        let seen = delay.and_then(|delay| Instant::now().checked_add(delay));
        let id = outcome.instruction.id();
        let listed = outcome.transfer().or(outcome.instruction.legs().first().map(Leg::transfer));
        if let Some(transfer) = listed {
            self.list(transfer, entry.lanes, outcome.decided_at, &LegId::of(id.clone()), seen);
        }
        if outcome.decision.is_ok()
            && let giro::domain::Instruction::Legged(payment) = &outcome.instruction
        {
            for (leg, lanes) in payment.further(outcome.decided_at).zip(&entry.further) {
                self.list(leg.leg.transfer(), *lanes, leg.decided_at, &leg.id, seen);
            }
        }
    }

    fn list(
        &mut self,
        transfer: Transfer<'_>,
        lanes: StatementLanes,
        at: Timestamp,
        id: &LegId,
        seen: Option<Instant>,
    ) {
        for (side, account, lane) in
            [(Side::Debit, transfer.debtor, lanes.debtor), (Side::Credit, transfer.creditor, lanes.creditor)]
        {
            let list = PostingList { side, lane };
            self.all.entry((side, list.key(account))).or_default().insert((at, id.clone()), seen);
        }
    }
}

impl MemoryStore {
    /// From now on, lists show a posting up to so many milliseconds late.
    pub fn list_late(&self, delay_ms: u64, seed: u64) {
        self.state().lists.late = Some((delay_ms, fastrand::Rng::with_seed(seed)));
    }
}

impl State {
    /// An item of a list, and its size. `None` if it was lost, or is no longer one that an index can hold.
    fn listed_item(&self, id: &LegId) -> Option<(ScannedItem, usize)> {
        if id.leg.is_some() {
            let leg = self.legs.get(id)?;
            return Some((ScannedItem::Leg(leg.clone()), items::size(&items::legs::encode_leg(leg, None, None))));
        }
        let recorded = self.payments.get(&id.payment).filter(|_| !self.damage.payments.contains(&id.payment))?;
        let request = recorded.outcome.request();
        let size = items::size(&items::payment::encode(&Entry::of(&request, &recorded.outcome)));
        Some((ScannedItem::Payment(Box::new(recorded.clone())), size))
    }

    /// Charges an eventually consistent read of so many bytes.
    pub(super) fn charge_half(&mut self, bytes: usize) -> u64 {
        let read_milliunits = kilobytes(bytes).div_ceil(4).max(1).saturating_mul(500);
        self.usage.read_calls = self.usage.read_calls.saturating_add(1);
        self.usage.read_milliunits = self.usage.read_milliunits.saturating_add(read_milliunits);
        read_milliunits
    }
}

/// Where a page of accounts ended: main items come first, then lanes.
#[derive(Debug, Clone, Default)]
pub struct AccountMark {
    account: Option<AccountId>,
    lane: Option<LaneId>,
    are_lanes: bool,
}

impl PostingLists for MemoryStore {
    type AccountMark = AccountMark;
    type ListMark = (Timestamp, LegId);

    async fn account_pages(
        &self,
        segment: Segment,
        mark: Option<AccountMark>,
    ) -> Result<ScanPage<AccountMark>, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let mut state = self.call().await?;
        let mark = mark.unwrap_or_default();
        let (mut found, mut size) = (Vec::new(), 0_usize);
        let mut next = None;
        if !mark.are_lanes {
            let from = mark.account.as_ref().map_or(Unbounded, Excluded);
            for (id, account) in state.accounts.range((from, Unbounded)) {
                if segment_of(id.as_str(), segment.of) != segment.number {
                    continue;
                }
                found.push(match account {
                    Ok(account) => {
                        size = size.saturating_add(items::size(&items::account::encode(account)));
                        ScannedItem::Account(account.clone())
                    }
                    Err(expected) => ScannedItem::Unreadable { key: id.to_string(), expected: expected.clone() },
                });
                if found.len() == PAGE_ITEMS {
                    next = Some(AccountMark { account: Some(id.clone()), ..AccountMark::default() });
                    break;
                }
            }
            next = next.or(Some(AccountMark { are_lanes: true, ..AccountMark::default() }));
        } else {
            let from = mark.lane.as_ref().map_or(Unbounded, Excluded);
            for (id, lane) in state.lanes.range((from, Unbounded)) {
                if segment_of(&id.to_string(), segment.of) != segment.number {
                    continue;
                }
                size = size.saturating_add(items::size(&items::lane::encode(lane)));
                found.push(ScannedItem::Lane(lane.clone()));
                if found.len() == PAGE_ITEMS {
                    next = Some(AccountMark { lane: Some(id.clone()), are_lanes: true, account: None });
                    break;
                }
            }
        }
        let read_milliunits = state.charge_half(size);
        Ok(ScanPage { items: found, next, read_milliunits })
    }

    async fn listed(
        &self,
        account: &AccountId,
        list: PostingList,
        span: Span,
        mark: Option<(Timestamp, LegId)>,
    ) -> Result<ScanPage<(Timestamp, LegId)>, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let mut state = self.call().await?;
        let now = Instant::now();
        let (mut found, mut size, mut next) = (Vec::new(), 0_usize, None);
        if let Some(all) = state.lists.all.get(&(list.side, list.key(account))) {
            let from = mark.as_ref().map_or(Unbounded, Excluded);
            let items = all
                .range((from, Unbounded))
                .filter(|((at, _), _)| span.after < *at && *at <= span.until)
                .filter(|(_, seen)| seen.is_none_or(|seen| seen <= now));
            for (place, _) in items {
                let Some((item, bytes)) = state.listed_item(&place.1) else { continue };
                size = size.saturating_add(bytes);
                found.push(item);
                if found.len() == PAGE_ITEMS {
                    next = Some(place.clone());
                    break;
                }
            }
        }
        let read_milliunits = state.charge_half(size);
        Ok(ScanPage { items: found, next, read_milliunits })
    }

    async fn read_legs(&self, ids: &[&LegId]) -> Result<Vec<Read<SettledLeg>>, StoreError> {
        let read = |state: &State, id: &LegId| match state.legs.get(id) {
            Some(leg) => Read::Found(leg.clone()),
            None => Read::Missing,
        };
        self.read_all(ids, read).await
    }
}

/// The size of an item, for charges.
pub(super) fn sized(item: &Item) -> usize {
    items::size(item)
}
