//! What: The result of an audit of all payments, as JSON for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use giro::audit::Audited;

/// What an audit counted, and these findings. Money in circulation stands as texts of minor units: a sum of balances
/// may be more than a reader of JSON can hold in a number.
pub(crate) fn as_json(audited: &Audited, findings: &[String]) -> Value {
    let report = &audited.report;
    let circulation: BTreeMap<&str, String> =
        report.circulation.iter().map(|(currency, sum)| (currency.as_str(), sum.to_string())).collect();
    json!({
        "accounts": report.accounts,
        "settled": report.settled,
        "dead_letters": audited.letters,
        "undecided": report.undecided,
        "complete": audited.stopped.is_none(),
        "findings": findings,
        "circulation": circulation,
    })
}
