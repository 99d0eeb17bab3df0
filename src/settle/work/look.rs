//! Looking again at what is stopped: a person may have mended the item that could not be read.
//!
//! Invariant: what was read before the look is read again before anything is decided after it.

use super::Work;
use crate::domain::AccountIx;
use crate::store::AccountRead;

impl Work<'_> {
    /// Whether a stored item that can't be read stops something. What the store rejects stays so as long as this code
    /// runs.
    pub(in crate::settle) fn is_damaged(&self) -> bool {
        let is_damaged = |&account: &AccountIx| matches!(self.accounts[account], AccountRead::Corrupt(_));
        !self.unreadable.is_empty() || self.rested_on().iter().any(is_damaged)
    }

    /// Has what could not be read be read again, and what met it be sent again: somebody may have mended it.
    pub(in crate::settle) fn look_again(&mut self) {
        self.met.look_again();
        self.unreadable.clear();
        for account in 0..self.accounts.len() {
            if matches!(self.accounts[account], AccountRead::Corrupt(_)) {
                self.forget(account);
            }
        }
    }

    /// Has all be read again that something left to decide rests on.
    pub(in crate::settle) fn forget_left(&mut self) {
        for account in self.rested_on() {
            self.forget(account);
        }
    }
}
