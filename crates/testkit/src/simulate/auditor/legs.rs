//! What: The auditor's own rules of payments with legs.
//!
//! Data: Takes legs, and accounts as they are before them. Gives the balances after them, or the first leg that is
//! declined, and why.

use std::collections::BTreeMap;

use super::books::{Books, rule};
use crate::simulate::legs::Leg;
use crate::simulate::workload::Asked;
use giro::domain::{Outcome, SettledLeg};

/// What is wrong, for a person.
type Wrong = String;

/// The reasons that don't look at balances and come before [`NOT_ALLOWED`].
const OF_ACCOUNTS: [&str; 8] = [
    "same_account",
    "debtor_not_found",
    "creditor_not_found",
    "debtor_closed",
    "creditor_closed",
    "debtor_frozen",
    "creditor_frozen",
    "currency_mismatch",
];
pub(in crate::simulate) const NOT_ALLOWED: &str = "leg_debtor_not_allowed";

/// The place of the leg that a payment was declined for. A payment without legs has one leg.
pub(in crate::simulate) fn declined(outcome: &Outcome, asked: &Asked) -> Result<usize, Wrong> {
    let told = outcome.declined_leg.map(|leg| usize::from(leg.get()));
    match (asked.legs.len(), outcome.decision, told) {
        (0, _, None) => Ok(0),
        (count, Ok(()), None) => Ok(count),
        (count, Err(_), Some(leg)) if leg <= count => Ok(leg.saturating_sub(1)),
        (_, decision, told) => Err(format!("{} is {decision:?}, and names the leg {told:?}", asked.id)),
    }
}

/// Whether each further leg of these settled requests has an item, and it says what was asked.
pub(in crate::simulate) fn compare<'a>(
    settled: impl Iterator<Item = &'a Asked>,
    stored: &[SettledLeg],
) -> Result<(), Wrong> {
    let further = settled.flat_map(|asked| {
        let legs = asked.legs.iter().enumerate().skip(1);
        legs.map(|(place, leg)| (format!("{}/{}", asked.id, place.saturating_add(1)), leg))
    });
    let expected: BTreeMap<String, &Leg> = further.collect();
    let same = stored.len() == expected.len()
        && stored.iter().all(|settled| {
            expected.get(&settled.id.to_string()).is_some_and(|leg| {
                let told = settled.leg.transfer();
                (told.debtor.as_str(), told.creditor.as_str()) == (leg.debtor.as_str(), leg.creditor.as_str())
                    && (told.amount.minor_units(), told.currency.as_str()) == (leg.amount, leg.currency)
            })
        });
    if same { Ok(()) } else { Err(format!("the items of legs are {stored:?}, and were to be {expected:?}")) }
}

/// What the legs of a payment take from an account, and give to it. What an account in the middle receives and passes
/// on is one credit of the difference.
pub(in crate::simulate) fn postings(legs: &[Leg], debtor: &str, account: &str) -> (i128, i128) {
    let sum = |of: fn(&Leg) -> &str| {
        let own = legs.iter().filter(|leg| of(leg) == account).map(|leg| i128::from(leg.amount));
        own.fold(0, i128::saturating_add)
    };
    let (taken, given) = (sum(|leg| &leg.debtor), sum(|leg| &leg.creditor));
    if account != debtor && taken <= given { (0, given.saturating_sub(taken)) } else { (taken, given) }
}

/// What an account holds after earlier legs, and what they paid it, less what they took from it.
#[derive(Debug, Clone)]
struct After {
    books: Option<Books>,
    received: i128,
}

/// Decides legs one after the other. Gives the balances after them, or the place of the first leg that is declined, and
/// why. A refund takes free money only.
pub(in crate::simulate) fn decide(
    legs: &[Leg],
    debtor: &str,
    refund: bool,
    state: impl Fn(&str) -> Option<Books>,
) -> Result<BTreeMap<String, i128>, (usize, &'static str)> {
    let mut accounts: BTreeMap<&str, After> = BTreeMap::new();
    for account in legs.iter().flat_map(|leg| [leg.debtor.as_str(), leg.creditor.as_str()]) {
        accounts.entry(account).or_insert_with(|| After { books: state(account), received: 0 });
    }
    for (place, leg) in legs.iter().enumerate() {
        let (from, to) = (accounts[leg.debtor.as_str()].clone(), accounts[leg.creditor.as_str()].clone());
        let amount = i128::from(leg.amount);
        let own = leg.debtor == debtor;
        let covered = !own && from.received >= amount;
        let lends = from.books.as_ref().is_some_and(|books| books.lowest.is_none());
        let payer = match from.books {
            Some(books) if own && refund => Some(books.free_money()),
            Some(books) if own => Some(books),
            books => books.map(|books| Books { lowest: None, ..books }),
        };
        let asked = (leg.debtor.as_str(), leg.creditor.as_str(), amount, leg.currency);
        let balances = match rule(asked, payer.as_ref(), to.books.as_ref()) {
            Err(reason) if OF_ACCOUNTS.contains(&reason) => return Err((place, reason)),
            _ if !own && !covered && !lends => return Err((place, NOT_ALLOWED)),
            Err(reason) => return Err((place, reason)),
            Ok(balances) => balances,
        };
        for (account, balance, net) in
            [(&leg.debtor, balances.0, amount.saturating_neg()), (&leg.creditor, balances.1, amount)]
        {
            if let Some(after) = accounts.get_mut(account.as_str()) {
                after.received = after.received.saturating_add(net);
                after.books.iter_mut().for_each(|books| books.balance = balance);
            }
        }
    }
    let balance = |(account, after): (&str, After)| Some((account.to_owned(), after.books?.balance));
    Ok(accounts.into_iter().filter_map(balance).collect())
}
