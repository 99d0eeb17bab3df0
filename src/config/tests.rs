//! What: Tests of what the functions read of their environment.

use super::*;
use crate::publish::broker::{Auth, Authority, Certificate, Mechanism, Password, User};

fn read<C: FromEnv>(given: &[(&str, &str)]) -> Result<C, ConfigError> {
    C::from_lookup(&|name| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

const TABLES: [(&str, &str); 3] = [("ACCOUNTS_TABLE", "a"), ("PAYMENTS_TABLE", "p"), ("DEAD_LETTERS_TABLE", "d")];

#[test]
fn every_fault_is_told_at_once() {
    let error = read::<PaymentProcessorConfig>(&[
        ("ACCOUNTS_TABLE", "accounts"),
        ("PAYMENTS_TABLE", ""),
        ("PARTIAL_BATCH_RESPONSE", "yes"),
        ("REQUESTS_PARTITIONS", "0"),
    ]);
    expect_test::expect![[r#"
        the environment is not complete:
          PAYMENTS_TABLE is not set: expected the name of the payments table
          DEAD_LETTERS_TABLE is not set: expected the name of the dead letters table
          PARTIAL_BATCH_RESPONSE is not understood: expected true or false
          REQUESTS_PARTITIONS is not understood: expected a whole number from 1 on"#]]
    .assert_eq(&error.unwrap_err().to_string());
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    fn check<C: FromEnv + PartialEq + std::fmt::Debug>() {
        assert_eq!(C::from_lookup(&|_| Some(String::new())), C::from_lookup(&|_| None));
    }
    check::<PaymentProcessorConfig>();
    check::<AccountProcessorConfig>();
    check::<OutcomePublisherConfig>();
    check::<PaymentApiConfig>();
    check::<PaymentCanaryConfig>();
    check::<LedgerAuditorConfig>();
    check::<AccessConfig>();
}

#[test]
fn partial_responses_are_off_unless_asked_for() {
    assert!(!read::<PaymentProcessorConfig>(&TABLES).unwrap().partial_batch_response);
    let with =
        |value| read::<PaymentProcessorConfig>(&[TABLES[0], TABLES[1], TABLES[2], ("PARTIAL_BATCH_RESPONSE", value)]);
    assert!(!with("false").unwrap().partial_batch_response);
    assert!(with("true").unwrap().partial_batch_response);
}

#[test]
fn a_collector_has_a_url() {
    let with = |name, value| read::<PaymentProcessorConfig>(&[TABLES[0], TABLES[1], TABLES[2], (name, value)]);
    let none = with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").unwrap().collector;
    assert_eq!(none, CollectorConfig::default());
    let url = "http://127.0.0.1:4318/v1/traces";
    let one = with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url).unwrap().collector;
    assert_eq!(one, CollectorConfig { traces: Some(url.into()), metrics: None });
    let error = with("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "127.0.0.1:4318").unwrap_err().to_string();
    assert!(error.contains("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is not understood: expected a URL"), "{error}");
}

#[test]
fn partitions_are_a_number_from_1_on() {
    let with =
        |value| read::<PaymentProcessorConfig>(&[TABLES[0], TABLES[1], TABLES[2], ("REQUESTS_PARTITIONS", value)]);
    assert_eq!(with("").unwrap().requests_partitions, 1);
    assert_eq!(with("16").unwrap().requests_partitions, 16);
    assert!(with("many").is_err());
    let tables = [TABLES[0], ("ACCOUNT_COMMANDS_TABLE", "c"), TABLES[2]];
    let with =
        |value| read::<AccountProcessorConfig>(&[tables[0], tables[1], tables[2], ("REQUESTS_PARTITIONS", value)]);
    assert_eq!(with("").unwrap().requests_partitions, 0, "accounts are opened with the lanes that are asked for");
    assert_eq!(with("16").unwrap().requests_partitions, 16);
    assert!(with("0").is_err());
}

#[test]
fn a_login_is_whole_or_a_fault() {
    let auth = |variables: &[(&str, &str)]| read::<AccessConfig>(variables).map(|config| config.0.auth);
    assert_eq!(auth(&[]), Ok(Auth::None));
    assert_eq!(auth(&[("KAFKA_AUTH", "iam")]), Ok(Auth::Iam));
    let arn = ("KAFKA_SCRAM_SECRET_ARN", "arn:aws:secretsmanager:…");
    let (name, password) = (("KAFKA_USERNAME", "giro"), ("KAFKA_PASSWORD", "hush"));
    for (word, mechanism) in
        [("scram", Mechanism::ScramSha512), ("scram-256", Mechanism::ScramSha256), ("plain", Mechanism::Plain)]
    {
        let login = ("KAFKA_AUTH", word);
        let secret = Auth::User(mechanism, User::Secret { arn: arn.1.into() });
        assert_eq!(auth(&[login, arn]), Ok(secret.clone()));
        assert_eq!(auth(&[login, arn, name, password]), Ok(secret), "the secret is what production has");
        let given = auth(&[login, name, password]).unwrap();
        assert!(matches!(given, Auth::User(used, User::Given { .. }) if used == mechanism), "{given:?}");
        assert!(!format!("{given:?}").contains("hush"), "{given:?}");
        let told = auth(&[login, name]).unwrap_err().to_string();
        assert!(told.contains(&format!("KAFKA_SCRAM_SECRET_ARN is not set: KAFKA_AUTH {word} takes")), "{told}");
    }
    assert!(auth(&[("KAFKA_AUTH", "sasl")]).is_err());
}

#[test]
fn a_certificate_has_its_key_beside_it() {
    let auth = |variables: &[(&str, &str)]| {
        read::<AccessConfig>(&[&[("KAFKA_AUTH", "mtls")], variables].concat()).map(|config| config.0.auth)
    };
    let arn = ("KAFKA_CERTIFICATE_SECRET_ARN", "arn:x");
    let secret = Auth::Certificate(Certificate::Secret { arn: "arn:x".into() });
    let (certificate, key) = (("KAFKA_CERTIFICATE_FILE", "client.pem"), ("KAFKA_KEY_FILE", "client.key"));
    assert_eq!(auth(&[arn]), Ok(secret.clone()));
    assert_eq!(auth(&[arn, certificate, key]), Ok(secret));
    let files = |password: Option<&str>| {
        let password = password.map(|password| Password(password.into()));
        Auth::Certificate(Certificate::Files { certificate: "client.pem".into(), key: "client.key".into(), password })
    };
    assert_eq!(auth(&[certificate, key]), Ok(files(None)));
    let given = auth(&[certificate, key, ("KAFKA_KEY_PASSWORD", "hush")]).unwrap();
    assert!(!format!("{given:?}").contains("hush"), "{given:?}");
    assert_eq!(given, files(Some("hush")));
    let told = auth(&[certificate]).unwrap_err().to_string();
    assert!(told.contains("KAFKA_CERTIFICATE_SECRET_ARN is not set: KAFKA_AUTH mtls takes"), "{told}");
}

#[test]
fn a_private_authority_is_believed_only_where_brokers_are_checked() {
    let authority = |auth: &'static str, variables: &[(&str, &str)]| {
        read::<AccessConfig>(&[&[("KAFKA_AUTH", auth)], variables].concat()).map(|config| config.0.authority)
    };
    let (arn, file) = (("KAFKA_CA_SECRET_ARN", "arn:x"), ("KAFKA_CA_FILE", "ca.pem"));
    assert_eq!(authority("iam", &[]), Ok(Authority::System));
    assert_eq!(authority("iam", &[arn, file]), Ok(Authority::Secret { arn: "arn:x".into() }));
    assert_eq!(authority("iam", &[file]), Ok(Authority::File { path: "ca.pem".into() }));
    let told = authority("none", &[file]).unwrap_err().to_string();
    assert!(told.contains("KAFKA_AUTH is none, and checks no broker"), "{told}");
}

#[test]
fn a_canary_pays_between_two_accounts() {
    let topics = [("REQUESTS_TOPIC", "r"), ("OUTCOMES_TOPIC", "o"), ("KAFKA_BOOTSTRAP_SERVERS", "b:9092")];
    let with = |accounts| {
        let given = [&topics[..], &[("CANARY_ACCOUNTS", accounts)]].concat();
        read::<PaymentCanaryConfig>(&given).map(|config| config.accounts.map(|id| id.to_string()))
    };
    for accounts in ["canary-1,canary-2", " canary-1 , canary-2 "] {
        assert_eq!(with(accounts), Ok(["canary-1".into(), "canary-2".into()]));
    }
    for wrong in ["canary-1", "canary-1,", "a,a", "a,b,c", "a b,c", ","] {
        let told = with(wrong).unwrap_err().to_string();
        assert!(told.contains("CANARY_ACCOUNTS is not understood: expected the ids of two accounts"), "{told}");
    }
    assert!(with("").unwrap_err().to_string().contains("CANARY_ACCOUNTS is not set"));
}

/// The variables that a configuration asks for.
fn asked<C: FromEnv>() -> Vec<String> {
    let asked = std::cell::RefCell::new(Vec::new());
    let _ = C::from_lookup(&|name| {
        asked.borrow_mut().push(name.to_owned());
        None
    });
    asked.into_inner()
}

#[test]
fn the_list_of_variables_is_what_is_read() {
    let listed = |function| variables().find(|(name, _)| *name == function).unwrap().1;
    assert_eq!(asked::<PaymentProcessorConfig>(), listed("payment-processor"));
    assert_eq!(asked::<AccountProcessorConfig>(), listed("account-processor"));
    assert_eq!(asked::<OutcomePublisherConfig>(), listed("outcome-publisher"));
    assert_eq!(asked::<PaymentApiConfig>(), listed("payment-api"));
    assert_eq!(asked::<PaymentCanaryConfig>(), listed("payment-canary"));
    assert_eq!(asked::<LedgerAuditorConfig>(), listed("ledger-auditor"));
}
