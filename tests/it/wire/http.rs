//! Requests of an HTTP API: what their paths and queries say.

use giro::wire::http::HttpRequest;
use serde_json::json;

fn request(path: &str, query: &str) -> HttpRequest {
    let event = json!({ "rawPath": path, "rawQueryString": query, "requestContext": { "http": { "method": "GET" } } });
    serde_json::from_str(&event.to_string()).unwrap()
}

#[test]
fn a_paths_segments_are_decoded_each_by_itself() {
    let table: &[(&str, &[&str])] = &[
        ("", &[""]),
        ("/", &[""]),
        ("//", &["", ""]),
        ("/payments/", &["payments", ""]),
        ("/a%2Fb/c", &["a/b", "c"]),
        ("/%41%6c%6C", &["All"]),
        ("/%2541", &["%41"]),
        // A plus is a plus in a path.
        ("/a+b%2B", &["a+b+"]),
        // What isn't an encoded byte stays as it is.
        ("/%/%4/%zz/%+f/% f", &["%", "%4", "%zz", "%+f", "% f"]),
        ("/%E2%82%AC/€", &["€", "€"]),
        // What is no UTF-8 names nothing.
        ("/%ff/%e2%82/a%00", &["\u{fffd}", "\u{fffd}", "a\0"]),
    ];
    for (path, expected) in table {
        assert_eq!(request(path, "").path, *expected, "{path}");
    }
}

#[test]
fn a_querys_parameters_are_decoded_in_their_order() {
    let table: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("&&", &[]),
        ("a", &[("a", "")]),
        ("a=", &[("a", "")]),
        ("=b", &[("", "b")]),
        ("=", &[("", "")]),
        ("b=1&a=2&b=3&", &[("b", "1"), ("a", "2"), ("b", "3")]),
        ("a=b=c", &[("a", "b=c")]),
        ("a=1;b=2", &[("a", "1;b=2")]),
        ("a%3Db=%26", &[("a=b", "&")]),
        // A plus is a space in a query.
        ("a+b=c+%2B", &[("a b", "c +")]),
        ("%=%4&b=%zz&c=%+f", &[("%", "%4"), ("b", "%zz"), ("c", "% f")]),
        ("a=%E2%82%AC&b=€", &[("a", "€"), ("b", "€")]),
        ("a=%ff&b=%e2%82", &[("a", "\u{fffd}"), ("b", "\u{fffd}")]),
    ];
    for (query, expected) in table {
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert_eq!(request("/", query).query, expected, "{query}");
    }
}
