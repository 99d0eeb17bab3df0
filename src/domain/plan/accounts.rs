//! What: A few accounts, each once, with what is done with it. They are in the order in which they were first marked.
//! Most requests name two, so up to two are kept in place.

use crate::domain::AccountIx;

/// What a request does with an account: any of three things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks(u8);

impl Marks {
    pub(super) const NONE: Self = Self(0);
    /// It writes or checks the main item.
    pub(super) const CHANGES: Self = Self(1);
    /// It changes a lane.
    pub(super) const ON_LANE: Self = Self(2);
    /// Requests of the account must stay in order around it.
    pub(super) const ORDERS: Self = Self(4);

    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    const fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Marked {
    account: AccountIx,
    marks: Marks,
}

/// A few accounts, each once, with its marks.
#[derive(Debug, Clone)]
pub(super) enum Accounts {
    /// The first so many of these.
    Few([Marked; 2], usize),
    Many(Vec<Marked>),
}

impl Accounts {
    /// No account.
    pub(super) const NONE: Self = Self::Few([Marked { account: 0, marks: Marks::NONE }; 2], 0);

    /// Marks an account. Earlier marks stay.
    pub(super) fn mark(&mut self, account: AccountIx, marks: Marks) {
        if let Some(known) = self.all_mut().iter_mut().find(|known| known.account == account) {
            known.marks = known.marks.and(marks);
            return;
        }
        let marked = Marked { account, marks };
        match self {
            Self::Few(few, count) => match few.get_mut(*count) {
                Some(place) => {
                    *place = marked;
                    *count = count.saturating_add(1);
                }
                None => *self = Self::Many(few.iter().copied().chain([marked]).collect()),
            },
            Self::Many(many) => many.push(marked),
        }
    }

    /// The accounts that have one of these marks, each once.
    pub(super) fn with(&self, marks: Marks) -> impl Iterator<Item = AccountIx> + '_ {
        self.all().iter().filter(move |known| known.marks.has_any(marks)).map(|known| known.account)
    }

    fn all(&self) -> &[Marked] {
        match self {
            Self::Few(few, count) => few.get(..*count).unwrap_or_default(),
            Self::Many(many) => many,
        }
    }

    fn all_mut(&mut self) -> &mut [Marked] {
        match self {
            Self::Few(few, count) => few.get_mut(..*count).unwrap_or_default(),
            Self::Many(many) => many,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_is_there_once_with_all_its_marks() {
        let (changes, on_lane, orders) = (Marks::CHANGES, Marks::ON_LANE, Marks::ORDERS);
        let mut accounts = Accounts::NONE;
        assert_eq!(accounts.with(changes.and(on_lane).and(orders)).count(), 0);
        // The account and its marks, then those that change, those on a lane, and those that order.
        for (account, marks, expected) in [
            (7, orders, [&[][..], &[], &[7]]),
            (7, changes, [&[7], &[], &[7]]),
            (3, on_lane, [&[7], &[3], &[7]]),
            (7, orders, [&[7], &[3], &[7]]),
            (9, changes.and(orders), [&[7, 9], &[3], &[7, 9]]),
            (3, orders, [&[7, 9], &[3], &[7, 3, 9]]),
            (1, changes, [&[7, 9, 1], &[3], &[7, 3, 9]]),
            (9, on_lane, [&[7, 9, 1], &[3, 9], &[7, 3, 9]]),
        ] {
            accounts.mark(account, marks);
            assert_eq!([changes, on_lane, orders].map(|marks| accounts.with(marks).collect::<Vec<_>>()), expected);
        }
    }
}
