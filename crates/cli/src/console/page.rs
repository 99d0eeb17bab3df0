//! What: The files of the page, as this program holds them.

use axum::body::Body;
use axum::http::{HeaderValue, Response, Uri, header};
use axum::response::IntoResponse;

use super::refusal::Refusal;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Each file: its path, its type, and what it holds.
const FILES: [(&str, &str, &str); 19] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/console.css", CSS, include_str!("page/console.css")),
    ("/icon.svg", SVG, include_str!("page/icon.svg")),
    ("/main.js", SCRIPT, include_str!("page/main.js")),
    ("/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/api.js", SCRIPT, include_str!("page/api.js")),
    ("/money.js", SCRIPT, include_str!("page/money.js")),
    ("/words.js", SCRIPT, include_str!("page/words.js")),
    ("/live.js", SCRIPT, include_str!("page/live.js")),
    ("/overview.js", SCRIPT, include_str!("page/overview.js")),
    ("/flow.js", SCRIPT, include_str!("page/flow.js")),
    ("/plot.js", SCRIPT, include_str!("page/plot.js")),
    ("/payments.js", SCRIPT, include_str!("page/payments.js")),
    ("/send.js", SCRIPT, include_str!("page/send.js")),
    ("/accounts.js", SCRIPT, include_str!("page/accounts.js")),
    ("/letters.js", SCRIPT, include_str!("page/letters.js")),
    ("/bytes.js", SCRIPT, include_str!("page/bytes.js")),
    ("/audit.js", SCRIPT, include_str!("page/audit.js")),
    ("/explorer.js", SCRIPT, include_str!("page/explorer.js")),
];

/// Answers with the file of a path.
pub(super) async fn file(uri: Uri) -> Response<Body> {
    let Some((_, kind, text)) = FILES.iter().find(|(path, ..)| *path == uri.path()) else {
        return Refusal::not_found(format!("The console has no {}.", uri.path())).into_response();
    };
    let mut response = Response::new(Body::from(*text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_file_of_the_folder_is_served_and_each_import_is_there() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/page");
        let there = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let served = FILES.iter().map(|(path, ..)| match path.trim_start_matches('/') {
            "" => "index.html".to_owned(),
            name => name.to_owned(),
        });
        assert_eq!(BTreeSet::from_iter(served), BTreeSet::from_iter(there));
        for (path, _, text) in FILES {
            let imports = text.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
            for import in imports {
                assert!(FILES.iter().any(|(path, ..)| *path == format!("/{import}")), "{path} imports {import}");
            }
        }
    }

    #[test]
    fn each_reason_for_a_decline_has_words() {
        let words = include_str!("page/words.js");
        for (_, name, _) in giro::domain::Decline::ALL {
            assert!(words.contains(&format!("\n  {name}: \"")), "page/words.js has no words for {name}");
        }
    }

    #[test]
    fn files_are_as_short_as_those_of_rust() {
        for (path, _, text) in FILES {
            assert!(text.lines().count() <= 400, "{path} has more than 400 lines: split it by meaning");
            let long = text.lines().position(|line| line.chars().count() > 120);
            assert_eq!(long, None, "{path}: a line is longer than 120 characters");
        }
    }
}
