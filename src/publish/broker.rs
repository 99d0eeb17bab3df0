//! What: Names a broker and the way to log in, as `KAFKA_BOOTSTRAP_SERVERS`, `KAFKA_AUTH` and their secrets say.
//!
//! | `KAFKA_AUTH` | protocol | who the client is |
//! |---|---|---|
//! | `none` | PLAINTEXT | nobody |
//! | `iam` | TLS, SASL/OAUTHBEARER | the function's role (Amazon MSK) |
//! | `scram` | TLS, SASL/SCRAM-SHA-512 | a user from a secret, in the form that MSK and event source mappings use |
//! | `scram-256` | TLS, SASL/SCRAM-SHA-256 | such a user |
//! | `plain` | TLS, SASL/PLAIN | such a user |
//! | `mtls` | TLS | a client certificate from a secret, in the form that event source mappings use |

use std::fmt;

/// A Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// One or more of its addresses, such as `b-1.example:9098,b-2.example:9098`.
    pub bootstrap_servers: String,
    /// How to log in.
    pub access: Access,
}

/// How to log in to a broker, and which brokers to believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who the client is.
    pub auth: Auth,
    /// Who signed the broker's certificate.
    pub authority: Authority,
}

/// Who a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// No login and no TLS, for a broker on this machine.
    None,
    /// The role whose credentials the environment holds.
    Iam,
    /// A user with a password.
    User(Mechanism, User),
    /// The owner of a certificate.
    Certificate(Certificate),
}

/// How a user proves to know the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// By sending it.
    Plain,
    /// By a challenge with SHA-256.
    ScramSha256,
    /// By a challenge with SHA-512.
    ScramSha512,
}

impl Mechanism {
    /// Its name at Kafka.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Where a user's name and password are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// In this secret of Secrets Manager.
    Secret {
        /// The secret's ARN.
        arn: String,
    },
    /// Here.
    Given {
        /// The name.
        username: String,
        /// The password.
        password: Password,
    },
}

/// Where a client's certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// In this secret of Secrets Manager.
    Secret {
        /// The secret's ARN.
        arn: String,
    },
    /// In files of PEM.
    Files {
        /// The certificate's path. The certificates that lead to its authority follow it in the file.
        certificate: String,
        /// The key's path.
        key: String,
        /// What the key is encrypted with.
        password: Option<Password>,
    },
}

/// Which authority signs the brokers' certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// One that the system knows.
    System,
    /// A private one, whose certificate is in this secret of Secrets Manager.
    Secret {
        /// The secret's ARN.
        arn: String,
    },
    /// A private one, whose certificate is in a file of PEM.
    File {
        /// The file's path.
        path: String,
    },
}

/// A password, or a text of PEM that holds a key. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
