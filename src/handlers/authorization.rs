//! What: Looks up who owns the accounts of a request, and so what its caller may do and see.
//!
//! Data: Takes the [`Caller`] and the accounts that a request names. Gives what the caller sees, or a refusal.
//!
//! Invariants: Whoever may not use or see a thing gets the same answer after the same calls to the store, whether or
//! not it is there.

use super::answers::{unavailable, unreadable};
use crate::domain::caller::Caller;
use crate::domain::{AccountId, Instruction, Outcome, Sight, sight};
use crate::store::{AccountRead, Ledger};
use crate::wire::http::Response;
use crate::wire::problem::Problem;

/// What the caller sees of the answer to an instruction, if it may pay from all accounts that the instruction takes
/// money from. Those accounts and those that are paid are read in one call.
///
/// # Errors
/// The response: not allowed, or the store can't be read.
pub async fn pays<L: Ledger>(caller: &Caller<'_>, ledger: &L, instruction: &Instruction) -> Result<Sight, Response> {
    if caller.pays_from_any {
        return Ok(Sight::All);
    }
    let own = own(caller, ledger, named(instruction)).await?;
    let all_own = debtors(instruction).into_iter().all(|debtor| own.sees(debtor));
    if all_own { Ok(own) } else { Err(not_allowed()) }
}

/// What the caller sees of the outcome of an instruction that it may ask for. A refund names no creditor, so its
/// parties are known only now.
///
/// # Errors
/// The response: the store can't be read.
pub async fn whole<L: Ledger>(
    caller: &Caller<'_>,
    ledger: &L,
    sight: Sight,
    outcome: &Outcome,
) -> Result<Sight, Response> {
    match (&sight, outcome.instruction.original()) {
        (Sight::Own { .. }, Some(_)) => own(caller, ledger, sight::parties(outcome)).await,
        _ => Ok(sight),
    }
}

/// What the caller sees of an outcome. `None`: not even that it is there.
///
/// # Errors
/// The response: the store can't be read.
pub async fn sees<L: Ledger>(
    caller: &Caller<'_>,
    ledger: &L,
    asked: &str,
    outcome: Option<&Outcome>,
) -> Result<Option<Sight>, Response> {
    if caller.sees_any {
        return Ok(outcome.map(|_| Sight::All));
    }
    // If nothing is there, another read takes the place of the read of its accounts.
    let instead = AccountId::try_new(asked).ok();
    let accounts = outcome.map_or_else(|| instead.iter().collect(), sight::parties);
    let own = own(caller, ledger, accounts).await?;
    Ok(outcome.is_some_and(|outcome| own.sees_party(outcome)).then_some(own))
}

/// Whether the caller may read an account.
///
/// # Errors
/// The response: the store can't be read.
pub async fn reads<L: Ledger>(caller: &Caller<'_>, ledger: &L, id: &AccountId) -> Result<bool, Response> {
    Ok(caller.sees_any || own(caller, ledger, vec![id]).await?.sees(id))
}

/// The caller's own among these accounts, which are read in one call. A damaged account is nobody's.
async fn own<L: Ledger>(caller: &Caller<'_>, ledger: &L, mut accounts: Vec<&AccountId>) -> Result<Sight, Response> {
    accounts.sort_unstable();
    accounts.dedup();
    let reads = ledger.read_accounts(&accounts).await.map_err(unreadable)?;
    if reads.contains(&AccountRead::Unread) {
        return Err(unavailable("Nothing was changed."));
    }
    let found =
        reads.iter().filter_map(|read| if let AccountRead::Found(account) = read { Some(account) } else { None });
    Ok(Sight::own(caller.principal.as_ref(), found))
}

/// The accounts that an instruction takes money from. They may stand more than once.
fn debtors(instruction: &Instruction) -> Vec<&AccountId> {
    std::iter::once(instruction.debtor()).chain(instruction.legs().iter().map(|leg| &leg.debtor)).collect()
}

/// The accounts that an instruction names. They may stand more than once.
fn named(instruction: &Instruction) -> Vec<&AccountId> {
    let transfer = instruction.transfer().map(|transfer| transfer.creditor);
    let creditors = instruction.legs().iter().map(|leg| &leg.creditor).chain(transfer);
    debtors(instruction).into_iter().chain(creditors).collect()
}

fn not_allowed() -> Response {
    Problem::NotAllowed.response("Expected an account of yours as debtor, or the scope payments:any.")
}
