//! The edge before the HTTP API: what it refuses, and that nobody gets around it. Its stack stands alone in us-east-1,
//! so `template.yaml` doesn't nest it.

use std::collections::BTreeMap;
use std::path::Path;

use giro_template::{Templates, read_yaml};
use serde_json::json;

use super::Texts;
use super::mistakes::check;

fn text() -> String {
    std::fs::read_to_string(Path::new(crate::ROOT).join("infra/edge.yaml")).unwrap()
}

/// Everything by which somebody would reach the API around its edge.
pub(super) fn faults(texts: &Texts) -> Vec<String> {
    let root = read_yaml(&texts["template.yaml"]).unwrap();
    let resources = &root["Resources"];
    let mut faults = Vec::new();
    if resources["HttpApi"]["Properties"]["DisableExecuteApiEndpoint"]
        != json!({"Fn::If": ["HasApiDomain", true, false]})
    {
        faults.push("the HTTP API has another address beside ApiDomainName (DisableExecuteApiEndpoint)".into());
    }
    let domain = &resources["HttpApiDomain"]["Properties"];
    if domain["MutualTlsAuthentication"]["TruststoreUri"]["Ref"] != "ApiTruststoreUri" {
        faults.push("ApiDomainName asks nobody for a certificate (MutualTlsAuthentication)".into());
    }
    if domain["DomainNameConfigurations"][0]["SecurityPolicy"] != "TLS_1_2" {
        faults.push("ApiDomainName takes old TLS".into());
    }
    faults
}

/// Everything that is wrong with the edge itself.
fn edge_faults(text: &str) -> Vec<String> {
    let edge = read_yaml(text).unwrap();
    let resources = &edge["Resources"];
    let mut faults = Vec::new();
    let config = &resources["Distribution"]["Properties"]["DistributionConfig"];
    let origin = &config["Origins"][0];
    if origin["DomainName"]["Ref"] != "ApiDomainName"
        || origin["CustomOriginConfig"]["OriginMtlsConfig"]["ClientCertificateArn"]["Ref"] != "ApiClientCertificateArn"
        || origin["CustomOriginConfig"]["OriginProtocolPolicy"] != "https-only"
    {
        faults.push("CloudFront shows the API no certificate".into());
    }
    if config["WebACLId"]["Fn::GetAtt"] != json!(["Acl", "Arn"]) {
        faults.push("CloudFront asks no web ACL".into());
    }
    // AWS's own policy that caches nothing. An answer of a cache would be another client's.
    if config["DefaultCacheBehavior"]["CachePolicyId"] != "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" {
        faults.push("CloudFront keeps answers".into());
    }
    let acl = &resources["Acl"]["Properties"];
    if acl["Scope"] != "CLOUDFRONT" || edge["Rules"]["Region"]["Assertions"][0]["Assert"].is_null() {
        faults.push("the web ACL is none that CloudFront takes".into());
    }
    let limits = acl["Rules"].as_array().into_iter().flatten().filter(|rule| !rule["Action"]["Block"].is_null());
    let limits: Vec<(&str, &str)> = limits
        .map(|rule| &rule["Statement"]["RateBasedStatement"])
        .map(|it| (it["Limit"]["Ref"].as_str().unwrap_or("none"), it["AggregateKeyType"].as_str().unwrap_or("none")))
        .collect();
    if limits != [("RequestsOfAddressMax", "IP"), ("RequestsOfTokenMax", "CUSTOM_KEYS")] {
        faults.push("a client may send as much as it likes".into());
    }
    let hidden = resources["AclLogging"]["Properties"]["RedactedFields"].as_array().map_or(0, Vec::len);
    if hidden != 3 {
        faults.push("the web ACL logs paths, queries or tokens".into());
    }
    faults
}

#[test]
fn a_way_around_the_edge_is_named() {
    let file = "template.yaml";
    for (right, wrong, named) in [
        (
            "DisableExecuteApiEndpoint: !If [HasApiDomain, true, false]",
            "DisableExecuteApiEndpoint: false",
            "the HTTP API has another address beside ApiDomainName",
        ),
        ("        TruststoreUri: !Ref ApiTruststoreUri\n", "", "ApiDomainName asks nobody for a certificate"),
        ("SecurityPolicy: TLS_1_2", "SecurityPolicy: TLS_1_0", "ApiDomainName takes old TLS"),
    ] {
        check(file, right, wrong, named);
    }
}

#[test]
fn an_edge_that_lets_all_through_is_named() {
    let right = text();
    assert_eq!(edge_faults(&right), Vec::<String>::new());
    for (from, to, named) in [
        (
            "              OriginMtlsConfig: { ClientCertificateArn: !Ref ApiClientCertificateArn }\n",
            "",
            "no certificate",
        ),
        ("        WebACLId: !GetAtt Acl.Arn\n", "", "CloudFront asks no web ACL"),
        ("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "658327ea-f89d-4fab-a63d-7e88639e58f6", "CloudFront keeps answers"),
        ("Scope: CLOUDFRONT", "Scope: REGIONAL", "the web ACL is none that CloudFront takes"),
        ("Limit: !Ref RequestsOfAddressMax", "Limit: 2000000000", "a client may send as much as it likes"),
        ("AggregateKeyType: CUSTOM_KEYS", "AggregateKeyType: IP", "a client may send as much as it likes"),
        ("        - SingleHeader: { Name: authorization }\n", "", "the web ACL logs paths, queries or tokens"),
    ] {
        assert!(right.contains(from), "{from}");
        let found = edge_faults(&right.replacen(from, to, 1));
        assert!(found.iter().any(|fault| fault.contains(named)), "{from}: {found:?}");
    }
}

#[test]
fn a_domain_of_ones_own_asks_for_certificates() {
    let refused = |given: &[(&str, &str)]| {
        let given: BTreeMap<_, _> = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Templates::Embedded.blueprint(&given).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let (domain, certificate) = (("ApiDomainName", "api.example.com"), ("ApiCertificateArn", "arn:x"));
    let truststore = ("ApiTruststoreUri", "s3://bank/clients.pem");
    assert_eq!(refused(&[domain, certificate, truststore]), "");
    assert!(refused(&[domain, truststore]).contains("Rules.ApiDomain: ApiDomainName needs ApiCertificateArn"));
    assert!(refused(&[domain, certificate]).contains("Rules.ApiDomain: ApiDomainName needs ApiTruststoreUri"));
    assert!(refused(&[truststore]).contains("Rules.NoApiDomain: ApiTruststoreUri needs ApiDomainName"));
    assert!(refused(&[("ApiTruststoreUri", "bucket/clients.pem")]).contains("such as s3://bucket/clients.pem"));
}
