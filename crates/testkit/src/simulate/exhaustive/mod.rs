//! What: Tries everything that can happen in small worlds: every order of the store calls of a few workers, with one
//! fault at every point. The random worlds ([`super`]) are large, and try a little of each.
//!
//! Data: Takes the name of a small world, how many faults may happen in it, and perhaps a planted mistake. Gives how
//! many states there are, or the shortest history that goes wrong.
//!
//! | module | what |
//! |---|---|
//! | `small_world`, `catalogue` | accounts, and workers with a few requests or commands; the worlds that there are |
//! | `workers` | the real code, run again for each new history of answers |
//! | `plain` | instructions, accounts and commands in the words of the books |
//! | `moves` | what a request moves, leg by leg |
//! | `moment` | all accounts at one moment, and what that means for a request |
//! | `ledger` | the store with books beside it, and what must hold after each change |
//! | `span` | whether a decline was right at some moment between delivery and commit |
//! | `state` | the ledger, and how far each worker is |
//! | `step` | what can happen next, and what can go wrong after it |
//! | `run`, `late`, `shown` | carries out a step; what readers see late; a step as a line for people |
//! | `search` | every state once; the shortest history that goes wrong |
//! | `digest` | tells states apart |
//!
//! These are real: settling and account commands, from the requests to the ports, and the memory store. The event, the
//! handlers around them and the mappings are left to the random worlds.
//!
//! # Why nothing is missed
//!
//! A step is a call that the store carries out, and the store carries out one call after the other. Every call that
//! waits may be next, so all orders of calls are tried. Some histories are left out, because others reach the same
//! states:
//!
//! - **States are merged.** What can still happen depends on the ledger, on what each worker was told, and on the calls
//!   under way. The digest holds these, and what must be known to judge declines. It doesn't hold the order in which
//!   the state was reached. So two calls that commute lead to one state, and what follows is tried once.
//! - **Answers are given at once** to a worker that waits for one call alone. Nothing else can happen to that worker,
//!   and an answer changes nothing that another worker or the store sees. So it makes no difference when it comes. A
//!   worker that waits for several transactions gets their answers in every order, at every moment.
//! - **Reads that a worker waits for at once** are answered in the order of its calls. It goes on once it has all of
//!   them. They still arrive in every order, at every moment.
//! - **Crashes and lost answers come right after their worker went on.** The others may do anything between that and
//!   the next call of the worker. The crash may come before or after it, because it changes nothing that they see. Its
//!   calls stay under way, and arrive at any later time, or never. So a crash before, during or after a call is among
//!   these.
//! - **A refusal comes likewise**, because a refused transaction changes nothing.
//! - **Waits end at once**, for the same reason as answers.
//! - **A record is delivered when its worker first reads accounts.** An earlier delivery changes nothing that others
//!   see. It would only make the time longer in which a decline may have been right.
//!
//! # Limits
//!
//! The space is finite because each worker calls again only if a fault stopped it or somebody else wrote. Faults are
//! counted, and writers end. A worker that gets sixty answers is wrong. The deadline never comes. The clock of a worker
//! stands still, and those of others may say something else. So no slice of time passes, and no account has two lanes
//! for each partition. A transaction that would meet one in flight waits for it; that it is refused instead is a fault,
//! and counted. The store carries out a transaction at one moment; that readers see parts of it late is a fault, and
//! counted too. At most eight steps come before everybody sees it. Payments and sums of refunds are never seen late.
//! Digests may collide. Each decline is judged by itself. Only the random worlds search for one serial order that
//! explains all decisions of a history. States don't keep that order.
//!
//! Source: Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems" (1996), and Holzmann, "An
//! Analysis of Bitstate Hashing" (1998), for digests instead of states.

mod catalogue;
mod digest;
mod late;
mod ledger;
mod moment;
mod moves;
mod plain;
mod run;
mod search;
mod shown;
mod small_world;
mod span;
mod state;
mod step;
mod workers;

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use tracing::subscriber::{NoSubscriber, with_default};

use super::mutant::Mutant;

/// What a search of one small world found.
#[derive(Debug, Clone)]
pub struct Explored {
    /// The world.
    pub world: &'static str,
    /// How many faults could happen.
    pub faults: u32,
    /// How many states there are.
    pub states: u64,
    /// How many steps lead from one to another.
    pub transitions: u64,
    /// In how many states every worker has answered.
    pub ends: u64,
    /// How many histories of answers the workers have.
    pub histories: usize,
    /// What workers answered about records, anywhere.
    pub answers: BTreeSet<&'static str>,
    /// How long the search took.
    pub took: Duration,
    /// What is wrong, and the shortest history that leads to it.
    pub wrong: Option<(String, Vec<String>)>,
}

/// The head of a table of [`Explored`].
pub const HEAD: &str = "   states  transitions     ends  histories        ms  violations  faults  world";

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { world, faults, states, transitions, ends, histories, took, wrong, .. } = self;
        let (ms, violations) = (took.as_millis(), usize::from(wrong.is_some()));
        write!(
            f,
            "{states:>9}  {transitions:>11}  {ends:>7}  {histories:>9}  {ms:>8}  {violations:>10}  {faults:>6}  {world}"
        )?;
        let Some((why, history)) = wrong else { return Ok(()) };
        write!(f, "\n  {why}")?;
        history.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// The names of the small worlds, and whether each takes too long for `make test`.
#[must_use]
pub fn small_worlds() -> Vec<(&'static str, bool)> {
    catalogue::worlds().into_iter().map(|world| (world.name, world.is_long)).collect()
}

/// Tries everything that can happen in a small world, until something is wrong.
///
/// # Errors
/// If there is no such world, or it can't begin.
pub fn explore(name: &str, mutant: Option<Mutant>, faults: u32) -> Result<Explored, String> {
    let world = catalogue::worlds().into_iter().find(|world| world.name == name);
    let world = world.ok_or_else(|| format!("there is no small world {name}"))?;
    let started = Instant::now();
    // Nobody needs the logs of what is tried.
    let searched = with_default(NoSubscriber::default(), || search::search(&world, mutant, faults))?;
    let search::Searched { states, transitions, ends, histories, answers, wrong } = searched;
    let (world, took) = (world.name, started.elapsed());
    Ok(Explored { world, faults, states, transitions, ends, histories, answers, took, wrong })
}
