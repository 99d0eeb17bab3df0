//! The wire: every error in a payment, how outcomes and answers are written, and arbitrary bytes.

use giro::domain::{
    Amount, Currency, Decision, Decline, Outcome, Payment, PaymentId, Principal, Source, Timestamp, Trace,
};
use giro::wire::batch_response::BatchResponse;
use giro::wire::kafka_event::KafkaEvent;
use giro::wire::{outcome, payment_request};
use proptest::prelude::*;

use super::kafka_event::event;

fn check_payment(json: &str, expected: &str) {
    let found = match payment_request::decode_json(json.as_bytes()) {
        Ok(payment) => format!("{payment:?}"),
        Err(malformed) => format!("{}: {malformed}", malformed.name()),
    };
    assert!(found.starts_with(expected), "{json}\n expected {expected}\n found    {found}");
}

#[test]
fn payments_are_read_strictly() {
    let with = |field: &str, value: &str| {
        let mut fields = vec![
            ("payment_id", r#""k1""#),
            ("debtor_account", r#""alice""#),
            ("creditor_account", r#""bob""#),
            ("amount", "5"),
            ("currency", r#""EUR""#),
        ];
        match fields.iter_mut().find(|(name, _)| *name == field) {
            Some(known) => known.1 = value,
            None => fields.push((field, value)),
        }
        let fields: Vec<String> = fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!(r#""{name}":{value}"#))
            .collect();
        format!("{{{}}}", fields.join(","))
    };
    let amount = "invalid_field: amount: expected an integer of minor units, 1 to 9007199254740991";
    let id = "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -";
    for (field, value, expected) in [
        ("amount", "5", "Payment"),
        ("amount", "9007199254740991", "Payment"),
        ("amount", "9007199254740992", amount),
        ("amount", "0", amount),
        ("amount", "-5", amount),
        ("amount", "-0", amount),
        ("amount", "5.0", amount),
        ("amount", "5e0", amount),
        ("amount", "1e400", amount),
        ("amount", r#""5""#, amount),
        ("amount", "true", amount),
        ("amount", "[5]", amount),
        ("amount", "123456789012345678901234567890", amount),
        ("amount", "null", "missing_field: amount: required, and missing or null"),
        ("amount", "", "missing_field: amount"),
        ("amount", "05", "not_json"),
        ("amount", "+5", "not_json"),
        ("amount", ".5", "not_json"),
        ("payment_id", r#""""#, &format!("invalid_field: payment_id: {id}")),
        ("payment_id", r#"".""#, &format!("invalid_field: payment_id: {id}, and neither . nor ..")),
        ("debtor_account", r#""..""#, &format!("invalid_field: debtor_account: {id}")),
        ("creditor_account", r#""\u002e""#, &format!("invalid_field: creditor_account: {id}")),
        ("creditor_account", r#""...""#, "Payment"),
        ("payment_id", r#""a/b""#, &format!("invalid_field: payment_id: {id}")),
        ("payment_id", r#""a\u0000""#, &format!("invalid_field: payment_id: {id}")),
        ("payment_id", r#""\u006b2""#, "Payment { id: PaymentId(\"k2\")"),
        ("payment_id", "7", "invalid_field: payment_id: expected a string"),
        ("payment_id", r#""\ud800""#, "invalid_field: payment_id: expected a string"),
        ("debtor_account", "", "missing_field: debtor_account"),
        ("debtor_account", r#""аlice""#, &format!("invalid_field: debtor_account: {id}")),
        ("creditor_account", "{}", "invalid_field: creditor_account: expected a string"),
        ("currency", r#""eur""#, "invalid_field: currency: expected an ISO 4217 code"),
        ("currency", r#""EURO""#, "invalid_field: currency"),
        ("reference", r#""invoice 17""#, "Payment"),
        ("reference", r#""\u001b[2J\u0000\u202e""#, "Payment"),
        ("reference", "null", "Payment"),
        ("reference", "7", "invalid_field: reference: expected a string"),
        ("requested_at", r#""2026-11-22T10:00:00Z""#, "Payment"),
        ("requested_at", r#""2026-11-22T10:00:00+01:00""#, "Payment"),
        ("requested_at", r#""2026-03-01t08:00:00z""#, "Payment"),
        ("requested_at", r#""2026-03-01_08:00:00Z""#, "invalid_field: requested_at: expected an RFC 3339 time"),
        ("requested_at", r#""2026-03-01 08:00:00Z""#, "invalid_field: requested_at: expected an RFC 3339 time"),
        ("requested_at", r#""yesterday""#, "invalid_field: requested_at: expected an RFC 3339 time"),
        ("requested_at", "1795341600", "invalid_field: requested_at: expected a string"),
        ("unknown", r#"{"deep":[1,{"x":null}]}"#, "Payment"),
        ("payment_id\":\"k1\",\"payment_id", r#""k1""#, "duplicate_field: payment_id"),
    ] {
        check_payment(&with(field, value), expected);
    }
    check_payment(&with("reference", &format!("\"{}\"", "ü".repeat(140))), "Payment");
    let too_long = with("reference", &format!("\"{}\"", "ü".repeat(141)));
    check_payment(&too_long, "invalid_field: reference: expected at most 140 characters");
    check_payment(r#"{"x":1,"x":2}"#, "missing_field: payment_id");
    for none in ["[]", r#"["k1","alice","bob",5,"EUR"]"#, "7", "null", r#""text""#] {
        check_payment(none, "not_an_object: value: expected a JSON object");
    }
    for none in ["{", "x", "{}{}", "\u{feff}{}", "{'a':1}", ""] {
        check_payment(none, "not_json: value: expected JSON");
    }
    let deep = format!("{}{}", r#"{"x":"#.repeat(100_000), "}".repeat(100_000));
    check_payment(&deep, "");
    assert_eq!(payment_request::decode_json(b"\xff").unwrap_err().name(), "not_utf8");
}

#[test]
fn a_detail_never_repeats_what_was_given() {
    for secret in [r#"{"payment_id":"SECRET SECRET"}"#, r#"{"payment_id":"SECRET"SECRET}"#, r#"SECRET"#] {
        let malformed = payment_request::decode_json(secret.as_bytes()).unwrap_err();
        assert!(!malformed.to_string().contains("SECRET"), "{malformed}");
    }
}

#[test]
fn a_batch_response_has_lambdas_shape() {
    let event = event(r#"{"records":{"t-1-0":[{"offset":7},{"offset":8},{"offset":9}]}}"#);
    let mut response = BatchResponse::default();
    assert_eq!(serde_json::to_string(&response).unwrap(), r#"{"batchItemFailures":[]}"#);
    response.report_from(&event.partitions[0], 1);
    let json = r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t-1-0","offset":8}},{"itemIdentifier":{"partition":"t-1-0","offset":9}}]}"#;
    assert_eq!(serde_json::to_string(&response).unwrap(), json);
    assert_eq!(serde_json::from_str::<BatchResponse>(json).unwrap(), response);
}

#[test]
fn an_outcome_is_written_as_the_contract_says() {
    let payment = Payment {
        id: PaymentId::try_new("pay-0001").unwrap(),
        debtor: "alice".parse().unwrap(),
        creditor: "shop-1".parse().unwrap(),
        amount: Amount::try_new(1250).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        reference: Some("invoice 17".into()),
        requested_at: Some(Timestamp::EPOCH),
    };
    let source = Source { topic: "payment-requests".into(), partition: 3, offset: 42 };
    let decided_at = Timestamp::parse("2026-11-22T10:00:00.123Z").unwrap();
    let ann = Principal::try_new("ann").ok();
    let by = |decision: Decision, requested_by: &Option<Principal>| {
        let outcome = Outcome {
            requested_by: requested_by.clone(),
            // It stands in a header, and never in the value.
            trace: Trace::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            declined_leg: None,
            limits_version: None,
            repayment: None,
            instruction: payment.clone().into(),
            decision,
            decided_at,
            source: source.clone(),
        };
        outcome::encode(&outcome)
    };
    let shown = |decision: Decision| by(decision, &None);
    expect_test::expect![[r#"{"payment_id":"pay-0001","status":"settled","reason":null,"debtor_account":"alice","creditor_account":"shop-1","amount":1250,"currency":"EUR","reference":"invoice 17","decided_at":"2026-11-22T10:00:00.123Z","source":{"topic":"payment-requests","partition":3,"offset":42}}"#]].assert_eq(&shown(Ok(())));
    let told = by(Ok(()), &ann);
    assert!(told.contains(r#""decided_at":"2026-11-22T10:00:00.123Z","requested_by":"ann","source":{"#), "{told}");
    assert_eq!(told.replace(r#""requested_by":"ann","#, ""), shown(Ok(())));
    let declined = shown(Err(Decline::InsufficientFunds));
    assert!(
        declined.contains(r#""status":"declined","reason":{"code":"AM04","name":"insufficient_funds"}"#),
        "{declined}"
    );
    let declined = shown(Err(Decline::SameAccount));
    assert!(declined.contains(r#""reason":{"code":null,"name":"same_account"}"#), "{declined}");
    let error = outcome::decode(declined.replace("declined", "settled").as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "not an outcome: status: expected settled without a reason, or declined with one");
}

// Whatever else bytes may be.

pub(crate) fn any_id() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._:-]{1,64}".prop_filter("dots alone", |id| id != "." && id != "..")
}

prop_compose! {
    pub(crate) fn any_payment()(
        id in any_id(), debtor in any_id(), creditor in any_id(),
        amount in 1_u64..=9_007_199_254_740_991, currency in "[A-Z]{3}",
        reference in proptest::option::of(".{0,140}"), at in proptest::option::of(-62_135_596_800_000_i64..=253_402_300_799_999),
    ) -> Payment {
        Payment {
            id: PaymentId::try_new(&id).unwrap(), debtor: debtor.parse().unwrap(), creditor: creditor.parse().unwrap(),
            amount: Amount::try_new(amount).unwrap(), currency: Currency::try_new(&currency).unwrap(),
            reference: reference.map(Into::into), requested_at: at.map(|at| Timestamp::try_from_millis(at).unwrap()),
        }
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|number| serde_json::json!(number)),
        ".{0,20}".prop_map(Into::into),
    ];
    // Names that the reader knows, so that its fields get every type of value.
    let name = prop_oneof![
        Just("records".to_owned()),
        Just("topic".to_owned()),
        Just("partition".to_owned()),
        Just("offset".to_owned()),
        Just("timestamp".to_owned()),
        Just("key".to_owned()),
        Just("value".to_owned()),
        Just("headers".to_owned()),
        Just("payment_id".to_owned()),
        Just("amount".to_owned()),
        ".{0,8}",
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_payment_reads_back(payment in any_payment()) {
        let json = payment_request::encode(&payment);
        prop_assert_eq!(payment_request::decode_json(json.as_bytes()), Ok(payment));
    }

    #[test]
    fn an_outcome_reads_back(payment in any_payment(), decline in 0..=Decline::ALL.len(), offset in 0..i64::MAX) {
        let requested_by = Principal::try_new(payment.id.as_str()).ok().filter(|_| offset % 2 == 0);
        let payment = Payment { requested_at: None, ..payment };
        let decision = Decline::ALL.get(decline).map_or(Ok(()), |row| Err(row.0));
        let source = Source { topic: "t".into(), partition: 0, offset };
        let outcome = Outcome {requested_by, trace: None, declined_leg: None, limits_version: None,
            repayment: None,
            instruction: payment.into(),
            decision,
            decided_at: Timestamp::EPOCH,
            source,
        };
        prop_assert_eq!(outcome::decode(outcome::encode(&outcome).as_bytes()), Ok(outcome));
    }

    #[test]
    fn no_bytes_are_too_odd_for_the_payment_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = payment_request::decode_json(&bytes);
        let _ = serde_json::from_slice::<KafkaEvent>(&bytes);
    }

    #[test]
    fn no_json_is_too_odd_for_the_payment_reader(json in any_json()) {
        let _ = payment_request::decode_json(json.to_string().as_bytes());
    }

    /// A payment with one byte changed is still a payment, or refused; never a panic.
    #[test]
    fn a_payment_with_a_byte_changed_is_read_or_refused(payment in any_payment(), at in any::<usize>(), byte in any::<u8>()) {
        let mut json = payment_request::encode(&payment).into_bytes();
        let at = at % json.len();
        json[at] = byte;
        if let Err(malformed) = payment_request::decode_json(&json) {
            prop_assert!(!malformed.name().is_empty());
        }
    }

    /// Whatever stands beside it, a good record comes out, and every element is a record or unplaced.
    #[test]
    fn every_element_of_an_event_is_accounted_for(elements in proptest::collection::vec(any_json(), 0..6), place in any::<usize>()) {
        let good = serde_json::json!({ "topic": "t", "partition": 0, "offset": 4_611_686_018_427_387_904_i64, "value": "aGk=" });
        let mut elements = elements;
        elements.insert(place % (elements.len() + 1), good);
        let count = elements.len();
        let json = serde_json::json!({ "records": { "t-0": elements } }).to_string();
        let event: KafkaEvent = serde_json::from_str(&json).unwrap();
        let partition = &event.partitions[0];
        prop_assert_eq!(partition.records.len() + partition.unplaced.len(), count);
        prop_assert!(partition.records.iter().any(|record| record.source.offset == 4_611_686_018_427_387_904));
        for record in &partition.records {
            let _ = (record.headers(), payment_request::decode(&record.value));
        }
    }

    #[test]
    fn no_json_is_too_odd_for_the_event_reader(json in any_json()) {
        let _ = serde_json::from_str::<KafkaEvent>(&json.to_string());
    }
}
