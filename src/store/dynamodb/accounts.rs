//! What: Reads whole accounts with their lanes.

use std::collections::BTreeMap;

use super::DynamoDb;
use super::ledger_queries::read;
use crate::domain::{Account, AccountId, Holding, Lane, LaneId};
use crate::store::{LaneRead, Ledger, READ_ITEMS_MAX, StoreError, items};

impl DynamoDb {
    /// One account with its lanes.
    pub(super) async fn holding(&self, id: &AccountId) -> Result<Option<Holding>, StoreError> {
        let table = &self.tables.accounts;
        let Some(account) = self.find(table, items::account::key(id), items::account::decode).await? else {
            return Ok(None);
        };
        let ids: Vec<LaneId> = account.lane_ids().collect();
        let mut lanes = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(READ_ITEMS_MAX) {
            for answer in self.read_lanes(&chunk.iter().collect::<Vec<_>>()).await? {
                match answer {
                    LaneRead::Found(lane) => lanes.push(lane),
                    LaneRead::Missing => {}
                    LaneRead::Corrupt(expected) => return Err(StoreError::Corrupt(format!("{table}: {expected}"))),
                    LaneRead::Unread => return Err(StoreError::Throttled(format!("BatchGetItem on {table}"))),
                }
            }
        }
        Ok(Some(Holding { account, lanes }))
    }

    /// Every account with its lanes, in key order, and the lanes that no account counts.
    pub(super) async fn holdings(&self) -> Result<(Vec<Holding>, Vec<Lane>), StoreError> {
        let table = &self.tables.accounts;
        let mut lanes: BTreeMap<AccountId, Vec<Lane>> = BTreeMap::new();
        let mut accounts: Vec<Account> = Vec::new();
        for item in self.scan(table).await? {
            if items::lane::is_lane(&item) {
                let lane = read(table, items::lane::decode, &item)?;
                lanes.entry(lane.id.account.clone()).or_default().push(lane);
            } else {
                accounts.push(read(table, items::account::decode, &item)?);
            }
        }
        accounts.sort_by(|a, b| a.id.cmp(&b.id));
        let mut strays = Vec::new();
        let whole = |account: Account| {
            let all = lanes.remove(&account.id).unwrap_or_default();
            let (mut own, more): (Vec<Lane>, Vec<Lane>) =
                all.into_iter().partition(|lane| lane.id.lane < account.credit_lanes.count());
            own.sort_by_key(|lane| lane.id.lane);
            strays.extend(more);
            Holding { account, lanes: own }
        };
        let holdings = accounts.into_iter().map(whole).collect();
        strays.extend(lanes.into_values().flatten());
        strays.sort_by(|a, b| a.id.cmp(&b.id));
        Ok((holdings, strays))
    }
}
