//! What: What all items of the table `payments` have in common: keys and indexes.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Item, s};
use crate::domain::{AccountId, LaneId, LegId, Timestamp};

/// The key attribute.
pub const KEY: &str = "payment_id";

/// The attribute that tells the kind of an instruction. A payment has none.
pub const KIND: &str = "kind";

/// The sort key of the statement indexes.
pub const DECIDED_AT: &str = "decided_at";

/// A statement index. For each account or lane it lists the payments that name it, by the time of decision.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Its partition key.
    pub key: &'static str,
}

/// The payments of a debtor, or of one of its lanes.
pub const BY_DEBTOR: Index = Index { name: "by-debtor", key: "debtor_statement" };
/// The payments of a creditor, or of one of its lanes.
pub const BY_CREDITOR: Index = Index { name: "by-creditor", key: "creditor_statement" };

impl Index {
    /// The key of one entry. A query may begin behind it.
    #[must_use]
    pub fn start(self, key_value: &str, decided_at: Timestamp, id: &LegId) -> Item {
        let mut start = Item::from([(KEY.into(), s(id))]);
        start.insert(self.key.into(), s(key_value));
        start.insert(DECIDED_AT.into(), s(decided_at));
        start
    }
}

/// The key of the list that a statement of the account reads. The key of a popular account would be as hot as its item,
/// so each lane has a list of its own.
pub(super) fn statement(account: &AccountId, lane: Option<u16>) -> AttributeValue {
    match lane {
        None => s(account),
        Some(lane) => s(LaneId { account: account.clone(), lane }),
    }
}
