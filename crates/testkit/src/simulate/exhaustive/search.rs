//! What: Searches everything that can happen in a small world, depth first. If something is wrong, it finds the
//! shortest history that goes wrong with the fewest faults, breadth first.

use std::collections::{BTreeSet, HashSet};

use super::digest::Digest;
use super::run::Run;
use super::small_world::SmallWorld;
use super::state::State;
use super::step::Step;
use crate::simulate::auditor::Wrong;
use crate::simulate::mutant::Mutant;

/// What a search found.
#[derive(Debug, Clone, Default)]
pub(super) struct Searched {
    pub(super) states: u64,
    pub(super) transitions: u64,
    pub(super) ends: u64,
    pub(super) histories: usize,
    pub(super) answers: BTreeSet<&'static str>,
    pub(super) wrong: Option<(Wrong, Vec<String>)>,
}

/// Searches a world in which at most so many faults happen.
pub(super) fn search(world: &SmallWorld, mutant: Option<Mutant>, faults: u32) -> Result<Searched, Wrong> {
    let mut run = Run::new(world, mutant)?;
    let start = State::start(world, faults)?;
    let mut searched = depth_first(&mut run, &start);
    (searched.histories, searched.answers) = (run.histories.count(), run.histories.answers());
    if searched.wrong.is_some() {
        let starts = (0..=faults).map(|faults_left| State { faults_left, ..start.clone() });
        searched.wrong = starts.into_iter().find_map(|start| breadth_first(&mut run, start));
    }
    Ok(searched)
}

/// Visits every state once, until something is wrong.
fn depth_first(run: &mut Run<'_>, start: &State) -> Searched {
    let mut searched = Searched { states: 1, ..Searched::default() };
    let mut known: HashSet<Digest> = HashSet::from([start.digest()]);
    let mut path = vec![run.steps(start, true).into_iter()];
    while let Some(steps) = path.last_mut() {
        let Some((_, next)) = steps.next() else {
            path.pop();
            continue;
        };
        searched.transitions = searched.transitions.saturating_add(1);
        let state = match next {
            Ok(state) => state,
            Err(wrong) => {
                searched.wrong = Some((wrong, Vec::new()));
                break;
            }
        };
        if !known.insert(state.digest()) {
            continue;
        }
        searched.states = searched.states.saturating_add(1);
        let is_end = state.is_end(&run.histories);
        searched.ends = searched.ends.saturating_add(is_end.into());
        let steps = run.steps(&state, false);
        if steps.is_empty() && !is_end {
            searched.wrong = Some((STUCK.to_owned(), Vec::new()));
            break;
        }
        path.push(steps.into_iter());
    }
    searched
}

/// What is wrong if nothing can happen before the end.
const STUCK: &str = "nothing can happen, and a worker is not done";

/// A shortest history that goes wrong, line by line, with what is wrong.
fn breadth_first(run: &mut Run<'_>, start: State) -> Option<(Wrong, Vec<String>)> {
    let mut known: HashSet<Digest> = HashSet::from([start.digest()]);
    // Each state that was reached: from which, by which step.
    let mut reached: Vec<(usize, Option<Step>)> = vec![(0, None)];
    let mut front = vec![(0_usize, start.clone())];
    while !front.is_empty() {
        let mut next_front = Vec::new();
        for (at, state) in front {
            let steps = run.steps(&state, at == 0);
            let mut wrong = (steps.is_empty() && !state.is_end(&run.histories)).then(|| (None, STUCK.to_owned()));
            for (step, next) in steps {
                match next {
                    Err(why) => wrong = wrong.or(Some((Some(step), why))),
                    Ok(next) if known.insert(next.digest()) => {
                        reached.push((at, Some(step)));
                        next_front.push((reached.len().saturating_sub(1), next));
                    }
                    Ok(_) => {}
                }
            }
            if let Some((last, why)) = wrong {
                let steps: Vec<Step> = way(&reached, at).into_iter().chain(last).collect();
                return Some((why, run.history(start, &steps)));
            }
        }
        front = next_front;
    }
    None
}

/// The steps from the start to a state.
fn way(reached: &[(usize, Option<Step>)], mut at: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some((before, Some(step))) = reached.get(at) {
        steps.push(*step);
        at = *before;
    }
    steps.reverse();
    steps
}
