//! What: An outcome as a line for a person: what was asked for, in decimals, and what became of it.

use std::fmt;

use crate::decimal;
use giro::domain::Outcome;

/// An outcome as a line for a person.
pub(super) struct Story<'a>(pub(super) &'a Outcome);

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(outcome) = self;
        let status = if outcome.decision.is_ok() { "settled " } else { "declined" };
        write!(f, "{status}  {}", outcome.instruction.id())?;
        if let Some(original) = outcome.instruction.original() {
            write!(f, ", a refund of {original}")?;
        }
        for (ix, transfer) in outcome.transfers().enumerate() {
            let amount = decimal::shown(i128::from(transfer.amount.minor_units()), transfer.currency);
            let (begin, debtor, creditor) = (if ix == 0 { ":" } else { "," }, transfer.debtor, transfer.creditor);
            write!(f, "{begin} {amount} {} from {debtor} to {creditor}", transfer.currency)?;
        }
        match outcome.decision {
            Ok(()) => Ok(()),
            Err(decline) => {
                let leg = outcome.declined_leg.map(|leg| format!(" leg {leg}:")).unwrap_or_default();
                write!(f, ":{leg} {decline}")
            }
        }
    }
}
