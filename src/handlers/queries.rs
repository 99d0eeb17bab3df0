//! What: Answers the queries of the HTTP API: payments, refunds, accounts, statements.
//!
//! Data: Takes ids and parameters, unchecked. Gives a response, which may be a problem. A text that isn't an id names
//! nothing, so it is not found.

use futures_util::future::try_join_all;

use super::answers::{json, unavailable};
use super::clock;
use crate::domain::statement::StatementQuery;
use crate::domain::{AccountId, Fingerprint, Holding, Instruction, LegId, Outcome, PaymentId, Recorded, Timestamp};
use crate::store::{LedgerQueries, Statements, StoreError};
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
pub(super) async fn payment<S: LedgerQueries>(store: &S, id: &str, query: &Query) -> Result<Response, Response> {
    let asked = fingerprint(query)?;
    let recorded = find(store, id).await?.ok_or_else(|| Problem::PaymentNotFound.response(ON_ITS_WAY))?;
    outcome(store, &recorded, asked).await
}

/// The outcome of a refund. The rest is as for [`payment`].
pub(super) async fn refund<S: LedgerQueries>(store: &S, id: &str, query: &Query) -> Result<Response, Response> {
    let asked = fingerprint(query)?;
    let found = find(store, id).await?.filter(|found| found.outcome.instruction.original().is_some());
    let recorded = found.ok_or_else(|| Problem::RefundNotFound.response(ON_ITS_WAY))?;
    outcome(store, &recorded, asked).await
}

/// What an outcome that is not found may still be.
const ON_ITS_WAY: &str = "It may still be on its way.";

/// The fingerprint that the query asks for.
fn fingerprint(query: &Query) -> Result<Option<Fingerprint>, Response> {
    parameter(query, "fingerprint", |text| Fingerprint::parse(text).ok_or("expected 64 hexadecimal digits"))
}

/// What is recorded under an id.
async fn find<S: LedgerQueries>(store: &S, id: &str) -> Result<Option<Recorded>, Response> {
    let Ok(id) = PaymentId::try_new(id) else { return Ok(None) };
    store.payment(&id).await.map_err(unreadable)
}

/// An outcome, if it answers the request that was asked for.
async fn outcome<S: LedgerQueries>(
    store: &S,
    recorded: &Recorded,
    asked: Option<Fingerprint>,
) -> Result<Response, Response> {
    if asked.is_some_and(|asked| asked != recorded.fingerprint) {
        return Err(reused());
    }
    Ok(json(200, shown(store, recorded).await.map_err(unreadable)?))
}

/// An outcome as people see it. That of a payment tells how much was refunded.
pub(super) async fn shown<S: LedgerQueries>(store: &S, recorded: &Recorded) -> Result<String, StoreError> {
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
    Ok(resource::payment(recorded, &refunded))
}

/// An account with its balance.
pub(super) async fn account<S: LedgerQueries>(store: &S, id: &str) -> Result<Response, Response> {
    Ok(json(200, resource::account(&holding(store, id).await?, clock::now())))
}

/// A page of an account's statement.
pub(super) async fn statement<S: LedgerQueries + Statements>(
    store: &S,
    id: &str,
    query: &Query,
) -> Result<Response, Response> {
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
    let holding = holding(store, id).await?;
    let page = store.statement(&holding, &ask).await.map_err(unreadable)?;
    Ok(json(200, resource::statement(&holding.account.id, holding.account.currency, &page)))
}

/// The id has an outcome, which answers another request.
pub(super) fn reused() -> Response {
    Problem::PaymentIdReused.response("The outcome of this payment id answers a request with another body.")
}

async fn holding<S: LedgerQueries>(store: &S, id: &str) -> Result<Holding, Response> {
    let not_found = || Problem::AccountNotFound.response("No account has this id.");
    let id = AccountId::try_new(id).map_err(|_| not_found())?;
    store.account(&id).await.map_err(unreadable)?.ok_or_else(not_found)
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

pub(super) fn unreadable(error: StoreError) -> Response {
    if error.passes() {
        tracing::warn!(fault = %error, "the store can't be read");
        return unavailable("Nothing was changed.");
    }
    tracing::error!(fault = %error, "the store can't be read");
    Problem::Internal.response("Asking again won't help.")
}
