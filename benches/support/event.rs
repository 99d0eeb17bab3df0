//! The event that the benchmarks read: uniform payments between 10,000 accounts, as a Kafka trigger delivers them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const ACCOUNTS: usize = 10_000;

/// An event of so many records.
pub(super) fn uniform(records: usize) -> String {
    let mut random = fastrand::Rng::with_seed(1);
    let record = |offset: usize| {
        let debtor = random.usize(0..ACCOUNTS);
        let creditor = (debtor + random.usize(1..ACCOUNTS)) % ACCOUNTS;
        let value = format!(
            r#"{{"payment_id":"pay-{offset:08}","debtor_account":"customer-{debtor:06}","creditor_account":"customer-{creditor:06}","amount":1,"currency":"EUR","reference":"invoice {offset}","requested_at":"2026-11-22T10:00:00Z"}}"#
        );
        let (key, value) = (STANDARD.encode(format!("customer-{debtor:06}")), STANDARD.encode(value));
        format!(
            r#"{{"topic":"payment-requests","partition":3,"offset":{offset},"timestamp":1795341600000,"timestampType":"CREATE_TIME","key":"{key}","value":"{value}","headers":[]}}"#
        )
    };
    let records: Vec<String> = (0..records).map(record).collect();
    format!(r#"{{"eventSource":"aws:kafka","records":{{"payment-requests-3":[{}]}}}}"#, records.join(","))
}
