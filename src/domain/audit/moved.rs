//! What: Says whether an account has moved since its head was written, and which of its lists can hold new postings.
//!
//! Data: Takes the account's head, if it has one, and its items as they are. Gives lists.
//!
//! Why nothing is missed: A payment writes the item of an account under whose key its item is listed, and every write
//! raises the version. So a list whose item has the version that was seen has no posting that wasn't there then. Those
//! that were there after the checkpoint are pending.
//!
//! An index may be behind. If a list doesn't show a posting yet, the balance differs, and the account is looked at
//! again. But a debit and a credit of the same amount, both not shown yet, make no difference. So a list whose item has
//! changed stays pending, until it was read [`INDEX_LATE_MAX_MS`] after its version was seen. The next run does that,
//! as runs are an hour apart. So an account at rest is looked at once more, and then rests. That isn't needed if its
//! lists with possible postings are all debits or all credits: those can't cancel each other.

use std::collections::BTreeSet;

use super::head::{Head, PostingList, Seen};
use crate::domain::statement::Side;
use crate::domain::{Holding, Timestamp};

/// An index is never later than this. It is what a closed time leaves to it, beside a function's time-out and the
/// difference of two clocks.
const INDEX_LATE_MAX_MS: i64 = 15 * 60 * 1_000;

/// The version of a main item that was never written again since the account was opened.
const AS_OPENED: u64 = 1;

/// Whether an account must be proved again.
#[must_use]
pub fn has_moved(head: Option<&Head>, holding: &Holding) -> bool {
    head.is_none_or(|head| {
        let is_of_another = head.checkpoint.currency != holding.account.currency;
        is_of_another || !head.pending.is_empty() || head.seen != Seen::of(holding)
    })
}

/// Whether the items have the versions that a head has seen, and hold something else. Then somebody else wrote them.
#[must_use]
pub fn tells_another(head: &Head, holding: &Holding) -> bool {
    let seen = Seen::of(holding);
    (seen.version, &seen.lanes) == (head.seen.version, &head.seen.lanes) && seen.held != head.seen.held
}

/// The lists that can hold postings after the checkpoint of the head. Without a head: all lists, also those of lanes
/// that aren't there, because one may have been lost.
#[must_use]
pub fn lists(head: Option<&Head>, holding: &Holding) -> BTreeSet<PostingList> {
    let changed = changed(head.map(|head| &head.seen), holding);
    head.map(|head| head.pending.clone()).unwrap_or_default().into_iter().chain(changed).collect()
}

/// The lists that may have postings which no read has shown yet. The items were read up to `items_at`, and the lists
/// from `lists_at` on.
#[must_use]
pub fn unshown(
    head: Option<&Head>,
    holding: &Holding,
    items_at: Timestamp,
    lists_at: Timestamp,
) -> BTreeSet<PostingList> {
    let mut lists = lists(head, holding);
    let sides: BTreeSet<Side> = lists.iter().map(|list| list.side).collect();
    if sides.len() < 2 {
        return BTreeSet::new();
    }
    let changed = changed(head.map(|head| &head.seen), holding);
    let before = head.and_then(|head| head.seen_at).unwrap_or(items_at);
    let is_as_opened = holding.account.version <= AS_OPENED;
    lists.retain(|list| {
        let seen_at = if changed.contains(list) { items_at } else { before };
        let is_late = lists_at.millis().saturating_sub(seen_at.millis()) < INDEX_LATE_MAX_MS;
        is_late && !(list.lane.is_none() && is_as_opened)
    });
    lists
}

/// The lists of items that are not as they were seen. `None`: nothing was seen yet.
fn changed(seen: Option<&Seen>, holding: &Holding) -> BTreeSet<PostingList> {
    let is = Seen::of(holding);
    let mut lists = BTreeSet::new();
    let mut add = |lane, sides: &[Side]| lists.extend(sides.iter().map(|&side| PostingList { side, lane }));
    if seen.is_none_or(|seen| seen.version != is.version) {
        add(None, &[Side::Debit, Side::Credit]);
    }
    let counted = holding.account.credit_lanes.count();
    let known = seen.map_or(0, |seen| u16::try_from(seen.lanes.len()).unwrap_or(u16::MAX));
    for lane in 0..counted.max(known) {
        if seen.is_some_and(|seen| seen.lane(lane) == is.lane(lane)) {
            continue;
        }
        // Only these lanes are ever debited by payments.
        let there = holding.lanes.iter().find(|held| held.id.lane == lane);
        let is_debited = holding.account.lane_debits || there.is_some_and(|lane| lane.is_debited);
        add(Some(lane), if is_debited { &[Side::Debit, Side::Credit] } else { &[Side::Credit] });
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::given::checkpoint;
    use super::*;
    use crate::domain::account::given::account;
    use crate::domain::{Account, CreditLanes, Lane};

    /// `main VERSION`, then `LANE VERSION [debited]` for each lane that is there.
    fn holding(main: u64, lanes: &[(u16, u64, bool)], lane_debits: bool) -> Holding {
        let credit_lanes = CreditLanes::try_new(3).unwrap();
        let account = Account { version: main, credit_lanes, lane_debits, ..account("alice") };
        let lane =
            |&(lane, version, is_debited): &(u16, u64, bool)| Lane { version, is_debited, ..Lane::new(&account, lane) };
        Holding { lanes: lanes.iter().map(lane).collect(), account }
    }

    #[test]
    fn the_lists_of_changed_items_and_pending_ones_are_read() {
        let before = holding(4, &[(0, 2, false), (1, 1, true)], false);
        let same = before.clone();
        for (now, pending, expected) in [
            (same.clone(), "", ""),
            (same.clone(), "credits/2", "credits/2"),
            (holding(5, &[(0, 2, false), (1, 1, true)], false), "", "debits credits"),
            (holding(5, &[(0, 2, false), (1, 1, true)], false), "credits", "debits credits"),
            (holding(4, &[(0, 3, false), (1, 1, true)], false), "", "credits/0"),
            (holding(4, &[(0, 3, false), (1, 1, true)], true), "", "debits/0 credits/0"),
            (holding(4, &[(0, 2, false), (1, 2, true)], false), "", "debits/1 credits/1"),
            // A lane that came into being, and one that was lost.
            (holding(4, &[(0, 2, false), (1, 1, true), (2, 1, false)], false), "", "credits/2"),
            (holding(4, &[(0, 2, false)], false), "", "credits/1"),
        ] {
            let pending: BTreeSet<PostingList> = pending.split_whitespace().map(|list| list.parse().unwrap()).collect();
            let head = Head { checkpoint: checkpoint("alice", 1, 0), seen: Seen::of(&before), pending, seen_at: None };
            let mut expected: Vec<&str> = expected.split_whitespace().collect();
            expected.sort_unstable();
            let mut read: Vec<String> = lists(Some(&head), &now).iter().map(ToString::to_string).collect();
            read.sort_unstable();
            assert_eq!(read, expected, "{now:?}");
            assert_eq!(has_moved(Some(&head), &now), !expected.is_empty());
        }
        let all = lists(None, &before);
        assert_eq!(all.len(), 2 + 1 + 2 + 1, "{all:?}");
        assert!(has_moved(None, &before));
    }

    #[test]
    fn a_list_may_not_show_all_until_it_was_read_long_after_its_version_was_seen() {
        let before = holding(4, &[(0, 2, false), (1, 1, false)], false);
        let at = |minute: i64| Timestamp::try_from_millis(minute * 60_000).unwrap();
        let head = |pending: &str, seen_at: Option<i64>| {
            let pending = pending.split_whitespace().map(|list| list.parse().unwrap()).collect();
            let (checkpoint, seen) = (checkpoint("alice", 1, 0), Seen::of(&before));
            Head { checkpoint, seen, pending, seen_at: seen_at.map(at) }
        };
        let lane = holding(4, &[(0, 2, false), (1, 2, false)], false);
        let both = holding(5, &[(0, 2, false), (1, 2, false)], false);
        for (head, now, lists_at, expected) in [
            (head("", Some(0)), &before, 100, ""),
            // A lane's credits alone can't cancel each other.
            (head("", Some(0)), &lane, 100, ""),
            (head("", Some(0)), &both, 100, "debits credits credits/1"),
            (head("", Some(0)), &both, 114, "debits credits credits/1"),
            (head("", Some(0)), &both, 115, ""),
            (head("debits credits", Some(90)), &before, 104, "debits credits"),
            (head("debits credits", Some(90)), &before, 105, ""),
            (head("debits credits", Some(80)), &lane, 100, "credits/1"),
            // An older version wrote the head, or its time is to come.
            (head("debits credits", None), &before, 114, "debits credits"),
            (head("debits credits", None), &before, 115, ""),
            (head("debits credits", Some(900)), &before, 115, "debits credits"),
        ] {
            let mut expected: Vec<&str> = expected.split_whitespace().collect();
            expected.sort_unstable();
            let lists = unshown(Some(&head), now, at(100), at(lists_at));
            let mut lists: Vec<String> = lists.iter().map(ToString::to_string).collect();
            lists.sort_unstable();
            assert_eq!(lists, expected, "{head:?} {now:?} {lists_at}");
        }
        // A main item that nobody has written since it was opened has no posting.
        let opened = holding(1, &[(0, 1, false)], false);
        let lists: Vec<String> = unshown(None, &opened, at(0), at(0)).iter().map(ToString::to_string).collect();
        assert!(lists.contains(&"credits/0".to_owned()) && !lists.contains(&"debits".to_owned()), "{lists:?}");
    }

    #[test]
    fn an_item_that_changed_and_kept_its_version_has_moved() {
        let before = holding(4, &[(0, 2, false)], false);
        let (checkpoint, seen, pending) = (checkpoint("a", 1, 0), Seen::of(&before), BTreeSet::new());
        let head = Head { checkpoint, seen, pending, seen_at: None };
        let mut now = before;
        now.account.balance = crate::domain::Balance::new(1);
        assert!(has_moved(Some(&head), &now));
        assert_eq!(lists(Some(&head), &now), BTreeSet::new(), "no posting made it");
    }
}
