//! What: `giro simulate` searches simulated worlds for a violation.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Map, Value, json};

use super::Failure;
use super::number::number;
use giro_testkit::simulate::exhaustive;
use giro_testkit::simulate::{Counts, Mutant, Simulation, Violation};

/// Simulate many workers over one ledger, under every fault
///
/// Each seed is a world of its own. It has clients, an event source mapping that does everything AWS allows, and a
/// store that refuses, loses and delays. Invocations of the real handlers interleave at every call. An auditor checks
/// after every step. Exit code 1 if something doesn't hold; the printed line replays it. The same seed always gives the
/// same world.
#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// The seed of the first world; else one from the clock
    #[arg(long, value_parser = number::<u64>(0..=u64::MAX))]
    seed: Option<u64>,
    /// How many worlds, with seeds that follow each other
    #[arg(long, default_value_t = 1, value_parser = number::<u64>(1..=u64::MAX))]
    seeds: u64,
    /// How many steps the faults last in each world: store calls and deliveries
    #[arg(long, default_value_t = 100, value_parser = number::<u64>(1..=u64::MAX))]
    steps: u64,
    /// Start no new world after this many seconds
    #[arg(long, value_parser = number::<u64>(1..=u64::MAX))]
    seconds: Option<u64>,
    /// Worlds side by side; else one a processor
    #[arg(long, value_parser = number::<usize>(1..=1024))]
    jobs: Option<usize>,
    /// A mistake to make, to see the auditor find it, such as drop-put-condition
    #[arg(long, value_parser = mutant)]
    mutant: Option<Mutant>,
    /// Instead, try everything that can happen in small worlds, and print how many states there are
    #[arg(long, conflicts_with_all = ["seed", "seeds", "steps", "seconds", "history"])]
    exhaustive: bool,
    /// Of the small worlds, only those with these words in their name
    #[arg(long, requires = "exhaustive")]
    world: Option<String>,
    /// How many faults may happen in a small world
    #[arg(long, requires = "exhaustive", default_value_t = 1, value_parser = number::<u32>(0..=3))]
    faults: u32,
    /// Print what happens in the first world, line by line
    #[arg(long)]
    history: bool,
    /// As JSON: the counts of all worlds in one object
    #[arg(long, conflicts_with_all = ["exhaustive", "history"])]
    json: bool,
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let names = || Mutant::ALL.map(|(_, name)| name).join(", ");
    Mutant::from_name(name).ok_or_else(|| format!("expected one of {}", names()))
}

pub(super) fn run(args: SimulateArgs) -> Result<(), Failure> {
    if args.exhaustive {
        return try_everything(&args);
    }
    // Any number will do: it is printed, and with it everything repeats.
    let first = args.seed.unwrap_or_else(|| fastrand::u64(..u64::from(u32::MAX)));
    let simulation = |seed| Simulation { seed, steps: args.steps, mutant: args.mutant };
    if args.history {
        // Worlds have their own runtime, which can't start inside the command line's.
        let lines = std::thread::scope(|scope| scope.spawn(|| simulation(first).history()).join());
        for line in lines.unwrap_or_default() {
            say!("{line}");
        }
    }
    let started = Instant::now();
    let until = args.seconds.and_then(|seconds| started.checked_add(Duration::from_secs(seconds)));
    let next = AtomicU64::new(0);
    let found: Mutex<(u64, Counts, Option<Box<Violation>>)> = Mutex::default();
    let jobs = jobs(&args);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let ix = next.fetch_add(1, Ordering::Relaxed);
                    if ix >= args.seeds || until.is_some_and(|until| Instant::now() >= until) {
                        break;
                    }
                    let ended = simulation(first.wrapping_add(ix)).run();
                    let Ok(mut found) = found.lock() else { break };
                    match ended {
                        Ok(counts) => {
                            found.0 = found.0.saturating_add(1);
                            found.1.merge(&counts);
                        }
                        Err(violation) => {
                            // The first seed of all that went wrong, whichever thread was faster.
                            let seed = violation.simulation.seed;
                            if found.2.as_ref().is_none_or(|known| seed < known.simulation.seed) {
                                found.2 = Some(violation);
                            }
                            next.store(args.seeds, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (worlds, counts, violation) = found.into_inner().unwrap_or_default();
    tell(&args, first, worlds, &counts, started.elapsed())?;
    match violation {
        None => Ok(()),
        Some(violation) => Err(Failure::no(violation)),
    }
}

/// Prints what happened in all worlds.
fn tell(args: &SimulateArgs, first: u64, worlds: u64, counts: &Counts, took: Duration) -> Result<(), Failure> {
    let elapsed_ms = took.as_millis().max(1);
    let a_minute = u128::from(counts.of("steps")).saturating_mul(60_000).checked_div(elapsed_ms).unwrap_or(0);
    if args.json {
        let steps_a_minute = u64::try_from(a_minute).unwrap_or(u64::MAX);
        let counts: Map<String, Value> =
            counts.0.iter().map(|(name, count)| (name.to_string(), json!(count))).collect();
        say!("{}", json!({ "worlds": worlds, "seed": first, "steps_a_minute": steps_a_minute, "counts": counts }));
    } else {
        for (name, count) in &counts.0 {
            say!("{count:>10} {name}");
        }
        say!("{worlds} worlds from seed {first} on, {a_minute} steps a minute");
    }
    Ok(())
}

/// How many worlds side by side.
fn jobs(args: &SimulateArgs) -> usize {
    args.jobs.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1)
}

/// Tries everything in every small world. All of them are searched, even if one doesn't hold.
fn try_everything(args: &SimulateArgs) -> Result<(), Failure> {
    let words = args.world.as_deref().unwrap_or_default();
    let worlds: Vec<&str> = exhaustive::small_worlds().into_iter().map(|(name, _)| name).collect();
    let worlds: Vec<&str> = worlds.into_iter().filter(|name| name.contains(words)).collect();
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    say!("{}", exhaustive::HEAD);
    let found = std::thread::scope(|scope| {
        let (found, next_found) = mpsc::channel();
        for found in vec![found; jobs(args)] {
            let (worlds, next) = (&worlds, &next);
            scope.spawn(move || {
                while let Some(name) = worlds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if found.send(exhaustive::explore(name, args.mutant, args.faults)).is_err() {
                        break;
                    }
                }
            });
        }
        let mut all = Vec::new();
        for explored in next_found {
            let explored = explored.map_err(Failure::no)?;
            for line in explored.to_string().lines() {
                say!("{line}");
            }
            all.push(explored);
        }
        Ok::<_, Failure>(all)
    })?;
    let sum = |of: fn(&exhaustive::Explored) -> u64| found.iter().map(of).fold(0_u64, u64::saturating_add);
    let (states, transitions) = (sum(|explored| explored.states), sum(|explored| explored.transitions));
    let (worlds, seconds) = (found.len(), started.elapsed().as_secs());
    say!("{worlds} small worlds, {states} states, {transitions} transitions in {seconds} s");
    match found.iter().filter(|explored| explored.wrong.is_some()).count() {
        0 => Ok(()),
        wrong => Err(Failure::no(format!("{wrong} small worlds don't hold"))),
    }
}
