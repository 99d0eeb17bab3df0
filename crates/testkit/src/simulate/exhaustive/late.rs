//! What: Parts of a read that are older than others, and what late readers see of a transaction.

use crate::memory_store::MemoryStore;
use crate::simulate::network::{Answer, Call, execute};
use crate::simulate::world::flight::{Before, Item};

/// The set of one item.
pub(super) fn bit(ix: usize) -> u32 {
    u32::try_from(ix).ok().and_then(|ix| 1_u32.checked_shl(ix)).unwrap_or(0)
}

/// What an item was in this store.
pub(super) fn before_of(store: &MemoryStore, item: Item) -> Option<Before> {
    match item {
        Item::Account(id) => {
            let Answer::Read(Ok(mut reads)) = execute(store, &Call::Read(vec![id.clone()])) else { return None };
            reads.pop().map(|read| Before::Account(id, read))
        }
        Item::Lane(id) => {
            let Answer::ReadLanes(Ok(mut reads)) = execute(store, &Call::ReadLanes(vec![id.clone()])) else {
                return None;
            };
            reads.pop().map(|read| Before::Lane(id, read))
        }
        Item::Payment(_) | Item::Command(_) => None,
    }
}

/// A read of which these items were read earlier.
pub(super) fn mix(answer: &mut Answer, early: Answer, first: u32) {
    fn take<T>(reads: &mut [T], early: Vec<T>, first: u32) {
        let earlier = reads.iter_mut().zip(early).enumerate().filter(|(ix, _)| first & bit(*ix) != 0);
        earlier.for_each(|(_, (read, was))| *read = was);
    }
    match (answer, early) {
        (Answer::Read(Ok(reads)), Answer::Read(Ok(early))) => take(reads, early, first),
        (Answer::ReadLanes(Ok(reads)), Answer::ReadLanes(Ok(early))) => take(reads, early, first),
        _ => {}
    }
}
