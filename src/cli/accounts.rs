//! `giro accounts`: open and show accounts, and give them credit lanes.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::time::Instant;

use super::Failure;
use super::engines::{EngineArgs, unreachable};
use crate::domain::money::AMOUNT_MAX;
use crate::domain::{Account, AccountId, AccountStatus, Balance, CreditLanes, Currency, Holding, OverdraftLimit};
use crate::handlers::clock;
use crate::settle::Backoff;
use crate::store::{Inspect, OpenAccounts, StoreError};

/// How long adding lanes is tried on an account that is busy.
const ADDING_LANES_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, Subcommand)]
pub(super) enum AccountsCommand {
    /// Open an account. Opening it again on the same terms changes nothing.
    Open(OpenArgs),
    /// Give an account credit lanes, so that payments to it don't wait for each other.
    ///
    /// Lanes are only added, never taken away. Giving an account as many as it has, or fewer, changes nothing.
    AddLanes {
        /// The account
        id: AccountId,
        /// How many lanes it shall have in all, at most 1024
        lanes: CreditLanes,
    },
    /// Show one account.
    Show {
        /// The account
        id: AccountId,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show every account.
    List {
        /// As JSON, one object a line
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  giro accounts open settlement-eur --currency EUR --unlimited\n  giro accounts open alice --currency EUR"
)]
pub(super) struct OpenArgs {
    /// The account
    id: AccountId,
    /// Its currency, an ISO 4217 code
    #[arg(long)]
    currency: Currency,
    /// How far below zero payments may take it, in minor units
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=AMOUNT_MAX))]
    overdraft_limit: u64,
    /// No limit: a settlement account, from which money enters
    #[arg(long, conflicts_with = "overdraft_limit")]
    unlimited: bool,
    /// On how many lanes it takes its credits, for an account that very many pay to; at most 1024
    #[arg(long, default_value_t = CreditLanes::NONE)]
    credit_lanes: CreditLanes,
}

pub(super) async fn run(command: AccountsCommand, engines: &EngineArgs) -> Result<(), Failure> {
    let ledger = engines.ledger().await?;
    match command {
        AccountsCommand::Open(args) => {
            let account = Account {
                id: args.id,
                currency: args.currency,
                status: AccountStatus::Open,
                balance: Balance::ZERO,
                overdraft_limit: match args.unlimited {
                    true => OverdraftLimit::Unlimited,
                    false => OverdraftLimit::Limited(args.overdraft_limit),
                },
                version: 1,
                opened_at: clock::now(),
                credit_lanes: args.credit_lanes,
            };
            let existing = ledger.open_account(&account).await.map_err(|error| unreachable(error.into()))?;
            opened(&account, existing.as_ref())
        }
        AccountsCommand::AddLanes { id, lanes } => {
            let until = Instant::now().checked_add(ADDING_LANES_MAX).unwrap_or_else(Instant::now);
            let mut backoff = Backoff::new();
            let account = loop {
                match ledger.add_lanes(&id, lanes).await {
                    // A living account changes under our hands, and is free again in a moment.
                    Err(StoreError::Conflict) if Instant::now() < until => backoff.wait(until).await,
                    answer => break answer.map_err(|error| unreachable(error.into()))?,
                }
            };
            let account = account.ok_or_else(|| Failure::no(format!("no account {id}")))?;
            say!("{id} has {} credit lanes", account.credit_lanes);
            Ok(())
        }
        AccountsCommand::Show { id, json } => {
            let account = ledger.account(&id).await.map_err(|error| unreachable(error.into()))?;
            let account = account.ok_or_else(|| Failure::no(format!("no account {id}")))?;
            show(std::slice::from_ref(&account), json);
            Ok(())
        }
        AccountsCommand::List { json } => {
            show(&ledger.accounts().await.map_err(|error| unreachable(error.into()))?, json);
            Ok(())
        }
    }
}

fn opened(account: &Account, existing: Option<&Account>) -> Result<(), Failure> {
    let id = &account.id;
    match existing {
        None => say!("opened {id}"),
        Some(existing) if existing.currency != account.currency => {
            return Err(Failure::no(format!("{id} is open already, in {}", existing.currency)));
        }
        Some(existing) if existing.overdraft_limit != account.overdraft_limit => {
            let limit = limit(existing.overdraft_limit);
            return Err(Failure::no(format!("{id} is open already, with the overdraft limit {limit}")));
        }
        // More lanes than asked for may have been added since.
        Some(existing) if existing.credit_lanes < account.credit_lanes => {
            let lanes = existing.credit_lanes;
            return Err(Failure::no(format!(
                "{id} is open already, with {lanes} credit lanes: `giro accounts add-lanes`"
            )));
        }
        Some(existing) if existing.status != AccountStatus::Open => {
            return Err(Failure::no(format!("{id} exists already, and is {}", existing.status)));
        }
        Some(_) => say!("{id} is open already"),
    }
    Ok(())
}

fn limit(limit: OverdraftLimit) -> String {
    match limit {
        OverdraftLimit::Limited(limit) => limit.to_string(),
        OverdraftLimit::Unlimited => "unlimited".into(),
    }
}

fn show(held: &[Holding], as_json: bool) {
    if as_json {
        for holding in held {
            let account = &holding.account;
            let overdraft_limit = match account.overdraft_limit {
                OverdraftLimit::Limited(limit) => Some(limit),
                OverdraftLimit::Unlimited => None,
            };
            let object = json!({
                "account_id": account.id.as_str(),
                "currency": account.currency.as_str(),
                "status": account.status.name(),
                "balance": serde_json::Number::from_i128(holding.balance()),
                "overdraft_limit": overdraft_limit,
                "version": account.version,
                "opened_at": account.opened_at.to_string(),
                "credit_lanes": account.credit_lanes.count(),
                "lanes": holding.lanes.iter().map(|lane| json!({
                    "lane": lane.id.lane, "balance": lane.balance.minor_units(), "version": lane.version,
                })).collect::<Vec<_>>(),
            });
            say!("{object}");
        }
        return;
    }
    say!("{:<24} {:<8} {:<8} {:>20} {:>14}", "account", "currency", "status", "balance", "limit");
    for holding in held {
        let Account { id, currency, status, overdraft_limit, .. } = &holding.account;
        let balance = holding.balance();
        say!("{id:<24} {currency:<8} {status:<8} {balance:>20} {:>14}", limit(*overdraft_limit));
    }
}
