//! What: Holds the balances while a batch is decided: main items, lanes, and what the batch itself has credited.
//!
//! Data: Takes a snapshot, then payments one by one, in order. Says whether each is covered, and which lanes must be
//! swept.
//!
//! An account without a limit pays from its lanes ([`Snapshot::paying_lanes`]). They never cover too little, so nothing
//! is swept or gathered for it.
//!
//! Any other account with lanes takes credits on its lanes and debits on its main item. If the main item doesn't cover
//! a debit, lanes are swept into it. Free lanes ([`slice`](crate::domain::slice)) come first, and the fullest of them,
//! so that few items are written. The first debit that needs lanes sweeps them for all that follow.
//!
//! If that is not enough, the debit spends what the same batch credits. Then all credits of the batch to this account
//! go to the main item. There they are in order with its debits, as if the account had no lanes.
//!
//! Invariants: Whether a debit is covered depends only on the sum of main item, lanes and earlier credits, never on
//! which item holds the money.

use std::collections::HashMap;

use super::snapshot::{Decisions, Snapshot, Sweep};
use crate::domain::{Account, AccountIx, Amount, Balance, Batch, Decision, Decline};

/// The balances, payment by payment.
pub(super) struct Funds<'b, 's> {
    batch: &'b Batch,
    snapshot: Snapshot<'s>,
    /// By account: the main item.
    mains: Vec<Balance>,
    /// Accounts with lanes that the batch has touched so far.
    pools: HashMap<AccountIx, Pool>,
}

/// A lane that holds money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Full {
    is_free: bool,
    balance: Balance,
    lane: u16,
}

/// What an account with lanes holds beside its main item.
#[derive(Debug, Clone, Default)]
struct Pool {
    /// The lanes that are not swept yet. The free ones come last, and the fullest of them last of all.
    lanes: Vec<Full>,
    /// The lanes that are swept, each with the position of the debit that needs it.
    swept: Vec<(usize, Full)>,
    /// The most that the main item may hold at any time: all that the account held and was credited.
    most: i128,
    lanes_sum: i128,
    /// All lanes are known.
    known: bool,
    /// A debit needed the lanes, and they were not known.
    asked: bool,
    /// A lane that this batch may use has room for credits.
    has_room: bool,
    /// The account pays from lanes.
    pays: bool,
    /// What this batch has credited to lanes. Zero once the credits are gathered.
    credited: i128,
    /// The credits of this batch go to the main item.
    gathered: bool,
}

impl Pool {
    /// Takes a credit on a lane.
    fn credit(&mut self, amount: Amount) {
        self.credited = self.credited.saturating_add(amount.minor_units().into());
        self.most = self.most.saturating_add(amount.minor_units().into());
    }

    /// What is swept. The first debit that needs free lanes sweeps those for all that follow, and so does the first
    /// that needs others. If the main item can't hold all of it at once, each debit sweeps its own.
    fn sweeps(&self, account: AccountIx) -> impl Iterator<Item = Sweep> {
        let at_once = self.most <= i128::from(Balance::MAX.minor_units());
        let first = |is_free: bool| {
            let first = self.swept.iter().find(|(_, full)| full.is_free == is_free);
            first.filter(|_| at_once).map(|&(position, _)| position)
        };
        let (free, busy) = (first(true), first(false));
        self.swept.iter().map(move |(position, full)| Sweep {
            position: if full.is_free { free } else { busy }.unwrap_or(*position),
            account,
            lane: full.lane,
            amount: full.balance,
        })
    }
}

/// What an instruction takes from its debtor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Debit {
    /// How much.
    amount: Amount,
    /// The lowest balance that it may leave. `None` if there is no limit.
    lowest: Option<i128>,
    /// Earlier legs of the same payment credited at least as much.
    is_covered: bool,
}

impl Debit {
    /// It takes this much, and may leave this balance at the lowest.
    pub(super) fn from_balance(amount: Amount, lowest: Option<i128>) -> Self {
        Self { amount, lowest, is_covered: false }
    }

    /// It takes back what earlier legs of the same payment credited, or less.
    pub(super) fn from_credits(amount: Amount) -> Self {
        Self { amount, lowest: None, is_covered: true }
    }

    /// Whether it may leave this balance.
    fn may_leave(self, balance: i128) -> bool {
        self.lowest.is_none_or(|lowest| balance >= lowest)
    }

    /// What the main item must hold before it.
    fn needs(self) -> i128 {
        self.lowest.unwrap_or(i64::MIN.into()).saturating_add(self.amount.minor_units().into())
    }
}

/// What an account held before a payment with legs.
pub(super) struct Kept {
    account: AccountIx,
    main: Balance,
    pool: Option<Pool>,
}

/// What pays a debit.
enum Cover {
    /// The main item, and what is left of it.
    Main(Balance),
    /// The main item, after lanes are swept or credits gathered.
    Pool,
    /// A lane, whatever it holds.
    Lane,
    /// Credits of the same payment.
    Credits,
}

impl<'b, 's> Funds<'b, 's> {
    pub(super) fn new(batch: &'b Batch, snapshot: Snapshot<'s>) -> Self {
        let main = |account: &Option<Account>| account.as_ref().map_or(Balance::ZERO, |account| account.balance);
        let mains = snapshot.accounts.iter().map(main).collect();
        Self { batch, snapshot, mains, pools: HashMap::new() }
    }

    /// Moves money between two accounts that allow it.
    ///
    /// # Errors
    /// [`Decline::BalanceLimit`], [`Decline::BalanceOverflow`], then [`Decline::InsufficientFunds`].
    pub(super) fn pay(
        &mut self,
        position: usize,
        debit: Debit,
        (debtor, creditor): (AccountIx, AccountIx),
        (debtor_account, creditor_account): (&Account, &Account),
    ) -> Decision {
        let amount = debit.amount;
        if creditor_account.max_balance().is_some_and(|most| self.exceeds(most, amount, creditor)) {
            return Err(Decline::BalanceLimit);
        }
        let cover = self.cover(debit, debtor, debtor_account);
        let credited = self.credited(amount, creditor, creditor_account);
        if matches!(cover, Err(Decline::BalanceOverflow)) || credited.is_err() {
            return Err(Decline::BalanceOverflow);
        }
        match cover? {
            Cover::Main(left) => self.mains[debtor] = left,
            Cover::Pool => self.draw(position, debit, debtor, debtor_account),
            Cover::Lane => {}
            Cover::Credits => self.take_back(amount, debtor, debtor_account),
        }
        match credited? {
            Some(balance) => self.mains[creditor] = balance,
            None => self.pool(creditor, creditor_account).credit(amount),
        }
        Ok(())
    }

    /// What these accounts hold now.
    pub(super) fn keep(&self, accounts: impl Iterator<Item = AccountIx>) -> Vec<Kept> {
        let kept = |account| Kept { account, main: self.mains[account], pool: self.pools.get(&account).cloned() };
        accounts.map(kept).collect()
    }

    /// Everything is as it was kept. Only lanes that a debit has asked for stay asked for.
    pub(super) fn restore(&mut self, kept: Vec<Kept>) {
        for Kept { account, main, pool } in kept {
            self.mains[account] = main;
            if self.pools.get(&account).is_some_and(|pool| pool.asked) {
                continue;
            }
            match pool {
                Some(pool) => drop(self.pools.insert(account, pool)),
                None => drop(self.pools.remove(&account)),
            }
        }
    }

    /// The decisions on the requests, and what they rest on.
    pub(super) fn finish(self, decisions: Vec<Decision>) -> Decisions {
        let which = |is: fn(&Pool) -> bool| {
            let mut found: Vec<AccountIx> =
                self.pools.iter().filter(|(_, pool)| is(pool)).map(|(&account, _)| account).collect();
            found.sort_unstable();
            found
        };
        let (gathered, unread) = (which(|pool| pool.gathered), which(|pool| pool.asked));
        let mut sweeps: Vec<Sweep> = self.pools.iter().flat_map(|(&account, pool)| pool.sweeps(account)).collect();
        sweeps.sort_by_key(|sweep| (sweep.position, sweep.account));
        Decisions { decisions, sweeps, gathered, unread, ..Decisions::default() }
    }

    /// Whether a credit would take the main item past this balance. An account with a maximum has all of its money
    /// there.
    fn exceeds(&self, most: u64, amount: Amount, creditor: AccountIx) -> bool {
        let after = i128::from(self.mains[creditor].minor_units()).saturating_add(amount.minor_units().into());
        after > i128::from(most)
    }

    /// What would pay a debit.
    fn cover(&mut self, debit: Debit, debtor: AccountIx, account: &Account) -> Result<Cover, Decline> {
        if debit.is_covered {
            return Ok(Cover::Credits);
        }
        if account.pays_from_lanes() && self.pool(debtor, account).pays {
            return Ok(Cover::Lane);
        }
        let left = self.mains[debtor].debited(debit.amount);
        match left {
            Some(left) if debit.may_leave(left.minor_units().into()) => return Ok(Cover::Main(left)),
            None if account.payment_lanes().is_none() => return Err(Decline::BalanceOverflow),
            Some(_) if account.payment_lanes().is_none() => return Err(Decline::InsufficientFunds),
            Some(_) | None => {}
        }
        let main = i128::from(self.mains[debtor].minor_units());
        let pool = self.pool(debtor, account);
        if !pool.known {
            pool.asked = true;
            return Err(Decline::InsufficientFunds);
        }
        let all = main.saturating_add(pool.lanes_sum).saturating_add(pool.credited);
        let left = all.saturating_sub(debit.amount.minor_units().into());
        if left < i128::from(i64::MIN) {
            return Err(Decline::BalanceOverflow);
        }
        if !debit.may_leave(left) {
            return Err(Decline::InsufficientFunds);
        }
        // If the credits are gathered, the main item must be able to hold all of the money at once.
        let held = i128::from(Balance::MAX.minor_units());
        if main.saturating_add(pool.lanes_sum) < debit.needs() && all > held {
            return Err(Decline::BalanceOverflow);
        }
        Ok(Cover::Pool)
    }

    /// Takes a debit from the main item. Before that it sweeps lanes and gathers credits, as far as the debit needs
    /// them.
    fn draw(&mut self, position: usize, debit: Debit, debtor: AccountIx, account: &Account) {
        let mut main = i128::from(self.mains[debtor].minor_units());
        let needed = debit.needs();
        let pool = self.pool(debtor, account);
        while main < needed
            && let Some(full) = pool.lanes.pop()
        {
            pool.lanes_sum = pool.lanes_sum.saturating_sub(full.balance.minor_units().into());
            main = main.saturating_add(full.balance.minor_units().into());
            pool.swept.push((position, full));
        }
        if main < needed {
            pool.gathered = true;
            main = main.saturating_add(std::mem::take(&mut pool.credited));
        }
        let left = main.saturating_sub(debit.amount.minor_units().into());
        // This is in range: only lanes that are needed are swept, and `cover` has checked what is gathered.
        self.mains[debtor] = Balance::new(i64::try_from(left).unwrap_or(i64::MAX));
    }

    /// Takes back what was credited, where it was credited.
    fn take_back(&mut self, amount: Amount, debtor: AccountIx, account: &Account) {
        if !account.payment_lanes().is_none() {
            let pool = self.pool(debtor, account);
            if !pool.gathered {
                pool.credited = pool.credited.saturating_sub(amount.minor_units().into());
                return;
            }
        }
        // It held this much more than before the payment, so this never falls back.
        self.mains[debtor] = self.mains[debtor].debited(amount).unwrap_or(self.mains[debtor]);
    }

    /// The main item after a credit; `None` if the credit goes to a lane.
    fn credited(&mut self, amount: Amount, creditor: AccountIx, account: &Account) -> Result<Option<Balance>, Decline> {
        if !account.payment_lanes().is_none() {
            let pool = self.pool(creditor, account);
            if !pool.gathered {
                return if pool.has_room { Ok(None) } else { Err(Decline::BalanceOverflow) };
            }
        }
        self.mains[creditor].credited(amount).map(Some).ok_or(Decline::BalanceOverflow)
    }

    fn pool(&mut self, ix: AccountIx, account: &Account) -> &mut Pool {
        let (batch, snapshot) = (self.batch, self.snapshot);
        self.pools.entry(ix).or_insert_with(|| {
            let known = snapshot.lanes.get(&ix);
            let full = |lane: u16| {
                let balance = known.and_then(|known| known.balance(lane))?;
                Some(Full { is_free: batch.is_free(lane, account.payment_lanes(), snapshot.slice()), balance, lane })
            };
            let all: Option<Vec<Full>> = account.payment_lanes().numbers().map(full).collect();
            let takes_credit = |&lane: &u16| known.is_none_or(|known| known.takes_credit(lane));
            let mut pool = Pool {
                known: all.is_some(),
                has_room: batch.owned_lanes(account.payment_lanes()).iter().any(takes_credit),
                pays: !snapshot.paying_lanes(batch, ix).is_empty(),
                ..Pool::default()
            };
            pool.lanes = all.unwrap_or_default();
            pool.lanes.retain(|full| full.balance > Balance::ZERO);
            pool.lanes.sort_unstable();
            let sum = |sum: i128, full: &Full| sum.saturating_add(full.balance.minor_units().into());
            pool.lanes_sum = pool.lanes.iter().fold(0, sum);
            pool.most = pool.lanes_sum.saturating_add(account.balance.minor_units().into());
            pool
        })
    }
}

#[cfg(test)]
mod tests;
