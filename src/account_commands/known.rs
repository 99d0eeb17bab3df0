//! What: Holds what is known of one account, as last read or learned, and the errors of the store about it.
//!
//! Data: Takes what reads found, and what became of each command. Gives the account and its lanes, for a decision.
//!
//! Invariants: If the account may have changed unseen, it is read again. Nothing here knows of requests.

use std::slice;

use tokio::time::Instant;

use crate::domain::account_command::{Action, looks_at_lanes};
use crate::domain::{Account, AccountId, Lane, LaneId};
use crate::settle::Backoff;
use crate::settle::reads::{lanes, mains};
use crate::settle::seen_errors::SeenErrors;
use crate::store::{AccountLedger, AccountRead, READ_ITEMS_MAX, StoreError};

/// What is known of one account.
pub(super) struct KnownAccount {
    id: AccountId,
    main: AccountRead,
    errors: SeenErrors,
}

impl KnownAccount {
    /// Begins with what a first read found of the account's main item.
    pub(super) fn new(id: AccountId, main: AccountRead) -> Self {
        Self { id, main, errors: SeenErrors::default() }
    }

    /// Notes what the account's main item is now.
    pub(super) fn learn(&mut self, main: AccountRead) {
        self.main = main;
    }

    /// What is known may be out of date, so it is read again.
    pub(super) fn forget(&mut self) {
        self.main = AccountRead::Unread;
    }

    /// Notes an error of the store.
    pub(super) fn note(&mut self, error: StoreError) {
        self.errors.note(error);
    }

    /// Whether an item of it is damaged, and nobody is known to have mended it.
    pub(super) fn is_damaged(&self) -> bool {
        self.errors.is_damage()
    }

    /// Somebody may have mended what could not be read.
    pub(super) fn look_again(&mut self) {
        self.errors.look_again();
        self.forget();
    }

    /// The error to report.
    pub(super) fn error(self) -> Option<StoreError> {
        self.errors.told()
    }

    /// The account as it is, if there is one, and all lanes that it counts if the action looks at them. Those that
    /// aren't there yet hold zero. `None` if it can't be read.
    /// Reads have their own backoff: a read that succeeds says nothing about the write that failed.
    ///
    /// Lanes are read in several calls, and money may move between them and the main item meanwhile. A read may also
    /// see a transaction on one lane and not yet on another. So the sum may never have been true. The commit finds that
    /// out, because the decision has preconditions.
    pub(super) async fn look<L: AccountLedger>(
        &mut self,
        ledger: &L,
        action: &Action,
        deadline: Instant,
        backoff: &Backoff,
    ) -> Option<(Option<Account>, Vec<Lane>)> {
        if self.main == AccountRead::Unread {
            let (id, main) = (slice::from_ref(&self.id), slice::from_mut(&mut self.main));
            mains(ledger, id, main, &mut self.errors, deadline, &mut backoff.clone()).await;
        }
        let account = match &self.main {
            AccountRead::Found(account) => account.clone(),
            AccountRead::Missing => return Some((None, Vec::new())),
            AccountRead::Unread => return None,
            AccountRead::Corrupt(expected) => {
                self.errors.note(StoreError::Corrupt(expected.clone()));
                return None;
            }
        };
        if !looks_at_lanes(action, &account) {
            return Some((Some(account), Vec::new()));
        }
        let lanes = self.read_lanes(ledger, &account, deadline, backoff.clone()).await?;
        Some((Some(account), lanes))
    }

    /// All lanes of the account. `None` if one can't be read.
    async fn read_lanes<L: AccountLedger>(
        &mut self,
        ledger: &L,
        account: &Account,
        deadline: Instant,
        mut backoff: Backoff,
    ) -> Option<Vec<Lane>> {
        let mut left: Vec<LaneId> = account.lane_ids().collect();
        let mut known = Vec::with_capacity(left.len());
        while !left.is_empty() && Instant::now() < deadline {
            let asked: Vec<LaneId> = left.drain(..left.len().min(READ_ITEMS_MAX)).collect();
            let keyed: Vec<(&LaneId, &LaneId)> = asked.iter().map(|id| (id, id)).collect();
            let (found, error) = lanes(ledger, &keyed, "reading lanes", deadline).await;
            let before = left.len();
            if let Some(error) = error {
                // It was one call, so no lane of it was read.
                self.errors.note(error);
                left.extend(asked.iter().cloned());
            }
            for (id, read) in found {
                match read.counted(account, id.lane) {
                    Ok(Some(lane)) => known.push(lane),
                    Ok(None) => left.push(id.clone()),
                    Err(expected) => {
                        self.errors.note(StoreError::Corrupt(expected));
                        return None;
                    }
                }
            }
            if left.len() > before {
                backoff.wait(deadline).await;
            }
        }
        known.sort_unstable_by_key(|lane| lane.id.lane);
        left.is_empty().then_some(known)
    }
}
