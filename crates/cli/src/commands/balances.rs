//! What: `giro accounts balance` and `giro accounts statement` tell what accounts held, and their postings.
//!
//! Balances rest on checkpoints, if the tables of checkpoints are those of the ledger (`EngineArgs::has_checkpoints`).
//! Nothing here writes.

use clap::Args;

use super::engines::EngineArgs;
use super::number::number;
use super::results::ResultArgs;
use super::stored_id::stored_id;
use super::{Failure, account_commands};
use crate::decimal;
use crate::local::terminal::tell;
use giro::balances::{BalanceError, Balances};
use giro::domain::audit::newest_closed;
use giro::domain::statement::{Posting, StatementQuery};
use giro::domain::{AccountId, Currency, Timestamp};
use giro::handlers::clock;
use giro::store::{LedgerQueries, Statements};
use giro::wire::resource;

/// The most postings that are read at once.
const PAGE_POSTINGS: usize = 500;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro accounts balance alice --at 2026-11-22T10:00:00Z")]
pub(super) struct BalanceArgs {
    /// The account
    #[arg(value_parser = stored_id(AccountId::try_stored))]
    id: AccountId,
    /// The time; without it, now
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    at: Option<Timestamp>,
    #[command(flatten)]
    results: ResultArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro accounts statement alice --balances --limit 20")]
pub(super) struct StatementArgs {
    /// The account
    #[arg(value_parser = stored_id(AccountId::try_stored))]
    id: AccountId,
    /// Nothing decided before this
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    from: Option<Timestamp>,
    /// Nothing decided at this or after it
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    to: Option<Timestamp>,
    /// At most so many postings
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = number::<usize>(1..=1_000_000))]
    limit: usize,
    /// With the balance after each posting, where its time is closed
    #[arg(long)]
    balances: bool,
    #[command(flatten)]
    results: ResultArgs,
}

pub(super) async fn balance(args: BalanceArgs, engines: &EngineArgs) -> Result<(), Failure> {
    // The time that is closed must be known before anything is read.
    let now = clock::now();
    let at = args.at.unwrap_or(now);
    if at > now {
        return Err(Failure::input("--at: expected a time that is not in the future"));
    }
    let ledger = engines.ledger().await?;
    let holding = ledger.account(&args.id).await?.ok_or_else(|| account_commands::no_account(&args.id))?;
    let has_checkpoints = engines.has_checkpoints();
    let balances = Balances { store: &ledger, has_checkpoints, closed: newest_closed(now) };
    let told = balances.at(&holding, at).await.map_err(untold)?;
    let text = || {
        let is_final = if told.is_final { "final" } else { "not final yet" };
        let currency = holding.account.currency;
        format!("{} {currency} at {}, {is_final}", decimal::shown(told.balance, currency), told.at)
    };
    args.results.print(|| resource::balance(&holding.account, &told), text)
}

pub(super) async fn statement(args: StatementArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let closed = newest_closed(clock::now());
    let ledger = engines.ledger().await?;
    let holding = ledger.account(&args.id).await?.ok_or_else(|| account_commands::no_account(&args.id))?;
    let has_checkpoints = engines.has_checkpoints();
    let balances = Balances { store: &ledger, has_checkpoints, closed };
    let (mut left, mut known) = (args.limit, None);
    let mut ask = StatementQuery { from: args.from, to: args.to, after: None, limit: left.min(PAGE_POSTINGS) };
    loop {
        let page = ledger.statement(&holding, &ask).await?;
        if page.postings.is_empty() && page.next.is_none() && left == args.limit {
            tell!("no posting");
        }
        let after = match (args.balances, known) {
            (false, _) => vec![None; page.postings.len()],
            (true, Some(known)) => down(&page.postings, known),
            (true, None) => balances.running(&holding, &page).await.map_err(untold)?.into_iter().map(Some).collect(),
        };
        known = page.postings.last().zip(after.last().copied().flatten().flatten()).map(before).or(known);
        left = left.saturating_sub(page.postings.len());
        for (posting, after) in page.postings.iter().zip(after) {
            let text = || line(posting, after, holding.account.currency);
            args.results.print(|| resource::posting(posting, after), text)?;
        }
        match page.next {
            Some(next) if left > 0 => (ask.after, ask.limit) = (Some(next), left.min(PAGE_POSTINGS)),
            Some(_) | None => return Ok(()),
        }
    }
}

/// The balances after the postings of a page, if that after its first is known.
fn down(postings: &[Posting], first: i128) -> Vec<Option<Option<i128>>> {
    let mut known = first;
    let after = |posting| {
        let after = known;
        known = before((posting, after));
        Some(Some(after))
    };
    postings.iter().map(after).collect()
}

/// The balance before a posting.
fn before((posting, after): (&Posting, i128)) -> i128 {
    after.saturating_sub(posting.signed().into())
}

/// A posting for a person. `after` is the balance after it, if it was asked for; `None` in it: it isn't final yet.
fn line(posting: &Posting, after: Option<Option<i128>>, currency: Currency) -> String {
    let Posting { id, counterparty, decided_at, .. } = posting;
    let shown = |minor_units| decimal::shown(minor_units, currency);
    let after = after.map(|after| after.map_or_else(|| "-".to_owned(), shown));
    let after = after.map(|after| format!(" {after:>20}")).unwrap_or_default();
    let reference = posting.reference.as_deref().unwrap_or_default();
    let line =
        format!("{decided_at} {:>20}{after} {counterparty:<24} {id} {reference}", shown(posting.signed().into()));
    line.trim_end().to_owned()
}

fn untold(error: BalanceError) -> Failure {
    match error {
        BalanceError::Store(error) => error.into(),
        BalanceError::Wrong(_) | BalanceError::Unreadable { .. } | BalanceError::TooMany { .. } => {
            Failure::no(error.to_string())
        }
    }
}
