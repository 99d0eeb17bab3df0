//! The policy in `docs/doctor.md` has the rights to what the doctor asks, and to nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use giro_cli::doctor::grant::grants;

/// How a call begins in the code, up to the name of its action.
const CALLS: [(&str, &str, &str); 5] = [
    ("stack.rs", "query(VERSION, \"", "cloudformation"),
    ("functions.rs", "lambda.get(\"", "lambda"),
    ("tables.rs", "target(VERSION, \"", "dynamodb"),
    ("roles.rs", "query(VERSION, \"", "iam"),
    ("roles.rs", "listed(iam, \"", "iam"),
];

#[test]
fn the_documented_policy_is_what_is_asked() {
    let read = Path::new(crate::ROOT).join("crates/cli/src/doctor/read");
    let mut asked = BTreeSet::new();
    for (file, begins, service) in CALLS {
        let text = std::fs::read_to_string(read.join(file)).unwrap();
        for call in text.split(begins).skip(1) {
            asked.insert(format!("{service}:{}", call.split('"').next().unwrap()));
        }
    }
    let page = std::fs::read_to_string(Path::new(crate::ROOT).join("docs/doctor.md")).unwrap();
    let policy = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let policy = grants(&serde_json::from_str(policy).unwrap());
    let documented: BTreeSet<String> = policy.into_iter().map(|grant| grant.action).collect();
    assert_eq!(documented, asked);
    assert_eq!(asked.len(), 15, "{asked:?}");
}
