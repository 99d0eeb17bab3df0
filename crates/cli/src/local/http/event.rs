//! What: Writes a request as the event that API Gateway delivers, and reads a function's response as an answer. It is
//! pure.
//!
//! The payload format is 2.0. A body is text if its type says so, else base64, as with API Gateway.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description};

use super::caller;
use super::route::Found;

/// Writes the event of a request, of a caller with these claims.
pub(super) fn encode(
    head: &Parts,
    body: &[u8],
    found: &Found<'_>,
    claims: Option<&BTreeMap<String, String>>,
) -> String {
    let mut headers: BTreeMap<&str, String> = BTreeMap::new();
    let mut cookies = Vec::new();
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        if name == header::COOKIE {
            cookies.extend(value.split("; ").map(str::to_owned));
            continue;
        }
        join(headers.entry(name.as_str()).or_default(), &value);
    }
    let query = head.uri.query().unwrap_or_default();
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        join(parameters.entry(name.into_owned()).or_default(), &value);
    }
    let variables: BTreeMap<&str, &str> = found.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let text = std::str::from_utf8(body).ok().filter(|_| is_text(head));
    let mut event = json!({
        "version": "2.0",
        "routeKey": found.key,
        "rawPath": head.uri.path(),
        "rawQueryString": query,
        "headers": headers,
        "requestContext": request_context(head, &headers, found, claims),
        "isBase64Encoded": text.is_none() && !body.is_empty(),
    });
    let mut put = |name: &str, value: Value| event.as_object_mut().map(|event| event.insert(name.to_owned(), value));
    if !cookies.is_empty() {
        put("cookies", Value::from(cookies));
    }
    if !parameters.is_empty() {
        put("queryStringParameters", json!(parameters));
    }
    if !variables.is_empty() {
        put("pathParameters", json!(variables));
    }
    if !body.is_empty() {
        put("body", Value::from(text.map_or_else(|| STANDARD.encode(body), str::to_owned)));
    }
    event.to_string()
}

/// What API Gateway says of a request and its caller.
fn request_context(
    head: &Parts,
    headers: &BTreeMap<&str, String>,
    found: &Found<'_>,
    claims: Option<&BTreeMap<String, String>>,
) -> Value {
    let now = OffsetDateTime::now_utc();
    let (method, path) = (head.method.as_str(), head.uri.path());
    let mut context = json!({
        "accountId": "000000000000",
        "apiId": "local",
        "domainName": headers.get("host").map_or("127.0.0.1", String::as_str),
        "domainPrefix": "local",
        "http": {
            "method": method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": headers.get("user-agent").map_or("", String::as_str),
        },
        "requestId": format!("{:016x}", fastrand::u64(..)),
        "routeKey": found.key,
        "stage": "$default",
        "time": log_time(now),
        "timeEpoch": i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default(),
    });
    if let Some(claims) = claims {
        context["authorizer"] = caller::authorizer(claims);
    }
    context
}

/// If a name comes several times, its values are joined.
fn join(all: &mut String, value: &str) {
    if !all.is_empty() {
        all.push(',');
    }
    all.push_str(value);
}

fn is_text(head: &Parts) -> bool {
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(kind.as_str(), "application/json" | "application/xml" | "application/javascript")
        || kind.ends_with("+json")
}

/// `22/Nov/2026:10:00:00 +0000`
fn log_time(now: OffsetDateTime) -> String {
    let form = "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000";
    // A test holds that this is a form, and that each time has it.
    let form = format_description::parse_borrowed::<2>(form).unwrap_or_default();
    now.format(&form).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// Reads a function's response. A response with a status code is an answer, and any other is the body of one.
///
/// # Errors
/// What was expected.
pub(super) fn decode(response: &[u8]) -> Result<Response<Body>, String> {
    let value: Value = serde_json::from_slice(response).map_err(|error| format!("expected JSON: {error}"))?;
    if value.get("statusCode").is_none() {
        let mut answer = Response::new(Body::from(value.to_string()));
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Ok(answer);
    }
    let reply: Reply = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let status = StatusCode::from_u16(reply.status_code).map_err(|_| "expected a status code from 100 on")?;
    let body = match (reply.body, reply.is_base64_encoded) {
        (None, _) => Vec::new(),
        (Some(text), Some(true)) => STANDARD.decode(text).map_err(|_| "expected a body in base64")?,
        (Some(text), _) => text.into_bytes(),
    };
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    for (name, value) in reply.headers.unwrap_or_default() {
        // Numbers and flags as they are written.
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = HeaderName::try_from(&name).map_err(|_| format!("expected a header's name, got {name}"))?;
        let text = HeaderValue::try_from(text).map_err(|_| format!("expected text in the header {name}"))?;
        // The length is that of the body that is sent.
        if name != header::CONTENT_LENGTH {
            answer.headers_mut().insert(name, text);
        }
    }
    let kind = answer.headers_mut().entry(header::CONTENT_TYPE);
    kind.or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    for cookie in reply.cookies.unwrap_or_default() {
        let cookie = HeaderValue::try_from(cookie).map_err(|_| "expected text in a cookie")?;
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(request: axum::http::request::Builder, body: &[u8]) -> Value {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let found = Found { key: "GET /p/{id}", function: "f", variables: vec![("id", "7".into())] };
        let mut event: Value = serde_json::from_str(&encode(&head, body, &found, None)).unwrap();
        event["requestContext"].as_object_mut().unwrap().retain(|name, _| name == "http" || name == "stage");
        event
    }

    fn request() -> axum::http::request::Builder {
        axum::http::Request::builder().method("POST").uri("/p/7?a=1&b=x%20y+z&a=2")
    }

    #[test]
    fn a_request_has_the_shape_that_api_gateway_delivers() {
        let request = request()
            .header("X-Two", "1")
            .header("x-two", "2")
            .header("Cookie", "a=b; c=d")
            .header("Content-Type", "application/json; charset=utf-8");
        expect_test::expect![[r#"{"body":"{\"x\":1}","cookies":["a=b","c=d"],"headers":{"content-type":"application/json; charset=utf-8","x-two":"1,2"},"isBase64Encoded":false,"pathParameters":{"id":"7"},"queryStringParameters":{"a":"1,2","b":"x y z"},"rawPath":"/p/7","rawQueryString":"a=1&b=x%20y+z&a=2","requestContext":{"http":{"method":"POST","path":"/p/7","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":""},"stage":"$default"},"routeKey":"GET /p/{id}","version":"2.0"}"#]]
        .assert_eq(&event(request, br#"{"x":1}"#).to_string());
    }

    #[test]
    fn a_querys_parameters_are_decoded() {
        let parameters = |query: &str| {
            let request = axum::http::Request::builder().uri(format!("/p/7?{query}"));
            event(request, b"")["queryStringParameters"].to_string()
        };
        for (query, expected) in [
            ("", "null"),
            ("&&", "null"),
            ("b=1&a=2&b=3&", r#"{"a":"2","b":"1,3"}"#),
            ("a&b=&=c", r#"{"":"c","a":"","b":""}"#),
            ("a=b=c&d=1;e=2", r#"{"a":"b=c","d":"1;e=2"}"#),
            ("a%3Db=%26&c+d=e+%2B", r#"{"a=b":"&","c d":"e +"}"#),
            ("a=%&b=%4&c=%zz", r#"{"a":"%","b":"%4","c":"%zz"}"#),
            ("a=%+f", r#"{"a":"% f"}"#),
            ("a=%E2%82%AC&b=%ff", "{\"a\":\"€\",\"b\":\"\u{fffd}\"}"),
        ] {
            assert_eq!(parameters(query), expected, "{query}");
        }
    }

    #[test]
    fn the_time_of_a_request_is_written_as_logs_write_it() {
        for (at, expected) in [
            (0, "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "28/Feb/2000:23:59:59 +0000"),
            (1_795_341_600, "22/Nov/2026:10:00:00 +0000"),
            (253_402_300_799, "31/Dec/9999:23:59:59 +0000"),
        ] {
            assert_eq!(log_time(OffsetDateTime::from_unix_timestamp(at).unwrap()), expected);
        }
    }

    #[test]
    fn a_body_that_is_no_text_goes_in_base64() {
        let with = |kind: &str, body: &[u8]| {
            let event = event(request().header("Content-Type", kind), body);
            (event["body"].clone(), event["isBase64Encoded"].clone())
        };
        assert_eq!(with("text/plain", b"ab"), ("ab".into(), false.into()));
        assert_eq!(with("application/problem+json", b"ab"), ("ab".into(), false.into()));
        assert_eq!(with("application/octet-stream", b"ab"), ("YWI=".into(), true.into()));
        assert_eq!(with("application/json", b"\xff"), ("/w==".into(), true.into()));
        assert_eq!(with("application/json", b""), (Value::Null, false.into()));
    }

    fn check(response: &str, expected: &expect_test::Expect) {
        let answer = match decode(response.as_bytes()) {
            Err(fault) => format!("fault: {fault}"),
            Ok(answer) => format!("{} {:?}", answer.status().as_u16(), answer.headers()),
        };
        expected.assert_eq(&answer);
    }

    #[test]
    fn a_response_becomes_an_answer() {
        check(
            r#"{"statusCode":202,"headers":{"Location":"/p/7","n":3,"content-length":"9"},"cookies":["a=1","b=2"],"body":"{}"}"#,
            &expect_test::expect![[
                r#"202 {"location": "/p/7", "n": "3", "content-type": "text/plain; charset=utf-8", "set-cookie": "a=1", "set-cookie": "b=2"}"#
            ]],
        );
        check(r#"{"hello":1}"#, &expect_test::expect![[r#"200 {"content-type": "application/json"}"#]]);
        check("nonsense", &expect_test::expect!["fault: expected JSON: expected ident at line 1 column 2"]);
        check(r#"{"statusCode":9}"#, &expect_test::expect!["fault: expected a status code from 100 on"]);
        check(
            r#"{"statusCode":200,"isBase64Encoded":true,"body":"?"}"#,
            &expect_test::expect!["fault: expected a body in base64"],
        );
        check(
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            &expect_test::expect!["fault: expected a header's name, got a b"],
        );
    }
}
