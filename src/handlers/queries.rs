//! What: Answers the queries of the HTTP API: payments, refunds, accounts, balances, statements.
//!
//! Data: Takes ids and parameters, unchecked. Gives a response, which may be a problem. A text that isn't an id names
//! nothing, so it is not found. What the caller may not see is not found either.

use futures_util::future::try_join_all;

use super::answers::{json, unreadable, untold};
use super::authorization::{reads, sees};
use super::clock;
use crate::balances::Balances;
use crate::domain::audit::newest_closed;
use crate::domain::caller::Caller;
use crate::domain::statement::StatementQuery;
use crate::domain::{
    AccountId, Fingerprint, Holding, Instruction, LegId, Outcome, PaymentId, Recorded, Sight, Timestamp,
};
use crate::store::{Ledger, LedgerQueries, PostingLists, ProvedBalances, Statements, StoreError};
use crate::wire::http::Response;
use crate::wire::problem::Problem;
use crate::wire::resource::{self, Refunded};

/// The most postings of a page, and how many it has by default. A posting takes up to 1 KB of JSON.
pub const PAGE_POSTINGS_MAX: usize = 500;
/// See [`PAGE_POSTINGS_MAX`].
pub const PAGE_POSTINGS: usize = 50;

/// The parameters of a query, decoded.
pub(super) type Query = [(String, String)];

/// The outcome of an instruction of any kind. If the query has `fingerprint`, only an outcome that answers the request
/// of that fingerprint.
pub(super) async fn payment<S: Ledger + LedgerQueries>(
    store: &S,
    caller: &Caller<'_>,
    id: &str,
    query: &Query,
) -> Result<Response, Response> {
    let asked = fingerprint(query)?;
    let found = find(store, caller, id, |_| true).await?;
    let (recorded, sight) = found.ok_or_else(|| Problem::PaymentNotFound.response(ON_ITS_WAY))?;
    outcome(store, &recorded, asked, &sight).await
}

/// The outcome of a refund. The rest is as for [`payment`].
pub(super) async fn refund<S: Ledger + LedgerQueries>(
    store: &S,
    caller: &Caller<'_>,
    id: &str,
    query: &Query,
) -> Result<Response, Response> {
    let asked = fingerprint(query)?;
    let found = find(store, caller, id, |outcome| outcome.instruction.original().is_some()).await?;
    let (recorded, sight) = found.ok_or_else(|| Problem::RefundNotFound.response(ON_ITS_WAY))?;
    outcome(store, &recorded, asked, &sight).await
}

/// What an outcome that is not found may still be.
const ON_ITS_WAY: &str = "It may still be on its way.";

/// The fingerprint that the query asks for.
fn fingerprint(query: &Query) -> Result<Option<Fingerprint>, Response> {
    parameter(query, "fingerprint", |text| Fingerprint::parse(text).ok_or("expected 64 hexadecimal digits"))
}

/// What is recorded under an id, if it is `wanted`, and what the caller sees of it. `None` also if the caller may not
/// see it.
async fn find<S: Ledger + LedgerQueries>(
    store: &S,
    caller: &Caller<'_>,
    asked: &str,
    wanted: impl Fn(&Outcome) -> bool,
) -> Result<Option<(Recorded, Sight)>, Response> {
    let Ok(id) = PaymentId::try_new(asked) else { return Ok(None) };
    let recorded = match store.payment(&id).await {
        // Whoever may not see everything isn't told that something is there.
        Err(StoreError::Corrupt(expected)) if !caller.sees_any => {
            tracing::error!(fault = expected, "an outcome can't be read");
            None
        }
        read => read.map_err(unreadable)?,
    };
    let sight = sees(caller, store, asked, recorded.as_ref().map(|recorded| &recorded.outcome)).await?;
    Ok(recorded.zip(sight).filter(|(recorded, _)| wanted(&recorded.outcome)))
}

/// An outcome, if it answers the request that was asked for.
async fn outcome<S: LedgerQueries>(
    store: &S,
    recorded: &Recorded,
    asked: Option<Fingerprint>,
    sight: &Sight,
) -> Result<Response, Response> {
    if asked.is_some_and(|asked| asked != recorded.fingerprint) {
        return Err(reused());
    }
    Ok(json(200, shown(store, recorded, sight).await.map_err(unreadable)?))
}

/// An outcome as the caller sees it. That of a payment tells how much was refunded.
///
/// # Errors
/// [`StoreError`] if the sums of refunds weren't read.
pub async fn shown<S: LedgerQueries>(store: &S, recorded: &Recorded, sight: &Sight) -> Result<String, StoreError> {
    let Recorded { outcome: Outcome { instruction, decision, .. }, .. } = recorded;
    let refunded = match (instruction, decision) {
        (Instruction::Payment(payment), Ok(())) => Refunded::All(store.refunded(&LegId::of(payment.id.clone())).await?),
        (Instruction::Payment(_), Err(_)) => Refunded::All(0),
        (Instruction::Legged(payment), Ok(())) => {
            let legs = payment.legs.numbered();
            let ids = legs.map(|(number, _)| LegId { payment: payment.id.clone(), leg: Some(number) });
            let ids: Vec<LegId> = ids.collect();
            Refunded::Legs(try_join_all(ids.iter().map(|id| store.refunded(id))).await?)
        }
        (Instruction::Legged(payment), Err(_)) => Refunded::Legs(vec![0; payment.legs.len()]),
        (Instruction::Refund(_), _) => Refunded::Nothing,
    };
    Ok(resource::payment(recorded, &refunded, sight))
}

/// An account with its balance.
pub(super) async fn account<S: Ledger + LedgerQueries>(
    store: &S,
    caller: &Caller<'_>,
    id: &str,
) -> Result<Response, Response> {
    Ok(json(200, resource::account(&holding(store, caller, id).await?, clock::now())))
}

/// What an account held at a time; without a time: now.
pub(super) async fn balance<S: Ledger + LedgerQueries + PostingLists + ProvedBalances>(
    store: &S,
    has_checkpoints: bool,
    caller: &Caller<'_>,
    id: &str,
    query: &Query,
) -> Result<Response, Response> {
    // The time that is closed must be known before anything is read.
    let now = clock::now();
    let not_later = |text: &str| match Timestamp::parse(text) {
        Ok(at) if at > now => Err("expected a time that is not in the future".to_owned()),
        read => read.map_err(|expected| expected.to_string()),
    };
    let at = parameter(query, "at", not_later)?.unwrap_or(now);
    let holding = holding(store, caller, id).await?;
    let balances = Balances { store, has_checkpoints, closed: newest_closed(now) };
    let told = balances.at(&holding, at).await.map_err(untold)?;
    Ok(json(200, resource::balance(&holding.account, &told)))
}

/// A page of an account's statement, with the balance after each posting if the query asks for `balances`.
pub(super) async fn statement<S: Ledger + LedgerQueries + PostingLists + ProvedBalances + Statements>(
    store: &S,
    has_checkpoints: bool,
    caller: &Caller<'_>,
    id: &str,
    query: &Query,
) -> Result<Response, Response> {
    let closed = newest_closed(clock::now());
    let limit = |text: &str| {
        let limit = text.parse().ok().filter(|limit| (1..=PAGE_POSTINGS_MAX).contains(limit));
        limit.ok_or_else(|| format!("expected a whole number, 1 to {PAGE_POSTINGS_MAX}"))
    };
    let ask = StatementQuery {
        from: parameter(query, "from", Timestamp::parse)?,
        to: parameter(query, "to", Timestamp::parse)?,
        limit: parameter(query, "limit", limit)?.unwrap_or(PAGE_POSTINGS),
        after: parameter(query, "cursor", resource::position)?,
    };
    let asks_for_balances = parameter(query, "balances", is_true)?.unwrap_or_default();
    let holding = holding(store, caller, id).await?;
    let page = store.statement(&holding, &ask).await.map_err(unreadable)?;
    let running = match asks_for_balances {
        true => {
            let balances = Balances { store, has_checkpoints, closed };
            Some(balances.running(&holding, &page).await.map_err(untold)?)
        }
        false => None,
    };
    Ok(json(200, resource::statement(&holding.account.id, holding.account.currency, &page, running.as_deref())))
}

/// The id has an outcome, which answers another request.
pub(super) fn reused() -> Response {
    Problem::PaymentIdReused.response("The outcome of this payment id answers a request with another body.")
}

async fn holding<S: Ledger + LedgerQueries>(store: &S, caller: &Caller<'_>, id: &str) -> Result<Holding, Response> {
    let not_found = || Problem::AccountNotFound.response("No account has this id.");
    let id = AccountId::try_new(id).map_err(|_| not_found())?;
    if !reads(caller, store, &id).await? {
        return Err(not_found());
    }
    store.account(&id).await.map_err(unreadable)?.ok_or_else(not_found)
}

/// Reads `true` or `false`.
pub(super) fn is_true(text: &str) -> Result<bool, &'static str> {
    text.parse().map_err(|_| "expected true or false")
}

/// Reads a parameter that may be given once.
pub(super) fn parameter<T, E: std::fmt::Display>(
    query: &Query,
    name: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Response> {
    let invalid = |expected: &dyn std::fmt::Display| Problem::InvalidParameter.response(&format!("{name}: {expected}"));
    let mut given = query.iter().filter(|(known, _)| known == name);
    let Some((_, value)) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(invalid(&"expected once"));
    }
    read(value).map(Some).map_err(|expected| invalid(&expected))
}
