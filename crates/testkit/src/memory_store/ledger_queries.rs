//! What: Reads whole items for people and the audit, and opens accounts.

use super::{MemoryStore, State};
use crate::open_accounts::OpenAccounts;
use giro::domain::account_command::AccountChange;
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::{
    Account, AccountId, CreditLanes, DeadLetter, DeadLetterId, Holding, Lane, LaneId, LegId, PaymentId, Recorded,
    Source,
};
use giro::store::{LedgerQueries, Redrive, StoreError};

impl State {
    fn holding(&self, account: &Account) -> Holding {
        // Only what is this account's is looked at: there may be a hundred thousand others with lanes.
        let lane = |lane| LaneId { account: account.id.clone(), lane };
        let lanes = self.lanes.range(lane(0)..lane(account.credit_lanes.count()));
        Holding { account: account.clone(), lanes: lanes.map(|(_, lane)| lane.clone()).collect() }
    }

    fn account(&self, id: &AccountId) -> Result<Option<&Account>, StoreError> {
        self.accounts.get(id).map(Result::as_ref).transpose().map_err(|expected| StoreError::Corrupt(expected.clone()))
    }
}

impl LedgerQueries for MemoryStore {
    async fn account(&self, id: &AccountId) -> Result<Option<Holding>, StoreError> {
        let state = self.state();
        Ok(state.account(id)?.map(|account| state.holding(account)))
    }

    async fn accounts(&self) -> Result<Vec<Holding>, StoreError> {
        let state = self.state();
        let whole = |read: &Result<Account, String>| match read {
            Ok(account) => Ok(state.holding(account)),
            Err(expected) => Err(StoreError::Corrupt(expected.clone())),
        };
        state.accounts.values().map(whole).collect()
    }

    async fn stray_lanes(&self) -> Result<Vec<Lane>, StoreError> {
        let state = self.state();
        let counted = |lane: &Lane| match state.accounts.get(&lane.id.account) {
            Some(Ok(account)) => lane.id.lane < account.credit_lanes.count(),
            Some(Err(_)) | None => false,
        };
        Ok(state.lanes.values().filter(|lane| !counted(lane)).cloned().collect())
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<Recorded>, StoreError> {
        Ok(self.state().payments.get(id).cloned())
    }

    async fn refunded(&self, id: &LegId) -> Result<u64, StoreError> {
        Ok(self.state().totals.get(id).copied().unwrap_or_default())
    }

    async fn refunds(&self) -> Result<Vec<(LegId, u64)>, StoreError> {
        Ok(self.state().totals.iter().map(|(id, total)| (id.clone(), *total)).collect())
    }

    async fn payments(&self) -> Result<Vec<Recorded>, StoreError> {
        Ok(self.state().payments.values().cloned().collect())
    }

    async fn dead_letter(&self, id: &DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.state().letters.get(id).cloned())
    }

    async fn dead_letters_at(&self, place: &Source) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(self.state().letters.values().filter(|letter| letter.source == *place).cloned().collect())
    }

    async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(self.state().letters.values().cloned().collect())
    }
}

impl OpenAccounts for MemoryStore {
    async fn open_account(&self, account: &Account) -> Result<Option<Account>, StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        if let Some(existing) = state.account(&account.id)? {
            return Ok(Some(existing.clone()));
        }
        let change = AccountChange::Open(account.clone());
        state.change_lanes(&change.lanes(&account.id));
        state.accounts.insert(account.id.clone(), Ok(account.clone()));
        self.lost_answer(&mut state, None)
    }

    async fn add_lanes(&self, id: &AccountId, lanes: CreditLanes) -> Result<Option<Account>, StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        let account = state.account(id)?.cloned();
        let Some(read) = account.clone().filter(|account| account.lacks(lanes)) else { return Ok(account) };
        let to = lanes.max(read.credit_lanes);
        let change = AccountChange::Lanes { account: read, to };
        state.change_lanes(&change.lanes(id));
        let account = change.applied_to(account);
        state.accounts.extend(account.clone().map(|account| (id.clone(), Ok(account))));
        self.lost_answer(&mut state, account)
    }
}

impl Redrive for MemoryStore {
    async fn mark_redriven(&self, id: &DeadLetterId) -> Result<bool, StoreError> {
        let mut state = self.call().await?;
        let parked = state.letters.get_mut(id).filter(|letter| letter.status == DeadLetterStatus::Parked);
        let marked = parked.map(|letter| letter.status = DeadLetterStatus::Redriven).is_some();
        self.lost_answer(&mut state, marked)
    }
}
