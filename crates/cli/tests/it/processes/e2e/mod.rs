//! End to end under faults: requests of every kind by HTTP and by topic, through every function, to their outcomes on
//! the topic. Meanwhile the publisher is killed three times, and Kafka goes away and comes back.
//!
//! | part | where |
//! |---|---|
//! | what is asked, and what must come of it | `requests` |
//! | clients that hand requests over | `clients` |
//! | one idempotency key, given twice | `keys` |
//! | the run, its faults, and what must hold | here |
//!
//! `GIRO_E2E_PAYMENTS` and `GIRO_E2E_OUTAGE_SECONDS` ask for more than the short form's; `make e2e` does.

mod clients;
mod keys;
pub(crate) mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use giro::domain::account_command::Action;
use giro::domain::{CreditLanes, Decline, Instruction, Recorded};
use giro::publish::Publish;
use giro::store::dynamodb::DynamoDb;
use giro::store::{CommandQueries, LedgerQueries};
use giro::wire::{account_command, instruction};
use giro_cli::local::kafka;
use giro_cli::local::stack::{
    ACCOUNT_PROCESSOR, KafkaEngine, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions,
};
use giro_cli::local::topic_reader::{Polled, Read, TopicReader};
use giro_testkit::given::{account, command};
use giro_testkit::open_accounts::OpenAccounts;
use giro_testkit::oracle::{self, Checked};
use giro_testkit::workload::Record;

use crate::processes::crash::requests as requests_on;
use crate::processes::stack::{ledger, missing_for_apache_kafka};
pub(crate) use clients::publish;
use clients::{HandedOver, hand_over};
use keys::one_key_twice;
use requests::{Asked, Everything};

/// The publisher is killed in each quarter but the last, which is Kafka's outage.
const KILLS: usize = 3;
const QUARTERS: usize = KILLS + 1;
const PARTITIONS: i32 = 4;
/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

/// The ids of all requests among records.
pub(crate) fn ids<'r>(records: impl IntoIterator<Item = &'r Record>) -> BTreeSet<String> {
    let asked = |record: &Record| instruction::decode_json(record.value.as_deref()?).ok();
    records.into_iter().filter_map(asked).map(|asked| asked.id().as_str().to_owned()).collect()
}

/// `kill -9` for a process of the publisher that has an invocation now, by its id. It must not be one that was killed
/// already, which the local Lambda may not have noticed yet.
async fn kill_the_publisher(stack: &Stack, killed: &mut BTreeSet<u32>) {
    let busy = async {
        loop {
            if let Some(pid) = stack.busy_pids(OUTCOME_PUBLISHER).into_iter().find(|pid| !killed.contains(pid)) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let pid = tokio::time::timeout(PATIENCE, busy).await.expect("the publisher has something to do");
    let kill = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(kill.success(), "process {pid}");
    killed.insert(pid);
}

/// Reads outcomes until that of every request was there.
async fn outcomes(stack: &Stack, mut missing: BTreeSet<String>) -> Vec<Polled> {
    let mut reader =
        TopicReader::from_start(&stack.endpoints().kafka_bootstrap_servers, "payment-outcomes").await.unwrap();
    let mut records = Vec::new();
    let all = async {
        while !missing.is_empty() {
            if let Read::Record(record) = reader.next().await.unwrap() {
                missing.remove(std::str::from_utf8(record.key.as_deref().unwrap_or_default()).unwrap());
                records.push(record);
            }
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all).await;
    assert!(
        in_time.is_ok(),
        "{} outcomes are missing, such as {:?}; publisher {:?}; processor {:?}",
        missing.len(),
        missing.first(),
        stack.activity_of(OUTCOME_PUBLISHER),
        stack.activity()
    );
    records
}

/// Opens the accounts, sets limits by commands, and gives the accounts money.
pub(crate) async fn open_and_fund(stack: &Stack, ledger: &DynamoDb, everything: &Everything) {
    let twice = account("twice");
    let accounts = everything.accounts.iter().chain([&twice]);
    let mut opening = stream::iter(accounts).map(|account| ledger.open_account(account)).buffer_unordered(8);
    while let Some(there) = opening.try_next().await.unwrap() {
        assert_eq!(there, None);
    }
    let producer = kafka::producer(&stack.endpoints().kafka_bootstrap_servers).unwrap();
    for (account, limits) in &everything.limits {
        let command = command(&format!("limits-of-{}", account.id), account.id.as_str(), Action::SetLimits(*limits));
        let (key, value) = (account.id.as_str().as_bytes(), account_command::encode(&command));
        let sent = producer.send("account-commands", Some(key), Some(value.as_bytes()), &[]).await.unwrap();
        sent.placed().await.unwrap();
    }
    let applied = async {
        while ledger.commands().await.unwrap().len() < everything.limits.len() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, applied).await.expect("the commands are answered");
    assert!(ledger.commands().await.unwrap().iter().all(|recorded| recorded.decision.is_ok()));
    publish(&producer, everything.funding.clone()).await;
    decided(ledger, &ids(&everything.funding)).await;
}

/// Waits until each of these requests has its outcome in the table.
pub(crate) async fn decided(ledger: &DynamoDb, ids: &BTreeSet<String>) {
    let all = async {
        while !ids.is_subset(&by_id(&ledger.payments().await.unwrap()).keys().map(|id| (*id).to_owned()).collect()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, all).await.is_err() {
        let (payments, letters) = (ledger.payments().await.unwrap(), ledger.dead_letters().await.unwrap());
        let known = by_id(&payments);
        let missing: Vec<&String> = ids.iter().filter(|id| !known.contains_key(id.as_str())).collect();
        let letters: Vec<String> =
            letters.iter().map(|it| format!("{} {}: {}", it.id(), it.reason, it.detail)).collect();
        panic!("no outcome of {missing:?}; {} payments, dead letters {letters:?}", payments.len());
    }
}

fn by_id(recorded: &[Recorded]) -> BTreeMap<&str, &Recorded> {
    recorded.iter().map(|recorded| (recorded.outcome.instruction.id().as_str(), recorded)).collect()
}

/// Settled and declined requests of each kind.
fn kinds(recorded: &[Recorded]) -> BTreeMap<&'static str, [usize; 2]> {
    let mut kinds = BTreeMap::from(["payments", "payments with legs", "refunds"].map(|kind| (kind, [0, 0])));
    for Recorded { outcome, .. } in recorded {
        let kind = match outcome.instruction {
            Instruction::Payment(_) => "payments",
            Instruction::Legged(_) => "payments with legs",
            Instruction::Refund(_) => "refunds",
        };
        kinds.entry(kind).or_default()[usize::from(outcome.decision.is_err())] += 1;
    }
    kinds
}

/// Looks at topic and tables until each record has its disposition, and the money adds up.
pub(crate) async fn adds_up(ledger: &DynamoDb, bootstrap_servers: &str) -> Checked {
    let published = requests_on(bootstrap_servers).await.unwrap();
    let began = Instant::now();
    loop {
        let checked = oracle::check(ledger, &published).await.unwrap();
        if checked.failed() == 0 || began.elapsed() > PATIENCE {
            assert_eq!((&checked.findings, &checked.ledger), (&vec![], &vec![]));
            return checked;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Hands each quarter over beside its fault. A quarter begins when that before it is decided, for its refunds.
async fn hand_over_under_faults(
    stack: &mut Stack,
    ledger: &DynamoDb,
    quarters: &[Vec<Asked>],
    outage: Duration,
) -> HandedOver {
    let endpoint = stack.endpoints().http.clone().unwrap();
    let bootstrap_servers = stack.endpoints().kafka_bootstrap_servers.clone();
    let (mut all, mut killed) = (HandedOver::default(), BTreeSet::new());
    for (ix, quarter) in quarters.iter().enumerate() {
        let handing_over = hand_over(&endpoint, &bootstrap_servers, quarter);
        let handed_over = if ix < KILLS {
            tokio::join!(handing_over, kill_the_publisher(stack, &mut killed)).0
        } else {
            let (handed_over, back) = tokio::join!(handing_over, stack.interrupt_kafka(outage));
            back.unwrap();
            handed_over
        };
        all.again += handed_over.again;
        handed_over.by_http.into_iter().for_each(|(route, count)| *all.by_http.entry(route).or_default() += count);
        decided(ledger, &ids(quarter.iter().map(|asked| &asked.record))).await;
    }
    all
}

/// Each request has its one outcome, and the end that is known. Each kind has both ends, and each reason is there.
fn has_its_end(everything: &Everything, recorded: &[Recorded]) {
    let by_id = by_id(recorded);
    for asked in everything.quarters.iter().flatten() {
        let (Some(instruction), Some(end)) = (&asked.instruction, asked.end) else { continue };
        assert_eq!(by_id[instruction.id().as_str()].outcome.decision, end, "{instruction:?}");
    }
    let ends = kinds(recorded);
    assert!(ends.values().flatten().all(|count| *count > 0), "{ends:?}");
    let reasons: BTreeSet<&str> =
        recorded.iter().filter_map(|recorded| Some(recorded.outcome.decision.err()?.name())).collect();
    // No client has as much money as a balance can't be.
    let caused = Decline::ALL.map(|row| row.1).into_iter().filter(|name| *name != Decline::BalanceOverflow.name());
    assert_eq!(reasons, caused.collect());
}

async fn nothing_is_missing(engine: KafkaEngine) {
    let count = setting("GIRO_E2E_PAYMENTS", 300);
    let outage = Duration::from_secs(setting("GIRO_E2E_OUTAGE_SECONDS", 2) as u64);
    let way = ["payment-api", PAYMENT_PROCESSOR, OUTCOME_PUBLISHER, ACCOUNT_PROCESSOR];
    let options = StackOptions {
        kafka: engine.clone(),
        run: Run::Only(way.map(str::to_owned).to_vec()),
        parameters: [("AcceptLimits".to_owned(), "true".to_owned())].into(),
        partitions: Some(PARTITIONS),
        batch_window: Some(Duration::from_millis(100)),
        ..StackOptions::default()
    };
    let mut stack = Stack::start(options).await.unwrap();
    let ledger = ledger(&stack).await;
    let everything = Everything::generate(count, CreditLanes::of_partitions(PARTITIONS as u32));
    open_and_fund(&stack, &ledger, &everything).await;
    let handed_over = hand_over_under_faults(&mut stack, &ledger, &everything.quarters, outage).await;
    assert_eq!(handed_over.by_http.len(), 2, "payments and refunds: {:?}", handed_over.by_http);
    let endpoint = stack.endpoints().http.clone().unwrap();
    one_key_twice(&endpoint, &ledger).await;

    let requests = everything.quarters.iter().flatten().map(|asked| &asked.record);
    let mut wanted = ids(requests.chain(&everything.funding));
    wanted.extend(["one-body".to_owned(), "two-bodies".to_owned()]);
    let told = outcomes(&stack, wanted.clone()).await;
    let checked = adds_up(&ledger, &stack.endpoints().kafka_bootstrap_servers).await;
    let recorded = ledger.payments().await.unwrap();
    let have: BTreeSet<String> = by_id(&recorded).keys().map(|id| (*id).to_owned()).collect();
    assert_eq!((recorded.len(), &have), (wanted.len(), &wanted), "one item a request, and no other");
    assert_eq!(giro_cli::commands::check_topic(&recorded, &told), Vec::<String>::new());
    has_its_end(&everything, &recorded);
    let summary = stack.summary();
    for (kind, settled, declined) in [
        ("refunds", "settled_refunds", "declined_refunds"),
        ("payments with legs", "settled_with_legs", "declined_with_legs"),
    ] {
        assert_eq!([summary[settled], summary[declined]].map(|count| count as usize), kinds(&recorded)[kind], "{kind}");
    }
    let publisher = stack.activity_of(OUTCOME_PUBLISHER);
    assert!(publisher.failed >= KILLS as u64, "each kill was felt: {publisher:?}");
    println!(
        "{engine:?}: {count} requests, {} payments that fund accounts and 2 keys twice, publisher killed {KILLS} times, \
         Kafka away for {outage:?}: {} records for {} outcomes, {} dead letters; settled and declined {:?}; by HTTP \
         {:?}, {} requests tried again, {} invocations of the publisher failed",
        everything.funding.len(),
        told.len(),
        wanted.len(),
        checked.dead_letters.values().sum::<usize>(),
        kinds(&recorded),
        handed_over.by_http,
        handed_over.again,
        publisher.failed
    );
    stack.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missing_on_apache_kafka() {
    if let Some(missing) = missing_for_apache_kafka() {
        eprintln!("SKIPPED: Apache Kafka needs {missing}, which is not here");
        return;
    }
    nothing_is_missing(KafkaEngine::Apache).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missing_on_the_embedded_broker() {
    nothing_is_missing(KafkaEngine::Embedded).await;
}
