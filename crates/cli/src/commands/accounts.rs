//! What: `giro accounts` sends commands about accounts, and shows them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Failure;
use super::account_commands::{self, SendArgs};
use super::balances::{self, BalanceArgs, StatementArgs};
use super::engines::EngineArgs;
use super::lanes::{self, AddLanesArgs};
use super::limits::{self, LimitArgs};
use super::open_many;
use super::owners::{self, SetOwnerArgs};
use super::pay::{self, Show};
use super::results::{Column, ResultArgs};
use super::stored_id::stored_id;
use crate::decimal;
use crate::local::terminal::tell;
use giro::domain::account_command::{self, Action, Terms};
use giro::domain::{
    Account, AccountId, AccountStatus, CreditLanes, Currency, Holding, OverdraftLimit, Payment, PaymentId, Principal,
};
use giro::handlers::clock;
use giro::store::LedgerQueries;
use giro_testkit::open_accounts::OpenAccounts;

#[derive(Debug, Subcommand)]
pub(super) enum AccountsCommand {
    /// Open an account. Opening it again on the same terms changes nothing.
    Open(OpenArgs),
    /// Let no payment from or to an account happen, until it is unfrozen.
    Freeze(CommandArgs),
    /// Let payments happen again.
    Unfreeze(CommandArgs),
    /// Close an account for ever. Its balance must be zero.
    Close(CommandArgs),
    /// Set how far below zero payments may take an account. Its balance must be within the new limit.
    SetLimit(SetLimitArgs),
    /// Replace the limits of an account: the largest payment, the largest balance, and what payments may take in an
    /// hour, a day or a month. The account needs an overdraft limit.
    SetLimits(SetLimitsArgs),
    /// Say who may pay from an account and read it over HTTP.
    SetOwner(SetOwnerArgs),
    /// Show every command that has its answer, in the order of the answers.
    Commands {
        /// Only those about this account
        #[arg(long, value_name = "ID", value_parser = stored_id(AccountId::try_stored))]
        account: Option<AccountId>,
        #[command(flatten)]
        results: ResultArgs,
    },
    /// Give an account credit lanes, or every account that has too few.
    ///
    /// Lanes are only added, never taken away. Giving an account as many as it has, or fewer, changes nothing.
    AddLanes(AddLanesArgs),
    /// Show one account.
    Show {
        /// The account
        #[arg(value_parser = stored_id(AccountId::try_stored))]
        id: AccountId,
        #[command(flatten)]
        results: ResultArgs,
    },
    /// Tell what an account held at a time: the sum of all that was settled up to then.
    ///
    /// Twenty minutes later it is final: it never changes then. It begins with what ledger-auditor has proved. If you
    /// name the ledger's tables, name those of checkpoints too; otherwise it sums all payments.
    Balance(BalanceArgs),
    /// Show the postings of an account, newest first.
    Statement(StatementArgs),
    /// Show every account.
    List {
        #[command(flatten)]
        results: ResultArgs,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  giro accounts open settlement-eur --currency EUR --unlimited\n  giro accounts open alice --currency EUR --balance 100.00 --funded-by settlement-eur\n  giro accounts open --list accounts.jsonl"
)]
pub(super) struct OpenArgs {
    /// The account
    #[arg(required_unless_present = "list")]
    id: Option<AccountId>,
    /// Its currency, an ISO 4217 code
    #[arg(long, required_unless_present = "list")]
    currency: Option<Currency>,
    /// Open many: a file, or standard input if it is -. Each line is a JSON object with account_id and currency, and
    /// perhaps overdraft_limit, credit_lanes, owner, balance and funded_by; amounts are in minor units
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_ONE)]
    list: Option<PathBuf>,
    #[command(flatten)]
    limit: OpeningLimitArgs,
    /// The fewest credit lanes that it gets, at most 1024; account-processor gives it two for each partition
    #[arg(long, default_value_t = CreditLanes::NONE)]
    credit_lanes: CreditLanes,
    /// Who may pay from it and read it over HTTP; without an owner, only callers with the scope for all accounts
    #[arg(long, value_name = "PRINCIPAL")]
    owner: Option<Principal>,
    /// Write the account directly into its table, without topic and account-processor, and leave no record of a command
    #[arg(long, conflicts_with_all = ["command_id", "no_wait", "wait", "json"])]
    direct: bool,
    /// Pay so much into it once it is open, such as 100.00. The payment is funds-ID, so it happens once
    #[arg(long, value_name = "AMOUNT", requires = "funded_by", conflicts_with_all = ["direct", "no_wait"])]
    balance: Option<String>,
    /// The account that pays it
    #[arg(long, value_name = "ACCOUNT", requires = "balance")]
    funded_by: Option<AccountId>,
    #[command(flatten)]
    send: SendArgs,
}

/// What says how one account is opened, and not a list of them.
const OF_ONE: [&str; 11] = [
    "id",
    "currency",
    "overdraft_limit",
    "unlimited",
    "credit_lanes",
    "owner",
    "direct",
    "balance",
    "funded_by",
    "command_id",
    "no_wait",
];

impl OpenArgs {
    /// The payment of its first balance.
    fn funding(&self, id: &AccountId, currency: Currency) -> Result<Option<Payment>, Failure> {
        let Some((balance, debtor)) = self.balance.as_ref().zip(self.funded_by.clone()) else { return Ok(None) };
        let amount = decimal::amount(balance, currency);
        Ok(Some(Payment {
            id: PaymentId::try_new(&format!("funds-{id}"))
                .map_err(|expected| Failure::input(format!("--balance: the payment funds-{id}: {expected}")))?,
            debtor,
            creditor: id.clone(),
            amount: amount.map_err(|expected| Failure::input(format!("--balance: {expected}")))?,
            currency,
            reference: None,
            requested_at: Some(clock::now()),
        }))
    }
}

#[derive(Debug, Args)]
struct OpeningLimitArgs {
    /// How far below zero payments may take it, such as 50.00
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = decimal::written)]
    overdraft_limit: String,
    /// No limit: a settlement account, from which money enters
    #[arg(long, conflicts_with = "overdraft_limit")]
    unlimited: bool,
}

impl OpeningLimitArgs {
    fn limit(&self, currency: Currency) -> Result<OverdraftLimit, Failure> {
        if self.unlimited { Ok(OverdraftLimit::Unlimited) } else { limited(&self.overdraft_limit, currency) }
    }
}

/// A limit as a person writes it.
fn limited(text: &str, currency: Currency) -> Result<OverdraftLimit, Failure> {
    let limit = decimal::limit(text, currency).map_err(|expected| format!("--overdraft-limit: {expected}"));
    limit.map(OverdraftLimit::Limited).map_err(Failure::input)
}

/// A new limit. One of the two must be given, so that no limit is set by accident.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct NewLimitArgs {
    /// How far below zero payments may take it, such as 50.00
    #[arg(long, value_name = "AMOUNT", value_parser = decimal::written)]
    overdraft_limit: Option<String>,
    /// No limit: a settlement account, from which money enters
    #[arg(long)]
    unlimited: bool,
}

impl NewLimitArgs {
    async fn limit(&self, id: &AccountId, engines: &EngineArgs) -> Result<OverdraftLimit, Failure> {
        match &self.overdraft_limit {
            Some(text) => limited(text, currency_of(id, engines).await?),
            None => Ok(OverdraftLimit::Unlimited),
        }
    }
}

/// The currency of an account, which never changes.
async fn currency_of(id: &AccountId, engines: &EngineArgs) -> Result<Currency, Failure> {
    let held = engines.ledger().await?.account(id).await?;
    held.map(|held| held.account.currency).ok_or_else(|| account_commands::no_account(id))
}

#[derive(Debug, Args)]
pub(super) struct CommandArgs {
    /// The account
    id: AccountId,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro accounts set-limit alice --overdraft-limit 500.00")]
pub(super) struct SetLimitArgs {
    /// The account
    id: AccountId,
    #[command(flatten)]
    limit: NewLimitArgs,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "What is not named is not limited any more.\n\nExamples:\n  giro accounts set-limits alice --max-payment 500.00 --window day:amount=2000.00,count=20\n  giro accounts set-limits alice --no-limits"
)]
pub(super) struct SetLimitsArgs {
    /// The account
    id: AccountId,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    send: SendArgs,
}

pub(super) async fn run(command: AccountsCommand, engines: &EngineArgs) -> Result<(), Failure> {
    match command {
        AccountsCommand::Open(args) => open(args, engines).await,
        AccountsCommand::Freeze(args) => account_commands::send(args.id, Action::Freeze, args.send, engines).await,
        AccountsCommand::Unfreeze(args) => account_commands::send(args.id, Action::Unfreeze, args.send, engines).await,
        AccountsCommand::Close(args) => account_commands::send(args.id, Action::Close, args.send, engines).await,
        AccountsCommand::SetLimit(args) => {
            let limit = args.limit.limit(&args.id, engines).await?;
            account_commands::send(args.id, Action::SetOverdraftLimit(limit), args.send, engines).await
        }
        AccountsCommand::SetLimits(args) => {
            let currency = match args.limits.has_amounts() {
                true => Some(currency_of(&args.id, engines).await?),
                false => None,
            };
            let limits = args.limits.limits(currency).map_err(Failure::input)?;
            account_commands::send(args.id, Action::SetLimits(limits), args.send, engines).await
        }
        AccountsCommand::SetOwner(args) => owners::set(args, engines).await,
        AccountsCommand::Commands { account, results } => {
            account_commands::list(account.as_ref(), results, engines).await
        }
        AccountsCommand::AddLanes(args) => lanes::add(args, engines).await,
        AccountsCommand::Show { id, results } => {
            let ledger = engines.ledger().await?;
            let account = ledger.account(&id).await?;
            let account = account.ok_or_else(|| account_commands::no_account(&id))?;
            show(std::slice::from_ref(&account), results)
        }
        AccountsCommand::Balance(args) => balances::balance(args, engines).await,
        AccountsCommand::Statement(args) => balances::statement(args, engines).await,
        AccountsCommand::List { results } => {
            let ledger = engines.ledger().await?;
            let held = ledger.accounts().await?;
            if held.is_empty() {
                // Not even a head stands on stdout.
                tell!("no account");
                return Ok(());
            }
            show(&held, results)
        }
    }
}

async fn open(args: OpenArgs, engines: &EngineArgs) -> Result<(), Failure> {
    if let Some(list) = &args.list {
        let wait = Duration::from_secs(args.send.wait);
        return open_many::open(list, args.send.topic, wait, args.send.results, engines).await;
    }
    let Some((id, currency)) = args.id.clone().zip(args.currency) else {
        return Err(Failure::input("expected an account and --currency, or --list"));
    };
    let (overdraft_limit, funding) = (args.limit.limit(currency)?, args.funding(&id, currency)?);
    let (json, name) = (args.send.results.json, id.clone());
    let terms = Terms { currency, overdraft_limit, credit_lanes: args.credit_lanes, owner: args.owner };
    match args.direct {
        true => open_directly(&id, terms, engines).await?,
        false => account_commands::send(id, Action::Open(terms), args.send, engines).await?,
    }
    let Some(payment) = funding else { return Ok(()) };
    let topic = engines.topic(None, |topics| topics.requests)?;
    let todo = open_many::way_out(&payment);
    match pay::pay(payment, &topic, Show { wait: true, json }, engines).await {
        // Its outcome is shown, but not that giving the same command again never helps.
        Err(Failure::Shown) => Err(Failure::no(format!("{name} is open, and not funded: {todo}"))),
        paid => paid,
    }
}

async fn open_directly(id: &AccountId, terms: Terms, engines: &EngineArgs) -> Result<(), Failure> {
    let account = account_command::opened(id, terms, clock::now());
    let ledger = engines.ledger().await?;
    let existing = ledger.open_account(&account).await?;
    opened(&account, existing.as_ref())
}

fn opened(account: &Account, existing: Option<&Account>) -> Result<(), Failure> {
    let id = &account.id;
    match existing {
        None => say!("opened {id}"),
        Some(existing) if existing.currency != account.currency => {
            return Err(Failure::no(format!("{id} is open already, in {}", existing.currency)));
        }
        Some(existing) if existing.overdraft_limit != account.overdraft_limit => {
            let limit = limit(existing.overdraft_limit, existing.currency);
            return Err(Failure::no(format!("{id} is open already, with the overdraft limit {limit}")));
        }
        Some(existing) if existing.owner != account.owner => {
            return Err(Failure::no(format!("{id} is open already, with another owner: `giro accounts set-owner`")));
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

fn limit(limit: OverdraftLimit, currency: Currency) -> String {
    match limit {
        OverdraftLimit::Limited(limit) => decimal::shown(limit.into(), currency),
        OverdraftLimit::Unlimited => "unlimited".into(),
    }
}

fn show(held: &[Holding], results: ResultArgs) -> Result<(), Failure> {
    let table = results.table([
        Column::text("account", 24),
        Column::text("currency", 8),
        Column::text("status", 8),
        Column::number("balance", 20),
        Column::number("limit", 14),
    ])?;
    for holding in held {
        let Account { id, currency, status, overdraft_limit, .. } = &holding.account;
        table.row(
            || json_of(holding),
            || {
                let balance = decimal::shown(holding.balance(), *currency);
                [id.to_string(), currency.to_string(), status.to_string(), balance, limit(*overdraft_limit, *currency)]
            },
        )?;
    }
    Ok(())
}

fn json_of(holding: &Holding) -> Value {
    let account = &holding.account;
    let overdraft_limit = match account.overdraft_limit {
        OverdraftLimit::Limited(limit) => Some(limit),
        OverdraftLimit::Unlimited => None,
    };
    json!({
        "account_id": account.id.as_str(),
        "currency": account.currency.as_str(),
        "status": account.status.name(),
        "balance": serde_json::Number::from_i128(holding.balance()),
        "overdraft_limit": overdraft_limit,
        "version": account.version,
        "opened_at": account.opened_at.to_string(),
        "credit_lanes": account.credit_lanes.count(),
        "owner": account.owner.as_ref().map(Principal::as_str),
        "limits": account.limits.as_deref().map(limits::of_account),
        "lanes": holding.lanes.iter().map(|lane| json!({
            "lane": lane.id.lane, "balance": lane.balance.minor_units(), "version": lane.version,
        })).collect::<Vec<_>>(),
    })
}
