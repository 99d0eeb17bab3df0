//! Requests for payments with legs: every error in one, and what versions that know none make of it.

use giro::domain::Instruction;
use giro::domain::money::AMOUNT_MAX;
use giro::wire::{instruction, legged_request, outcome, payment_request};
use giro_testkit::given::{self, Placed as _};
use proptest::prelude::*;

fn check(json: &str, expected: &str) {
    let found = match instruction::decode_json(json.as_bytes()) {
        Ok(read) => format!("{read:?}"),
        Err(malformed) => format!("{}: {malformed}", malformed.name()),
    };
    assert!(found.starts_with(expected), "{json}\n expected {expected}\n found    {found}");
}

/// A request in which a field of the payment, or of its second leg, has another value. An empty one leaves it out.
fn with(field: &str, value: &str, leg_field: &str, leg_value: &str) -> String {
    let replaced = |fields: &[(&str, &str)], field: &str, value: &str| {
        let mut fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        match fields.iter_mut().find(|(name, _)| name == field) {
            Some(known) => known.1 = value.to_owned(),
            None => fields.push((field.to_owned(), value.to_owned())),
        }
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let given: Vec<String> = given.map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", given.join(","))
    };
    let leg = |creditor: &str| {
        [("creditor_account", creditor.to_owned()), ("amount", "5".into()), ("currency", r#""EUR""#.into())]
    };
    let plain =
        |leg: &[(&'static str, String)]| leg.iter().map(|(name, value)| (*name, value.clone())).collect::<Vec<_>>();
    let texts = |leg: &[(&'static str, String)], field: &str, value: &str| {
        let owned = plain(leg);
        let borrowed: Vec<(&str, &str)> = owned.iter().map(|(name, value)| (*name, value.as_str())).collect();
        replaced(&borrowed, field, value)
    };
    let legs = format!("[{},{}]", texts(&leg(r#""shop""#), "", ""), texts(&leg(r#""bob""#), leg_field, leg_value));
    let fields = [("payment_id", r#""p1""#), ("debtor_account", r#""alice""#), ("legs", legs.as_str())];
    replaced(&fields, field, value)
}

#[test]
fn payments_with_legs_are_read_strictly() {
    let id = "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -";
    let amount = "expected an integer of minor units, 1 to 9007199254740991";
    let shape = "invalid_field: legs: expected an array of legs such as";
    let beside = "expected none beside legs, because each leg has its own";
    let one = r#"[{"creditor_account":"shop","amount":5,"currency":"EUR"}]"#;
    let seventeen = format!("[{}]", vec![&one[1..one.len() - 1]; 17].join(","));
    for (field, value, expected) in [
        ("reference", r#""invoice""#, "Legged"),
        ("unknown", "[{}]", "Legged"),
        ("payment_id", r#""""#, &format!("invalid_field: payment_id: {id}")[..]),
        ("payment_id", "", "missing_field: payment_id"),
        ("debtor_account", "", "missing_field: debtor_account"),
        ("creditor_account", r#""shop""#, &format!("invalid_field: creditor_account: {beside}")),
        ("amount", "5", &format!("invalid_field: amount: {beside}")),
        ("currency", r#""EUR""#, &format!("invalid_field: currency: {beside}")),
        ("creditor_account", "null", "Legged"),
        ("legs", "null", "missing_field: creditor_account"),
        ("legs", "{}", shape),
        ("legs", "7", shape),
        ("legs", "[]", "invalid_field: legs: expected 2 to 16 legs"),
        ("legs", one, "invalid_field: legs: expected 2 to 16 legs"),
        ("legs", &seventeen, "invalid_field: legs: expected 2 to 16 legs"),
        ("legs", "[7,8]", "invalid_field: legs: leg 1: value: expected a JSON object"),
        ("reference", "7", "invalid_field: reference: expected a string"),
        ("requested_at", r#""yesterday""#, "invalid_field: requested_at"),
    ] {
        check(&with(field, value, "", ""), expected);
    }
    for (field, value, expected) in [
        ("debtor_account", r#""shop""#, "Legged"),
        ("debtor_account", "null", "Legged"),
        ("reference", r#""fee""#, "Legged"),
        ("unknown", "1", "Legged"),
        ("debtor_account", r#""a b""#, &format!("invalid_field: legs: leg 2: debtor_account: {id}")[..]),
        ("creditor_account", "", "invalid_field: legs: leg 2: creditor_account: required, and missing or null"),
        ("amount", "0", &format!("invalid_field: legs: leg 2: amount: {amount}")),
        ("amount", "5.0", &format!("invalid_field: legs: leg 2: amount: {amount}")),
        ("amount", r#""5""#, &format!("invalid_field: legs: leg 2: amount: {amount}")),
        ("currency", r#""euro""#, "invalid_field: legs: leg 2: currency"),
        ("reference", "7", "invalid_field: legs: leg 2: reference: expected a string"),
    ] {
        check(&with("", "", field, value), expected);
    }
    let of_bank = r#"{"debtor_account":"bank","creditor_account":"bob","amount":5,"currency":"EUR"}"#;
    let legs = format!("[{of_bank},{of_bank}]");
    let expected = "invalid_field: legs: expected at least one leg that takes from debtor_account";
    check(&with("legs", &legs, "", ""), expected);
    check(r#"{"payment_id":"p","legs":[],"legs":[]}"#, "duplicate_field: legs");
}

/// A version that knows no legs passes them over, and misses all that a payment has beside them. It makes a dead letter
/// of the request, and never a payment. The bytes settle once they are redriven.
#[test]
fn an_older_version_takes_no_payment_with_legs_for_another() {
    let asked = given::legged("p1", "alice", &[("alice", "shop", "EUR", 5), ("shop", "fees", "EUR", 1)]);
    let json = legged_request::encode(&asked);
    let mut passed_over: serde_json::Value = serde_json::from_str(&json).unwrap();
    passed_over.as_object_mut().unwrap().remove("legs");
    let malformed = payment_request::decode_json(passed_over.to_string().as_bytes()).unwrap_err();
    assert_eq!(
        (malformed.name(), malformed.to_string().as_str()),
        ("missing_field", "creditor_account: required, and missing or null")
    );
    assert_eq!(instruction::decode_json(json.as_bytes()), Ok(Instruction::Legged(asked)));
}

proptest! {
    /// What is asked for and what is published reads back as it was.
    #[test]
    fn payments_with_legs_read_back(
        legs in prop::collection::vec((0..3_usize, 0..3_usize, 1..=AMOUNT_MAX, any::<bool>()), 2..=16),
        declined in prop::option::of(1..=2_u64),
        reference in prop::option::of(".{0,20}"),
    ) {
        let names = ["alice", "shop", "bank"];
        let mut told: Vec<(&str, &str, &str, u64)> = legs
            .iter()
            .map(|&(debtor, creditor, amount, euros)| {
                (names[debtor], names[creditor], if euros { "EUR" } else { "USD" }, amount)
            })
            .collect();
        told[0].0 = "alice";
        let mut asked = given::legged("p1", "alice", &told);
        asked.reference = reference.map(Into::into);
        prop_assert_eq!(
            instruction::decode_json(legged_request::encode(&asked).as_bytes()),
            Ok(Instruction::Legged(asked.clone()))
        );
        let decision = declined.map_or(Ok(()), |_| Err(giro::domain::Decline::InsufficientFunds));
        let request = asked.at(3, 7);
        let entry = giro::domain::plan::Entry {
            declined_leg: declined.map(|leg| giro::domain::LegNumber::try_new(leg).unwrap()),
            ..given::entry(&request, decision)
        };
        let before = entry.outcome();
        prop_assert_eq!(outcome::decode(outcome::encode(&before).as_bytes()), Ok(before.clone()));
        let stored = giro::store::items::payment::encode(&entry);
        prop_assert_eq!(giro::store::items::payment::decode(&stored).map(|recorded| recorded.outcome), Ok(before));
    }
}
