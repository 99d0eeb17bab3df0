//! What: Names a broker and the way to log in, as `KAFKA_BOOTSTRAP_SERVERS` and `KAFKA_AUTH` say.
//!
//! | `KAFKA_AUTH` | protocol | who the client is |
//! |---|---|---|
//! | `none` | PLAINTEXT | nobody |
//! | `iam` | TLS, SASL/OAUTHBEARER | the function's role (Amazon MSK) |
//! | `scram` | TLS, SASL/SCRAM-SHA-512 | a user from a secret, in the form that MSK and event source mappings use |

use std::fmt;

/// A Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// One or more of its addresses, such as `b-1.example:9098,b-2.example:9098`.
    pub bootstrap_servers: String,
    /// How to log in.
    pub auth: Auth,
}

/// How to log in to a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// No login and no TLS, for a broker on this machine.
    None,
    /// As the role whose credentials the environment holds.
    Iam,
    /// As a user.
    Scram(ScramUser),
}

/// The user that SCRAM logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScramUser {
    /// The user that this Secrets Manager secret holds.
    Secret {
        /// The secret's ARN.
        arn: String,
    },
    /// This user.
    Given {
        /// Its name.
        username: String,
        /// Its password.
        password: Password,
    },
}

/// A password. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
