//! Runs on the model of any size, and offered load: the same for a seed, and every figure adds up.

use std::time::Duration;

use giro::domain::CreditLanes;
use giro_cli::bench::contender::Contender;
use giro_cli::bench::figures::{OF_A_RUN, OF_AN_OFFER};
use giro_cli::bench::modelled::{Ends, Run};
use giro_cli::bench::offered::{Offer, carries};
use giro_cli::bench::workload::deliveries::Keys;
use giro_cli::bench::workload::{Kind, Workload};
use giro_cli::bench::{load, skew};

use crate::processes::cli;

fn run(workload: Workload, keys: Keys) -> Run {
    let workload = workload.among(200);
    Run { contender: Contender::Giro, workload, partitions: 4, batch: 50, batches: 4, keys, seed: 7 }
}

const RECORDS: u64 = 4 * 50 * 4;
const WINDOW: Duration = Duration::from_millis(500);

#[test]
fn each_workload_is_the_same_for_a_seed_and_adds_up() {
    let lanes = CreditLanes::try_new(4).unwrap();
    for workload in [
        Workload::new(Kind::Uniform),
        Workload::new(Kind::Zipf),
        Workload::new(Kind::Merchant),
        Workload::new(Kind::Payer),
        Workload::new(Kind::Settlement),
        Workload::new(Kind::Zipf).starting_with(1_500),
        Workload::new(Kind::Uniform).repeating(20),
        Workload::new(Kind::Uniform).declining(5),
    ] {
        for keys in [Keys::Even, Keys::Drawn] {
            let run = run(workload.with_lanes_everywhere(lanes), keys);
            let name = format!("{}, {keys:?}", run.workload.name());
            let measured = run.measure().unwrap();
            assert_eq!(measured, run.measure().unwrap(), "{name}");
            assert_ne!(measured.batch_times, Run { seed: 8, ..run }.measure().unwrap().batch_times, "{name}");

            let Ends { settled, declined, replayed } = measured.ends;
            assert_eq!((measured.records, settled + declined + replayed), (RECORDS, RECORDS), "{name}");
            assert_eq!(measured.payments, RECORDS - replayed, "{name}");
            assert_eq!(replayed > 0, workload.duplicates_percent > 0, "{name}");
            let is_tight = workload.declines_percent > 0 || workload.balance == 1_500;
            assert_eq!(declined > 0, is_tight, "{name}: {declined} declined");
            assert_eq!(measured.paces.iter().map(|(records, _)| records).sum::<u64>(), RECORDS, "{name}");
            assert!(measured.rounds >= measured.batch_times.len() as u64, "{name}");
            assert!(measured.usage.cancelled >= measured.hindrances.conflicts, "{name}");
            // A settled payment is written once, and so is each account that a batch touches.
            assert!(measured.against_the_floor() > 0.9 || is_tight, "{name}: {}", measured.against_the_floor());
            assert!(measured.lane_items <= 4 * 204, "{name}: {}", measured.lane_items);
        }
    }
}

#[test]
fn without_lanes_there_are_none_at_the_end() {
    let measured = run(Workload::new(Kind::Zipf).with_lanes_everywhere(CreditLanes::NONE), Keys::Even).measure();
    assert_eq!(measured.unwrap().lane_items, 0);
}

#[test]
fn what_is_delivered_again_is_replayed() {
    let run = run(Workload::new(Kind::Uniform), Keys::Even);
    let (first, again) = (run.measure().unwrap(), run.measure_again().unwrap());
    assert_eq!((first.ends.settled, again.ends.replayed, again.ends.settled), (RECORDS, RECORDS, 0));
    assert_eq!((again.records, again.payments), (RECORDS, RECORDS));
    assert!(again.usage.transactions <= first.usage.transactions + again.usage.cancelled);
}

#[test]
fn a_record_waits_for_its_window_and_its_batch() {
    let run = run(Workload::new(Kind::Uniform), Keys::Drawn);
    // One record every 100 ms and partition: 500 ms gather five of them.
    let slow = run.measure_offered(Offer { records_s: 40, window: WINDOW }).unwrap();
    assert_eq!(slow, run.measure_offered(Offer { records_s: 40, window: WINDOW }).unwrap());
    assert_eq!((slow.growing, slow.latencies.len() as u64, slow.measured.records), (0, RECORDS, RECORDS));
    let batches = slow.measured.batch_times.len() as u64;
    assert!((RECORDS / 8..=RECORDS / 4).contains(&batches), "{batches}");
    let longest_batch = *slow.measured.batch_times.last().unwrap();
    let longest = *slow.latencies.last().unwrap();
    assert!(longest > WINDOW && longest <= WINDOW + longest_batch * 2, "{longest:?} {longest_batch:?}");

    // Without a window each record leaves at once.
    let at_once = run.measure_offered(Offer { records_s: 40, window: Duration::ZERO }).unwrap();
    assert!(at_once.measured.batch_times.len() as u64 > RECORDS * 3 / 4);
    assert!(at_once.latencies[400] < Duration::from_millis(60), "{:?}", at_once.latencies[400]);
}

#[test]
fn a_full_batch_does_not_wait_for_its_window() {
    let run = run(Workload::new(Kind::Uniform), Keys::Even);
    let offered = run.measure_offered(Offer { records_s: 4_000, window: Duration::from_secs(60) }).unwrap();
    assert_eq!(offered.measured.batch_times.len(), 16);
    // 50 records of a partition take 50 ms to arrive.
    assert!(*offered.latencies.last().unwrap() < Duration::from_secs(2), "{:?}", offered.latencies.last());
}

#[test]
fn a_rate_that_is_carried_grows_no_backlog_and_a_higher_one_does() {
    let run = Run { batches: 12, ..run(Workload::new(Kind::Payer), Keys::Drawn) };
    let mut tried = Vec::new();
    let (rate, offered) = carries(run, WINDOW, |rate, grew| tried.push((rate, grew))).unwrap();
    assert_eq!(offered, run.measure_offered(Offer { records_s: rate, window: WINDOW }).unwrap());
    assert_eq!(offered.growing, 0);
    let too_much = tried.iter().filter(|(_, grew)| *grew).map(|(rate, _)| *rate).min().unwrap();
    assert!(rate < too_much && too_much <= rate + rate / 50 + 1, "{tried:?}");
    // All records have one debtor, so one partition has them all.
    let double = run.measure_offered(Offer { records_s: rate * 2, window: WINDOW }).unwrap();
    assert!(double.growing == 1 && double.backlog > offered.backlog);
    assert!(double.latencies.last() > offered.latencies.last());
}

#[test]
fn loads_are_offered_in_parts_of_what_each_carries() {
    let size = load::Size { seeds: 1, batches: 4, batch: 50, accounts: 200, partitions_max: 16 };
    let mut told = Vec::new();
    let loads = load::measure(size, |run| told.push(run.to_owned())).unwrap();
    let names: Vec<String> = loads.iter().map(|load| format!("{}, seed 1", load.name(size))).collect();
    assert_eq!((told.len(), told), (4, names));
    for load in &loads {
        let name = load.name(size);
        let carried = load.of_the_median().unwrap();
        let shares: Vec<u64> = carried.parts.iter().map(|part| part.percent).collect();
        assert_eq!(shares, [100, 90, 50, 10], "{name}");
        assert_eq!(carried.parts[0].offered.growing, 0, "{name}: what is carried grows no backlog");
        for part in &carried.parts {
            let all = (part.offered.latencies.len(), part.offered.measured.records);
            assert_eq!(all, (16 * 50 * 4, 16 * 50 * 4), "{name}");
        }
        // A window is waited for, at a tenth of the rate at least.
        let at_least = if name.ends_with("window 500 ms") { 500 } else { 0 };
        assert!(carried.parts[3].offered.latencies.last().unwrap().as_millis() >= at_least, "{name}");
    }
    let goals: Vec<String> = load::figures(&loads, size).iter().map(|figure| figure.goal.to_string()).collect();
    assert_eq!(goals, ["≤ 1000", "≤ 300"]);
}

#[test]
fn accounts_have_two_lanes_a_partition_or_one_and_at_most_97() {
    let lanes = [1, 2, 48, 64, 97, 98, 1_024].map(|partitions| skew::lanes_for(partitions).count());
    assert_eq!(lanes, [0, 4, 96, 64, 97, 97, 97]);
}

fn model(arguments: &str) -> serde_json::Map<String, serde_json::Value> {
    let folder = tempfile::tempdir().unwrap();
    let fixed = ["bench", "model", "--json", "--accounts", "100", "--batch", "20", "--batches", "4"];
    let arguments: Vec<&str> = fixed.into_iter().chain(arguments.split_whitespace()).collect();
    let output = cli::run(&mut cli::command(&arguments, folder.path()), b"");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Programs read these names.
#[test]
fn the_command_gives_settings_and_figures_by_stable_names() {
    const SETTINGS: [&str; 12] = [
        "workload",
        "exponent",
        "accounts",
        "partitions",
        "batch_max_records",
        "batches_per_partition",
        "balance_minor_units",
        "declines_percent",
        "duplicates_percent",
        "lanes_per_account",
        "keys",
        "seed",
    ];
    let of_a_run: Vec<&str> = SETTINGS.into_iter().chain(OF_A_RUN.iter().map(|figure| figure.name)).collect();
    for workload in ["zipf", "uniform", "merchant", "payer", "round", "settlement"] {
        let shown = model(&format!("--workload {workload} --partitions 2"));
        assert_eq!(shown.len(), of_a_run.len(), "{workload}");
        assert!(of_a_run.iter().all(|name| shown.contains_key(*name)), "{workload}: {shown:?}");
        assert_eq!((&shown["records"], &shown["keys"]), (&160.into(), &"even".into()), "{workload}");
    }
    let offered = model("--workload zipf --rate 100 --window-ms 0");
    let beside = ["offered_records_per_s", "window_ms", "backlog_grew"];
    assert_eq!(offered.len(), of_a_run.len() + OF_AN_OFFER.len() + beside.len());
    assert_eq!((&offered["keys"], &offered["window_ms"]), (&"drawn".into(), &0.into()));
    let carried = model("--workload payer --carries");
    assert!(carried["carries_records_per_s"].as_u64().unwrap() > 0);
    assert_eq!(carried["backlog_grew"], false);
}
