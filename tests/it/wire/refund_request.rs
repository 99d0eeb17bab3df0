//! Requests for refunds: every error in one, and what versions that know none make of it.

use giro::domain::{Instruction, Refund};
use giro::wire::{instruction, payment_request, refund_request};
use giro_testkit::given::refund;
use proptest::prelude::*;

fn check(json: &str, expected: &str) {
    let found = match instruction::decode_json(json.as_bytes()) {
        Ok(read) => format!("{read:?}"),
        Err(malformed) => format!("{}: {malformed}", malformed.name()),
    };
    assert!(found.starts_with(expected), "{json}\n expected {expected}\n found    {found}");
}

#[test]
fn refunds_are_read_strictly() {
    let id = "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -";
    let amount = "invalid_field: amount: expected an integer of minor units, 1 to 9007199254740991";
    let leg = "invalid_field: leg: expected the number of a leg, from 1 to 16";
    for (field, value, expected) in [
        ("amount", "5", "Refund"),
        ("amount", "null", "Refund"),
        ("amount", "0", amount),
        ("amount", "-5", amount),
        ("amount", "5.0", amount),
        ("amount", r#""5""#, amount),
        ("refund_id", r#""""#, &format!("invalid_field: refund_id: {id}")),
        ("original_payment_id", "", "missing_field: original_payment_id"),
        ("original_payment_id", r#""a b""#, &format!("invalid_field: original_payment_id: {id}")),
        ("debtor_account", "null", "missing_field: debtor_account"),
        ("reference", "7", "invalid_field: reference: expected a string"),
        ("requested_at", r#""yesterday""#, "invalid_field: requested_at"),
        ("leg", "1", "Refund"),
        ("leg", "16", "Refund"),
        ("leg", "0", leg),
        ("leg", "17", leg),
        ("leg", "1.0", leg),
        ("leg", r#""1""#, leg),
        ("leg", "null", "Refund"),
        // Unknown fields are ignored, also those that the original tells.
        ("creditor_account", r#""bob""#, "Refund"),
        ("currency", r#""USD""#, "Refund"),
        // With a payment's id it is a payment, as older versions read it.
        ("payment_id", r#""p9""#, "missing_field: creditor_account"),
    ] {
        let mut fields = vec![
            ("refund_id", r#""r1""#),
            ("original_payment_id", r#""p1""#),
            ("debtor_account", r#""shop""#),
            ("amount", "5"),
        ];
        match fields.iter_mut().find(|(name, _)| *name == field) {
            Some(known) => known.1 = value,
            None => fields.push((field, value)),
        }
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let fields: Vec<String> = given.map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        check(&format!("{{{}}}", fields.join(",")), expected);
    }
    check("{}", "missing_field: payment_id");
    check(r#"{"refund_id":null}"#, "missing_field: payment_id");
    check(r#"{"refund_id":"r1","refund_id":"r1"}"#, "duplicate_field: refund_id");
    check(r#"{"refund_id":"r1","amount":1,"amount":2}"#, "duplicate_field: amount");
}

/// A version that knows no refunds reads payments alone. It makes a dead letter of a refund, and never a payment. The
/// bytes settle once they are redriven.
#[test]
fn an_older_version_takes_no_refund_for_a_payment() {
    for amount in [None, Some(5)] {
        let asked = refund("r1", "p1", "shop", amount);
        let json = refund_request::encode(&asked);
        let malformed = payment_request::decode_json(json.as_bytes()).unwrap_err();
        assert_eq!(
            (malformed.name(), malformed.to_string().as_str()),
            ("missing_field", "payment_id: required, and missing or null")
        );
        assert_eq!(instruction::decode_json(json.as_bytes()), Ok(Instruction::Refund(asked)));
    }
}

prop_compose! {
    pub(crate) fn any_refund()(
        id in "[A-Za-z0-9._:-]{1,64}", original in "[A-Za-z0-9_:-]{1,64}", debtor in "[A-Za-z0-9_:-]{1,64}",
        amount in proptest::option::of(1_u64..=9_007_199_254_740_991),
        reference in proptest::option::of(".{0,140}"),
    ) -> Refund {
        let id = if matches!(id.as_str(), "." | "..") { "r".to_owned() } else { id };
        Refund { reference: reference.map(Into::into), ..refund(&id, &original, &debtor, amount) }
    }
}

proptest! {
    #[test]
    fn a_refund_is_read_as_it_was_written(asked in any_refund()) {
        let json = refund_request::encode(&asked);
        prop_assert_eq!(instruction::decode_json(json.as_bytes()), Ok(asked.into()));
    }

    /// Whatever differs in what is asked makes another fingerprint, and no payment has it.
    #[test]
    fn a_fingerprint_holds_all_that_is_asked(one in any_refund(), other in any_refund()) {
        let same = (&one.original, &one.debtor, one.amount, &one.reference)
            == (&other.original, &other.debtor, other.amount, &other.reference);
        prop_assert_eq!(one.fingerprint() == other.fingerprint(), same);
    }
}
