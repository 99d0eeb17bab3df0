//! What: The HTTP API in front of the functions, like API Gateway's HTTP APIs: routes of the template, payload format
//! 2.0.
//!
//! | part | where |
//! |---|---|
//! | which route a request takes | `route` |
//! | request to event, response to answer | `event` |
//! | who calls | `caller` |
//! | HTTP on one side, the Invoke call on the other | here |
//!
//! | when | answer |
//! |---|---|
//! | no route | 404 |
//! | the body is over 10 MB, or the event over 6 MB | 413 |
//! | the function fails, or its response can't be used | 500 |
//! | the function takes longer than 30 s, or Lambda isn't reached | 503 |
//!
//! Limits: There is no login, because AWS runs the template's authorizer. Every caller is the one of
//! `giro up --as`. There is no CORS and no custom domain, and
//! one stage.
//!
//! Source: Amazon API Gateway developer guide, "Working with Lambda proxy integrations for HTTP APIs", quotas.

mod caller;
mod event;
mod route;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::invoke::{InvokeError, Invoker};
use super::lambda::PAYLOAD_BYTES_MAX;
use super::{LocalError, OrLocalError};
pub use caller::Caller;
use giro_template::Route;
use route::Routes;

/// The largest body of a request.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// How long an integration may take.
const INTEGRATION_MAX: Duration = Duration::from_secs(30);

/// The HTTP API, listening.
#[derive(Debug)]
pub struct HttpApi {
    endpoint: String,
    router: Router,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

struct Front {
    routes: Routes,
    functions: HashMap<String, Invoker>,
    /// The claims of every caller. `None`: the API asks for no token.
    claims: Option<BTreeMap<String, String>>,
}

/// Takes a port, 0 for a free one, for an HTTP API to listen on.
///
/// # Errors
/// [`LocalError::Asked`] if the port is taken or isn't ours to take; [`LocalError::Engine`] if no port is free.
pub async fn listen(port: u16) -> Result<TcpListener, LocalError> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    if port == 0 {
        return listener.context("taking a free port for the HTTP API").or_engine();
    }
    listener.map_err(|error| {
        LocalError::Asked(anyhow!(
            "--http-port {port}: the HTTP API can't listen there: {error}. Name another port, or leave --http-port out for \
             a free one"
        ))
    })
}

impl HttpApi {
    /// Answers who comes to `listener`. `timeout` says how long a function's invocation may
    /// take. `claims` are those of every caller's token, if the API asks for one.
    ///
    /// # Errors
    /// [`LocalError::Asked`] if a route isn't understood, or the Invoke call can't be used.
    pub async fn start(
        listener: TcpListener,
        routes: &[Route],
        lambda_endpoint: &str,
        timeout: impl Fn(&str) -> Duration,
        claims: Option<BTreeMap<String, String>>,
    ) -> Result<Self, LocalError> {
        let mut functions = HashMap::new();
        for route in routes {
            let timeout = timeout(&route.function).min(INTEGRATION_MAX);
            let invoker = Invoker::new(Some(lambda_endpoint), &route.function, timeout).await.or_asked()?;
            functions.insert(route.function.clone(), invoker);
        }
        let front = Arc::new(Front { routes: Routes::new(routes).or_asked()?, functions, claims });
        let endpoint = format!("http://{}", listener.local_addr().or_engine()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new().fallback(answer).with_state(front);
        let served = router.clone();
        let server = tokio::spawn(async move {
            tokio::select! {
                _ = axum::serve(listener, served) => {}
                _ = stopped => {}
            }
        });
        Ok(Self { endpoint, router, stop, server })
    }

    /// What answers, for another server to hand requests to.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Where it listens, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Stops listening.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.server.await;
    }
}

async fn answer(State(front): State<Arc<Front>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Some(found) = front.routes.find(head.method.as_str(), head.uri.path()) else {
        return refuse(StatusCode::NOT_FOUND, "Not Found");
    };
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long");
    };
    let event = event::encode(&head, &body, &found, front.claims.as_ref());
    if event.len() > PAYLOAD_BYTES_MAX {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long");
    }
    let Some(function) = front.functions.get(found.function) else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    match function.invoke(event).await {
        Ok(response) => event::decode(&response).unwrap_or_else(|expected| {
            tracing::warn!(function = found.function, "the response can't be used: {expected}");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }),
        Err(InvokeError::Function { said: failure, .. }) => {
            tracing::warn!(function = found.function, failure, "an invocation failed");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Err(InvokeError::NoFunction(failure) | InvokeError::Refused(failure) | InvokeError::Unanswered(failure)) => {
            tracing::warn!(function = found.function, failure, "an invocation did not come back");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    }
}

/// An answer of API Gateway's own.
fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    let body = serde_json::json!({ "message": message }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = axum::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, json);
    response
}
