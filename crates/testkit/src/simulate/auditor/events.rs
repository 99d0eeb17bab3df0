//! What: What happened in a world, as the auditor remembers it, and what says the order of two events.

use crate::simulate::legs::Leg;
use crate::simulate::network::InvocationId;
use crate::simulate::orders::AccountChange;
use crate::simulate::topic::Place;

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) began: u64,
    pub(super) happened: u64,
    pub(super) seen: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A payment or a refund got an outcome: none, or the name of a reason.
    Decided {
        id: String,
        /// It is a refund, which takes free money only.
        refund: bool,
        /// The account whose order it keeps.
        debtor: String,
        /// What it moves, or would have moved.
        legs: Vec<Leg>,
        declined: Option<&'static str>,
        /// The place of the leg that it was declined for.
        declined_leg: usize,
        place: Place,
        /// Who decided it.
        by: Option<InvocationId>,
        /// Its record had been given up when it was decided. A lost invocation went on, after records behind this one
        /// had already gone on.
        given_up: bool,
    },
    /// A command got an answer: applied, or the name of a reason.
    Ordered {
        id: String,
        account: &'static str,
        change: AccountChange,
        refused: Option<&'static str>,
        /// Whether the account was changed.
        changes: bool,
    },
}

impl Event {
    /// Whether it is a decline that rests on a balance.
    pub(super) fn rests_on_balance(&self) -> bool {
        match &self.what {
            What::Decided { declined, .. } => {
                matches!(declined, Some("insufficient_funds" | "balance_overflow" | "balance_limit"))
            }
            What::Ordered { .. } => false,
        }
    }
}

/// Whether one invocation decided both of two payments, the first not after the second.
pub(super) fn in_batch_order(first: &Event, second: &Event) -> bool {
    match (&first.what, &second.what) {
        (What::Decided { by: Some(first_by), .. }, What::Decided { by: Some(second_by), .. }) => {
            first_by == second_by && first.happened <= second.happened
        }
        (What::Decided { .. } | What::Ordered { .. }, What::Decided { .. } | What::Ordered { .. }) => false,
    }
}

/// Whether the first of two payments comes before the second on one partition, and is of the same debtor.
pub(super) fn in_offset_order(first: &Event, second: &Event) -> bool {
    match (&first.what, &second.what) {
        (
            What::Decided { debtor: debtor_1, place: first_place, given_up: false, .. },
            What::Decided { debtor: debtor_2, place: second_place, .. },
        ) => {
            // A record that was given up and came back later is decided when it comes back.
            first.happened <= second.happened
                && debtor_1 == debtor_2
                && (first_place.generation, first_place.partition) == (second_place.generation, second_place.partition)
                && first_place.offset < second_place.offset
        }
        (What::Decided { .. } | What::Ordered { .. }, What::Decided { .. } | What::Ordered { .. }) => false,
    }
}

/// Whether this is a decline with an account that was changed while it was being decided.
pub(super) fn changed_meanwhile(event: &Event, events: &[Event]) -> bool {
    let What::Decided { debtor, legs, declined: Some(_), .. } = &event.what else { return false };
    let names =
        |account: &str| account == debtor || legs.iter().any(|leg| account == leg.debtor || account == leg.creditor);
    let changed = |other: &Event| match &other.what {
        What::Ordered { account, changes, .. } => {
            *changes && names(account) && other.seen >= event.began && other.happened <= event.seen
        }
        What::Decided { .. } => false,
    };
    events.iter().any(changed)
}
