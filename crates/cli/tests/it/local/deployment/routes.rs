//! The routes: what the description, the API in front and the handler have.

use std::collections::BTreeSet;
use std::path::Path;

use giro_template::{Blueprint, read_yaml};
use serde_json::Value;

/// The methods and paths of docs/openapi.yaml, as API Gateway writes routes: `GET /payments/{payment_id}`.
fn described_routes() -> BTreeSet<String> {
    let file = Path::new(crate::ROOT).join("docs/openapi.yaml");
    let openapi = read_yaml(&std::fs::read_to_string(file).unwrap()).unwrap();
    let paths = openapi["paths"].as_object().unwrap();
    let methods = |(path, methods): (&String, &Value)| -> Vec<String> {
        let methods = methods.as_object().unwrap().keys().filter(|name| *name != "parameters");
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    paths.iter().flat_map(methods).collect()
}

/// The description, the HTTP API in front and the handler behind it have the same methods of the same paths.
pub(super) fn routes(blueprint: &Blueprint) -> Vec<String> {
    let described = described_routes();
    let handled = giro::handlers::payment_api::ROUTES
        .into_iter()
        .flat_map(|(path, methods)| methods.split(", ").map(move |method| format!("{method} {path}")));
    let handled: BTreeSet<String> = handled.collect();
    let in_front: BTreeSet<String> = blueprint.routes.iter().map(|route| route.key.clone()).collect();
    let elsewhere = blueprint.routes.iter().filter(|route| route.function != "payment-api");
    let missing = described
        .difference(&in_front)
        .map(|key| format!("docs/openapi.yaml has {key}, and template.yaml has no such route"));
    let secret = in_front
        .difference(&described)
        .map(|key| format!("template.yaml has the route {key}, which docs/openapi.yaml doesn't describe"));
    let unhandled = in_front
        .symmetric_difference(&handled)
        .map(|key| format!("template.yaml and payment-api don't agree on {key}"));
    let elsewhere = elsewhere.map(|route| format!("the route {} goes to {}", route.key, route.function));
    missing.chain(secret).chain(unhandled).chain(elsewhere).collect()
}
