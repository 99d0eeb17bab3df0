//! What: `giro accounts open --list` opens many accounts.
//!
//! Data: Takes lines, each a JSON object with the fields of the command `open`. `command` and `command_id` may be left
//! out. `balance` and `funded_by` fund the account once it is open. Amounts are in minor units, as in all JSON.
//!
//! A topic ignores fields that it doesn't know, because a client may be newer. A list is written by a person. There
//! such a field, or one that stands twice, is a mistake.
//!
//! Invariants: All lines are read before anything is sent. A bounded number of commands is on its way at a time. A list
//! may be sent again: an account that is open on these terms stays as it is, and is funded once.

use std::fmt;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::account_commands;
use super::engines::EngineArgs;
use super::failure::Failure;
use super::results::ResultArgs;
use crate::decimal;
use giro::domain::account_command::Action;
use giro::domain::money::InvalidAmount;
use giro::domain::{AccountCommand, AccountId, Amount, Currency, Instruction, Payment, PaymentId};
use giro::publish::Publish;
use giro::publish::kafka::KafkaProducer;
use giro::store::dynamodb::DynamoDb;
use giro::store::{CommandQueries, LedgerQueries};
use giro::wire::{account_command, instruction};

/// How many commands, or payments, are on their way at a time.
const SENDING_MAX: usize = 500;
/// How many answers are asked for at the same time.
const ASKED_AT_ONCE: usize = 16;
/// What a line may have.
const FIELDS: [&str; 10] = [
    "account_id",
    "currency",
    "overdraft_limit",
    "credit_lanes",
    "owner",
    BALANCE,
    FUNDED_BY,
    COMMAND,
    COMMAND_ID,
    "requested_at",
];
const BALANCE: &str = "balance";
const FUNDED_BY: &str = "funded_by";
const COMMAND: &str = "command";
const COMMAND_ID: &str = "command_id";
/// A whole line, for whoever doesn't know what one looks like.
const EXAMPLE: &str =
    r#"{"account_id":"alice","currency":"EUR","overdraft_limit":5000,"balance":1000,"funded_by":"bank"}"#;
const EXAMPLE_MINOR_UNITS: u16 = 1000;
/// The only command of a list.
const OPEN: &str = "open";
/// How often to look for an answer.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A line of a list.
#[derive(Debug, Clone)]
struct Wanted {
    command: AccountCommand,
    funding: Option<Payment>,
}

/// What becomes of a list.
struct Opening<'e> {
    ledger: DynamoDb,
    producer: KafkaProducer,
    commands: String,
    requests: Option<String>,
    wait: Duration,
    results: ResultArgs,
    engines: &'e EngineArgs,
}

/// Opens the accounts of a list, and says which were refused.
pub(super) async fn open(
    list: &Path,
    topic: Option<String>,
    wait: Duration,
    results: ResultArgs,
    engines: &EngineArgs,
) -> Result<(), Failure> {
    let text = super::owners::text_of(list)?;
    let wanted = lines(&text).map_err(|error| Failure::input(format!("{}: {error}", list.display())))?;
    let commands = engines.topic(topic, |topics| topics.commands)?;
    let requests = match wanted.iter().any(|line| line.funding.is_some()) {
        true => Some(engines.topic(None, |topics| topics.requests)?),
        false => None,
    };
    let ledger = engines.ledger().await?;
    if let Some(first) = wanted.first() {
        // If answers couldn't be read, that is an error before anything is sent.
        ledger.command(&first.command.id).await?;
    }
    let producer = engines.producer_to(&commands).await?;
    let opening = Opening { ledger, producer, commands, requests, wait, results, engines };
    let bar = progress(wanted.len());
    let (mut refused, mut not_funded) = (0_usize, 0_usize);
    for some in wanted.chunks(SENDING_MAX) {
        let open = opening.these(some, &bar).await?;
        refused = refused.saturating_add(some.len().saturating_sub(open.len()));
        not_funded = not_funded.saturating_add(opening.fund(&open, &bar).await?);
        bar.inc(u64::try_from(some.len()).unwrap_or(u64::MAX));
    }
    bar.finish_and_clear();
    let opened = wanted.len().saturating_sub(refused);
    results.print(
        || json!({ "opened": opened, "not_funded": not_funded, "refused": refused }),
        || format!("opened {opened} accounts, {not_funded} of them not funded; refused {refused}"),
    )?;
    if refused == 0 && not_funded == 0 { Ok(()) } else { Err(Failure::Shown) }
}

/// What to do if the payment that funds an account is declined: its id has this outcome for ever.
pub(super) fn way_out(funding: &Payment) -> String {
    let Payment { id, debtor, creditor, amount, currency, .. } = funding;
    let amount = decimal::shown(i128::from(amount.minor_units()), *currency);
    format!(
        "{id} stays declined for ever. Once {debtor} can pay, fund the account by another payment: `giro pay --from \
         {debtor} --to {creditor} {amount} {currency} --wait`"
    )
}

impl Opening<'_> {
    /// Opens some accounts; those that are open then.
    async fn these<'w>(&self, wanted: &'w [Wanted], bar: &ProgressBar) -> Result<Vec<&'w Wanted>, Failure> {
        let mut sending = Vec::with_capacity(wanted.len());
        for Wanted { command, .. } in wanted {
            let (key, value) = (command.account.as_str(), account_command::encode(command));
            sending.push(self.producer.send(&self.commands, Some(key.as_bytes()), Some(value.as_bytes()), &[]).await?);
        }
        for sending in sending {
            sending.placed().await?;
        }
        let answers = stream::iter(wanted).map(async |wanted| self.answer(wanted).await.map(|no| (wanted, no)));
        let answers: Vec<(&Wanted, Option<String>)> = answers.buffered(ASKED_AT_ONCE).try_collect().await?;
        let mut open = Vec::with_capacity(wanted.len());
        for (wanted, no) in answers {
            match no {
                Some(reason) => {
                    let account = wanted.command.account.as_str();
                    let json = || json!({ "account_id": account, "status": "refused", "reason": reason });
                    bar.suspend(|| self.results.print(json, || format!("refused {account}: {reason}")))?;
                }
                None => open.push(wanted),
            }
        }
        Ok(open)
    }

    /// Funds accounts that are open; how many are not funded.
    async fn fund(&self, open: &[&Wanted], bar: &ProgressBar) -> Result<usize, Failure> {
        let Some(topic) = &self.requests else { return Ok(0) };
        let producer = self.engines.producer_to(topic).await?;
        let mut sending = Vec::new();
        for payment in open.iter().filter_map(|wanted| wanted.funding.as_ref()) {
            let value = instruction::encode(&Instruction::from(payment.clone()));
            let key = payment.debtor.as_str().as_bytes();
            sending.push(producer.send(topic, Some(key), Some(value.as_bytes()), &[]).await?);
        }
        for sending in sending {
            sending.placed().await?;
        }
        let paid = stream::iter(open).map(async |wanted| self.outcome(wanted).await.map(|no| (*wanted, no)));
        let paid: Vec<(&Wanted, Option<(String, String)>)> = paid.buffered(ASKED_AT_ONCE).try_collect().await?;
        let mut not_funded: usize = 0;
        for (wanted, no) in paid {
            let Some((reason, todo)) = no else { continue };
            not_funded = not_funded.saturating_add(1);
            let account = wanted.command.account.as_str();
            let json = || json!({ "account_id": account, "status": "not_funded", "reason": reason });
            let text = || format!("not funded {account}, which is open: {reason}. {todo}");
            bar.suspend(|| self.results.print(json, text))?;
        }
        Ok(not_funded)
    }

    /// Waits for the answer to a command; the reason if it was refused.
    async fn answer(&self, wanted: &Wanted) -> Result<Option<String>, Failure> {
        let (id, until) = (&wanted.command.id, Instant::now().checked_add(self.wait));
        loop {
            if let Some(recorded) = self.ledger.command(id).await? {
                let is_own = recorded.fingerprint == wanted.command.fingerprint();
                let no = recorded.decision.err().map(|refusal| refusal.name().to_owned());
                return Ok(if is_own { no } else { Some(format!("{id} is the id of another command")) });
            }
            again(until, id.as_str()).await?;
        }
    }

    /// Waits for the outcome of a funding; the reason if the account isn't funded by it, and what to do.
    async fn outcome(&self, wanted: &Wanted) -> Result<Option<(String, String)>, Failure> {
        let Some(payment) = &wanted.funding else { return Ok(None) };
        let asked = Instruction::from(payment.clone()).fingerprint();
        let until = Instant::now().checked_add(self.wait);
        loop {
            if let Some(recorded) = self.ledger.payment(&payment.id).await? {
                let id = &payment.id;
                if recorded.fingerprint != asked {
                    let todo = format!("`giro payments show {id} --text` shows it");
                    return Ok(Some((format!("{id} is the id of another payment"), todo)));
                }
                let no = recorded.outcome.decision.err();
                return Ok(no.map(|decline| (format!("{id} is declined: {decline}"), way_out(payment))));
            }
            again(until, payment.id.as_str()).await?;
        }
    }
}

/// Waits for the next look.
async fn again(until: Option<Instant>, id: &str) -> Result<(), Failure> {
    if until.is_none_or(|until| Instant::now() > until) {
        return Err(Failure::unreachable(format!(
            "{id} has no answer in time: do the functions run? --wait waits longer. Give the list again: what is open \
             stays as it is"
        )));
    }
    sleep(LOOK_EVERY).await;
    Ok(())
}

fn progress(length: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:40} {human_pos} of {human_len}, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The accounts of a list. An error names the line.
fn lines(text: &str) -> Result<Vec<Wanted>, String> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, text)| line(text).map_err(|expected| format!("line {number}: {expected}"))).collect()
}

fn line(text: &str) -> Result<Wanted, String> {
    let Fields(given) =
        serde_json::from_str(text).map_err(|_| format!("expected a JSON object, such as this:\n  {EXAMPLE}"))?;
    let mut fields = Map::new();
    for (name, value) in given {
        if !FIELDS.contains(&name.as_str()) {
            return Err(format!("{name}: unknown; expected one of {}", FIELDS.join(", ")));
        }
        if fields.insert(name.clone(), value).is_some() {
            return Err(format!("{name}: expected once, got it more than once"));
        }
    }
    let (balance, funded_by) = (fields.remove(BALANCE), fields.remove(FUNDED_BY));
    fields.entry(COMMAND).or_insert_with(|| json!(OPEN));
    if !fields.contains_key(COMMAND_ID) {
        let id = account_commands::new_id().map_err(|failure| failure.to_string())?;
        fields.insert(COMMAND_ID.into(), json!(id.as_str()));
    }
    let command = account_command::decode_json(Value::Object(fields).to_string().as_bytes());
    let command = command.map_err(|expected| expected.to_string())?;
    let Action::Open(terms) = &command.action else { return Err("command: expected open".into()) };
    let funding = match (balance, funded_by) {
        (None, None) => None,
        (Some(balance), Some(debtor)) => Some(funding(&command.account, terms.currency, &balance, &debtor)?),
        (Some(_), None) | (None, Some(_)) => return Err("expected balance and funded_by together, or none".into()),
    };
    Ok(Wanted { command, funding })
}

/// The payment that funds an account of a list.
fn funding(account: &AccountId, currency: Currency, balance: &Value, debtor: &Value) -> Result<Payment, String> {
    let id = PaymentId::try_new(&format!("funds-{account}"));
    let debtor = debtor.as_str().ok_or("expected a text".to_owned());
    let debtor = debtor.and_then(|id| AccountId::try_new(id).map_err(|expected| expected.to_string()));
    // Whoever knows the flag of this name may write decimals here.
    let wrong = || {
        let shown = decimal::shown(EXAMPLE_MINOR_UNITS.into(), currency);
        format!("{BALANCE}: {InvalidAmount} ({shown} {currency} is {EXAMPLE_MINOR_UNITS})")
    };
    Ok(Payment {
        id: id.map_err(|expected| format!("account_id: the payment funds-{account}: {expected}"))?,
        debtor: debtor.map_err(|expected| format!("{FUNDED_BY}: {expected}"))?,
        creditor: account.clone(),
        amount: balance.as_u64().and_then(|units| Amount::try_new(units).ok()).ok_or_else(wrong)?,
        currency,
        reference: None,
        requested_at: None,
    })
}

/// The fields of an object as they stand there, also those that stand twice.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsOf)
    }
}

struct FieldsOf;

impl<'de> Visitor<'de> for FieldsOf {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_line() {
        let read = lines(EXAMPLE).unwrap();
        assert_eq!(read[0].funding.as_ref().unwrap().amount.minor_units(), u64::from(EXAMPLE_MINOR_UNITS));
    }

    #[test]
    fn a_line_is_an_open_command_with_what_may_be_left_out() {
        let read = lines("{\"account_id\":\"a\",\"currency\":\"EUR\"}\n\n{\"account_id\":\"b\",\"currency\":\"EUR\",\"balance\":507,\"funded_by\":\"bank\"}\n").unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].command.account.as_str(), "a");
        assert!(read[0].funding.is_none() && read[0].command.id != read[1].command.id);
        let funding = read[1].funding.as_ref().unwrap();
        assert_eq!((funding.id.as_str(), funding.amount.minor_units()), ("funds-b", 507));
        for (line, says) in [
            ("x", "line 1: expected a JSON object, such as this:\n  {\"account_id\":\"alice\",\"currency\":\"EUR\","),
            ("[]", "line 1: expected a JSON object, such as this:\n"),
            (r#"{"account_id":"a"}"#, "line 1: currency"),
            (
                r#"{"account_id":"a","currency":"EUR","overdraft_limt":5}"#,
                "line 1: overdraft_limt: unknown; expected one of account_id, currency, overdraft_limit, ",
            ),
            (r#"{"account_id":"a","currency":"EUR","max_payment":5}"#, "line 1: max_payment: unknown; "),
            (
                r#"{"account_id":"a","currency":"EUR","balance":1,"balance":2,"funded_by":"b"}"#,
                "line 1: balance: expected once, got it more than once",
            ),
            (r#"{"account_id":"a/b","currency":"EUR"}"#, "line 1: account_id: expected 1 to 64 characters"),
            (r#"{"account_id":"a","command":"freeze"}"#, "line 1: command: expected open"),
            (r#"{"account_id":"a","currency":"EUR","balance":5}"#, "line 1: expected balance and funded_by together"),
            (
                r#"{"account_id":"a","currency":"EUR","balance":1.5,"funded_by":"b"}"#,
                "line 1: balance: expected an integer of minor units, 1 to 9007199254740991 (10.00 EUR is 1000)",
            ),
            (
                r#"{"account_id":"a","currency":"JPY","balance":"5","funded_by":"b"}"#,
                "line 1: balance: expected an integer of minor units, 1 to 9007199254740991 (1000 JPY is 1000)",
            ),
            (
                r#"{"account_id":"a","currency":"EUR","balance":0,"funded_by":"b"}"#,
                "line 1: balance: expected an integer",
            ),
            (
                r#"{"account_id":"a","currency":"EUR","balance":5,"funded_by":"b/c"}"#,
                "line 1: funded_by: expected 1 to 64 characters",
            ),
            (r#"{"account_id":"a","currency":"EUR","balance":5,"funded_by":5}"#, "line 1: funded_by: expected a text"),
        ] {
            let error = lines(line).unwrap_err();
            assert!(!error.contains("column"), "{error}");
            assert!(error.starts_with(says), "{line}: {error}");
        }
    }
}
