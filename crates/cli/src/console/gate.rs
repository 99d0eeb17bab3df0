//! What: Lets in who may ask, and says to the browser what the page may do.
//!
//! | a request | is refused with |
//! |---|---|
//! | to another host than the console's own: a page of elsewhere, by a name that leads here | 403 |
//! | of a browser, for a page of elsewhere | 403 |
//! | that changes something, where nothing may be changed | 403 |
//! | that changes something, without the token | 401 |
//!
//! Invariants: No answer goes out without the headers of [`HEADERS`]. No script runs that this program doesn't hold. No
//! other page can show this one in a frame.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;

use super::refusal::Refusal;

/// The header in which the page sends the token.
const TOKEN: HeaderName = HeaderName::from_static("x-giro-token");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The headers of every answer.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Who is let in.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    /// The port of the console.
    pub(super) port: u16,
    /// What a request must hold that changes something. `None`: nothing may be changed.
    pub(super) token: Option<String>,
}

impl Gate {
    fn refuses(&self, request: &Request) -> Option<Refusal> {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if ![format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)].contains(&host.to_owned()) {
            let error = format!("The console answers at 127.0.0.1:{} alone.", self.port);
            return Some(Refusal::new(StatusCode::FORBIDDEN, error));
        }
        // What a browser says of the page that asks. Other programs don't say it.
        let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
        if site.is_some_and(|site| ![&b"same-origin"[..], b"none"].contains(&site)) {
            return Some(Refusal::new(StatusCode::FORBIDDEN, "Another page may not ask the console."));
        }
        if [Method::GET, Method::HEAD].contains(request.method()) {
            return None;
        }
        let Some(token) = &self.token else {
            return Some(Refusal::new(StatusCode::FORBIDDEN, "This console is for reading: it changes nothing."));
        };
        let given = request.headers().get(TOKEN).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_right = is_equal(given, token.as_bytes());
        let error = "What changes something needs the token: open the address that `giro status console` prints.";
        (!is_right).then(|| Refusal::new(StatusCode::UNAUTHORIZED, error))
    }
}

/// Compares all bytes, so that the time doesn't tell where two texts differ.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// Refuses a request, or has it answered.
pub(super) async fn gate(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response<Body> {
    let mut response = match gate.refuses(&request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_elsewhere_may_ask_for_nothing() {
        let gate = Gate { port: 80, token: Some("abc".into()) };
        for (site, is_refused) in [("same-origin", false), ("none", false), ("same-site", true), ("cross-site", true)] {
            let request = axum::http::Request::builder().uri("/").header("host", "localhost:80");
            let request = request.header("Sec-Fetch-Site", site).body(Body::empty()).unwrap();
            assert_eq!(gate.refuses(&request).is_some(), is_refused, "{site}");
        }
    }

    #[test]
    fn who_may_ask_for_what() {
        let whole = Gate { port: 80, token: Some("abc".into()) };
        let reading = Gate { port: 80, token: None };
        for (gate, method, host, token, refused) in [
            (&whole, "GET", "127.0.0.1:80", None, None),
            (&whole, "HEAD", "localhost:80", None, None),
            (&whole, "GET", "127.0.0.1:81", None, Some(403)),
            (&whole, "GET", "evil.example", Some("abc"), Some(403)),
            (&whole, "GET", "", None, Some(403)),
            (&whole, "POST", "127.0.0.1:80", None, Some(401)),
            (&whole, "POST", "127.0.0.1:80", Some("abd"), Some(401)),
            (&whole, "DELETE", "127.0.0.1:80", Some("abcd"), Some(401)),
            (&whole, "OPTIONS", "127.0.0.1:80", Some(""), Some(401)),
            (&whole, "POST", "127.0.0.1:80", Some("abc"), None),
            (&reading, "POST", "127.0.0.1:80", Some("abc"), Some(403)),
            (&reading, "GET", "127.0.0.1:80", None, None),
        ] {
            let mut request = axum::http::Request::builder().method(method).uri("/");
            request = request.header("host", host);
            if let Some(token) = token {
                request = request.header("X-Giro-Token", token);
            }
            let request = request.body(Body::empty()).unwrap();
            let status = gate.refuses(&request).map(|refusal| refusal.status.as_u16());
            assert_eq!(status, refused, "{method} at {host} with {token:?}");
        }
    }
}
