//! What: Reads and writes an instruction: the value of a record on `payment-requests`.
//!
//! Data: A request carries the id of its kind. So an older version makes a dead letter of a kind that it doesn't know,
//! and never a payment.
//!
//! | kind | the field of its id | where |
//! |---|---|---|
//! | payment | `payment_id` | [`payment_request`] |
//! | payment with legs | `payment_id`, and it has `legs` | [`legged_request`] |
//! | refund | `refund_id` | [`refund_request`] |

use super::json::fields;
use super::kafka_event::Payload;
use super::legged_request;
use super::payment_request::{self, Malformed};
use super::refund_request;
use crate::domain::{Instruction, PaymentId};

/// Reads a record's value as an instruction.
///
/// # Errors
/// [`Malformed`]: what is wrong with the value as a whole, else with the first wrong field in the order of the
/// contract.
#[inline]
pub fn decode(value: &Payload) -> Result<Instruction, Malformed> {
    decode_json(fields::bytes(value)?)
}

/// Reads the JSON of an instruction. It is a payment if it has a `payment_id`.
///
/// # Errors
/// As [`decode`].
#[inline]
pub fn decode_json(json: &[u8]) -> Result<Instruction, Malformed> {
    match payment(json, None) {
        Err(Malformed::MissingField(payment_request::ID)) if refund_request::is_refund(json) => {
            refund_request::decode_json(json).map(Into::into)
        }
        payment => payment,
    }
}

/// Reads the JSON of a payment, with legs or without. Its id may be given beside it.
///
/// # Errors
/// As [`decode`]. Also [`Malformed::InvalidField`] if the body's `payment_id` is another.
#[inline]
pub fn payment(json: &[u8], id: Option<&PaymentId>) -> Result<Instruction, Malformed> {
    match payment_request::decode_json_of(json, id) {
        Err(_) if legged_request::is_legged(json) => legged_request::decode_json_of(json, id).map(Into::into),
        payment => payment.map(Into::into),
    }
}

/// Writes an instruction, as a client does.
#[must_use]
pub fn encode(instruction: &Instruction) -> String {
    match instruction {
        Instruction::Payment(payment) => payment_request::encode(payment),
        Instruction::Legged(payment) => legged_request::encode(payment),
        Instruction::Refund(refund) => refund_request::encode(refund),
    }
}
