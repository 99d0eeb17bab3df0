//! What: How clients of a broker log in, and the configuration and callbacks that all of them start from.
//!
//! Data: Takes the way to log in, and addresses. Gives a [`Login`] for which everything was fetched, the configuration
//! of a client, and its [`Context`].

use std::error::Error;
use std::time::SystemTime;

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use super::iam::Signer;
use super::scram::{self, NoUser};
use crate::aws::AwsError;
use crate::publish::broker::{Auth, Password, ScramUser};

/// The log target of the client's own messages. Calls return errors; these messages repeat them less clearly, again and
/// again.
pub const CLIENT_LOG: &str = "librdkafka";

/// Why there is no client for a broker. `Display` holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The environment lacks what AWS needs.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The secret that holds the user can't be read.
    #[error("the secret of KAFKA_SCRAM_SECRET_ARN: {0}")]
    Secret(String),
    /// This build's client can't encrypt.
    #[error("this build speaks no TLS to Kafka, and KAFKA_AUTH iam and scram need it: build with --features kafka-tls")]
    NoTls,
    /// The client can't be made.
    #[error("the Kafka client can't be made")]
    Client(#[from] KafkaError),
}

impl From<NoUser> for ConnectError {
    fn from(why: NoUser) -> Self {
        match why {
            NoUser::Aws(error) => Self::Aws(error),
            NoUser::Secret(expected) => Self::Secret(expected),
        }
    }
}

/// A login that is ready for use: everything was fetched.
#[derive(Debug, Clone)]
pub enum Login {
    /// None.
    None,
    /// A role.
    Iam(Signer),
    /// A user.
    Scram {
        /// Its name.
        username: String,
        /// Its password.
        password: Password,
    },
}

impl Login {
    /// Fetches what the login needs: credentials from the environment, or a secret.
    ///
    /// # Errors
    /// [`ConnectError::NoTls`], [`ConnectError::Aws`] or [`ConnectError::Secret`].
    pub async fn prepare(auth: &Auth) -> Result<Self, ConnectError> {
        check_tls(auth)?;
        Ok(match auth {
            Auth::None => Self::None,
            Auth::Iam => Self::Iam(Signer::from_env()?),
            Auth::Scram(ScramUser::Secret { arn }) => {
                let (username, password) = scram::user(arn).await?;
                Self::Scram { username, password }
            }
            Auth::Scram(ScramUser::Given { username, password }) => {
                Self::Scram { username: username.clone(), password: password.clone() }
            }
        })
    }
}

/// Whether the client of this build can use TLS. The feature `kafka-tls` adds that.
#[must_use]
pub fn speaks_tls() -> bool {
    let features = ClientConfig::new().create_native_config().and_then(|config| config.get("builtin.features"));
    features.is_ok_and(|features| features.split(',').any(|feature| feature == "ssl"))
}

/// Checks that this build can log in this way.
///
/// # Errors
/// [`ConnectError::NoTls`] if the login needs TLS and this build has none.
pub fn check_tls(auth: &Auth) -> Result<(), ConnectError> {
    match auth {
        Auth::None => Ok(()),
        Auth::Iam | Auth::Scram(_) if speaks_tls() => Ok(()),
        Auth::Iam | Auth::Scram(_) => Err(ConnectError::NoTls),
    }
}

/// The configuration that every client of a broker starts from.
#[must_use]
pub fn client_config(bootstrap_servers: &str, login: &Login) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers);
    let (level, number) = match tracing::enabled!(target: CLIENT_LOG, tracing::Level::DEBUG) {
        true => (RDKafkaLogLevel::Debug, "7"),
        false => (RDKafkaLogLevel::Emerg, "0"),
    };
    config.set_log_level(level);
    config.set("log_level", number);
    match login {
        Login::None => {}
        Login::Iam(_) => {
            tls(&mut config);
            config.set("sasl.mechanism", "OAUTHBEARER");
        }
        Login::Scram { username, password } => {
            tls(&mut config);
            config.set("sasl.mechanism", "SCRAM-SHA-512");
            config.set("sasl.username", username);
            config.set("sasl.password", &password.0);
        }
    }
    config
}

/// OpenSSL is compiled in, and its default folder of certificates is empty. So the client must look where distributions
/// keep theirs. On Lambda's Amazon Linux that is /etc/pki/tls/certs/ca-bundle.crt.
fn tls(config: &mut ClientConfig) {
    config.set("security.protocol", "SASL_SSL");
    config.set("ssl.ca.location", "probe");
    config.set("ssl.endpoint.identification.algorithm", "https");
}

/// The client's callbacks: it asks for tokens, and reports its errors.
#[derive(Debug)]
pub struct Context(Option<Signer>);

impl From<Login> for Context {
    fn from(login: Login) -> Self {
        Self(match login {
            Login::Iam(signer) => Some(signer),
            Login::None | Login::Scram { .. } => None,
        })
    }
}

impl ConsumerContext for Context {}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(target: CLIENT_LOG, %error, reason, "kafka client");
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, line: &str) {
        tracing::warn!(target: CLIENT_LOG, line, "kafka client");
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let signer = self.0.as_ref().ok_or("no token is needed here")?;
        let token = signer.token(SystemTime::now())?;
        Ok(OAuthToken { token: token.token, principal_name: String::new(), lifetime_ms: token.expires_at_ms })
    }
}
