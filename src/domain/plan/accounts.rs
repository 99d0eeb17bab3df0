//! What: A few accounts, each once, in the order in which they were added. Most requests name two, so up to two are
//! kept in place.

use crate::domain::AccountIx;

/// A few accounts, each once.
#[derive(Debug, Clone)]
pub(super) enum Accounts {
    /// The first so many of these.
    Few([AccountIx; 2], usize),
    Many(Vec<AccountIx>),
}

impl Accounts {
    /// No account.
    pub(super) const NONE: Self = Self::Few([0; 2], 0);

    /// Adds an account, unless it is there.
    pub(super) fn add(&mut self, account: AccountIx) {
        if self.contains(&account) {
            return;
        }
        match self {
            Self::Few(few, count) => match few.get_mut(*count) {
                Some(place) => {
                    *place = account;
                    *count = count.saturating_add(1);
                }
                None => *self = Self::Many(few.iter().copied().chain([account]).collect()),
            },
            Self::Many(many) => many.push(account),
        }
    }
}

impl std::ops::Deref for Accounts {
    type Target = [AccountIx];
    fn deref(&self) -> &[AccountIx] {
        match self {
            Self::Few(few, count) => few.get(..*count).unwrap_or_default(),
            Self::Many(many) => many,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_is_there_once_in_the_order_of_the_first() {
        let mut accounts = Accounts::NONE;
        assert!(accounts.is_empty());
        for (account, expected) in [
            (7, &[7][..]),
            (7, &[7]),
            (3, &[7, 3]),
            (7, &[7, 3]),
            (9, &[7, 3, 9]),
            (3, &[7, 3, 9]),
            (1, &[7, 3, 9, 1]),
            (9, &[7, 3, 9, 1]),
        ] {
            accounts.add(account);
            assert_eq!(&*accounts, expected);
        }
    }
}
