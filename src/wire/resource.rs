//! What: The bodies of the HTTP API's answers, and a statement's cursor.
//!
//! Data: Takes domain values. Gives JSON, whose contract is `docs/openapi.yaml`. Amounts and balances are whole minor
//! units.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::limits::LimitsJson;
use super::outcome::{DecidedJson, OutcomeJson, SourceJson};
use crate::domain::balance_at::BalanceAt;
use crate::domain::statement::{InvalidPosition, Position, Posting, StatementPage};
use crate::domain::{
    Account, AccountId, Currency, Fingerprint, Holding, LegNumber, Outcome, OverdraftLimit, PaymentId, Principal,
    Recorded, Sight, Source, Timestamp,
};

/// A payment that was handed over: its id, its fingerprint, and the record that asks.
#[must_use]
pub fn accepted(id: &PaymentId, fingerprint: &Fingerprint, source: &Source) -> String {
    #[derive(Serialize)]
    struct Accepted<'a> {
        payment_id: &'a str,
        status: &'a str,
        fingerprint: String,
        source: SourceJson,
    }
    json(&Accepted {
        payment_id: id.as_str(),
        status: "accepted",
        fingerprint: fingerprint.to_string(),
        source: source.into(),
    })
}

/// How much of a payment was refunded, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refunded {
    /// It is a refund, and nothing of it can be.
    Nothing,
    /// So much of all of it.
    All(u64),
    /// So much of each leg, in order.
    Legs(Vec<u64>),
}

/// An outcome as it is published, and the fingerprint of the request that it answers. Of a payment also how much of it
/// was refunded. What the caller may not see is withheld.
#[must_use]
pub fn payment(recorded: &Recorded, refunded: &Refunded, sight: &Sight) -> String {
    #[derive(Serialize)]
    struct PaymentJson {
        #[serde(flatten)]
        outcome: OutcomeJson,
        #[serde(skip_serializing_if = "Option::is_none")]
        refunded: Option<u64>,
        fingerprint: String,
    }
    let fingerprint = recorded.fingerprint.to_string();
    let outcome = OutcomeJson::from(&recorded.outcome).seen(&recorded.outcome, sight);
    json(&match refunded {
        Refunded::Nothing => PaymentJson { outcome, refunded: None, fingerprint },
        Refunded::All(refunded) => PaymentJson { outcome, refunded: Some(*refunded), fingerprint },
        Refunded::Legs(of) => PaymentJson { outcome: outcome.with_refunded(of), refunded: None, fingerprint },
    })
}

/// What would be decided now, without what the caller may not see. It has no id, and no record that it answers.
#[must_use]
pub fn dry_run(outcome: &Outcome, sight: &Sight) -> String {
    #[derive(Serialize)]
    struct DryRunJson {
        dry_run: bool,
        #[serde(flatten)]
        outcome: DecidedJson,
    }
    json(&DryRunJson { dry_run: true, outcome: DecidedJson::from(outcome).seen(outcome, sight) })
}

/// An account. Its balance includes all lanes, and its limits tell what is used of them now.
#[must_use]
pub fn account(holding: &Holding, now: Timestamp) -> String {
    #[derive(Serialize)]
    struct AccountJson<'a> {
        account_id: &'a str,
        currency: &'a str,
        status: &'a str,
        balance: i128,
        overdraft_limit: Option<u64>,
        credit_lanes: u16,
        owner: Option<&'a str>,
        limits: Option<LimitsJson>,
        opened_at: String,
    }
    let account = &holding.account;
    json(&AccountJson {
        account_id: account.id.as_str(),
        currency: account.currency.as_str(),
        status: account.status.name(),
        balance: holding.balance(),
        overdraft_limit: match account.overdraft_limit {
            OverdraftLimit::Limited(limit) => Some(limit),
            OverdraftLimit::Unlimited => None,
        },
        credit_lanes: account.credit_lanes.count(),
        owner: account.owner.as_ref().map(Principal::as_str),
        limits: account.limits.as_ref().map(|limits| LimitsJson::of(limits, now)),
        opened_at: account.opened_at.to_string(),
    })
}

/// What an account held at a time.
#[must_use]
pub fn balance(account: &Account, told: &BalanceAt) -> String {
    #[derive(Serialize)]
    struct BalanceJson<'a> {
        account_id: &'a str,
        currency: &'a str,
        at: String,
        balance: i128,
        r#final: bool,
    }
    json(&BalanceJson {
        account_id: account.id.as_str(),
        currency: account.currency.as_str(),
        at: told.at.to_string(),
        balance: told.balance,
        r#final: told.is_final,
    })
}

#[derive(Serialize)]
struct PostingJson<'a> {
    payment_id: &'a str,
    leg: Option<u8>,
    refund_of: Option<&'a str>,
    amount: i64,
    counterparty: &'a str,
    reference: Option<&'a str>,
    decided_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_after: Option<Option<i128>>,
}

impl<'a> PostingJson<'a> {
    fn of(posting: &'a Posting, balance_after: Option<Option<i128>>) -> Self {
        Self {
            payment_id: posting.id.payment.as_str(),
            leg: posting.id.leg.map(LegNumber::get),
            refund_of: posting.refund_of.as_ref().map(PaymentId::as_str),
            amount: posting.signed(),
            counterparty: posting.counterparty.as_str(),
            reference: posting.reference.as_deref(),
            decided_at: posting.decided_at.to_string(),
            balance_after,
        }
    }
}

/// A posting of a statement. `balance_after` is the balance after it, if that was asked for; `None` in it is null.
#[must_use]
pub fn posting(posting: &Posting, balance_after: Option<Option<i128>>) -> String {
    json(&PostingJson::of(posting, balance_after))
}

/// A page of a statement. `balances` has the balance after each posting, if that was asked for; `None` in it is null.
#[must_use]
pub fn statement(
    account: &AccountId,
    currency: Currency,
    page: &StatementPage,
    balances: Option<&[Option<i128>]>,
) -> String {
    #[derive(Serialize)]
    struct StatementJson<'a> {
        account_id: &'a str,
        currency: &'a str,
        postings: Vec<PostingJson<'a>>,
        next_cursor: Option<String>,
    }
    let balance_after = |place: usize| balances.map(|balances| balances.get(place).copied().flatten());
    let postings = page.postings.iter().enumerate();
    json(&StatementJson {
        account_id: account.as_str(),
        currency: currency.as_str(),
        postings: postings.map(|(place, posting)| PostingJson::of(posting, balance_after(place))).collect(),
        next_cursor: page.next.as_ref().map(cursor),
    })
}

/// A position as a cursor. Clients need not know what it holds.
#[must_use]
pub fn cursor(position: &Position) -> String {
    URL_SAFE_NO_PAD.encode(position.to_string())
}

/// Reads a cursor.
///
/// # Errors
/// [`InvalidPosition`] if it isn't a cursor of a page.
pub fn position(cursor: &str) -> Result<Position, InvalidPosition> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or(InvalidPosition)?.parse()
}

fn json(body: &impl Serialize) -> String {
    // Strings and integers always serialise.
    serde_json::to_string(body).unwrap_or_default()
}
