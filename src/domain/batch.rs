//! The payments of one batch, with every account that they name numbered, so that all later steps work on indices.
//!
//! In: requests in the order in which they must be decided. Out: the same, plus the accounts to read and, for each
//! payment id that the batch holds more than once, which request leads and which only follow.
//!
//! Invariant: the order of the requests is never changed.

use std::collections::HashMap;

use super::{AccountId, PaymentId, Request};

/// The index of a request in its [`Batch`].
pub type RequestIx = usize;

/// The index of an account in its [`Batch`].
pub type AccountIx = usize;

/// Requests in deciding order, indexed.
#[derive(Debug, Default)]
pub struct Batch {
    requests: Vec<Request>,
    accounts: Vec<AccountId>,
    parties: Vec<(AccountIx, AccountIx)>,
    leaders: Vec<RequestIx>,
}

impl Batch {
    /// Indexes requests, which come in the order in which they must be decided.
    #[must_use]
    pub fn new(requests: Vec<Request>) -> Self {
        let mut accounts: Vec<AccountId> = Vec::new();
        let mut parties = Vec::with_capacity(requests.len());
        let mut leaders = Vec::with_capacity(requests.len());
        {
            let mut account_ix: HashMap<&AccountId, AccountIx> = HashMap::with_capacity(requests.len());
            let mut first_of: HashMap<&PaymentId, RequestIx> = HashMap::with_capacity(requests.len());
            for (ix, request) in requests.iter().enumerate() {
                let payment = &request.payment;
                let mut number = |id| {
                    *account_ix.entry(id).or_insert_with(|| {
                        accounts.push(id.clone());
                        accounts.len().saturating_sub(1)
                    })
                };
                parties.push((number(&payment.debtor), number(&payment.creditor)));
                leaders.push(*first_of.entry(&payment.id).or_insert(ix));
            }
        }
        Self { requests, accounts, parties, leaders }
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

    /// Debtor and creditor of a request.
    #[must_use]
    pub fn parties(&self, request: RequestIx) -> (AccountIx, AccountIx) {
        self.parties[request]
    }

    /// The first request of the batch with the same payment id: itself, unless the batch holds the id again.
    #[must_use]
    pub fn leader(&self, request: RequestIx) -> RequestIx {
        self.leaders[request]
    }
}
