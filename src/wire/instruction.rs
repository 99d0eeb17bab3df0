//! What: Writes an instruction as a client does: the value of a record on `payment-requests`.
//!
//! | kind | where |
//! |---|---|
//! | payment | [`payment_request`] |

use super::payment_request;
use crate::domain::Instruction;

/// Writes an instruction.
#[must_use]
pub fn encode(instruction: &Instruction) -> String {
    match instruction {
        Instruction::Payment(payment) => payment_request::encode(payment),
    }
}
