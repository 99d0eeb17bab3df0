//! What: Answers what the page asks of the ledger: accounts, statements, payments, dead letters.
//!
//! Limits: A search reads at most [`PAGES_MAX`] pages of the table of accounts, each of 1,000 items. Dead letters are
//! all read, and the newest [`LETTERS_MAX`] shown. Both are remembered for two seconds.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::accounts::{self, Accounts};
use super::refusal::{Refusal, answer, found};
use crate::letters::{as_json, names};
use giro::domain::audit::Checkpoint;
use giro::domain::statement::StatementQuery;
use giro::domain::{AccountId, DeadLetter, Holding, Lane, PaymentId, Sight};
use giro::handlers::{clock, queries};
use giro::store::dynamodb::DynamoDb;
use giro::store::{Checkpoints, LedgerQueries, Read, Statements, StoreError};
use giro::wire::resource;

/// How many pages of accounts a search reads.
const PAGES_MAX: usize = 20;
/// How many accounts an answer has.
const ACCOUNTS_MAX: usize = 200;
/// How many postings a page of a statement has.
const POSTINGS_MAX: usize = 100;
/// How many dead letters are shown.
const LETTERS_MAX: usize = 200;
/// How long a search may take, with all tries.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long accounts and dead letters are remembered that were read.
const REMEMBERED: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
struct Found {
    accounts: Vec<Box<RawValue>>,
    /// How many accounts there are. `None`: not all were read.
    total: Option<usize>,
    more: bool,
}

#[derive(Debug, Serialize)]
struct FoundAccount {
    account: Box<RawValue>,
    lanes: Vec<Value>,
    proved: Option<Proved>,
}

/// What an audit has proved of an account.
#[derive(Debug, Serialize)]
struct Proved {
    as_of: String,
    balance: i128,
}

#[derive(Debug, Serialize)]
struct FoundPayment {
    payment: Option<Box<RawValue>>,
    /// The trace of its request. It stands in no outcome's value.
    traceparent: Option<String>,
    dead_letters: Vec<Value>,
}

/// Reads the ledger.
#[derive(Debug)]
pub(super) struct Reads {
    ledger: Arc<DynamoDb>,
    /// Whether heads may be read.
    pub(super) has_checkpoints: bool,
    accounts: Mutex<Option<(Instant, Arc<Accounts>)>>,
    letters: Mutex<Option<(Instant, Arc<Vec<DeadLetter>>)>>,
}

impl Reads {
    pub(super) fn new(ledger: Arc<DynamoDb>, has_checkpoints: bool) -> Self {
        Self { ledger, has_checkpoints, accounts: Mutex::default(), letters: Mutex::default() }
    }

    /// Accounts whose id holds a text, by their ids.
    pub(super) async fn accounts(&self, query: &Query) -> Result<Response<Body>, Refusal> {
        let limit = query.number("limit", 50, ACCOUNTS_MAX)?;
        let search = query.text("search").unwrap_or_default();
        let accounts = self.read_accounts().await?;
        let mut fitting = accounts.held.values().filter(|holding| holding.account.id.as_str().contains(search));
        let shown = fitting.by_ref().take(limit).map(account).collect::<Result<_, _>>()?;
        let more = fitting.next().is_some() || !accounts.is_whole;
        let total = accounts.is_whole.then_some(accounts.held.len());
        Ok(found(&Found { accounts: shown, total, more }))
    }

    /// The accounts of the first pages of their table.
    async fn read_accounts(&self) -> Result<Arc<Accounts>, StoreError> {
        // Whoever comes meanwhile waits, and gets the same.
        let mut known = self.accounts.lock().await;
        if let Some((_, accounts)) = known.as_ref().filter(|(read_at, _)| read_at.elapsed() < REMEMBERED) {
            return Ok(Arc::clone(accounts));
        }
        let now = Instant::now();
        let deadline = now.checked_add(PATIENCE).unwrap_or(now);
        let read = Arc::new(accounts::read(&*self.ledger, PAGES_MAX, deadline).await?);
        *known = Some((Instant::now(), Arc::clone(&read)));
        Ok(read)
    }

    /// All dead letters. A page that waits for an outcome asks again and again.
    async fn read_letters(&self) -> Result<Arc<Vec<DeadLetter>>, StoreError> {
        let mut known = self.letters.lock().await;
        if let Some((_, letters)) = known.as_ref().filter(|(read_at, _)| read_at.elapsed() < REMEMBERED) {
            return Ok(Arc::clone(letters));
        }
        let letters = Arc::new(self.ledger.dead_letters().await?);
        *known = Some((Instant::now(), Arc::clone(&letters)));
        Ok(letters)
    }

    /// Forgets the dead letters, as one of them has changed.
    pub(super) async fn forget_letters(&self) {
        *self.letters.lock().await = None;
    }

    async fn holding(&self, id: &str) -> Result<Holding, Refusal> {
        let not_found = || Refusal::not_found(format!("No account has the id {id}."));
        let id = AccountId::try_stored(id).map_err(|_| not_found())?;
        self.ledger.account(&id).await?.ok_or_else(not_found)
    }

    /// One account, its lanes, and what was proved of it.
    pub(super) async fn account(&self, id: &str) -> Result<Response<Body>, Refusal> {
        let holding = self.holding(id).await?;
        let lane = |lane: &Lane| json!({ "lane": lane.id.lane, "balance": lane.balance.minor_units() });
        let proved = match self.has_checkpoints {
            true => self.ledger.head(&holding.account.id).await,
            false => Ok(Read::Missing),
        };
        // A stack that was deployed without these tables has proved nothing.
        let proved = match proved {
            Ok(Read::Found(head)) => {
                let Checkpoint { as_of, balance, .. } = head.checkpoint;
                Some(Proved { as_of: as_of.to_string(), balance })
            }
            Ok(Read::Missing | Read::Corrupt(_) | Read::Unread) | Err(StoreError::NoTable(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let lanes: Vec<Value> = holding.lanes.iter().map(lane).collect();
        Ok(found(&FoundAccount { account: account(&holding)?, lanes, proved }))
    }

    /// A page of an account's statement.
    pub(super) async fn statement(&self, id: &str, query: &Query) -> Result<Response<Body>, Refusal> {
        let after = query.text("cursor").map(resource::position).transpose();
        let ask = StatementQuery {
            from: None,
            to: None,
            after: after.map_err(|expected| Refusal::of("cursor", expected))?,
            limit: query.number("limit", 20, POSTINGS_MAX)?,
        };
        let holding = self.holding(id).await?;
        let page = self.ledger.statement(&holding, &ask).await?;
        let statement = resource::statement(&holding.account.id, holding.account.currency, &page, None);
        Ok(answer(StatusCode::OK, statement))
    }

    /// One payment, and the dead letters whose records have its id.
    pub(super) async fn payment(&self, id: &str) -> Result<Response<Body>, Refusal> {
        let not_found = || Refusal::not_found(format!("No payment and no dead letter has the id {id}."));
        let id = PaymentId::try_stored(id).map_err(|_| not_found())?;
        let recorded = self.ledger.payment(&id).await?;
        let trace = recorded.as_ref().and_then(|recorded| recorded.outcome.trace);
        let payment = match &recorded {
            Some(recorded) => Some(queries::shown(&*self.ledger, recorded, &Sight::All).await?),
            None => None,
        };
        let letters = self.read_letters().await?;
        let letters: Vec<Value> = letters.iter().filter(|letter| names(letter, &id)).map(as_json).collect();
        if payment.is_none() && letters.is_empty() {
            return Err(not_found());
        }
        let payment = payment.map(RawValue::from_string).transpose().map_err(unwritten)?;
        Ok(found(&FoundPayment { payment, traceparent: trace.map(|trace| trace.to_string()), dead_letters: letters }))
    }

    /// The newest dead letters.
    pub(super) async fn dead_letters(&self) -> Result<Response<Body>, Refusal> {
        let all = self.read_letters().await?;
        let mut letters: Vec<&DeadLetter> = all.iter().collect();
        letters.sort_by_key(|letter| std::cmp::Reverse(letter.received_at));
        let newest: Vec<Value> = letters.iter().take(LETTERS_MAX).map(|letter| as_json(letter)).collect();
        Ok(found(&json!({ "dead_letters": newest, "total": letters.len() })))
    }
}

/// An account as the HTTP API gives it, byte for byte: its balance may be larger than a number of `Value`.
fn account(holding: &Holding) -> Result<Box<RawValue>, Refusal> {
    RawValue::from_string(resource::account(holding, clock::now())).map_err(unwritten)
}

fn unwritten(error: serde_json::Error) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error)
}

/// The parameters of a request.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &'static str, usual: usize, most: usize) -> Result<usize, Refusal> {
        let Some(text) = self.text(name) else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| Refusal::of(name, format!("{name}: expected a whole number, 1 to {most}")))
    }
}
