//! What each function's role may do: what its code does to tables, and no more.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// What each function's own code does to tables, by its handler's calls of the store. `TransactWriteItems` needs the
/// verbs of the writes and checks in it. `BatchGetItem` is a verb of its own. The names are those of the outputs of
/// infra/tables.yaml.
const DOES: [(&str, &[(&str, &str)]); 5] = [
    (
        "payment-processor",
        &[
            ("dynamodb:BatchGetItem", "AccountsTableArn"),
            // A decline that rests on lanes.
            ("dynamodb:ConditionCheckItem", "AccountsTableArn"),
            ("dynamodb:UpdateItem", "AccountsTableArn"),
            // A sample of the batch's ids, and the originals of refunds.
            ("dynamodb:BatchGetItem", "PaymentsTableArn"),
            ("dynamodb:PutItem", "PaymentsTableArn"),
            ("dynamodb:BatchGetItem", "RefundsTableArn"),
            ("dynamodb:UpdateItem", "RefundsTableArn"),
            ("dynamodb:PutItem", "DeadLettersTableArn"),
        ],
    ),
    (
        "account-processor",
        &[
            ("dynamodb:BatchGetItem", "AccountsTableArn"),
            // The preconditions of a decision that changes nothing.
            ("dynamodb:ConditionCheckItem", "AccountsTableArn"),
            ("dynamodb:PutItem", "AccountsTableArn"),
            ("dynamodb:UpdateItem", "AccountsTableArn"),
            // If there are more lanes than one transaction takes, the command is written last, but must be new before.
            ("dynamodb:ConditionCheckItem", "AccountCommandsTableArn"),
            ("dynamodb:PutItem", "AccountCommandsTableArn"),
            ("dynamodb:PutItem", "DeadLettersTableArn"),
        ],
    ),
    (
        // The event source reads the stream with the function's role.
        "outcome-publisher",
        &[
            ("dynamodb:DescribeStream", "PaymentsStreamArn"),
            ("dynamodb:GetRecords", "PaymentsStreamArn"),
            ("dynamodb:GetShardIterator", "PaymentsStreamArn"),
            ("dynamodb:ListStreams", "*"),
        ],
    ),
    (
        "payment-api",
        &[
            ("dynamodb:BatchGetItem", "AccountsTableArn"),
            ("dynamodb:GetItem", "AccountsTableArn"),
            // A dry run reads originals, and sums of refunds.
            ("dynamodb:BatchGetItem", "PaymentsTableArn"),
            ("dynamodb:GetItem", "PaymentsTableArn"),
            ("dynamodb:BatchGetItem", "RefundsTableArn"),
            ("dynamodb:GetItem", "RefundsTableArn"),
            ("dynamodb:Query", "PaymentsTableArn/index/*"),
            // Balances at a time.
            ("dynamodb:Query", "CheckpointsTableArn"),
            ("dynamodb:GetItem", "AuditHeadsTableArn"),
        ],
    ),
    (
        "ledger-auditor",
        &[
            ("dynamodb:Scan", "AccountsTableArn"),
            ("dynamodb:Scan", "DeadLettersTableArn"),
            ("dynamodb:Scan", "AuditHeadsTableArn"),
            // The items of accounts that moved, and what their postings name.
            ("dynamodb:BatchGetItem", "AccountsTableArn"),
            ("dynamodb:BatchGetItem", "PaymentsTableArn"),
            ("dynamodb:BatchGetItem", "RefundsTableArn"),
            ("dynamodb:Query", "PaymentsTableArn/index/*"),
            // What is proved of refunds, the newest checkpoint, and the run.
            ("dynamodb:BatchGetItem", "CheckpointsTableArn"),
            ("dynamodb:Query", "CheckpointsTableArn"),
            ("dynamodb:GetItem", "CheckpointsTableArn"),
            ("dynamodb:PutItem", "CheckpointsTableArn"),
            ("dynamodb:GetItem", "AuditHeadsTableArn"),
            ("dynamodb:PutItem", "AuditHeadsTableArn"),
        ],
    ),
];

/// Each function's role has the verbs on tables that its code calls, and no others.
pub(super) fn permissions(root: &Value) -> Vec<String> {
    let resources = root["Resources"].as_object().unwrap().values();
    let mut faults = Vec::new();
    for function in resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function") {
        let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap();
        let policies = function["Properties"]["Policies"].as_array().unwrap();
        let statements = policies.iter().filter_map(|policy| policy["Statement"].as_array()).flatten();
        let may: BTreeSet<(String, String)> = statements
            .flat_map(|statement| {
                let resources = many(&statement["Resource"]);
                many(&statement["Action"]).into_iter().flat_map(move |action| {
                    let action = action.as_str().unwrap().to_owned();
                    resources.clone().into_iter().map(move |resource| (action.clone(), table(resource)))
                })
            })
            .filter(|(action, _)| action.starts_with("dynamodb:") || action.contains('*'))
            .collect();
        let does = DOES.iter().find(|(name, _)| *name == binary).map(|(_, does)| *does).unwrap_or_default();
        let does: BTreeSet<(String, String)> =
            does.iter().map(|(action, table)| ((*action).to_owned(), (*table).to_owned())).collect();
        for (action, table) in does.difference(&may) {
            faults.push(format!("{binary} calls {action} on {table}, and its role doesn't allow it"));
        }
        for (action, table) in may.difference(&does) {
            faults.push(format!("the role of {binary} allows {action} on {table}, which it never calls"));
        }
    }
    faults
}

fn many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

/// What a policy's resource is: the name of an output of infra/tables.yaml.
fn table(resource: &Value) -> String {
    let output = |value: &Value| value["Fn::GetAtt"][1].as_str().unwrap_or_default().replace("Outputs.", "");
    match (&resource["Fn::Sub"], resource.as_str()) {
        (Value::Array(sub), _) => sub[0].as_str().unwrap().replace("${Table}", &output(&sub[1]["Table"])),
        (_, Some(text)) => text.to_owned(),
        _ => output(resource),
    }
}

/// The table of permissions in docs/deploy.md says for each function what the template gives it.
#[test]
fn the_document_tells_every_permission_on_tables() {
    const WORDS: [(&str, &str); 8] = [
        ("accounts", "AccountsTableArn"),
        ("account-commands", "AccountCommandsTableArn"),
        ("payments", "PaymentsTableArn"),
        ("refunds", "RefundsTableArn"),
        ("indexes", "PaymentsTableArn/index/*"),
        ("dead-letters", "DeadLettersTableArn"),
        ("checkpoints", "CheckpointsTableArn"),
        ("audit-heads", "AuditHeadsTableArn"),
    ];
    let document = std::fs::read_to_string(Path::new(crate::ROOT).join("docs/deploy.md")).unwrap();
    for (function, does) in DOES.into_iter().filter(|(function, _)| *function != "outcome-publisher") {
        let begins = format!("| `{function}` | ");
        let row = document.lines().find_map(|line| line.strip_prefix(&begins)).unwrap();
        let mut told = BTreeSet::new();
        for (verbs, tables) in row.split(';').filter_map(|part| part.split_once(" on ")) {
            for (word, table) in WORDS {
                if tables.split(|c: char| !c.is_ascii_lowercase() && c != '-').any(|named| named == word) {
                    told.extend(verbs.split('`').skip(1).step_by(2).map(|verb| (format!("dynamodb:{verb}"), table)));
                }
            }
        }
        let does: BTreeSet<_> = does.iter().map(|(verb, table)| ((*verb).to_owned(), *table)).collect();
        assert_eq!(told, does, "docs/deploy.md on {function}");
    }
}
