//! What: Reads whole tables in small pages, so that readers see what happens between two pages.

use std::collections::BTreeSet;

use super::{MemoryStore, State, kilobytes};
use giro::domain::plan::Entry;
use giro::domain::{DeadLetterId, LaneId, LegId, PaymentId, SettledLeg};
use giro::store::items::{self, Item};
use giro::store::{ScanPage, ScannedItem, Segment, StoreError, Table, TableScan};

/// How many keys a page holds. They are few, so that a small ledger has many pages.
pub(super) const PAGE_ITEMS: usize = 7;

/// Damage that no call can do.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage {
    pub(super) payments: BTreeSet<PaymentId>,
    parts: BTreeSet<(DeadLetterId, usize)>,
}

impl MemoryStore {
    /// Loses a payment; its postings stay.
    pub fn lose_payment(&self, id: &PaymentId) {
        self.state().payments.remove(id);
    }

    /// The items of further legs, in their order.
    #[must_use]
    pub fn settled_legs(&self) -> Vec<SettledLeg> {
        self.state().legs.values().cloned().collect()
    }

    /// Writes the item of a further leg over any other.
    pub fn plant_leg(&self, leg: SettledLeg) {
        self.state().legs.insert(leg.id.clone(), leg);
    }

    /// Loses the item of a further leg; its postings stay.
    pub fn lose_leg(&self, id: &LegId) {
        self.state().legs.remove(id);
    }

    /// Makes a payment's item one that can't be read.
    pub fn plant_corrupt_payment(&self, id: &PaymentId) {
        self.state().damage.payments.insert(id.clone());
    }

    /// Changes a sum of refunds.
    pub fn plant_refund_sum(&self, id: &LegId, sum: u64) {
        self.state().totals.insert(id.clone(), sum);
    }

    /// Loses a lane with what it holds.
    pub fn lose_lane(&self, id: &LaneId) {
        self.state().lanes.remove(id);
    }

    /// Loses a part of a dead letter.
    pub fn lose_letter_part(&self, letter: &DeadLetterId, part: usize) {
        self.state().damage.parts.insert((letter.clone(), part));
    }
}

impl State {
    /// Every item of a table by its key, each with its size in bytes. Dead letters' parts come in order.
    fn survey(&self, table: Table) -> Vec<(String, ScannedItem, usize)> {
        let sized = |item: &Item| items::size(item);
        match table {
            Table::Accounts => {
                let accounts = self.accounts.iter().map(|(id, account)| match account {
                    Ok(account) => {
                        let size = sized(&items::account::encode(account));
                        (id.to_string(), ScannedItem::Account(account.clone()), size)
                    }
                    Err(expected) => (id.to_string(), unreadable(id.as_str(), expected), 0),
                });
                let lanes = self.lanes.values().map(|lane| {
                    (lane.id.to_string(), ScannedItem::Lane(lane.clone()), sized(&items::lane::encode(lane)))
                });
                accounts.chain(lanes).collect()
            }
            Table::Payments => {
                let payment = |(id, recorded): (&PaymentId, &giro::domain::Recorded)| {
                    if self.damage.payments.contains(id) {
                        return (id.to_string(), unreadable(id.as_str(), "status: expected a string (S), got none"), 0);
                    }
                    let outcome = &recorded.outcome;
                    let request = outcome.request();
                    let entry = Entry::of(&request, outcome);
                    let size = sized(&items::payment::encode(&entry));
                    (id.to_string(), ScannedItem::Payment(Box::new(recorded.clone())), size)
                };
                let leg = |(id, leg): (&LegId, &SettledLeg)| {
                    let size = sized(&items::legs::encode_leg(leg, None, None));
                    (id.to_string(), ScannedItem::Leg(leg.clone()), size)
                };
                self.payments.iter().map(payment).chain(self.legs.iter().map(leg)).collect()
            }
            Table::Refunds => {
                let sum = |(id, &sum): (&LegId, &u64)| {
                    let size = sized(&items::refund_total::encode(id, sum));
                    (id.to_string(), ScannedItem::RefundSum(id.clone(), sum), size)
                };
                self.totals.iter().map(sum).collect()
            }
            Table::DeadLetters => {
                let parts = self.letters.iter().flat_map(|(id, letter)| {
                    let parts = items::dead_letter::encode(letter).into_iter().enumerate();
                    parts.map(move |(ix, part)| (id.clone(), ix, part))
                });
                let there = parts.filter(|(id, ix, _)| !self.damage.parts.contains(&(id.clone(), *ix)));
                let part = |(id, _, item): (DeadLetterId, usize, Item)| {
                    (id.to_string(), items::scan::surveyed(table, &item), sized(&item))
                };
                there.map(part).collect()
            }
        }
    }
}

fn unreadable(key: &str, expected: &str) -> ScannedItem {
    ScannedItem::Unreadable { key: key.to_owned(), expected: expected.to_owned() }
}

/// The segment of a key. It depends on the key alone, as with a hash.
pub(super) fn segment_of(key: &str, of: u16) -> u16 {
    let sum = key.bytes().fold(0_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    sum.checked_rem(of).unwrap_or_default()
}

impl TableScan for MemoryStore {
    type Mark = String;

    async fn page(&self, table: Table, segment: Segment, mark: Option<String>) -> Result<ScanPage<String>, StoreError> {
        let mut state = self.call().await?;
        let mut all = state.survey(table);
        all.retain(|(key, ..)| segment_of(key, segment.of) == segment.number && Some(key) > mark.as_ref());
        // Stable: parts of one dead letter have one key and stay in order.
        all.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        // A page ends between two keys.
        let last = all.get(PAGE_ITEMS.saturating_sub(1)).map(|(key, ..)| key.clone());
        let end = last.as_ref().map_or(all.len(), |last| all.partition_point(|(key, ..)| key <= last));
        let next = last.filter(|_| end < all.len());
        all.truncate(end);
        let size = all.iter().map(|(.., size)| *size).sum::<usize>();
        // A scan is charged for all that it reads: a unit for every 4 KB, rounded up.
        let read_milliunits = kilobytes(size).div_ceil(4).saturating_mul(1_000);
        state.usage.read_calls = state.usage.read_calls.saturating_add(1);
        state.usage.read_milliunits = state.usage.read_milliunits.saturating_add(read_milliunits);
        Ok(ScanPage { items: all.into_iter().map(|(_, item, _)| item).collect(), next, read_milliunits })
    }
}
