//! What: Tests of what accounts hold while a batch is decided.

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
    let request = |(offset, (debtor, creditor, amount)): (usize, (&str, &str, u64))| {
        Request::new(
            Instruction::Payment(Payment {
                id: format!("p{offset}").parse().unwrap(),
                debtor: debtor.parse().unwrap(),
                creditor: creditor.parse().unwrap(),
                amount: Amount::try_new(amount).unwrap(),
                currency: Currency::try_new("EUR").unwrap(),
                reference: None,
                requested_at: None,
            }),
            Source { topic: "t".into(), partition: 0, offset: 0 },
        )
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
