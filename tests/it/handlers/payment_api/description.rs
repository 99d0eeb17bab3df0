//! The API against its description, docs/openapi.yaml.

use std::collections::BTreeSet;

use giro::domain::sight::Withheld;
use giro::domain::{AccountStatus, Decline};
use giro::handlers::payment_api::{BODY_BYTES_MAX, ROUTES};
use giro::handlers::queries::{PAGE_POSTINGS, PAGE_POSTINGS_MAX};
use giro::wire::http::Response;
use giro::wire::problem::Problem;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use super::problem;

fn openapi() -> Yaml<'static> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.yaml");
    let text: &'static str = std::fs::read_to_string(path).unwrap().leak();
    Yaml::load_from_str(text).unwrap().remove(0)
}

/// A node below another, by names.
fn at<'y>(node: &'y Yaml<'static>, path: &[&str]) -> &'y Yaml<'static> {
    path.iter().fold(node, |node, name| {
        node.as_mapping_get(name).unwrap_or_else(|| panic!("docs/openapi.yaml has no {name} in {path:?}"))
    })
}

fn keys(node: &Yaml<'static>) -> BTreeSet<String> {
    node.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()).collect()
}

fn texts(node: &Yaml<'static>) -> Vec<String> {
    node.as_vec().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Every answer of every test of the API is one that the API's description gives for that method of that route.
pub(super) fn documented(event: &Value, response: &Response) {
    thread_local!(static OPENAPI: Yaml<'static> = openapi());
    let path = event["rawPath"].as_str().unwrap().trim_start_matches("/prod");
    let route = match path.split('/').skip(1).collect::<Vec<_>>().as_slice() {
        ["payments"] => 0,
        ["payments", _] => 1,
        ["refunds"] => 2,
        ["refunds", _] => 3,
        ["accounts", _] => 4,
        ["accounts", _, "statement"] => 5,
        ["accounts", _, "balance"] => 6,
        _ => return assert_eq!(problem(response), "404 not-found"),
    };
    let method = event["requestContext"]["http"]["method"].as_str().unwrap();
    if !ROUTES[route].1.split(", ").any(|has| has == method) {
        assert_eq!(response.headers["allow"], ROUTES[route].1);
        return assert_eq!(response.status_code, 405);
    }
    OPENAPI.with(|openapi| {
        let responses = at(openapi, &["paths", ROUTES[route].0, &method.to_lowercase(), "responses"]);
        let statuses = keys(responses);
        assert!(statuses.contains(&response.status_code.to_string()), "{method} {path}: {}", response.status_code);
    });
}

/// The description names what there is: routes, methods, problems, decline reasons, bounds.
#[test]
fn the_description_is_in_step_with_the_code() {
    let openapi = openapi();
    let mut described = BTreeSet::new();
    for path in keys(at(&openapi, &["paths"])) {
        for method in keys(at(&openapi, &["paths", &path])).into_iter().filter(|key| key != "parameters") {
            described.insert((path.clone(), method.to_uppercase()));
        }
    }
    let methods = |(path, methods): (&str, &'static str)| {
        let path = path.to_owned();
        methods.split(", ").map(move |method| (path.clone(), method.to_owned()))
    };
    assert_eq!(described, ROUTES.into_iter().flat_map(methods).collect());

    let schemas = at(&openapi, &["components", "schemas"]);
    let types: Vec<String> = Problem::ALL.iter().map(|row| row.0.type_uri()).collect();
    assert_eq!(texts(at(schemas, &["Problem", "properties", "type", "enum"])), types);
    // A reason that names a period has a row for each.
    let mut declines: Vec<String> = Decline::ALL.iter().map(|row| row.1.to_owned()).collect();
    declines.dedup();
    declines.extend(Withheld::ALL.map(|row| row.1.to_owned()));
    assert_eq!(texts(at(schemas, &["Reason", "properties", "name", "enum"])), declines);
    let statuses: Vec<String> = AccountStatus::ALL.iter().map(|status| status.name().to_owned()).collect();
    assert_eq!(texts(at(schemas, &["Account", "properties", "status", "enum"])), statuses);

    let number = |node: &Yaml<'static>| node.as_integer().unwrap();
    assert_eq!(number(at(schemas, &["Amount", "maximum"])), i64::try_from(giro::domain::money::AMOUNT_MAX).unwrap());
    let longest = giro::domain::payment::REFERENCE_CHARACTERS_MAX;
    assert_eq!(number(at(schemas, &["Reference", "maxLength"])), i64::try_from(longest).unwrap());
    let parameters = at(&openapi, &["paths", "/accounts/{account_id}/statement", "parameters"]);
    let limit = parameters
        .as_vec()
        .unwrap()
        .iter()
        .find(|one| one.as_mapping_get("name").and_then(Yaml::as_str) == Some("limit"));
    let limit = at(limit.unwrap(), &["schema"]);
    assert_eq!(number(at(limit, &["maximum"])), i64::try_from(PAGE_POSTINGS_MAX).unwrap());
    assert_eq!(number(at(limit, &["default"])), i64::try_from(PAGE_POSTINGS).unwrap());
    let body = at(&openapi, &["paths", "/payments", "post", "requestBody", "description"]).as_str().unwrap();
    assert!(body.contains(&BODY_BYTES_MAX.to_string()), "{body}");
    assert_eq!(at(schemas, &["Id", "pattern"]).as_str(), Some("^[A-Za-z0-9._:-]{1,64}$"));
    assert_eq!(texts(at(schemas, &["Id", "not", "enum"])), [".", ".."]);
}
