//! What: A payment as a client asks for it: its request on the topic.

use giro::domain::{Instruction, Payment};
use giro::publish::{Placed, Publish, PublishError};
use giro::wire::instruction;
use giro::wire::json::fields::Malformed;

/// A request.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What a handler reads of it.
    pub(crate) instruction: Instruction,
    /// The value of its record.
    pub(crate) value: String,
}

impl Asked {
    /// The request of a payment.
    ///
    /// # Errors
    /// [`Malformed`] if a handler would refuse it. So it becomes no dead letter.
    pub(crate) fn of(payment: Payment) -> Result<Self, Malformed> {
        let value = instruction::encode(&Instruction::from(payment));
        Ok(Self { instruction: instruction::decode_json(value.as_bytes())?, value })
    }

    /// Publishes it, keyed by its debtor, and waits until the broker has it.
    ///
    /// # Errors
    /// [`PublishError`] if the broker isn't known to have it.
    pub(crate) async fn publish(&self, producer: &impl Publish, topic: &str) -> Result<Placed, PublishError> {
        let key = self.instruction.debtor().as_str().as_bytes();
        producer.send(topic, Some(key), Some(self.value.as_bytes()), &[]).await?.placed().await
    }
}

/// An id that no other payment has.
pub(crate) fn new_id() -> String {
    format!("pay-{:032x}", fastrand::u128(..))
}
