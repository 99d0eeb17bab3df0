//! The headers that make a CloudEvent of an outcome: by kind and status, and of kinds that this version doesn't know.

use giro::domain::{PaymentId, Timestamp};
use giro::wire::cloud_event::{self, SOURCE};

/// Names and values, in their order.
fn told(id: &str, kind: Option<&str>, status: &str, decided_at: &str) -> Vec<(String, String)> {
    let decided_at = Timestamp::parse(decided_at).unwrap();
    let headers = cloud_event::headers(&PaymentId::try_stored(id).unwrap(), kind, status, decided_at);
    let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap();
    headers.into_iter().map(|header| (header.name, text(header.value))).collect()
}

#[test]
fn each_kind_and_status_has_a_type() {
    for (kind, status, wanted) in [
        (None, "settled", "giro.payment.settled.v1"),
        (None, "declined", "giro.payment.declined.v1"),
        (Some("refund"), "settled", "giro.refund.settled.v1"),
        (Some("refund"), "declined", "giro.refund.declined.v1"),
        // Of a newer version.
        (Some("void"), "settled", "giro.void.settled.v1"),
        (Some("hold"), "expired", "giro.hold.expired.v1"),
    ] {
        let expected = [
            ("ce_specversion", "1.0"),
            ("ce_id", "pay-1"),
            ("ce_source", "/giro/payments"),
            ("ce_type", wanted),
            ("ce_time", "2026-11-22T10:00:00.123Z"),
            ("content-type", "application/json"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(told("pay-1", kind, status, "2026-11-22T10:00:00.123Z"), expected);
    }
}

/// Source and id are all by which a consumer knows an event. Another time or status changes neither.
#[test]
fn source_and_id_rest_on_the_id_alone() {
    let of = |id: &str, kind, status, at| told(id, kind, status, at)[1..3].to_vec();
    let first = of("pay-1", None, "settled", "2026-11-22T10:00:00Z");
    assert_eq!(first, of("pay-1", Some("refund"), "declined", "2027-01-01T00:00:00Z"));
    assert_ne!(first, of("pay-2", None, "settled", "2026-11-22T10:00:00Z"));
    // An older version took this id, and its outcome may be told again.
    assert_eq!(of("..", None, "settled", "2026-11-22T10:00:00Z")[0].1, "..");
    assert_eq!(first[1].1, SOURCE);
}

/// CloudEvents allows no control characters, and asks for RFC 3339, whatever the time is.
#[test]
fn values_are_plain_text() {
    for at in [Timestamp::EPOCH, Timestamp::parse("9999-12-31T23:59:59.999Z").unwrap()] {
        for (name, value) in told("a:b.c_d-E", None, "settled", &at.to_string()) {
            assert!(!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()), "{name}: {value}");
        }
    }
}
