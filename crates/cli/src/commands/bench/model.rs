//! What: `giro bench model` makes one run on the model of DynamoDB.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::super::Failure;
use super::super::number::number;
use crate::bench::contender::Contender;
use crate::bench::figures::{self, OF_A_RUN, OF_AN_OFFER};
use crate::bench::modelled::{Measured, Run};
use crate::bench::offered::{self, Offer, Offered};
use crate::bench::skew::lanes_for;
use crate::bench::workload::deliveries::Keys;
use crate::bench::workload::exponent::Exponent;
use crate::bench::workload::{ACCOUNTS, BALANCE, Kind, Workload};
use crate::local::terminal::tell;
use giro::domain::CreditLanes;

/// What each account has at the start where money goes round: about ten payments' worth.
const ROUND_BALANCE: i64 = 5_000;
/// The most that an account may start with. Twice as much is still an amount.
const BALANCE_MAX: i64 = 1_000_000_000_000_000;
/// Whether a backlog grows shows only over some batches.
const BATCHES_OFFERED_MIN: usize = 4;

/// One run, of any size.
#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    /// Who pays whom
    #[arg(long, value_enum)]
    workload: WorkloadName,
    /// How skewed zipf and round are: the k-th account takes part k^-E as often as the first [default: 0.99]
    #[arg(long, value_name = "E")]
    exponent: Option<Exponent>,
    /// How many accounts pay each other
    #[arg(long, value_name = "N", default_value_t = ACCOUNTS, value_parser = number::<usize>(2..=10_000_000))]
    accounts: usize,
    /// Partitions of the topic
    #[arg(long, value_name = "P", default_value_t = 1, value_parser = number::<usize>(1..=1024))]
    partitions: usize,
    /// Records a batch, at most
    #[arg(long, value_name = "B", default_value_t = 1_000, value_parser = number::<usize>(1..=10_000))]
    batch: usize,
    /// Batches a partition: so many times --batch records, by the number of partitions, in all
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = number::<usize>(1..=10_000))]
    batches: usize,
    /// What each account starts with, in minor units; amounts are 1 to 1,000 [default: 5,000 for round, else more than
    /// any run can spend]
    #[arg(long, value_name = "MINOR", value_parser = number::<i64>(0..=BALANCE_MAX))]
    balance: Option<i64>,
    /// How many of a hundred payments ask for more than anybody has
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = number::<u32>(0..=100))]
    declines: u32,
    /// How many of a hundred records repeat an earlier one of their partition
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = number::<u32>(0..=90))]
    duplicates: u32,
    /// Credit lanes of every account [default: as many as a new account gets: two a partition]
    #[arg(long, value_name = "N")]
    lanes: Option<CreditLanes>,
    /// How keys reach partitions [default: drawn with --rate and --carries, else even]
    #[arg(long, value_enum)]
    keys: Option<KeysName>,
    /// The same seed gives the same run
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = number::<u64>(0..=u64::MAX))]
    seed: u64,
    /// Offered load: records arrive at this rate, in records/s, whether or not they are settled
    #[arg(long, value_name = "R", value_parser = number::<u64>(1..=100_000_000))]
    rate: Option<u64>,
    /// Find the highest rate at which no backlog grows, by bisection to one in fifty, and show what it is like
    #[arg(long, conflicts_with = "rate")]
    carries: bool,
    /// With --rate and --carries: how long a batch waits to become full, in milliseconds [default: 500, as Lambda's]
    #[arg(long, value_name = "W", value_parser = number::<u64>(0..=300_000))]
    window_ms: Option<u64>,
    /// Settings and figures as JSON; each name holds its unit
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WorkloadName {
    /// Both sides skewed, over the same accounts
    Zipf,
    /// Anyone pays anyone
    Uniform,
    /// Anyone pays one account
    Merchant,
    /// One account a partition pays anyone; with --keys drawn one in all
    Payer,
    /// Money goes round: zipf among accounts that must spend what they receive
    Round,
    /// Like payer, but the account has no limit, as one through which money enters
    Settlement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeysName {
    /// Each partition delivers equally many records; account i pays on partition i mod P
    Even,
    /// Each record is on the partition of its debtor's hash, as Kafka's clients place it; partitions are unequal
    Drawn,
}

/// The end of the help: what each figure is.
pub(super) fn figures_told() -> String {
    let mut text = String::from(
        "Time is virtual: the same seed gives the same figures, and the CPU time of giro itself counts as none.\n\n\
         Figures:\n",
    );
    for (name, meaning) in figures::meanings() {
        text.push_str(&format!("  {name:<32} {meaning}\n"));
    }
    text.push_str("  carries_records_per_s            with --carries: the highest rate at which no backlog grew");
    text
}

impl ModelArgs {
    fn workload(&self) -> Result<Workload, Failure> {
        let kind = match self.workload {
            WorkloadName::Zipf | WorkloadName::Round => Kind::Zipf,
            WorkloadName::Uniform => Kind::Uniform,
            WorkloadName::Merchant => Kind::Merchant,
            WorkloadName::Payer => Kind::Payer,
            WorkloadName::Settlement => Kind::Settlement,
        };
        if self.exponent.is_some() && kind != Kind::Zipf {
            return Err(Failure::input("--exponent: only --workload zipf and round are skewed"));
        }
        let balance = match self.workload {
            WorkloadName::Round => ROUND_BALANCE,
            WorkloadName::Zipf
            | WorkloadName::Uniform
            | WorkloadName::Merchant
            | WorkloadName::Payer
            | WorkloadName::Settlement => BALANCE,
        };
        if self.workload == WorkloadName::Settlement && self.declines > 0 {
            return Err(Failure::input(
                "--declines: the account of --workload settlement has no limit, so it can't lack money",
            ));
        }
        let workload = Workload::new(kind)
            .among(self.accounts)
            .skewed(self.exponent.unwrap_or(Exponent::USUAL))
            .starting_with(self.balance.unwrap_or(balance))
            .declining(self.declines)
            .repeating(self.duplicates);
        Ok(workload.with_lanes_everywhere(self.lanes.unwrap_or_else(|| lanes_for(self.partitions))))
    }

    fn run(&self) -> Result<Run, Failure> {
        let is_offered = self.rate.is_some() || self.carries;
        let keys = match self.keys {
            Some(KeysName::Even) => Keys::Even,
            Some(KeysName::Drawn) => Keys::Drawn,
            None => {
                if is_offered {
                    Keys::Drawn
                } else {
                    Keys::Even
                }
            }
        };
        if keys == Keys::Even && self.accounts < self.partitions {
            return Err(Failure::input("--accounts: with --keys even, expected at least as many as --partitions"));
        }
        if is_offered && self.batches < BATCHES_OFFERED_MIN {
            let text = format!("--batches: with --rate or --carries, expected at least {BATCHES_OFFERED_MIN}");
            return Err(Failure::input(text));
        }
        if !is_offered && self.window_ms.is_some() {
            return Err(Failure::input("--window-ms: expected --rate or --carries beside it"));
        }
        Ok(Run {
            contender: Contender::Giro,
            workload: self.workload()?,
            partitions: self.partitions,
            batch: self.batch,
            batches: self.batches,
            keys,
            seed: self.seed,
        })
    }

    fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms.unwrap_or(500))
    }
}

/// What is shown: names and values, in order.
type Shown = Vec<(&'static str, Value)>;

pub(super) fn run(args: &ModelArgs) -> Result<(), Failure> {
    let run = args.run()?;
    let mut settings = settings(run);
    let mut figures = Vec::new();
    if args.carries {
        let told =
            |rate, grew| tell!("{rate} records/s: {}", if grew { "a backlog grows" } else { "no backlog grows" });
        let (rate, offered) = offered::carries(run, args.window(), told).map_err(Failure::No)?;
        figures.push(("carries_records_per_s", json!(rate)));
        of_an_offer(&offered, &mut figures);
    } else if let Some(records_s) = args.rate {
        let offered = run.measure_offered(Offer { records_s, window: args.window() }).map_err(Failure::No)?;
        settings.push(("offered_records_per_s", json!(records_s)));
        of_an_offer(&offered, &mut figures);
    } else {
        of_a_run(&run.measure().map_err(Failure::No)?, &mut figures);
    }
    if args.carries || args.rate.is_some() {
        settings.push(("window_ms", json!(u64::try_from(args.window().as_millis()).unwrap_or(u64::MAX))));
    }
    print(settings, figures, args.json)
}

/// What was run, by stable names.
fn settings(run: Run) -> Shown {
    let Workload { exponent, accounts, balance, declines_percent, duplicates_percent, lanes, .. } = run.workload;
    vec![
        ("workload", json!(run.workload.name())),
        ("exponent", json!(exponent.to_string().parse::<f64>().ok())),
        ("accounts", json!(accounts)),
        ("partitions", json!(run.partitions)),
        ("batch_max_records", json!(run.batch)),
        ("batches_per_partition", json!(run.batches)),
        ("balance_minor_units", json!(balance)),
        ("declines_percent", json!(declines_percent)),
        ("duplicates_percent", json!(duplicates_percent)),
        ("lanes_per_account", json!(lanes.count())),
        (
            "keys",
            json!(match run.keys {
                Keys::Even => "even",
                Keys::Drawn => "drawn",
            }),
        ),
        ("seed", json!(run.seed)),
    ]
}

fn of_a_run(measured: &Measured, figures: &mut Shown) {
    figures.extend(OF_A_RUN.iter().map(|figure| (figure.name, figure.json(measured))));
}

fn of_an_offer(offered: &Offered, figures: &mut Shown) {
    figures.extend(OF_AN_OFFER.iter().map(|figure| (figure.name, figure.json(offered))));
    figures.push(("backlog_grew", json!(offered.growing > 0)));
    of_a_run(&offered.measured, figures);
}

fn print(settings: Shown, figures: Shown, as_json: bool) -> Result<(), Failure> {
    let all = settings.into_iter().chain(figures);
    if as_json {
        let object: Map<String, Value> = all.map(|(name, value)| (name.to_owned(), value)).collect();
        say!("{}", serde_json::to_string(&object).map_err(Failure::no)?);
        return Ok(());
    }
    for (name, value) in all {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        say!("{name:<32} {value}");
    }
    Ok(())
}
