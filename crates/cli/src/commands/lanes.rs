//! What: `giro accounts add-lanes` gives one account credit lanes, or every account that has too few.
//!
//! Data: Takes an account and a number of lanes. With `--all` it scans the accounts, and publishes a command for each
//! that has fewer lanes. It does so too for each account without a limit that doesn't pay from its lanes yet.
//!
//! Invariants: `--all` may be stopped and run again at any time. It sends only what is missing, and each account's
//! command always has the same id. So a command that is still on its way is not obeyed twice.

use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::Failure;
use super::account_commands::{self, SendArgs};
use super::engines::EngineArgs;
use crate::local::kafka;
use giro::domain::account_command::Action;
use giro::domain::id::InvalidId;
use giro::domain::{Account, AccountCommand, AccountId, AccountStatus, CommandId, CreditLanes};
use giro::handlers::clock;
use giro::publish::Publish;
use giro::settle::Backoff;
use giro::store::{ScannedItem, Segment, StoreError, Table, TableScan};
use giro::wire::account_command;
use giro_testkit::open_accounts::OpenAccounts;

/// How long adding lanes is tried on an account that is busy.
const ADDING_LANES_MAX: Duration = Duration::from_secs(10);
/// How much of a command's fingerprint is in the id that `--all` gives it: 128 bits in hexadecimal digits.
const ID_DIGITS: usize = 32;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro accounts add-lanes shop-1 64\n  giro accounts add-lanes --all")]
pub(super) struct AddLanesArgs {
    /// The account
    #[arg(required_unless_present = "all")]
    id: Option<AccountId>,
    /// How many lanes it shall have in all, 1 to 1024
    #[arg(required_unless_present = "all", value_parser = some_lanes)]
    lanes: Option<CreditLanes>,
    /// Every account that is not closed and has fewer, or has no limit and doesn't pay from its lanes yet. Run it again
    /// until it finds none
    #[arg(long, conflicts_with_all = ["id", "lanes", "command_id", "no_wait", "wait", "direct", "json"])]
    all: bool,
    /// How many lanes each account shall have, 1 to 1024. The default is what a new account gets: two for each
    /// partition of the topic of payment requests. Past 48 partitions it gets one for each, at most 97
    #[arg(
        long = "lanes",
        value_name = "N",
        requires = "all",
        conflicts_with_all = ["id", "lanes"],
        value_parser = some_lanes
    )]
    each: Option<CreditLanes>,
    /// Write the lanes directly into their table, without topic and account-processor, and leave no record of a command
    #[arg(long, conflicts_with_all = ["command_id", "no_wait", "wait", "json"])]
    direct: bool,
    #[command(flatten)]
    send: SendArgs,
}

/// How many lanes to add, at least one.
fn some_lanes(text: &str) -> Result<CreditLanes, String> {
    let lanes = text.parse::<CreditLanes>().map_err(|expected| expected.to_string())?;
    if lanes.is_none() { Err("expected at least 1 credit lane".into()) } else { Ok(lanes) }
}

pub(super) async fn add(args: AddLanesArgs, engines: &EngineArgs) -> Result<(), Failure> {
    match (args.id, args.lanes) {
        (Some(id), Some(lanes)) if args.direct => add_directly(&id, lanes, engines).await,
        (Some(id), Some(lanes)) => account_commands::send(id, Action::AddLanes(lanes), args.send, engines).await,
        // The arguments say that it is for all.
        _ => add_to_all(args.each, args.send.topic, engines).await,
    }
}

async fn add_directly(id: &AccountId, lanes: CreditLanes, engines: &EngineArgs) -> Result<(), Failure> {
    let until = Instant::now().checked_add(ADDING_LANES_MAX).unwrap_or_else(Instant::now);
    let (ledger, mut backoff) = (engines.ledger().await?, Backoff::new());
    let account = loop {
        match ledger.add_lanes(id, lanes).await {
            // Payments change the account meanwhile, and it is soon free again.
            Err(StoreError::Conflict) if Instant::now() < until => backoff.wait(until).await,
            answer => break answer?,
        }
    };
    let account = account.ok_or_else(|| account_commands::no_account(id))?;
    say!("{id} has {} credit lanes", account.credit_lanes);
    Ok(())
}

/// Publishes a command for every account that has too few lanes, a page of accounts after the other.
async fn add_to_all(lanes: Option<CreditLanes>, topic: Option<String>, engines: &EngineArgs) -> Result<(), Failure> {
    let topic = engines.topic(topic, |topics| topics.commands)?;
    let lanes = match lanes {
        Some(lanes) => lanes,
        None => of_requests(engines).await?,
    };
    let (ledger, producer) = (engines.ledger().await?, engines.producer_to(&topic).await?);
    let (mut sent, mut enough, mut unreadable): (u64, u64, u64) = (0, 0, 0);
    let mut mark = None;
    loop {
        let page = ledger.page(Table::Accounts, Segment { number: 0, of: 1 }, mark).await?;
        let mut sending = Vec::new();
        for item in page.items {
            match item {
                ScannedItem::Account(account) if account.lacks(lanes) && account.status != AccountStatus::Closed => {
                    let command = command(&account, lanes).map_err(Failure::input)?;
                    let (key, value) = (command.account.as_str(), account_command::encode(&command));
                    sending.push(producer.send(&topic, Some(key.as_bytes()), Some(value.as_bytes()), &[]).await?);
                }
                ScannedItem::Account(_) => enough = enough.saturating_add(1),
                ScannedItem::Unreadable { .. } => unreadable = unreadable.saturating_add(1),
                ScannedItem::Lane(_)
                | ScannedItem::Payment(_)
                | ScannedItem::Leg(_)
                | ScannedItem::RefundSum(..)
                | ScannedItem::DeadLetterPart { .. } => {}
            }
        }
        for sending in sending {
            sending.placed().await?;
            sent = sent.saturating_add(1);
        }
        mark = page.next;
        if mark.is_none() {
            break;
        }
    }
    say!("sent {sent} commands for {lanes} credit lanes; {enough} accounts have as many, or are closed");
    match unreadable {
        0 => Ok(()),
        items => Err(Failure::no(format!("{items} items of the accounts table can't be read: see `giro audit`"))),
    }
}

/// As many lanes as a new account gets.
async fn of_requests(engines: &EngineArgs) -> Result<CreditLanes, Failure> {
    let topic = engines.topic(None, |topics| topics.requests)?;
    let partitions = kafka::partitions(&engines.kafka_with(&topic).await?, &topic).await?;
    Ok(CreditLanes::of_partitions(u32::try_from(partitions.len()).unwrap_or(u32::MAX)))
}

/// The command that gives an account what it lacks of so many lanes. Its id is always the same for both, so a second
/// one is a replay.
fn command(account: &Account, lanes: CreditLanes) -> Result<AccountCommand, InvalidId> {
    // An account may have got as many by an older version, and then pays from none. That command's id is used.
    let has_enough = account.credit_lanes >= lanes;
    let lanes = account.credit_lanes.max(lanes);
    let action = Action::AddLanes(lanes);
    let name = format!("{}-{lanes}", if has_enough { "pay-from-lanes" } else { "add-lanes" });
    let requested_at = Some(clock::now());
    let unnamed = AccountCommand { id: CommandId::try_new(&name)?, account: account.id.clone(), action, requested_at };
    let digits: String = unnamed.fingerprint().to_string().chars().take(ID_DIGITS).collect();
    Ok(AccountCommand { id: CommandId::try_new(&format!("{name}-{digits}"))?, ..unnamed })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use giro_testkit::given::{self, Setters as _};

    /// A second run must send the same commands again, and no account or number may share another's.
    #[test]
    fn a_command_has_one_id_for_each_account_and_number() {
        let id = |account: &str, lanes| {
            let lanes = CreditLanes::try_new(lanes).unwrap();
            command(&given::account(account), lanes).unwrap().id.to_string()
        };
        assert_eq!(id("alice", 16), id("alice", 16));
        assert!(id("alice", 16).starts_with("add-lanes-16-"));
        let longest = "a".repeat(64);
        let all: HashSet<String> =
            ["alice", "bob", &longest].iter().flat_map(|id_of| [1, 16, 1_024].map(|lanes| id(id_of, lanes))).collect();
        assert_eq!(all.len(), 9);
    }

    /// Such an account may have been given its lanes by a command of the same number.
    #[test]
    fn an_account_that_has_its_lanes_and_pays_from_none_gets_another_id() {
        let id = |account: &Account| command(account, CreditLanes::try_new(16).unwrap()).unwrap().id.to_string();
        let bank = given::account("bank").unlimited();
        assert!(id(&bank).starts_with("add-lanes-16-"));
        assert!(id(&bank.clone().lanes(16)).starts_with("pay-from-lanes-16-"));
        assert!(id(&bank.lanes(32)).starts_with("pay-from-lanes-32-"));
    }
}
