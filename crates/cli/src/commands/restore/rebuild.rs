//! What: `giro restore rebuild` computes balances, sums of refunds, windows and lanes of restored tables anew from
//! their journal.

use clap::Args;

use super::super::Failure;
use super::super::engines::{EngineArgs, given};
use super::super::stored_id::stored_id;
use super::NameArgs;
use super::groups::{Groups, suffix};
use super::lacking::{Begins, now};
use super::read::Read;
use crate::local::kafka::partitions;
use crate::local::stack::Topics;
use crate::restore::changes::{Changes, changes};
use crate::restore::journal::{Journal, KnownTerms};
use crate::restore::point_in_time::second;
use crate::restore::shown::{counts, lines};
use crate::restore::tables::RestoredTables;
use crate::restore::terms::{accounts, said};
use crate::restore::topics::{End, ends_at, opened_accounts, outcomes, requests};
use giro::domain::{CreditLanes, PaymentId, Timestamp};

/// How many changes, or findings, a person is shown.
const SHOWN_MAX: usize = 40;

/// Compute restored tables anew from their journal, and say what must change
///
/// Reads all restored tables and the whole topic of outcomes. Outcomes that the table lacks are written again.
/// Balances, sums of refunds and windows become what the settled payments make. Writes nothing without --write, and
/// changes nothing in a second run. Exit code 1 if the journal contradicts itself: then nothing is written.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro --aws restore rebuild --prefix restored-\n  giro --aws restore rebuild --prefix restored- --write"
)]
pub(in crate::commands) struct RebuildArgs {
    #[command(flatten)]
    names: NameArgs,
    /// Write what must change
    #[arg(long)]
    write: bool,
    /// Let the item of this payment stand, whatever the topic or its fingerprint says
    #[arg(long, value_parser = stored_id(PaymentId::try_stored), value_name = "ID", num_args = 1..)]
    item_stands: Vec<PaymentId>,
    /// Show every change
    #[arg(long)]
    all: bool,
    /// Go on if the topic tells of none of the payments in the table, or the table has none
    #[arg(long)]
    any_topic: bool,
    /// Go on though topics lack records that the tables may lack too, none of them newer than this time, RFC 3339:
    /// their payments are decided anew
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    despite_gap: Option<Timestamp>,
    /// The second that the tables were restored to, RFC 3339, if DynamoDB doesn't tell it
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    second: Option<Timestamp>,
    /// The ConsumerGroupSuffix that the stack will have: none of its groups may have read before
    #[arg(long, value_name = "SUFFIX", value_parser = suffix, allow_hyphen_values = true, default_value = "-2")]
    next_suffix: String,
    /// The topic of payment requests; else that of the stack
    #[arg(long, env = "REQUESTS_TOPIC", value_parser = given, value_name = "NAME")]
    requests_topic: Option<String>,
    /// The topic of account commands
    #[arg(long, env = "COMMANDS_TOPIC", value_parser = given, value_name = "NAME")]
    commands_topic: Option<String>,
    /// The topic of outcomes
    #[arg(long, env = "OUTCOMES_TOPIC", value_parser = given, value_name = "NAME")]
    outcomes_topic: Option<String>,
}

pub(super) async fn run(args: RebuildArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let topic = |named: &Option<String>, kind: fn(Topics) -> Option<String>| engines.topic(named.clone(), kind);
    let read = Read {
        requests: topic(&args.requests_topic, |topics| topics.requests)?,
        commands: topic(&args.commands_topic, |topics| topics.commands)?,
        outcomes: topic(&args.outcomes_topic, |topics| topics.outcomes)?,
        kafka: engines.kafka_that_answers().await?,
    };
    if engines.meant().is_some() {
        return Err(Failure::no("the `giro up` of this folder polls these engines: stop it with `giro down`"));
    }
    let groups = Groups::of(&read, &args.next_suffix)?;
    groups.poll_nothing().await?;
    groups.are_new().await?;
    let (client, usual) = engines.tables_and_client().await?;
    let names = args.names.restored(&usual)?;
    let tables = RestoredTables::new(&client, names.clone());
    let second = restored_to(second(&client, &names.payments).await?, args.second)?;
    let begins = Begins::of(&read).await?;
    let Found { journal, has_commands, changes, end } = found(&tables, &read, &args.item_stands).await?;
    begins.are_still_there().await?;
    is_the_topic(&args, &read, &journal)?;
    begins.lack_nothing(second, [journal.payments > 0, has_commands], args.despite_gap).await?;
    let changes = match changes {
        Ok(changes) => changes,
        Err(findings) => return contradictions(&findings),
    };
    report(&journal, &changes, args.all)?;
    if changes.items() == 0 {
        return Ok(());
    }
    if !args.write {
        say!("nothing is written: say --write to write it");
        return Ok(());
    }
    groups.poll_nothing().await?;
    if !ends_at(&read.kafka, &read.outcomes, &end).await? {
        return Err(Failure::no(format!(
            "an outcome came to {} meanwhile, and nothing is written: stop outcome-publisher, and run this again",
            read.outcomes
        )));
    }
    let raced = tables.write(&changes).await?;
    if let Some(first) = raced.first() {
        return Err(Failure::no(format!(
            "{} items have changed since they were read, and stay as they are, such as {first}. Stop whoever writes to \
             these tables, and run this again",
            raced.len()
        )));
    }
    say!("written");
    Ok(())
}

/// The second that the tables were restored to. Nothing else tells what the topics must still have.
fn restored_to(told: Option<Timestamp>, said: Option<Timestamp>) -> Result<Timestamp, Failure> {
    match (told, said) {
        (Some(told), Some(said)) if told != said => {
            Err(Failure::input(format!("--second {said}: DynamoDB says that payments was restored to {told}")))
        }
        (None, Some(said)) if said > now() => {
            Err(Failure::input(format!("--second {said}: expected a time that is past")))
        }
        (Some(second), _) | (None, Some(second)) => Ok(second),
        (None, None) => {
            Err(Failure::input("to which second were the tables restored? DynamoDB doesn't tell: say --second TIME"))
        }
    }
}

/// Refuses a topic that tells nothing of this ledger.
fn is_the_topic(args: &RebuildArgs, topics: &Read, journal: &Journal) -> Result<(), Failure> {
    let Some(told) = nothing_in_common(journal, &topics.outcomes) else { return Ok(()) };
    if !args.any_topic {
        return Err(Failure::no(format!(
            "{told}: is it the topic of this ledger? --outcomes-topic names another, and --any-topic goes on"
        )));
    }
    say!("{told}. You said --any-topic");
    Ok(())
}

/// That the table and the topic tell of different payments, if they do.
fn nothing_in_common(journal: &Journal, topic: &str) -> Option<String> {
    match (journal.payments, journal.told(), journal.in_both) {
        (0, 0, _) => None,
        (0, told, _) => Some(format!("the table has no payment, and {topic} tells of {told}")),
        (payments, _, 0) => Some(format!("the table has {payments} payments, and {topic} tells of none of them")),
        _ => None,
    }
}

/// What was found.
struct Found {
    journal: Journal,
    /// Whether the tables tell of commands.
    has_commands: bool,
    /// What must be written, or what contradicts what.
    changes: Result<Changes, Vec<String>>,
    /// Where the outcomes ended.
    end: End,
}

/// Reads everything.
async fn found(tables: &RestoredTables, topics: &Read, stand: &[PaymentId]) -> Result<Found, Failure> {
    let kafka = &topics.kafka;
    let lanes_min = partitions(kafka, &topics.requests).await?.len();
    let lanes_min = CreditLanes::of_partitions(u32::try_from(lanes_min).unwrap_or(u32::MAX));
    let (restored, commands, mut unreadable) = tables.read().await?;
    let (said, has_commands) = (said(&commands), !commands.is_empty());
    let terms = KnownTerms { accounts: accounts(&restored.accounts, &said, lanes_min), said };
    let mut journal = Journal::new(terms).letting_stand(stand.iter().cloned());
    let end = outcomes(kafka, &topics.outcomes, &mut journal).await?;
    unreadable.extend(tables.read_payments(&mut journal).await?);
    journal.findings.extend(unreadable);
    journal.findings.extend(journal.stands.in_vain());
    match journal.lost() {
        Ok(lost) => {
            let asked = requests(kafka, &lost).await?;
            journal.rebuild(lost, &asked);
        }
        Err(finding) => journal.findings.push(finding),
    }
    let opened = opened_accounts(kafka, &topics.commands).await?;
    let changes = changes(&restored, &journal, &opened);
    Ok(Found { journal, has_commands, changes, end })
}

fn contradictions(findings: &[String]) -> Result<(), Failure> {
    for finding in findings.iter().take(SHOWN_MAX) {
        say!("{finding}");
    }
    Err(Failure::no(format!("{} findings: the journal contradicts itself, and nothing is written", findings.len())))
}

fn report(journal: &Journal, changes: &Changes, all: bool) -> Result<(), Failure> {
    say!("{} payments in the table, {} outcomes on the topic", journal.payments, journal.told());
    let shown = if all { usize::MAX } else { SHOWN_MAX };
    for line in lines(changes).take(shown) {
        say!("{line}");
    }
    if changes.items() > shown {
        say!("… and {} more: say --all to see them", changes.items().saturating_sub(shown));
    }
    say!("{}", counts(changes));
    if !journal.unasked.is_empty() {
        let count = journal.unasked.len();
        say!("{count} refunds: their requests are gone from the topic, so they count as asked for by amount");
    }
    for note in &journal.stands.notes {
        say!("{note}");
    }
    for open in &changes.open {
        say!("{open}");
    }
    if let Some(untold) = journal.untold {
        let to = Timestamp::try_from_millis(untold.last.millis().saturating_add(1)).unwrap_or(Timestamp::MAX);
        say!(
            "{} payments are settled or declined, and the topic doesn't tell it. Publish them after this:",
            untold.count
        );
        let except: String = journal.stands.told_otherwise().map(|id| format!(" {}", id)).collect();
        let except = if except.is_empty() { except } else { format!(" --except{except}") };
        say!("  giro outcomes republish --from {} --to {to}{except}", untold.first);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_and_a_topic_of_different_ledgers_are_noticed() {
        let common = |journal: &Journal| nothing_in_common(journal, "t").unwrap_or_default();
        assert_eq!(common(&Journal::default()), "");
        let mut journal = Journal::default();
        journal.payments = 3;
        assert_eq!(common(&journal), "the table has 3 payments, and t tells of none of them");
        journal.in_both = 1;
        assert_eq!(common(&journal), "");
        let mut empty = Journal::default();
        empty.record("t/0/0", Some(b"p1"), Some(b"{}"));
        assert_eq!(common(&empty), "the table has no payment, and t tells of 1");
    }

    #[test]
    fn the_second_of_the_tables_must_be_known() {
        let at = |text| Timestamp::parse(text).ok();
        let (told, other) = (at("2026-11-29T09:41:00Z"), at("2026-11-29T09:42:00Z"));
        let second = |told, said| restored_to(told, said).map_err(|refused| refused.to_string());
        assert_eq!([second(told, None), second(told, told), second(None, told)], [(); 3].map(|()| Ok(told.unwrap())));
        assert!(second(None, None).unwrap_err().contains("say --second"));
        assert!(second(told, other).unwrap_err().contains("restored to 2026-11-29T09:41:00.000Z"));
        // Every record is older than a time to come, so no gap would be seen.
        assert!(second(None, Some(Timestamp::MAX)).unwrap_err().contains("a time that is past"));
    }
}
