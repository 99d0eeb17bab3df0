//! What: A hand that reaches past the ports and their conditions, into a store in memory or into tables.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test stops at the first surprise")]

use aws_sdk_dynamodb::Client;
use giro::domain::audit::Head;
use giro::domain::{Account, AccountId, DeadLetterId, Lane, LaneId, LegId, PaymentId, SettledLeg};
use giro::store::Tables;
use giro::store::items::{self, Item};

use crate::memory_store::MemoryStore;

/// A hand that reaches past the ports and their conditions.
#[derive(Debug)]
pub enum Hand {
    /// Into a store in memory.
    Memory(MemoryStore),
    /// Into tables.
    Dynamo(Client, Tables),
}

impl Hand {
    async fn put(client: &Client, table: &str, item: Item) {
        client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    async fn delete(client: &Client, table: &str, key: Item) {
        client.delete_item().table_name(table).set_key(Some(key)).send().await.unwrap();
    }

    /// Writes an account over any other.
    pub async fn put_account(&self, account: Account) {
        match self {
            Self::Memory(store) => store.insert_account(account),
            Self::Dynamo(client, tables) => Self::put(client, &tables.accounts, items::account::encode(&account)).await,
        }
    }

    /// Writes a lane over any other.
    pub async fn put_lane(&self, lane: Lane) {
        match self {
            Self::Memory(store) => store.insert_lane(lane),
            Self::Dynamo(client, tables) => Self::put(client, &tables.accounts, items::lane::encode(&lane)).await,
        }
    }

    /// Loses a payment, a refund or a payment with legs; its postings stay.
    pub async fn lose_payment(&self, id: &str) {
        let id: PaymentId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_payment(&id),
            Self::Dynamo(client, tables) => Self::delete(client, &tables.payments, items::payment::key(&id)).await,
        }
    }

    /// Loses a lane with what it holds.
    pub async fn lose_lane(&self, id: &str) {
        let id: LaneId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_lane(&id),
            Self::Dynamo(client, tables) => Self::delete(client, &tables.accounts, items::lane::key(&id)).await,
        }
    }

    /// Loses a part of a dead letter.
    pub async fn lose_part(&self, letter: &DeadLetterId, part: usize) {
        match self {
            Self::Memory(store) => store.lose_letter_part(letter, part),
            Self::Dynamo(client, tables) => {
                Self::delete(client, &tables.dead_letters, items::dead_letter::key(letter, part)).await;
            }
        }
    }

    /// Makes an account one that can't be read.
    pub async fn spoil_account(&self, id: &str) {
        let id: AccountId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.plant_corrupt_account(&id),
            Self::Dynamo(client, tables) => Self::put(client, &tables.accounts, items::account::key(&id)).await,
        }
    }

    /// Makes a payment one that can't be read.
    pub async fn spoil_payment(&self, id: &str) {
        let id: PaymentId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.plant_corrupt_payment(&id),
            Self::Dynamo(client, tables) => Self::put(client, &tables.payments, items::payment::key(&id)).await,
        }
    }

    /// Writes the item of a further leg over any other.
    pub async fn put_leg(&self, leg: SettledLeg) {
        match self {
            Self::Memory(store) => store.plant_leg(leg),
            Self::Dynamo(client, tables) => {
                Self::put(client, &tables.payments, items::legs::encode_leg(&leg, None, None)).await;
            }
        }
    }

    /// Loses the item of a further leg; its postings stay.
    pub async fn lose_leg(&self, id: &str) {
        let id: LegId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_leg(&id),
            Self::Dynamo(client, tables) => {
                let key = Item::from([(items::payments_table::KEY.into(), items::s(&id))]);
                Self::delete(client, &tables.payments, key).await;
            }
        }
    }

    /// Changes a sum of refunds.
    pub async fn put_refund_sum(&self, id: &str, sum: u64) {
        let id: LegId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.plant_refund_sum(&id, sum),
            Self::Dynamo(client, tables) => {
                Self::put(client, &tables.refunds, items::refund_total::encode(&id, sum)).await;
            }
        }
    }

    /// Loses an account's main item. Its lanes and its postings stay.
    pub async fn lose_account(&self, id: &str) {
        let id: AccountId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_account(&id),
            Self::Dynamo(client, tables) => Self::delete(client, &tables.accounts, items::account::key(&id)).await,
        }
    }

    /// Changes a head behind the back of audits.
    pub async fn spoil_head(&self, head: &Head) {
        match self {
            Self::Memory(store) => store.spoil_head(&head.checkpoint.account),
            Self::Dynamo(client, tables) => {
                let mut item = items::audit_head::encode(head);
                item.insert("balance".into(), items::n(head.checkpoint.balance.saturating_add(1)));
                Self::put(client, &tables.audit_heads, item).await;
            }
        }
    }

    /// Loses a head.
    pub async fn lose_head(&self, id: &str) {
        let id: AccountId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_head(&id),
            Self::Dynamo(client, tables) => {
                Self::delete(client, &tables.audit_heads, items::audit_head::key(&id)).await;
            }
        }
    }

    /// Loses all checkpoints of an account.
    pub async fn lose_checkpoints(&self, id: &str) {
        let id: AccountId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_checkpoints(&id),
            Self::Dynamo(client, tables) => {
                let all = client.scan().table_name(&tables.checkpoints).send().await.unwrap();
                for item in all.items().iter().filter(|item| item.get("account_id") == Some(&items::s(&id))) {
                    let key = ["account_id", "as_of"].into_iter();
                    let key = key.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone()))).collect();
                    Self::delete(client, &tables.checkpoints, key).await;
                }
            }
        }
    }
}
