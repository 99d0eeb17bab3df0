//! Every short history of small worlds against a naive model: two windows over a boundary, a largest payment, a maximum
//! balance, and every way to cut the history into batches.

use std::time::Duration;

use giro::domain::limits::{Limits, WindowLimit};
use giro::domain::{Account, AccountLimits, Amount, Decline, Request, Timestamp};
use giro::settle::{Backoff, Disposition, settle_requests};
use giro::store::LedgerQueries;
use giro_testkit::given::{Placed as _, Setters as _, account, payment};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

const HOUR_MS: i64 = 3_600_000;
/// The last millisecond of a day, and the first of the next.
const TIMES: [i64; 2] = [24 * HOUR_MS - 1, 24 * HOUR_MS];
/// Who pays whom, and how much.
const PAYMENTS: [(&str, &str, u64); 5] =
    [("ann", "bob", 1), ("ann", "bob", 4), ("bob", "ann", 2), ("ann", "bob", 6), ("bank", "ann", 5)];
const LENGTH: usize = 4;

fn limits_of_ann() -> Limits {
    let hour = Some(WindowLimit { amount: Some(7), count: None });
    let day = Some(WindowLimit { amount: None, count: Some(2) });
    Limits { max_payment: Amount::try_new(5).ok(), max_balance: Some(12), windows: [hour, day, None] }
}

/// The model: plain numbers, one payment after the other.
struct Naive {
    ann: i64,
    bob: i64,
    hour: (i64, u64),
    day: (i64, u64),
}

impl Naive {
    fn pay(&mut self, (debtor, creditor, amount): (&str, &str, u64), clock: i64) -> &'static str {
        let units = i64::try_from(amount).unwrap();
        if debtor == "ann" {
            // Ann's payments are decided no earlier than her windows began.
            let at = clock.max(self.hour.0 * HOUR_MS).max(self.day.0 * 24 * HOUR_MS);
            let (hour, day) = (at / HOUR_MS, at / (24 * HOUR_MS));
            let spent = if self.hour.0 == hour { self.hour.1 } else { 0 };
            let count = if self.day.0 == day { self.day.1 } else { 0 };
            if amount > 5 {
                return "payment_limit";
            }
            if spent + amount > 7 {
                return "velocity_limit hour";
            }
            if count + 1 > 2 {
                return "velocity_limit day";
            }
            if self.ann < units {
                return "insufficient_funds";
            }
            (self.hour, self.day) = ((hour, spent + amount), (day, count + 1));
            (self.ann, self.bob) = (self.ann - units, self.bob + units);
            return "settled";
        }
        assert_eq!(creditor, "ann");
        if self.ann + units > 12 {
            return "balance_limit";
        }
        if debtor == "bob" {
            if self.bob < units {
                return "insufficient_funds";
            }
            self.bob -= units;
        }
        self.ann += units;
        "settled"
    }
}

/// Every history of so many payments, each with the payment and the clock.
fn histories() -> impl Iterator<Item = Vec<(usize, usize)>> {
    let choices = PAYMENTS.len() * TIMES.len();
    (0..choices.pow(u32::try_from(LENGTH).unwrap())).map(move |mut number| {
        let step = |_| {
            let choice = number % choices;
            number /= choices;
            (choice % PAYMENTS.len(), choice / PAYMENTS.len())
        };
        (0..LENGTH).map(step).collect()
    })
}

/// Settles a history whose batches end where a bit is set, and also where the clock of the worker changes.
async fn settle(history: &[(usize, usize)], cuts: u32) -> (Vec<String>, Vec<i128>, Option<Box<AccountLimits>>) {
    let store = MemoryStore::new();
    let limits = Some(Box::new(AccountLimits::replaced(None, limits_of_ann())));
    store.insert_account(Account { limits, ..account("ann").holding(9) });
    store.insert_account(account("bob").holding(1));
    store.insert_account(account("bank").unlimited());
    let mut told = Vec::new();
    let mut batch: Vec<Request> = Vec::new();
    for (ix, &(which, when)) in history.iter().enumerate() {
        let (debtor, creditor, amount) = PAYMENTS[which];
        batch.push(payment(&format!("k{ix}"), debtor, creditor, amount).at(0, i64::try_from(ix).unwrap()));
        let ends = history.get(ix + 1).is_none_or(|&(_, next)| next != when) || cuts & (1 << ix) != 0;
        if !ends {
            continue;
        }
        let now = || Timestamp::try_from_millis(TIMES[when]).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let batch = std::mem::take(&mut batch);
        let settled = settle_requests(&store, batch, 1, deadline, now, Backoff::with_seed(1)).await;
        let shown = |decline: Decline| match decline.period() {
            Some(period) => format!("{decline} {period}"),
            None => decline.to_string(),
        };
        told.extend(settled.dispositions.into_iter().map(|disposition| {
            let Disposition::Decided(decision) = disposition else { panic!("{disposition:?}") };
            decision.err().map_or("settled".to_owned(), shown)
        }));
    }
    let accounts = store.accounts().await.unwrap();
    let limits = accounts.iter().find(|held| held.account.id.as_str() == "ann").unwrap().account.limits.clone();
    (told, accounts.iter().map(|held| held.balance()).collect(), limits)
}

#[tokio::test(start_paused = true)]
async fn every_history_and_every_cut_is_as_the_naive_model_says() {
    let mut runs = 0_u32;
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for history in histories() {
        let mut naive = Naive { ann: 9, bob: 1, hour: (0, 0), day: (0, 0) };
        let expected: Vec<&str> =
            history.iter().map(|&(which, when)| naive.pay(PAYMENTS[which], TIMES[when])).collect();
        let same_clock = history.windows(2).filter(|pair| pair[0].1 == pair[1].1).count();
        for cuts in 0..(1_u32 << (LENGTH - 1)) {
            // Cuts where the clock changes anyway make no other batches.
            let needless = (0..LENGTH - 1).any(|ix| cuts & (1 << ix) != 0 && history[ix].1 != history[ix + 1].1);
            if needless || cuts.count_ones() as usize > same_clock {
                continue;
            }
            let (told, balances, limits) = settle(&history, cuts).await;
            assert_eq!(told, expected, "{history:?} {cuts:b}");
            assert_eq!(balances[0..1], [i128::from(naive.ann)], "{history:?} {cuts:b}");
            let limits = limits.unwrap();
            let used = |place: usize| limits.windows[place].and_then(|window| window.used);
            let hour = used(0).map_or((0, 0), |used| (used.start.millis() / HOUR_MS, used.amount));
            let day = used(1).map_or((0, 0), |used| (used.start.millis() / (24 * HOUR_MS), used.count));
            assert_eq!((hour, day), (naive.hour, naive.day), "{history:?} {cuts:b}");
            runs += 1;
        }
        expected.into_iter().for_each(|reason| *seen.entry(reason.to_owned()).or_default() += 1);
    }
    println!("{runs} runs: {seen:?}");
    assert!(runs > 30_000 && seen.len() == 6, "{runs} {seen:?}");
}
