//! Who may call the HTTP API: each route asks who comes, with which scopes, and owners are told apart unless somebody
//! says otherwise.

use serde_json::{Value, json};

use super::mistakes::check;

/// What is wrong with the routes, and with how callers are told apart.
pub(super) fn callers(root: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let routes = root["Resources"].as_object().unwrap().values();
    for route in routes.filter(|resource| resource["Type"] == "AWS::ApiGatewayV2::Route") {
        let properties = &route["Properties"];
        let key = properties["RouteKey"].as_str().unwrap();
        if properties["AuthorizationType"] != json!({ "Fn::If": ["TakesJwt", "JWT", "AWS_IAM"] }) {
            faults.push(format!("{key} takes callers that nobody has checked"));
        }
        let kind = if key.starts_with("POST ") { "payments" } else { "accounts" };
        let scopes = [kind.to_owned(), format!("{kind}:any")];
        let scopes = scopes.map(|scope| json!({ "Fn::Sub": format!("${{ScopePrefix}}{scope}") }));
        if properties["AuthorizationScopes"]
            != json!({ "Fn::If": ["AsksForScopes", scopes, { "Ref": "AWS::NoValue" }] })
        {
            faults.push(format!("{key} doesn't ask for the scopes {kind} or {kind}:any"));
        }
    }
    let default = &root["Parameters"]["HttpAuthorization"]["Default"];
    if default != "owners" {
        faults.push(format!("HttpAuthorization is {default}: expected owners, so that nobody forgets it"));
    }
    faults
}

#[test]
fn a_route_for_everybody_is_named() {
    let right = "      AuthorizationType: !If [TakesJwt, JWT, AWS_IAM]\n";
    check("template.yaml", right, "      AuthorizationType: NONE\n", "takes callers that nobody has checked");
    let scope = "[!Sub \"${ScopePrefix}payments\", !Sub \"${ScopePrefix}payments:any\"]";
    let named = "POST /payments doesn't ask for the scopes payments or payments:any";
    check("template.yaml", scope, "[!Sub \"${ScopePrefix}payments\"]", named);
}

#[test]
fn a_deployment_without_owners_is_named() {
    check(
        "template.yaml",
        "    Default: owners\n",
        "    Default: open\n",
        "expected owners, so that nobody forgets it",
    );
    check("template.yaml", "          AUTHORIZATION: !Ref HttpAuthorization\n", "", "AUTHORIZATION");
}
