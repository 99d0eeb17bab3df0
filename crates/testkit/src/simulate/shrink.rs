//! What: Finds the shortest history that still goes wrong. It removes runs of choices and makes others plain, as long
//! as something stays wrong.
//!
//! Data: Takes the choices of a world that went wrong. Gives the history of the shortest one found.
//!
//! Source: The internal shrinking of Hypothesis (MacIver and Donaldson, ECOOP 2020). It shrinks the choices, not what
//! was made of them, so nothing else needs to know.

use super::tape::Tape;
use super::{Ended, Simulation};

/// Worlds tried: a few seconds of them.
const WORLDS_MAX: u32 = 4_000;

/// Shrinks.
pub(super) fn shrink(simulation: Simulation, choices: Vec<u32>) -> Vec<String> {
    let mut left = WORLDS_MAX;
    let mut best = choices;
    let mut goes_wrong = |choices: &[u32]| -> Option<Vec<u32>> {
        left = left.checked_sub(1)?;
        let Ended { wrong, choices, .. } = simulation.world(Tape::from_choices(choices.to_vec()), false);
        wrong.map(|_| choices)
    };
    loop {
        let before = (best.len(), sum(&best));
        let mut run = (best.len() / 2).max(1);
        while run >= 1 {
            let mut at = best.len().saturating_sub(run);
            loop {
                let end = at.saturating_add(run).min(best.len());
                let without = [&best[..at.min(end)], &best[end..]].concat();
                match goes_wrong(&without) {
                    Some(taken) if (taken.len(), sum(&taken)) < (best.len(), sum(&best)) => best = taken,
                    Some(_) | None => {}
                }
                if at == 0 {
                    break;
                }
                at = at.saturating_sub(run).min(best.len());
            }
            run /= 2;
        }
        for at in 0..best.len() {
            if best.get(at).is_none_or(|choice| *choice == 0) {
                continue;
            }
            let mut plainer = best.clone();
            plainer[at] = 0;
            match goes_wrong(&plainer) {
                Some(taken) if (taken.len(), sum(&taken)) < (best.len(), sum(&best)) => best = taken,
                Some(_) | None => {}
            }
        }
        if (best.len(), sum(&best)) >= before {
            break;
        }
    }
    let mut ended = simulation.world(Tape::from_choices(best), true);
    ended.history.extend(ended.wrong);
    ended.history
}

fn sum(choices: &[u32]) -> u64 {
    choices.iter().map(|choice| u64::from(*choice)).sum()
}
