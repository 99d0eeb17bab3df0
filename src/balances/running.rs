//! What: The balance after each posting of a page of a statement.
//!
//! Data: Takes the page. Gives for each posting what the account held after it, if its time is closed.
//!
//! The order is that of the statement, from its end. So the balance after a posting holds the posting and all that are
//! behind it in the statement, also those that were decided in the same millisecond. The sum begins with the balance of
//! the millisecond before the page's last posting. What is behind that posting in its own millisecond is read as
//! further pages of the statement. So pages of any size tell the same.

use super::at::{Balances, ITEMS_MAX};
use super::error::BalanceError;
use crate::domain::balance_at::running;
use crate::domain::statement::{StatementPage, StatementQuery};
use crate::domain::{Holding, Timestamp};
use crate::store::{PostingLists, ProvedBalances, Statements};

/// How many postings of one millisecond are read at once.
const PAGE_POSTINGS: usize = 500;

impl<S: PostingLists + ProvedBalances + Statements> Balances<'_, S> {
    /// The balance after each posting of a page, in the page's order. `None`: the time of the posting isn't closed.
    ///
    /// # Errors
    /// [`BalanceError`] if a balance can't be told.
    pub async fn running(&self, holding: &Holding, page: &StatementPage) -> Result<Vec<Option<i128>>, BalanceError> {
        let Some(last) = page.postings.last().map(|posting| posting.decided_at) else { return Ok(Vec::new()) };
        if last > self.closed {
            return Ok(vec![None; page.postings.len()]);
        }
        let before = self.at(holding, last.earlier_by(1)).await?.balance;
        let beside = self.beside(holding, page, last).await?;
        Ok(running(&page.postings, before.saturating_add(beside), self.closed))
    }

    /// What the postings of a millisecond make that are behind a page.
    async fn beside(&self, holding: &Holding, page: &StatementPage, at: Timestamp) -> Result<i128, BalanceError> {
        let (mut sum, mut count) = (0_i128, 0_usize);
        let mut next = page.next.clone();
        while let Some(after) = next.filter(|next| next.decided_at == at) {
            let ask = StatementQuery { from: Some(at), to: None, after: Some(after), limit: PAGE_POSTINGS };
            let page = self.store.statement(holding, &ask).await?;
            sum = page.postings.iter().fold(sum, |sum, posting| sum.saturating_add(posting.signed().into()));
            // Each page counts as a full one, because it may have passed over as many declined payments.
            count = count.saturating_add(PAGE_POSTINGS);
            if count > ITEMS_MAX {
                return Err(BalanceError::TooMany { most: ITEMS_MAX, proved: None });
            }
            next = page.next;
        }
        Ok(sum)
    }
}
