//! `examples/giro.http`: each of its requests is one that `docs/openapi.yaml` has, and each that it has is there. On a
//! stack each is answered as its title says.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use giro::domain::OverdraftLimit;
use giro::handlers::payment_api::ROUTES;
use giro_cli::local::stack::{KafkaEngine, PAYMENT_PROCESSOR, Run, Stack, StackOptions};

use crate::processes::stack::{http_with, ledger, open, options};

/// One request of the file.
#[derive(Debug)]
struct Request {
    title: String,
    status: u16,
    method: String,
    /// With its query.
    path: String,
    headers: String,
    body: String,
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(crate::ROOT).join(file)).unwrap()
}

/// As editors read the file: `###` and a title begin a request, and a blank line ends its headers.
fn requests() -> Vec<Request> {
    let text = read("examples/giro.http");
    let (head, _) = text.split_once("\n###").unwrap();
    assert!(head.lines().any(|line| line == "@api = http://127.0.0.1:3000"), "{head}");
    let request = |text: &str| {
        let (title, rest) = text.split_once('\n').unwrap();
        let (title, status) = title.trim().rsplit_once(": ").unwrap_or_else(|| panic!("no status: {title}"));
        let (head, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
        let (asked, headers) = head.split_once('\n').unwrap_or((head, ""));
        let (method, path) = asked.trim().split_once(" {{api}}").unwrap_or_else(|| panic!("{title}: {asked}"));
        // The client of these tests has a Content-Type of its own.
        let headers: String = headers.lines().filter(|line| *line != "Content-Type: application/json").collect();
        Request {
            title: title.into(),
            status: status.parse().unwrap(),
            method: method.into(),
            path: path.into(),
            headers: if headers.is_empty() { headers } else { headers + "\r\n" },
            body: body.trim().into(),
        }
    };
    text.split("\n### ").skip(1).map(request).collect()
}

/// The operations of the description, such as `GET /payments/{payment_id}`.
fn operations() -> BTreeSet<(String, String)> {
    let text = read("docs/openapi.yaml");
    let mut path = "";
    let mut operations = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("  /").and_then(|rest| rest.strip_suffix(':')) {
            path = name;
        } else if let Some(method @ ("get" | "head" | "post" | "put" | "delete" | "patch")) =
            line.strip_prefix("    ").and_then(|rest| rest.strip_suffix(':'))
        {
            operations.insert((method.to_uppercase(), format!("/{path}")));
        }
    }
    operations
}

fn fits(path: &str, pattern: &str) -> bool {
    let (path, pattern): (Vec<&str>, Vec<&str>) =
        (path.split('?').next().unwrap().split('/').collect(), pattern.split('/').collect());
    path.len() == pattern.len() && path.iter().zip(pattern).all(|(part, of)| of.starts_with('{') || *part == of)
}

#[test]
fn the_file_has_every_operation_and_no_other() {
    let operations = operations();
    // What was read of the description is all that it has.
    let routes = ROUTES.iter().flat_map(|(path, methods)| methods.split(", ").map(move |method| (method, path)));
    let routes: BTreeSet<(String, String)> =
        routes.map(|(method, path)| (method.to_owned(), (*path).to_string())).collect();
    assert_eq!(operations, routes);
    let mut missing = operations.clone();
    for request in requests() {
        let known = operations.iter().find(|(method, path)| *method == request.method && fits(&request.path, path));
        missing.remove(known.unwrap_or_else(|| panic!("docs/openapi.yaml doesn't have {request:?}")));
    }
    assert_eq!(missing, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_answered_as_its_title_says() {
    let run = Run::Only(["payment-api", PAYMENT_PROCESSOR].map(str::to_owned).to_vec());
    let options = StackOptions { run, batch_window: Some(Duration::from_millis(10)), ..options(KafkaEngine::Embedded) };
    let stack = Stack::start(options).await.unwrap();
    let ledger = ledger(&stack).await;
    open(&ledger, "bank", OverdraftLimit::Unlimited).await;
    open(&ledger, "alice", OverdraftLimit::Limited(0)).await;
    let endpoint = stack.endpoints().http.clone().unwrap();
    for request in requests() {
        let asked = format!("{} {}", request.method, request.path);
        let answered = async {
            loop {
                let (status, head, body) = http_with(&endpoint, &asked, &request.headers, &request.body).await;
                // An outcome comes a moment later.
                if status != 404 || request.status == 404 || request.method == "POST" {
                    return (status, head, body);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let answered = tokio::time::timeout(Duration::from_secs(30), answered).await;
        let (status, head, body) = answered.unwrap_or_else(|_| panic!("{request:?} stays 404"));
        assert_eq!(status, request.status, "{}: {head}{body}", request.title);
    }
    stack.stop().await.unwrap();
}
