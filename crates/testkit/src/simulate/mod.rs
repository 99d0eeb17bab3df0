//! What: A deterministic simulation of the whole. Many workers share one ledger, with every fault that Lambda, Kafka
//! and DynamoDB can have. An auditor knows what must hold.
//!
//! Data: Takes a seed, and how many steps the storm lasts. Gives counts of what happened, or the first violation with a
//! short history that leads to it. A **step** is a delivery to an invocation, or a store call, which reaches the store
//! or is refused or lost on its way. Produced records, crashes and time are not steps.
//!
//! | module | what |
//! |---|---|
//! | `tape` | every choice, from a seed or from a list |
//! | `weather` | what may go wrong in this world, and how often |
//! | `record` | a record as a client produced it |
//! | `workload` | what clients ask for |
//! | `orders` | what administrators ask of accounts meanwhile |
//! | `topic` | topics, and what names a record for ever |
//! | `mapping` | the event source mapping: batches, redelivers, bisects, gives up, rewinds, rebalances, reads a topic created again |
//! | `policy` | when a mapping gives up, as the template says |
//! | `network` | the port to the store, as parcels that the world delivers or loses |
//! | `world` | what happens next |
//! | `auditor` | what must hold |
//! | `finals` | what is asked of balances meanwhile, and what is told |
//! | `mutant` | ways to be wrong, to prove the auditor |
//! | `shrink` | the shortest history that still goes wrong |
//! | [`exhaustive`] | small worlds, in which everything is tried |
//!
//! These are real: the handlers `payment-processor`, `account-processor` and `outcome-publisher`, from the event's JSON
//! to the response, with all below them down to the ports. The memory store is real too, and the contract suite tests
//! its conditions against DynamoDB's. The template says when the mappings give up. These are models: the mappings, the
//! network, transactions in flight, the stream, the broker, operators, time.
//!
//! Invariants: One seed gives one history, on every machine. The auditor shares no rule with the code under test.

mod auditor;
pub mod exhaustive;
mod finals;
mod legs;
mod limits;
mod mapping;
mod mutant;
mod network;
mod orders;
mod policy;
mod record;
mod shrink;
mod tape;
mod topic;
mod weather;
mod workload;
mod world;

use std::collections::BTreeMap;
use std::fmt;

pub use finals::Finals;
pub use mutant::Mutant;
use tracing::subscriber::{NoSubscriber, with_default};

use policy::Policies;
use tape::Tape;
use world::World;

/// What to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulation {
    /// Makes the same world again.
    pub seed: u64,
    /// How many steps the storm lasts.
    pub steps: u64,
    /// A mistake to make.
    pub mutant: Option<Mutant>,
}

/// What happened, by name: how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<&'static str, u64>);

impl Counts {
    fn add(&mut self, name: &'static str, count: u64) {
        let sum = self.0.entry(name).or_default();
        *sum = sum.saturating_add(count);
    }

    /// How often this happened.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Adds what happened in another world.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(name, count)| self.add(name, *count));
    }
}

/// Something that must hold didn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where.
    pub simulation: Simulation,
    /// What.
    pub wrong: String,
    /// A short history that goes wrong, though perhaps in another way.
    pub history: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Simulation { seed, steps, mutant } = self.simulation;
        let name = Mutant::ALL.into_iter().find(|(known, _)| Some(*known) == mutant).map(|(_, name)| name);
        let mutant = name.map(|name| format!(" --mutant {name}")).unwrap_or_default();
        writeln!(f, "giro simulate --seed {seed} --steps {steps}{mutant}")?;
        writeln!(f, "{}", self.wrong)?;
        writeln!(f, "shrunk:")?;
        self.history.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// How one world ended.
struct Ended {
    wrong: Option<String>,
    counts: Counts,
    history: Vec<String>,
    choices: Vec<u32>,
}

impl Simulation {
    /// Simulates one world.
    ///
    /// # Errors
    /// [`Violation`] if something didn't hold, with a shrunk history.
    pub fn run(self) -> Result<Counts, Box<Violation>> {
        let ended = self.world(Tape::from_seed(self.seed), false);
        let Some(wrong) = ended.wrong else { return Ok(ended.counts) };
        let history = shrink::shrink(self, ended.choices);
        Err(Box::new(Violation { simulation: self, wrong, history }))
    }

    /// What happens in this world, line by line. It is for a person, and proves that it always happens in the same way.
    #[must_use]
    pub fn history(self) -> Vec<String> {
        let mut ended = self.world(Tape::from_seed(self.seed), true);
        ended.history.extend(ended.wrong);
        ended.history
    }

    /// What goes wrong, if anything, for callers that don't need the short history.
    #[must_use]
    pub fn wrong(self) -> Option<String> {
        self.world(Tape::from_seed(self.seed), false).wrong
    }

    /// Simulates a world in which somebody asks for balances at past times, and asks for all that were final again when
    /// all is over. A time counts as closed so much later.
    ///
    /// # Errors
    /// What went wrong, if something else didn't hold.
    pub fn finals(self, closed_after_ms: i64) -> Result<Finals, String> {
        self.simulated(async |policies| {
            let world = World::new(Tape::from_seed(self.seed), policies, self.mutant, false);
            world.asking(self.seed, closed_after_ms).asked(self.steps).await
        })?
    }

    fn world(self, tape: Tape, recording: bool) -> Ended {
        let failed = |error: String| Ended {
            wrong: Some(error),
            counts: Counts::default(),
            history: Vec::new(),
            choices: Vec::new(),
        };
        let ended =
            self.simulated(async |policies| World::new(tape, policies, self.mutant, recording).run(self.steps).await);
        ended.unwrap_or_else(failed)
    }

    /// Runs a world on a runtime of its own, whose clock stands still until the world moves it.
    fn simulated<T>(self, live: impl AsyncFnOnce(Policies) -> T) -> Result<T, String> {
        let policies = Policies::of_template().map_err(|error| format!("the template: {error}"))?;
        // The handler's backoff uses this thread's random numbers, so the jitter depends on the seed too.
        fastrand::seed(self.seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        // Nobody needs the handlers' logs of a simulated world. The world begins inside the runtime. Outside, the clock
        // is the machine's, and a seed would give other timestamps each time.
        Ok(with_default(NoSubscriber::default(), || runtime.block_on(live(policies))))
    }
}
