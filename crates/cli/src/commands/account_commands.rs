//! What: `giro accounts open|freeze|…` publishes account commands, and shows their answers.
//!
//! Data: Takes a command. Gives its record, once `account-processor` has written it: applied, or refused with the
//! reason.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Failure;
use super::engines::{EngineArgs, given};
use super::limits;
use super::number::number;
use super::results::ResultArgs;
use crate::local::terminal::tell;
use giro::domain::account_command::{Action, RecordedCommand, status_of};
use giro::domain::{AccountCommand, AccountId, CommandId, OverdraftLimit, Principal};
use giro::handlers::clock;
use giro::publish::{Publish, Sending};
use giro::store::CommandQueries;
use giro::wire::account_command;

/// Names the topic of account commands.
pub(super) const COMMANDS_TOPIC: &str = "COMMANDS_TOPIC";

/// How often to look for a command's record.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
pub(super) struct SendArgs {
    /// The command's id; the same id does nothing twice. The default is a new one
    #[arg(long)]
    command_id: Option<CommandId>,
    /// Don't wait for the answer
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// How long to wait for the answer, in seconds
    #[arg(long, default_value_t = 30, value_parser = number::<u64>(1..=3600))]
    pub(super) wait: u64,
    /// The topic; else that of account commands
    #[arg(long, env = COMMANDS_TOPIC, value_parser = given, value_name = "NAME")]
    pub(super) topic: Option<String>,
    #[command(flatten)]
    pub(super) results: ResultArgs,
}

/// Publishes a command, keyed by its account, and waits for its answer.
pub(super) async fn send(
    account: AccountId,
    action: Action,
    args: SendArgs,
    engines: &EngineArgs,
) -> Result<(), Failure> {
    let id = match args.command_id {
        Some(id) => id,
        None => new_id()?,
    };
    let command = AccountCommand { id: id.clone(), account, action, requested_at: Some(clock::now()) };
    let key = command.account.as_str().as_bytes();
    let value = account_command::encode(&command);
    let topic = engines.topic(args.topic, |topics| topics.commands)?;
    if !args.no_wait {
        // If the answer couldn't be read, that is an error before anything is sent.
        engines.ledger().await?.command(&id).await?;
    }
    let producer = engines.producer_to(&topic).await?;
    let sending = producer.send(&topic, Some(key), Some(value.as_bytes()), &[]).await?;
    sending.placed().await?;
    if args.no_wait {
        let sent = || json!({ "command_id": id.as_str(), "account_id": command.account.as_str(), "status": "sent" });
        return args.results.print(sent, || format!("sent {id}"));
    }
    let recorded = answer(&id, Duration::from_secs(args.wait), engines).await?;
    let (name, account) = (command.action.name(), &command.account);
    if recorded.fingerprint != command.fingerprint() {
        return Err(Failure::no(format!("{id} is the id of another command, so this one is a dead letter")));
    }
    if args.results.json {
        say!("{}", json_of(&recorded));
        return recorded.decision.map_err(|_| Failure::Shown);
    }
    match recorded.decision {
        Ok(()) => say!("applied {name} {account} ({id})"),
        Err(refusal) => return Err(Failure::no(format!("refused {name} {account}: {refusal} ({id})"))),
    }
    Ok(())
}

/// Begins to publish a command with an id of its own, and waits neither for the broker nor for its answer.
pub(super) async fn sending(
    account: &AccountId,
    action: Action,
    topic: &str,
    producer: &impl Publish,
) -> Result<Sending, Failure> {
    let id = new_id()?;
    let command = AccountCommand { id, account: account.clone(), action, requested_at: Some(clock::now()) };
    let (key, value) = (account.as_str().as_bytes(), account_command::encode(&command));
    Ok(producer.send(topic, Some(key), Some(value.as_bytes()), &[]).await?)
}

pub(super) fn new_id() -> Result<CommandId, Failure> {
    CommandId::try_new(&format!("cmd-{:032x}", fastrand::u128(..))).map_err(Failure::input)
}

/// Waits for a command's record.
async fn answer(id: &CommandId, wait: Duration, engines: &EngineArgs) -> Result<RecordedCommand, Failure> {
    let ledger = engines.ledger().await?;
    let started = Instant::now();
    loop {
        let recorded = ledger.command(id).await?;
        if let Some(recorded) = recorded {
            return Ok(recorded);
        }
        if started.elapsed() >= wait {
            let seconds = wait.as_secs();
            return Err(Failure::unreachable(format!(
                "{id} has no answer after {seconds} s: does account-processor run? The command stays on its topic, and \
                 `giro accounts commands` shows its answer once there is one"
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// No account has this id.
pub(super) fn no_account(id: &AccountId) -> Failure {
    Failure::no(format!("no account '{id}': `giro accounts list` shows all that there are"))
}

/// Shows the records of all commands, or of one account's.
pub(super) async fn list(
    account: Option<&AccountId>,
    results: ResultArgs,
    engines: &EngineArgs,
) -> Result<(), Failure> {
    let mut commands = engines.ledger().await?.commands().await?;
    commands.retain(|recorded| account.is_none_or(|id| recorded.command.account == *id));
    if commands.is_empty() {
        tell!("no command");
    }
    for recorded in &commands {
        results.print(|| json_of(recorded), || line(recorded))?;
    }
    Ok(())
}

fn line(recorded: &RecordedCommand) -> String {
    let RecordedCommand { command, decision, decided_at, .. } = recorded;
    let answer = match decision {
        Ok(()) => status_of(*decision).to_owned(),
        Err(refusal) => format!("{} {refusal}", status_of(*decision)),
    };
    format!("{decided_at}  {:<24} {:<20} {answer:<28} {}", command.account, command.action.name(), command.id)
}

fn json_of(recorded: &RecordedCommand) -> Value {
    let limit = |limit| match limit {
        OverdraftLimit::Limited(limit) => json!(limit),
        OverdraftLimit::Unlimited => json!("unlimited"),
    };
    let command = &recorded.command;
    let (currency, overdraft_limit, lanes) = match &command.action {
        Action::Open(terms) => {
            (Some(terms.currency.to_string()), limit(terms.overdraft_limit), Some(terms.credit_lanes.count()))
        }
        Action::SetOverdraftLimit(to) => (None, limit(*to), None),
        Action::AddLanes(lanes) => (None, Value::Null, Some(lanes.count())),
        Action::Freeze | Action::Unfreeze | Action::Close | Action::SetLimits(_) | Action::SetOwner(_) => {
            (None, Value::Null, None)
        }
    };
    let limits = if let Action::SetLimits(asked) = &command.action { limits::asked(asked) } else { Value::Null };
    json!({
        "command_id": command.id.as_str(),
        "command": command.action.name(),
        "account_id": command.account.as_str(),
        "currency": currency,
        "overdraft_limit": overdraft_limit,
        "credit_lanes": lanes,
        "limits": limits,
        "owner": command.action.owner().map(Principal::as_str),
        "requested_at": command.requested_at.map(|at| at.to_string()),
        "status": status_of(recorded.decision),
        "reason": recorded.decision.err().map(|refusal| refusal.name()),
        "decided_at": recorded.decided_at.to_string(),
        "source": recorded.source.to_string(),
    })
}
