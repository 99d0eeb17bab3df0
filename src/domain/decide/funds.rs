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
#[derive(Debug, Default)]
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
    pub(super) amount: Amount,
    /// The lowest balance that it may leave. `None` if there is no limit.
    pub(super) lowest: Option<i128>,
}

impl Debit {
    /// Whether it may leave this balance.
    fn may_leave(self, balance: i128) -> bool {
        self.lowest.is_none_or(|lowest| balance >= lowest)
    }

    /// What the main item must hold before it.
    fn needs(self) -> i128 {
        self.lowest.unwrap_or(i64::MIN.into()).saturating_add(self.amount.minor_units().into())
    }
}

/// What pays a debit.
enum Cover {
    /// The main item, and what is left of it.
    Main(Balance),
    /// The main item, after lanes are swept or credits gathered.
    Pool,
    /// A lane, whatever it holds.
    Lane,
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
        }
        match credited? {
            Some(balance) => self.mains[creditor] = balance,
            None => self.pool(creditor, creditor_account).credit(amount),
        }
        Ok(())
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
mod tests {
    use super::super::decide_all;
    use super::*;
    use crate::domain::account::given;
    use crate::domain::lane::KnownLanes;
    use crate::domain::money::AMOUNT_MAX;
    use crate::domain::{
        AccountId, CreditLanes, Currency, Instruction, OverdraftLimit, Payment, Request, Source, Timestamp,
    };

    const NO_OVERDRAFT: OverdraftLimit = OverdraftLimit::Limited(0);

    /// Decides a debit of a shop after the batch has credited it. The shop has this main item and these lanes, all
    /// known or none.
    fn pay(main: i64, limit: OverdraftLimit, lanes: &[i64], read: bool, credits: &[u64], debit: u64) -> Decisions {
        let request = |(offset, (debtor, creditor, amount)): (usize, (&str, &str, u64))| Request {
            instruction: Instruction::Payment(Payment {
                id: format!("p{offset}").parse().unwrap(),
                debtor: debtor.parse().unwrap(),
                creditor: creditor.parse().unwrap(),
                amount: Amount::try_new(amount).unwrap(),
                currency: Currency::try_new("EUR").unwrap(),
                reference: None,
                requested_at: None,
            }),
            source: Source { topic: "t".into(), partition: 0, offset: 0 },
        };
        let credits = credits.iter().map(|amount| ("bank", "shop", *amount));
        let requests: Vec<Request> = credits.chain([("shop", "bob", debit)]).enumerate().map(request).collect();
        let all: Vec<usize> = (0..requests.len()).collect();
        let batch = Batch::new(requests);
        let account = |id: &AccountId| match id.as_str() {
            "shop" => Account {
                balance: Balance::new(main),
                overdraft_limit: limit,
                credit_lanes: CreditLanes::try_new(u16::try_from(lanes.len()).unwrap()).unwrap(),
                ..given::account("shop")
            },
            other => Account { overdraft_limit: OverdraftLimit::Unlimited, ..given::account(other) },
        };
        let accounts: Vec<Option<Account>> = batch.accounts().iter().map(account).map(Some).collect();
        let shop = batch.accounts().iter().position(|id| id.as_str() == "shop").unwrap();
        let mut known = KnownLanes::default();
        (0..).zip(lanes).for_each(|(lane, balance)| known.learn(lane, Balance::new(*balance)));
        let known = if read { HashMap::from([(shop, known)]) } else { HashMap::new() };
        let now = Timestamp::EPOCH;
        decide_all(&batch, &all, Snapshot { refund_totals: &HashMap::new(), accounts: &accounts, lanes: &known, now })
    }

    #[test]
    fn a_debit_takes_the_main_item_then_the_fullest_lanes_then_what_the_batch_credits() {
        use Decline::{BalanceOverflow, InsufficientFunds};
        let none = OverdraftLimit::Unlimited;
        // 1,024 payments of the largest amount sum to 1,024 less than 2^63.
        let most = [AMOUNT_MAX; 1_024];
        type Case<'c> = (i64, OverdraftLimit, &'c [i64], &'c [u64], u64, Decision, &'c [u16], bool);
        let cases: [Case<'_>; 24] = [
            (3, NO_OVERDRAFT, &[], &[], 3, Ok(()), &[], false),
            (3, NO_OVERDRAFT, &[], &[], 4, Err(InsufficientFunds), &[], false),
            (3, NO_OVERDRAFT, &[5], &[], 3, Ok(()), &[], false),
            (1, NO_OVERDRAFT, &[2], &[], 3, Ok(()), &[0], false),
            (1, NO_OVERDRAFT, &[2], &[], 4, Err(InsufficientFunds), &[], false),
            (1, NO_OVERDRAFT, &[2, 5, 0, 3], &[], 8, Ok(()), &[1, 3], false),
            (1, NO_OVERDRAFT, &[2, 5], &[], 6, Ok(()), &[1], false),
            (1, NO_OVERDRAFT, &[2, 5], &[], 7, Ok(()), &[1, 0], false),
            (0, OverdraftLimit::Limited(2), &[1], &[], 3, Ok(()), &[0], false),
            (0, OverdraftLimit::Limited(2), &[1], &[], 4, Err(InsufficientFunds), &[], false),
            // Credits of the batch are spent last. Then all of them go to the main item, and empty lanes stay as they
            // are.
            (1, NO_OVERDRAFT, &[2], &[4], 3, Ok(()), &[0], false),
            (1, NO_OVERDRAFT, &[0, 2], &[4], 7, Ok(()), &[1], true),
            (1, NO_OVERDRAFT, &[0, 2], &[4], 8, Err(InsufficientFunds), &[], false),
            (1, NO_OVERDRAFT, &[], &[4], 5, Ok(()), &[], false),
            // The lowest possible balance.
            (i64::MIN + 1, none, &[], &[], 1, Ok(()), &[], false),
            (i64::MIN + 1, none, &[], &[], 2, Err(BalanceOverflow), &[], false),
            (i64::MIN, none, &[5], &[], 4, Ok(()), &[0], false),
            (i64::MIN, none, &[5], &[], 5, Ok(()), &[0], false),
            (i64::MIN, none, &[5], &[], 6, Err(BalanceOverflow), &[], false),
            // The highest balance. Gathered credits must fit on the main item at once; others need not.
            (1_023, NO_OVERDRAFT, &[0], &most, 1_023, Ok(()), &[], false),
            (1_023, NO_OVERDRAFT, &[0], &most, 1_024, Ok(()), &[], true),
            (1_024, NO_OVERDRAFT, &[0], &most, 1_025, Err(BalanceOverflow), &[], false),
            (1_000, NO_OVERDRAFT, &[24], &most, 1_024, Ok(()), &[0], false),
            (1_000, NO_OVERDRAFT, &[24], &most, 1_025, Err(BalanceOverflow), &[], false),
        ];
        for (main, limit, lanes, credits, debit, decision, swept, gathered) in cases {
            let decisions = pay(main, limit, lanes, true, credits, debit);
            let what = format!("{debit} from {main} {limit:?} {lanes:?} and {} credits", credits.len());
            assert_eq!(decisions.decisions.last(), Some(&decision), "{what}");
            assert_eq!(decisions.sweeps.iter().map(|sweep| sweep.lane).collect::<Vec<_>>(), swept, "{what}");
            assert!(decisions.sweeps.iter().all(|sweep| sweep.amount.minor_units() == lanes[usize::from(sweep.lane)]));
            assert_eq!((decisions.gathered.len(), decisions.unread), (usize::from(gathered), vec![]), "{what}");
        }
    }

    /// Lanes are asked for only if a debit needs them.
    #[test]
    fn lanes_that_were_not_read_are_asked_for() {
        for (debit, decision, unread) in [(3, Ok(()), 0), (4, Err(Decline::InsufficientFunds), 1)] {
            let decisions = pay(3, NO_OVERDRAFT, &[9], false, &[], debit);
            assert_eq!((decisions.decisions, decisions.unread.len()), (vec![decision], unread), "{debit}");
        }
    }
}
