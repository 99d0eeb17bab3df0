//! What: Finds the route of a request. It is pure.
//!
//! Of the routes that fit, it takes the most specific one. Fixed parts come before variables, a variable of one part
//! before a greedy one, a method before `ANY`, and `$default` last.
//!
//! Source: Amazon API Gateway developer guide, "Create routes for HTTP APIs".

use std::cmp::Reverse;

use giro_template::Route;
use percent_encoding::percent_decode_str;

/// Routes, the most specific ones first.
pub(super) struct Routes(Vec<Known>);

struct Known {
    key: String,
    function: String,
    /// `None` takes any method.
    method: Option<String>,
    /// `None` takes any path.
    path: Option<Vec<Part>>,
}

/// Ordered by how specific it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Greedy(String),
    Variable(String),
    Fixed(String),
}

/// The route that a request takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'r> {
    pub(super) key: &'r str,
    pub(super) function: &'r str,
    /// The path's variables, by name, decoded.
    pub(super) variables: Vec<(&'r str, String)>,
}

impl Routes {
    pub(super) fn new(routes: &[Route]) -> anyhow::Result<Self> {
        let mut known = routes.iter().map(read).collect::<anyhow::Result<Vec<Known>>>()?;
        known.sort_by_key(|route| Reverse((route.path.clone(), route.method.is_some())));
        Ok(Self(known))
    }

    pub(super) fn find(&self, method: &str, path: &str) -> Option<Found<'_>> {
        self.0.iter().find_map(|route| {
            if route.method.as_ref().is_some_and(|own| own != method) {
                return None;
            }
            let variables = route.path.as_ref().map_or_else(|| Some(Vec::new()), |parts| fit(parts, path))?;
            Some(Found { key: &route.key, function: &route.function, variables })
        })
    }
}

fn read(route: &Route) -> anyhow::Result<Known> {
    let (key, function) = (route.key.clone(), route.function.clone());
    if key == "$default" {
        return Ok(Known { key, function, method: None, path: None });
    }
    let Some((method, path)) = key.split_once(' ').filter(|(_, path)| path.starts_with('/')) else {
        anyhow::bail!("the route {key}: expected a method and a path, or $default");
    };
    let part = |text: &str| match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        None => Part::Fixed(text.to_owned()),
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Part::Greedy(name.to_owned()),
            None => Part::Variable(name.to_owned()),
        },
    };
    let path = path.split('/').skip(1).map(part).collect();
    Ok(Known { method: Some(method.to_owned()).filter(|method| method != "ANY"), path: Some(path), key, function })
}

/// The variables of a path that fits.
fn fit<'r>(parts: &'r [Part], path: &str) -> Option<Vec<(&'r str, String)>> {
    let mut rest = path.strip_prefix('/').map(|path| path.split('/').collect::<Vec<_>>())?;
    rest.reverse();
    let mut variables = Vec::new();
    for part in parts {
        match part {
            Part::Greedy(name) => {
                rest.reverse();
                variables.push((name.as_str(), decoded(&rest.join("/"))));
                return (!rest.is_empty()).then_some(variables);
            }
            Part::Fixed(text) => {
                if rest.pop()? != text {
                    return None;
                }
            }
            Part::Variable(name) => {
                let value = rest.pop().filter(|value| !value.is_empty())?;
                variables.push((name.as_str(), decoded(value)));
            }
        }
    }
    rest.is_empty().then_some(variables)
}

/// Undoes percent-encoding; what makes no UTF-8 keeps replacement characters.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &str, expected: &str) {
        let keys = [
            "$default",
            "ANY /files/{rest+}",
            "GET /payments/{id}",
            "GET /payments/new",
            "ANY /payments/{id}",
            "POST /payments",
            "GET /accounts/{id}/statement",
        ];
        let routes: Vec<Route> = keys.iter().map(|key| Route { key: (*key).into(), function: "f".into() }).collect();
        let routes = Routes::new(&routes).unwrap();
        let (method, path) = request.split_once(' ').unwrap();
        let found = routes.find(method, path).unwrap();
        assert_eq!(format!("{} {:?}", found.key, found.variables), expected, "{request}");
    }

    #[test]
    fn the_most_specific_route_is_taken() {
        check("GET /payments/p1", r#"GET /payments/{id} [("id", "p1")]"#);
        check("GET /payments/new", "GET /payments/new []");
        check("PUT /payments/p1", r#"ANY /payments/{id} [("id", "p1")]"#);
        check("POST /payments", "POST /payments []");
        check("POST /payments/", "$default []");
        check("GET /payments/a%2Fb%20c", r#"GET /payments/{id} [("id", "a/b c")]"#);
        check("GET /payments/a+b%zz%4%", r#"GET /payments/{id} [("id", "a+b%zz%4%")]"#);
        check("GET /payments/%+f", r#"GET /payments/{id} [("id", "%+f")]"#);
        check("GET /payments/%E2%82%AC%ff", "GET /payments/{id} [(\"id\", \"€\u{fffd}\")]");
        check("GET /accounts/x/statement", r#"GET /accounts/{id}/statement [("id", "x")]"#);
        check("GET /accounts/x", "$default []");
        check("GET /files/a/b", r#"ANY /files/{rest+} [("rest", "a/b")]"#);
        check("GET /", "$default []");
    }

    #[test]
    fn without_a_default_some_requests_have_no_route() {
        let route = |key: &str| Route { key: key.into(), function: "f".into() };
        let routes = Routes::new(&[route("POST /payments")]).unwrap();
        assert_eq!(routes.find("GET", "/payments"), None);
        assert_eq!(routes.find("POST", "/"), None);
        assert!(Routes::new(&[route("payments")]).is_err());
    }
}
