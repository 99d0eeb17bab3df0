//! What: Does what a person asks for on the page: sends a payment, publishes the record of a dead letter again.
//!
//! Data: Takes JSON. What a handler refuses is refused here, and becomes no dead letter.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Mutex, OnceCell};

use super::refusal::{Refusal, answer, found};
use crate::asked::{Asked, new_id};
use crate::decimal;
use crate::local::kafka;
use crate::local::stack::Topics;
use crate::redriven::publish_again;
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::{AccountId, Currency, DeadLetterId, Payment, PaymentId};
use giro::handlers::clock;
use giro::publish::kafka::KafkaProducer;
use giro::store::dynamodb::DynamoDb;
use giro::store::{LedgerQueries, Redrive};

/// Changes what a stack holds, by its topics alone.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) ledger: Arc<DynamoDb>,
    pub(super) kafka: Option<String>,
    pub(super) topics: Topics,
    pub(super) producer: OnceCell<KafkaProducer>,
    /// One redrive at a time, so that the second of two sees what the first has done.
    pub(super) redriving: Mutex<()>,
}

/// A payment as a person writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentForm {
    id: Option<String>,
    from: String,
    to: String,
    amount: String,
    currency: String,
    reference: Option<String>,
}

/// A dead letter, and perhaps the value that its record gets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RedriveForm {
    source: String,
    value: Option<String>,
    /// Also if it was redriven before.
    #[serde(default)]
    again: bool,
}

impl PaymentForm {
    fn payment(self) -> Result<Payment, Refusal> {
        let account = |field, text: &str| {
            AccountId::try_new(text).map_err(|expected| Refusal::of(field, format!("{field}: {expected}")))
        };
        let currency = Currency::try_new(&self.currency);
        let currency = currency.map_err(|expected| Refusal::of("currency", format!("currency: {expected}")))?;
        let id = self.id.filter(|id| !id.is_empty()).unwrap_or_else(new_id);
        let amount = decimal::amount(&self.amount, currency);
        Ok(Payment {
            id: PaymentId::try_new(&id).map_err(|expected| Refusal::of("id", format!("id: {expected}")))?,
            debtor: account("from", &self.from)?,
            creditor: account("to", &self.to)?,
            amount: amount.map_err(|expected| Refusal::of("amount", format!("amount: {expected}")))?,
            currency,
            reference: self.reference.filter(|reference| !reference.is_empty()).map(Into::into),
            requested_at: Some(clock::now()),
        })
    }
}

fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("The body: {error}")))
}

impl Changes {
    async fn producer(&self) -> Result<&KafkaProducer, Refusal> {
        let none = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "No Kafka is known here.");
        let address = self.kafka.as_deref().ok_or_else(none)?;
        Ok(self.producer.get_or_try_init(async || kafka::producer(address)).await?)
    }

    /// Publishes a payment's request.
    pub(super) async fn pay(&self, body: &[u8]) -> Result<Response<Body>, Refusal> {
        let payment = read::<PaymentForm>(body)?.payment()?;
        let id = payment.id.clone();
        let asked = Asked::of(payment).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error))?;
        if let Some(before) = self.ledger.payment(&id).await?
            && before.outcome.instruction.fingerprint() != asked.instruction.fingerprint()
        {
            let error = format!("id: {id} is the id of another payment. Choose another, or leave it empty.");
            return Err(Refusal { field: Some("id"), ..Refusal::new(StatusCode::CONFLICT, error) });
        }
        let none = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "No topic of payment requests is known here.");
        let topic = self.topics.requests.as_deref().ok_or_else(none)?;
        asked.publish(self.producer().await?, topic).await?;
        Ok(answer(StatusCode::ACCEPTED, json!({ "payment_id": id.as_str() }).to_string()))
    }

    /// Publishes the record of a dead letter again, and marks it once the broker has the record.
    pub(super) async fn redrive(&self, body: &[u8]) -> Result<Response<Body>, Refusal> {
        let form = read::<RedriveForm>(body)?;
        let id = form.source.parse::<DeadLetterId>();
        let id = id.map_err(|expected| Refusal::of("source", format!("source: {expected}")))?;
        let edited = form.value.map(|value| STANDARD.decode(value)).transpose();
        let edited = edited.map_err(|_| Refusal::of("value", "value: expected base64"))?;
        if edited.as_ref().is_some_and(Vec::is_empty) {
            return Err(Refusal::of("value", "value: it was emptied, and nothing was published"));
        }
        let _alone = self.redriving.lock().await;
        let letter = self.ledger.dead_letter(&id).await?;
        let letter = letter.ok_or_else(|| Refusal::not_found(format!("No dead letter has the name {id}.")))?;
        if letter.status == DeadLetterStatus::Redriven && !form.again {
            let error = "It was redriven before. Say so, to publish its record once more.";
            return Err(Refusal { field: Some("again"), ..Refusal::new(StatusCode::CONFLICT, error) });
        }
        let (producer, topic) = (self.producer().await?, &letter.source.topic);
        let topics = producer.topics(kafka::PATIENCE).await;
        let topics = topics.map_err(|error| Refusal::new(StatusCode::BAD_GATEWAY, format!("Kafka: {error}")))?;
        if !topics.contains(&**topic) {
            let error = format!("It stays as it is: Kafka has no topic {topic}.");
            return Err(Refusal::new(StatusCode::CONFLICT, error));
        }
        let value = edited.or_else(|| letter.value.clone());
        let placed = publish_again(producer, &letter, value.as_deref()).await?;
        let to = format!("{topic}/{}/{}", placed.partition, placed.offset);
        if let Err(error) = self.ledger.mark_redriven(&id).await {
            let error = format!(
                "The record was published as {to}, and the dead letter isn't marked: DynamoDB: {error}. Don't publish it \
                 again with another id."
            );
            return Err(Refusal::new(StatusCode::BAD_GATEWAY, error));
        }
        Ok(found(&json!({ "redriven": to })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_wrong_is_named() {
        let right = json!({ "from": "bank", "to": "alice", "amount": "5.00", "currency": "EUR" });
        let payment = read::<PaymentForm>(right.to_string().as_bytes()).unwrap().payment().unwrap();
        assert_eq!(payment.amount.minor_units(), 500);
        for (field, value) in [
            ("from", ""),
            ("to", "a b"),
            ("amount", "5.001"),
            ("amount", "0"),
            ("amount", ""),
            ("currency", "euro"),
            ("id", "a/b"),
        ] {
            let mut wrong = right.clone();
            wrong[field] = json!(value);
            let refused = read::<PaymentForm>(wrong.to_string().as_bytes()).unwrap().payment().unwrap_err();
            assert_eq!((refused.status.as_u16(), refused.field), (400, Some(field)), "{refused:?}");
            assert!(refused.error.starts_with(field), "{refused:?}");
        }
    }
}
