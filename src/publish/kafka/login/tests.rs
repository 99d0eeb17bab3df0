//! What: Tests of what librdkafka is told for each login. `crates/cli/tests/it/processes/logins/` tries them at a
//! broker.

use super::*;

fn told(login: &Login) -> Vec<(String, String)> {
    let all = client_config("b:9096", login);
    // The map shows no password; the configuration does.
    let value = |name: &str| all.get(name).unwrap().to_owned();
    let mut told: Vec<_> = all.config_map().keys().map(|name| ((*name).to_owned(), value(name))).collect();
    told.retain(|(name, _)| name.starts_with("s"));
    told.sort_unstable();
    told
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn hidden(text: &str) -> Password {
    Password(text.into())
}

#[test]
fn a_user_logs_in_through_tls_by_the_mechanism_that_was_asked_for() {
    for (mechanism, name) in [
        (Mechanism::Plain, "PLAIN"),
        (Mechanism::ScramSha256, "SCRAM-SHA-256"),
        (Mechanism::ScramSha512, "SCRAM-SHA-512"),
    ] {
        let login = Login::from(Identity::User { mechanism, username: "giro".into(), password: hidden("hush") });
        let expected = [
            ("sasl.mechanism", name),
            ("sasl.password", "hush"),
            ("sasl.username", "giro"),
            ("security.protocol", "SASL_SSL"),
            ("ssl.ca.location", "probe"),
            ("ssl.endpoint.identification.algorithm", "https"),
        ];
        assert_eq!(told(&login), pairs(&expected));
    }
}

#[test]
fn a_certificate_is_shown_and_a_private_authority_takes_the_place_of_the_systems() {
    let identity = Identity::Certificate {
        certificate: Pem::Text(hidden("C")),
        key: Pem::Text(hidden("K")),
        password: Some(hidden("hush")),
    };
    let login = Login { identity, authority: Some(Pem::Text(hidden("A"))) };
    let expected = [
        ("security.protocol", "SSL"),
        ("ssl.ca.pem", "A"),
        ("ssl.certificate.pem", "C"),
        ("ssl.endpoint.identification.algorithm", "https"),
        ("ssl.key.password", "hush"),
        ("ssl.key.pem", "K"),
    ];
    assert_eq!(told(&login), pairs(&expected));
    assert!(!format!("{login:?}").contains("hush") && !format!("{login:?}").contains('K'), "{login:?}");
    let identity = Identity::Certificate {
        certificate: Pem::File("c.pem".into()),
        key: Pem::File("k.pem".into()),
        password: None,
    };
    let expected = [
        ("security.protocol", "SSL"),
        ("ssl.ca.location", "ca.pem"),
        ("ssl.certificate.location", "c.pem"),
        ("ssl.endpoint.identification.algorithm", "https"),
        ("ssl.key.location", "k.pem"),
    ];
    assert_eq!(told(&Login { identity, authority: Some(Pem::File("ca.pem".into())) }), pairs(&expected));
}

#[test]
fn nobody_asks_for_nothing() {
    assert_eq!(told(&Identity::None.into()), []);
}
