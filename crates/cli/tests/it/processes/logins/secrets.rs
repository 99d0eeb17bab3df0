//! Secrets Manager, as far as a function asks it: one call, by the secret's name.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};

/// Holds these secrets. Gives its endpoint, and ends with the test.
pub(super) async fn serve(secrets: BTreeMap<String, String>) -> String {
    let secrets = Arc::new(secrets);
    let answer = move |body: Bytes| {
        let asked: Value = serde_json::from_slice(&body).unwrap();
        let id = asked["SecretId"].as_str().unwrap_or_default().to_owned();
        let found = secrets.get(&id).map(|text| json!({ "ARN": id, "Name": id, "SecretString": text }).to_string());
        let missing = || (StatusCode::BAD_REQUEST, json!({ "__type": "ResourceNotFoundException" }).to_string());
        async move { found.map_or_else(missing, |text| (StatusCode::OK, text)) }
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    endpoint
}
