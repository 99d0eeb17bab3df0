//! The metrics that functions write to their logs, on the whole stack.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::processes::first_minutes::Newcomer;

/// The lines of a function in the log, as JSON: those of metrics, and the others.
fn lines(newcomer: &Newcomer, function: &str) -> (Vec<Value>, Vec<Value>) {
    let log = newcomer.check("logs --log json", 0, "");
    let own = log.lines().filter_map(|line| line.strip_prefix(function)?.trim_start().strip_prefix('{'));
    let parsed = own.filter_map(|rest| serde_json::from_str(&format!("{{{rest}")).ok());
    parsed.partition(|line: &Value| line.get("_aws").is_some())
}

/// The sum of a figure over lines.
fn sum(lines: &[Value], name: &str) -> u64 {
    lines.iter().filter_map(|line| line[name].as_u64()).sum()
}

/// Each metric that a line names has a value in it, and each dimension too.
fn check_form(lines: &[Value]) {
    for line in lines {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Giro");
        assert!(line["_aws"]["Timestamp"].as_i64().unwrap() > 1_700_000_000_000);
        for metric in directive["Metrics"].as_array().unwrap() {
            let value = &line[metric["Name"].as_str().unwrap()];
            assert!(value.is_number() || value.as_array().is_some_and(|values| values.len() <= 100), "{line}");
        }
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{line}");
        }
    }
}

/// By the values of two dimensions, the sum of a metric.
fn by(lines: &[Value], dimensions: [&str; 2], metric: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in lines.iter().filter(|line| line[metric].is_u64()) {
        let values = dimensions.map(|name| line[name].as_str().unwrap_or_default());
        *sums.entry(values.join(" ").trim().to_owned()).or_default() += line[metric].as_u64().unwrap();
    }
    sums
}

/// Metrics say the same as the log lines of the batches, and as the payments.
#[test]
fn metrics_add_up_to_what_was_paid() {
    let newcomer = Newcomer(tempfile::tempdir().unwrap());
    newcomer.check("up --detach --partitions 1 --parameter EmbeddedMetrics=true", 0, "giro down");
    newcomer.check("accounts open bank --currency EUR --unlimited", 0, "applied");
    newcomer.check("accounts open alice --currency EUR", 0, "applied");
    newcomer.check("accounts freeze nobody", 1, "account_not_found");
    newcomer.check("pay --from bank --to alice 5.00 EUR --id p1 --wait", 0, "settled");
    newcomer.check("pay --from bank --to alice 2.00 EUR --id p2 --wait", 0, "settled");
    newcomer.check("pay --from alice --to bank 9.00 EUR --id p3 --wait", 1, "insufficient_funds");
    let refund = r#"{"refund_id":"r1","original_payment_id":"p2","debtor_account":"alice"}"#;
    newcomer.check_with("publish -", refund, 0, "published 1 records");
    newcomer.check("payments show r1 --wait", 0, r#""status":"settled""#);

    let began = Instant::now();
    let published = loop {
        let (metrics, _) = lines(&newcomer, "outcome-publisher");
        if sum(&metrics, "Published") >= 4 {
            break metrics;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{metrics:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    check_form(&published);
    assert!(published.iter().any(|line| line["PublishedAfter"].is_array()), "{published:?}");

    let (metrics, logged) = lines(&newcomer, "payment-processor");
    check_form(&metrics);
    let decided = by(&metrics, ["Kind", "Decision"], "Decisions");
    let expected = [("payment declined", 1), ("payment settled", 2), ("refund settled", 1)];
    assert_eq!(decided, expected.map(|(key, count)| (key.to_owned(), count)).into());
    assert_eq!(by(&metrics, ["Reason", ""], "Declines"), [("insufficient_funds".to_owned(), 1)].into());
    for (metric, field) in [
        ("Records", "records"),
        ("Transactions", "transactions"),
        ("ReadCalls", "read_calls"),
        ("Rounds", "rounds"),
        ("BatchDuration", "duration_ms"),
    ] {
        assert_eq!(sum(&metrics, metric), sum(&logged, field), "{metric}");
        assert!(sum(&metrics, "Records") >= 4);
    }
    assert!(metrics.iter().any(|line| line["FinishedAfter"].is_array() && line["InFlight"] == 1), "{metrics:?}");

    let (metrics, _) = lines(&newcomer, "account-processor");
    check_form(&metrics);
    let applied = by(&metrics, ["Kind", "Decision"], "Decisions");
    let expected = [("account_command applied", 2), ("account_command refused", 1)];
    assert_eq!(applied, expected.map(|(key, count)| (key.to_owned(), count)).into());
    assert_eq!(by(&metrics, ["Reason", ""], "Declines"), [("account_not_found".to_owned(), 1)].into());
}
