//! A restore, rehearsed as docs/restore.md says it, on real handlers, tables and topics.
//!
//! ```text
//!  settle all kinds of requests ─▶ tear the tables ─┬─▶ replay                          ─▶ money is paid twice
//!                                                   └─▶ giro restore rebuild ─▶ replay  ─▶ all adds up
//! ```
//!
//! The tables are torn over the third quarter, whose outcomes were told, and over the fourth, whose outcomes were not:
//! its publisher was off.

mod copies;
mod engines;
mod refused;
mod there;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use giro::domain::account_command::{Action, Terms};
use giro::domain::{Account, AccountId, CreditLanes, Limits, Outcome, OverdraftLimit, Principal};
use giro::publish::Publish;
use giro::publish::kafka::KafkaProducer;
use giro::store::dynamodb::DynamoDb;
use giro::store::{CommandQueries, LedgerQueries, Tables};
use giro::wire::{account_command, instruction, outcome};
use giro_cli::local::kafka::{self};
use giro_cli::local::stack::{ACCOUNT_PROCESSOR, KafkaEngine, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Stack};
use giro_testkit::given::{command, eur, payment};
use giro_testkit::workload::Record;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::processes::cli::{command as giro, run};
use crate::processes::crash::requests as requests_on;
use crate::processes::e2e::requests::{BANK, Everything};
use crate::processes::e2e::{adds_up, decided, ids, open_and_fund, publish, setting};
use crate::processes::stack::{acknowledged, missing_for_apache_kafka, options};
use copies::{Copied, copied, payments, prefixed, stray_legs, torn, without_stray_legs, written};
use engines::{Engines, PARTITIONS, PATIENCE};

/// How many records are published between two copies of the tables.
const CHUNK: usize = 8;
/// Accounts that commands open, change and pay.
const BY_COMMAND: [&str; 6] = ["opened-0", "opened-1", "opened-2", "opened-3", "opened-4", "opened-5"];

/// Commands, each to an account.
type Commands = Vec<(&'static str, Action)>;

async fn send(producer: &KafkaProducer, commands: Commands, first: usize) {
    for (ix, (account, action)) in commands.into_iter().enumerate() {
        let command = command(&format!("cmd-{}", first + ix), account, action);
        let value = account_command::encode(&command);
        let key = Some(account.as_bytes());
        let sent = producer.send("account-commands", key, Some(value.as_bytes()), &[]).await.unwrap();
        sent.placed().await.unwrap();
    }
}

async fn answered(ledger: &DynamoDb, count: usize) {
    let all = async {
        while ledger.commands().await.unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("the commands are answered");
}

fn opens() -> Commands {
    let terms = |name: &str| {
        let overdraft_limit =
            if name == BY_COMMAND[0] { OverdraftLimit::Unlimited } else { OverdraftLimit::Limited(0) };
        Terms {
            currency: eur(),
            overdraft_limit,
            credit_lanes: CreditLanes::NONE,
            owner: Principal::try_new(name).ok(),
        }
    };
    BY_COMMAND.into_iter().map(|name| (name, Action::Open(terms(name)))).collect()
}

/// What is sent while the tables are torn.
fn changes() -> Commands {
    let limits = Limits { max_balance: Some(1_000_000), ..Limits::NONE };
    vec![
        (BY_COMMAND[0], Action::SetOverdraftLimit(OverdraftLimit::Limited(7_000_000))),
        (BY_COMMAND[1], Action::Freeze),
        (BY_COMMAND[2], Action::SetLimits(limits)),
        (BY_COMMAND[3], Action::Close),
        (BY_COMMAND[4], Action::AddLanes(CreditLanes::try_new(20).unwrap())),
        (BY_COMMAND[5], Action::Freeze),
        (BY_COMMAND[5], Action::Unfreeze),
    ]
}

/// Payments to and from the accounts that commands open.
fn between_opened(name: &str) -> Vec<Record> {
    let pay = |debtor: &str, creditor: &str, what: &str| {
        let asked = payment(&format!("{name}-{what}-{debtor}-{creditor}"), debtor, creditor, 5).into();
        Record { key: Some(debtor.into()), value: Some(instruction::encode(&asked).into_bytes()) }
    };
    let there = BY_COMMAND.into_iter().flat_map(|id| [pay(BANK, id, "a"), pay(BANK, id, "b"), pay(id, BANK, "c")]);
    there.collect()
}

/// Publishes records bit by bit, and copies all tables in between, while the last ones are being settled.
async fn copied_while_settling(engines: &Engines, ledger: &DynamoDb, records: &[Record]) -> Vec<Copied> {
    let (producer, mut copies) = (engines.producer(), Vec::new());
    let mut before = BTreeSet::new();
    for chunk in records.chunks(CHUNK) {
        publish(&producer, chunk.to_vec()).await;
        decided(ledger, &before).await;
        before = ids(chunk);
        copies.push(copied(&engines.client, &Tables::default()).await);
    }
    decided(ledger, &before).await;
    copies.push(copied(&engines.client, &Tables::default()).await);
    copies
}

/// All requests, the copies, and the number of commands.
struct Settled {
    ids: BTreeSet<String>,
    copies: Vec<Copied>,
    commands: usize,
}

/// Settles requests of all kinds. Those of the last quarter are never told.
async fn settle(engines: &Engines) -> Settled {
    let count = setting("GIRO_RESTORED_PAYMENTS", 300);
    let everything = Everything::generate(count, CreditLanes::of_partitions(PARTITIONS as u32));
    let ledger = engines.ledger("");
    let quarter = |ix: usize| {
        let asked = everything.quarters[ix].iter().map(|asked| asked.record.clone());
        asked.chain(between_opened(&format!("q{ix}"))).collect::<Vec<Record>>()
    };
    let quarters: Vec<Vec<Record>> = (0..everything.quarters.len()).map(quarter).collect();
    let all = ids(everything.funding.iter().chain(quarters.iter().flatten()));

    let functions = [PAYMENT_PROCESSOR, ACCOUNT_PROCESSOR, OUTCOME_PUBLISHER];
    let stack = engines.stack("", &functions).await;
    open_and_fund(&stack, &ledger, &everything).await;
    send(&engines.producer(), opens(), 0).await;
    let mut commands = everything.limits.len() + opens().len();
    answered(&ledger, commands).await;
    for quarter in &quarters[..2] {
        publish(&engines.producer(), quarter.clone()).await;
        decided(&ledger, &ids(quarter)).await;
    }
    let mut copies = copied_while_settling(engines, &ledger, &quarters[2]).await;
    let told = quarters[..3].iter().flatten().chain(&everything.funding);
    engines.until_told(&ids(told)).await;
    stack.stop().await.unwrap();

    let stack = engines.stack("", &functions[..2]).await;
    send(&engines.producer(), changes(), opens().len()).await;
    commands += changes().len();
    copies.extend(copied_while_settling(engines, &ledger, &quarters[3]).await);
    answered(&ledger, commands).await;
    stack.stop().await.unwrap();
    Settled { ids: all, copies, commands }
}

/// The sum of all outcomes by account, each id once: what was told, else what is decided. And the accounts that hold
/// something else.
async fn wrong_balances(engines: &Engines, ledger: &DynamoDb) -> Vec<String> {
    let told = engines.told().await;
    let recorded = ledger.payments().await.unwrap();
    let decided = |id: &str| recorded.iter().find(|it| it.outcome.instruction.id().as_str() == id);
    let mut outcomes: Vec<Outcome> =
        told.values().map(|values| outcome::decode(values.first().unwrap().as_bytes()).unwrap()).collect();
    let untold = recorded.iter().filter(|it| !told.contains_key(it.outcome.instruction.id().as_str()));
    outcomes.extend(untold.map(|it| it.outcome.clone()));
    assert!(told.keys().all(|id| decided(id).is_some()));
    let mut sums = BTreeMap::<AccountId, i128>::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.decision.is_ok()) {
        for transfer in outcome.transfers() {
            *sums.entry(transfer.debtor.clone()).or_default() -= i128::from(transfer.amount.minor_units());
            *sums.entry(transfer.creditor.clone()).or_default() += i128::from(transfer.amount.minor_units());
        }
    }
    let holdings = ledger.accounts().await.unwrap();
    let wrong = holdings.iter().filter(|it| it.balance() != sums.get(&it.account.id).copied().unwrap_or_default());
    wrong.map(|it| format!("{}: {}", it.account.id, it.balance())).collect()
}

/// Replays every command, and then every request, on tables of this prefix.
async fn replay(engines: &Engines, prefix: &str, settled: &Settled, functions: &[&str]) {
    let ledger = engines.ledger(prefix);
    let stack = engines.stack(prefix, &[ACCOUNT_PROCESSOR]).await;
    answered(&ledger, settled.commands).await;
    stack.stop().await.unwrap();
    let stack = engines.stack(prefix, functions).await;
    decided(&ledger, &settled.ids).await;
    acknowledged(&stack, requests_on(engines.kafka.bootstrap_servers()).await.unwrap().len() as u64).await;
    if functions.contains(&OUTCOME_PUBLISHER) {
        engines.until_told(&settled.ids).await;
    }
    stack.stop().await.unwrap();
}

/// The replay finds tables whose items are of different moments, and nobody has mended them.
async fn replayed_as_it_is(engines: &Engines, torn: &Copied, settled: &Settled) {
    let ledger = engines.ledger("torn-");
    written(&engines.client, &prefixed("torn-"), &without_stray_legs(torn)).await;
    replay(engines, "torn-", settled, &[PAYMENT_PROCESSOR]).await;
    let (told, recorded) = (engines.told().await, ledger.payments().await.unwrap());
    let again = |it: &&giro::domain::Recorded| {
        let told = told.get(it.outcome.instruction.id().as_str()).and_then(|values| values.first());
        told.is_some_and(|told| it.outcome.decision.is_ok() && outcome::encode(&it.outcome) != *told)
    };
    let again = recorded.iter().filter(again).count();
    let wrong = wrong_balances(engines, &ledger).await;
    let (code, audit) = engines.giro("torn-", &["audit"]);
    println!("without a rebuild: {again} payments are settled again, {} accounts hold something else", wrong.len());
    assert!(again > 0 && !wrong.is_empty(), "{again} {wrong:?}");
    assert_eq!((code, audit.contains("its settled payments make")), (1, true), "{audit}");
}

/// Whether an audit's line is about what only payments can mend that are decided anew.
fn is_left_open(line: &str) -> bool {
    let what = ["may not be below", "may not be above", "was refunded", "the ledger does not add up"];
    line.is_empty() || what.iter().any(|what| line.contains(what))
}

/// The way of docs/restore.md.
async fn rebuilt_and_replayed(engines: &Engines, torn: &Copied, settled: &Settled) {
    let names = prefixed("restored-");
    written(&engines.client, &names, torn).await;
    let before = engines.told().await;
    let (code, shown) = engines.rebuild(&["--all"]);
    assert_eq!((code, shown.contains("nothing is written")), (0, true));
    assert!(copied(&engines.client, &names).await == *torn, "a look changes nothing");
    assert_eq!(engines.rebuild(&["--all", "--write"]).0, 0);
    let (code, again) = engines.rebuild(&["--all", "--write"]);
    assert_eq!((code, again.contains("nothing must change")), (0, true));
    let written = copied(&engines.client, &names).await;
    assert!(before.keys().all(|id| payments(&written).contains(id)), "what was told is there");
    let (_, audit) = engines.giro("restored-", &["audit"]);
    let told = audit.lines().filter(|line| !is_left_open(line)).count();
    assert_eq!(told, 4, "the counts, the money in two currencies, and that it adds up: {audit}");
    assert!(audit.contains("the ledger adds up"), "{audit}");

    let republish = shown.lines().find_map(|line| line.trim().strip_prefix("giro outcomes republish ")).unwrap();
    let republish = [&["outcomes", "republish"], &republish.split(' ').collect::<Vec<_>>()[..]].concat();
    assert_eq!(engines.giro("restored-", &republish).0, 0);
    replay(engines, "restored-", settled, &[PAYMENT_PROCESSOR, OUTCOME_PUBLISHER]).await;
    assert_eq!(engines.giro("restored-", &["audit"]).0, 0);
    let told = engines.told().await;
    for (id, values) in &told {
        assert_eq!(values.len(), 1, "{id} has one outcome: {values:?}");
    }
    assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), settled.ids);
    assert!(before.iter().all(|(id, values)| told[id] == *values), "what was told stands");
    let ledger = engines.ledger("restored-");
    assert_eq!(wrong_balances(engines, &ledger).await, [""; 0]);
    adds_up(&ledger, engines.kafka.bootstrap_servers()).await;
}

/// Money that was restored without its payment's item is not paid twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_restore_is_rebuilt_and_replayed() {
    let engines = Engines::start().await;
    let settled = settle(&engines).await;
    let told = engines.told().await;
    // From the middle of the told quarter to that of the other.
    let a_quarter = settled.copies.len() / 2;
    let near = &settled.copies[a_quarter / 2..a_quarter + a_quarter / 2];
    let torn = torn(near, &mut fastrand::Rng::with_seed(setting("GIRO_RESTORED_SEED", 1) as u64));
    let there = payments(&torn);
    let lost = told.keys().filter(|id| !there.contains(*id)).count();
    let untold = there.iter().filter(|id| !told.contains_key(*id)).count();
    println!(
        "{} requests, {} told; the torn tables have {} payments: {lost} were told and are lost, {untold} were never told; \
         {} items of legs have lost their payments",
        settled.ids.len(),
        told.len(),
        there.len(),
        stray_legs(&torn)
    );
    assert!(lost > 0 && untold > 0, "{lost} {untold}");
    replayed_as_it_is(&engines, &torn, &settled).await;
    rebuilt_and_replayed(&engines, &torn, &settled).await;
}

/// Rebuilding refuses a journal that contradicts itself, and tables that aren't there.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_contradicts_itself_is_left_alone() {
    let engines = Engines::start().await;
    let names = prefixed("restored-");
    let (code, missing) = engines.rebuild(&["--write"]);
    assert_eq!((code, missing.contains("DynamoDB has no table restored-accounts")), (2, true), "{missing}");
    assert_eq!(engines.giro("", &["restore", "rebuild", "--prefix", "r/", "--write"]).0, 2);
    assert_eq!(engines.giro("", &["restore", "rebuild", "--write"]).0, 2);

    giro_testkit::tables::create(&engines.client, &names, false).await.unwrap();
    let ledger = engines.ledger("restored-");
    let opened = |name: &str, limit| Account { overdraft_limit: limit, ..giro_testkit::given::account(name) };
    for account in [opened("bank", OverdraftLimit::Unlimited), opened("shop", OverdraftLimit::Limited(0))] {
        giro_testkit::open_accounts::OpenAccounts::open_account(&ledger, &account).await.unwrap();
    }
    let told = |amount: u64| Outcome {
        instruction: payment("p1", "bank", "shop", amount).into(),
        repayment: None,
        decision: Ok(()),
        declined_leg: None,
        decided_at: giro::domain::Timestamp::EPOCH,
        limits_version: None,
        source: giro_testkit::given::source(0, 0),
        requested_by: None,
        trace: None,
    };
    let item = {
        let outcome = told(5);
        giro::store::items::payment::encode(&giro::domain::plan::Entry::of(&outcome.request(), &outcome))
    };
    let put = engines.client.put_item().table_name(&names.payments).set_item(Some(item));
    put.send().await.unwrap();
    engines.request("p1").await;
    let (code, other) = engines.rebuild(&["--write"]);
    assert_eq!((code, other.contains("payment-outcomes tells of none of them")), (1, true), "{other}");
    let (code, any) = engines.rebuild(&["--any-topic"]);
    assert_eq!((code, any.contains("payment-outcomes was made anew")), (1, true), "{any}");
    let (code, any) = engines.rebuild(&["--any-topic", "--despite-gap", "9000-01-01T00:00:00Z"]);
    assert_eq!((code, any.contains("tells of none of them. You said --any-topic")), (0, true), "{any}");
    let value = outcome::encode(&told(6));
    let sent = engines.producer();
    let sent = sent.send("payment-outcomes", Some(b"p1"), Some(value.as_bytes()), &[]).await.unwrap();
    sent.placed().await.unwrap();
    let before = copied(&engines.client, &names).await;
    let (code, found) = engines.rebuild(&["--write"]);
    let expected = "payment p1: the topic tells another outcome than the table payments";
    assert_eq!((code, found.contains(expected)), (1, true), "{found}");
    assert!(copied(&engines.client, &names).await == before);
    let (code, stands) = engines.rebuild(&["--write", "--item-stands", "p1"]);
    assert_eq!((code, stands.contains(&format!("{expected}. Its item stands"))), (0, true), "{stands}");
    let (code, refused) = engines.giro("", &["restore", "tables", "--prefix", "x-", "--to", "2026-11-29T09:41:00Z"]);
    assert_ne!(code, 0, "{refused}");
}

/// A stack that goes on polling may tell outcomes that nobody reads any more. Only a real broker knows its groups.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_rebuilt_while_a_poller_may_settle_payments() {
    if let Some(missing) = missing_for_apache_kafka() {
        eprintln!("SKIPPED: Apache Kafka needs {missing}, which is not here");
        return;
    }
    let stack = Stack::start(options(KafkaEngine::Apache)).await.unwrap();
    let kafka = stack.endpoints().kafka_bootstrap_servers.clone();
    // The stack assigns partitions by itself. Lambda's pollers are members.
    // A group of an earlier restore counts as well as the first, and so does one that is to come.
    let mut config = kafka::client(&kafka).unwrap().0;
    let group = format!("{PAYMENT_PROCESSOR}-7");
    let consumer: BaseConsumer = config.set("group.id", &group).create().unwrap();
    consumer.subscribe(&[kafka::REQUESTS_TOPIC]).unwrap();
    let began = Instant::now();
    while consumer.assignment().unwrap().count() == 0 && began.elapsed() < PATIENCE {
        let _ = consumer.poll(Duration::from_millis(100));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = giro(&["restore", "rebuild", "--prefix", "restored-", "--write"], folder.path());
    command.env("AWS_ENDPOINT_URL_DYNAMODB", &stack.endpoints().dynamodb).env("KAFKA_BOOTSTRAP_SERVERS", kafka);
    let refused = run(&mut command, b"");
    drop(consumer);
    stack.stop().await.unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(
        told.contains("the consumer group payment-processor-7 has members (1), and nothing is written: delete"),
        "{told}"
    );
}
