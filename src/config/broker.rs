//! What: Reads which Kafka to use, and how to log in to it.

use super::{FromEnv, Reader};
use crate::publish::broker::{Access, Auth, Authority, Broker, Certificate, Mechanism, Password, User};

/// What is read here, in its order.
pub(super) const VARIABLES: [&str; 11] = [
    KAFKA_BOOTSTRAP_SERVERS,
    KAFKA_AUTH,
    KAFKA_SCRAM_SECRET_ARN,
    KAFKA_USERNAME,
    KAFKA_PASSWORD,
    KAFKA_CERTIFICATE_SECRET_ARN,
    KAFKA_CERTIFICATE_FILE,
    KAFKA_KEY_FILE,
    KAFKA_KEY_PASSWORD,
    KAFKA_CA_SECRET_ARN,
    KAFKA_CA_FILE,
];

const KAFKA_BOOTSTRAP_SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";
const KAFKA_AUTH: &str = "KAFKA_AUTH";
const KAFKA_SCRAM_SECRET_ARN: &str = "KAFKA_SCRAM_SECRET_ARN";
const KAFKA_USERNAME: &str = "KAFKA_USERNAME";
const KAFKA_PASSWORD: &str = "KAFKA_PASSWORD";
const KAFKA_CERTIFICATE_SECRET_ARN: &str = "KAFKA_CERTIFICATE_SECRET_ARN";
const KAFKA_CERTIFICATE_FILE: &str = "KAFKA_CERTIFICATE_FILE";
const KAFKA_KEY_FILE: &str = "KAFKA_KEY_FILE";
const KAFKA_KEY_PASSWORD: &str = "KAFKA_KEY_PASSWORD";
const KAFKA_CA_SECRET_ARN: &str = "KAFKA_CA_SECRET_ARN";
const KAFKA_CA_FILE: &str = "KAFKA_CA_FILE";

/// How to log in to Kafka, for a program that has the broker's address from elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub struct AccessConfig(pub Access);

impl FromEnv for AccessConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self(reader.access())
    }
}

impl Reader<'_> {
    pub(super) fn broker(&mut self) -> Broker {
        Broker {
            bootstrap_servers: self.text(KAFKA_BOOTSTRAP_SERVERS, "the addresses of Kafka brokers, HOST:PORT,…"),
            access: self.access(),
        }
    }

    fn access(&mut self) -> Access {
        let auth = self.auth();
        let authority = match (self.given(KAFKA_CA_SECRET_ARN), self.given(KAFKA_CA_FILE)) {
            (Some(arn), _) => Authority::Secret { arn },
            (None, Some(path)) => Authority::File { path },
            (None, None) => Authority::System,
        };
        // Whoever names an authority wants the broker's certificate checked.
        if auth == Auth::None && authority != Authority::System {
            self.faults.push(format!("{KAFKA_AUTH} is none, and checks no broker: expected no authority beside it"));
        }
        Access { auth, authority }
    }

    /// All secrets and files are read for every login, so that one list names every variable.
    fn auth(&mut self) -> Auth {
        let auth = self.given(KAFKA_AUTH);
        let user_secret = self.given(KAFKA_SCRAM_SECRET_ARN);
        let user = self.given(KAFKA_USERNAME).zip(self.given(KAFKA_PASSWORD));
        let certificate_secret = self.given(KAFKA_CERTIFICATE_SECRET_ARN);
        let files = self.given(KAFKA_CERTIFICATE_FILE).zip(self.given(KAFKA_KEY_FILE));
        let key_password = self.given(KAFKA_KEY_PASSWORD).map(Password);
        let mechanism = match auth.as_deref() {
            None | Some("none") => return Auth::None,
            Some("iam") => return Auth::Iam,
            Some("mtls") => {
                return Auth::Certificate(match (certificate_secret, files) {
                    (Some(arn), _) => Certificate::Secret { arn },
                    (None, Some((certificate, key))) => Certificate::Files { certificate, key, password: key_password },
                    (None, None) => {
                        self.faults.push(format!(
                            "{KAFKA_CERTIFICATE_SECRET_ARN} is not set: {KAFKA_AUTH} mtls takes the ARN of a secret that \
                             holds certificate and privateKey"
                        ));
                        Certificate::Secret { arn: String::new() }
                    }
                });
            }
            Some("scram") => Mechanism::ScramSha512,
            Some("scram-256") => Mechanism::ScramSha256,
            Some("plain") => Mechanism::Plain,
            Some(_) => {
                self.faults.push(format!(
                    "{KAFKA_AUTH} is not understood: expected none, iam, scram, scram-256, plain or mtls"
                ));
                return Auth::None;
            }
        };
        let user = match (user_secret, user) {
            (Some(arn), _) => User::Secret { arn },
            (None, Some((username, password))) => User::Given { username, password: Password(password) },
            (None, None) => {
                self.faults.push(format!(
                    "{KAFKA_SCRAM_SECRET_ARN} is not set: {KAFKA_AUTH} {} takes the ARN of a secret that holds username \
                     and password",
                    auth.unwrap_or_default()
                ));
                User::Secret { arn: String::new() }
            }
        };
        Auth::User(mechanism, user)
    }
}
