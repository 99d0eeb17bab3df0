//! What: How clients of a broker log in, and the configuration and callbacks that all of them start from.
//!
//! Data: Takes the way to log in, and addresses. Gives a [`Login`] for which everything was fetched, the configuration
//! of a client, and its [`Context`].

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::iam::Signer;
use super::secrets::{self, NoSecret};
use super::token::{Held, TokenSource};
use crate::aws::AwsError;
use crate::publish::broker::{Access, Auth, Authority, Certificate, Mechanism, Password, User};
use crate::wire::kafka_secret;

/// The log target of the client's own messages. Calls return errors; these messages repeat them less clearly, again and
/// again.
pub const CLIENT_LOG: &str = "librdkafka";

/// Why there is no client for a broker. `Display` holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The environment lacks what AWS needs.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A secret that the login needs can't be read.
    #[error("the secret of {variable}: {why}")]
    Secret {
        /// The variable that names it.
        variable: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// This build's client can't encrypt.
    #[error(
        "this build speaks no TLS to Kafka, and every KAFKA_AUTH but none needs it: build with --features kafka-tls"
    )]
    NoTls,
    /// The client can't be made.
    #[error("the Kafka client can't be made")]
    Client(#[from] KafkaError),
}

/// A login that is ready for use: everything was fetched.
#[derive(Debug, Clone)]
pub struct Login {
    /// Who the client is.
    pub identity: Identity,
    /// The certificate of the brokers' authority, if the system doesn't know it.
    pub authority: Option<Pem>,
}

/// Who a client is.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Nobody.
    None,
    /// Whoever a token of this source names.
    Token(Arc<dyn TokenSource>),
    /// A user.
    User {
        /// How it proves to know its password.
        mechanism: Mechanism,
        /// Its name.
        username: String,
        /// Its password.
        password: Password,
    },
    /// The owner of a certificate.
    Certificate {
        /// The certificate, and those that lead to its authority.
        certificate: Pem,
        /// Its key.
        key: Pem,
        /// What the key is encrypted with.
        password: Option<Password>,
    },
}

/// A text of PEM, or the file that holds it.
#[derive(Debug, Clone)]
pub enum Pem {
    /// The text.
    Text(Password),
    /// The path of the file.
    File(String),
}

impl From<Identity> for Login {
    fn from(identity: Identity) -> Self {
        Self { identity, authority: None }
    }
}

impl Login {
    /// Fetches what the login needs: credentials from the environment, or secrets.
    ///
    /// # Errors
    /// [`ConnectError::NoTls`], [`ConnectError::Aws`] or [`ConnectError::Secret`].
    pub async fn prepare(access: &Access) -> Result<Self, ConnectError> {
        check_tls(access)?;
        let identity = match &access.auth {
            Auth::None => Identity::None,
            Auth::Iam => Identity::Token(Arc::new(Signer::from_env()?)),
            Auth::User(mechanism, User::Given { username, password }) => {
                Identity::User { mechanism: *mechanism, username: username.clone(), password: password.clone() }
            }
            Auth::User(mechanism, User::Secret { arn }) => {
                let user = secrets::read(arn, kafka_secret::user).await.map_err(of("KAFKA_SCRAM_SECRET_ARN"))?;
                Identity::User { mechanism: *mechanism, username: user.username, password: Password(user.password) }
            }
            Auth::Certificate(Certificate::Files { certificate, key, password }) => Identity::Certificate {
                certificate: Pem::File(certificate.clone()),
                key: Pem::File(key.clone()),
                password: password.clone(),
            },
            Auth::Certificate(Certificate::Secret { arn }) => {
                let held = secrets::read(arn, kafka_secret::certificate).await;
                let held = held.map_err(of("KAFKA_CERTIFICATE_SECRET_ARN"))?;
                Identity::Certificate {
                    certificate: Pem::Text(Password(held.certificate)),
                    key: Pem::Text(Password(held.private_key)),
                    password: held.private_key_password.map(Password),
                }
            }
        };
        let authority = match &access.authority {
            Authority::System => None,
            Authority::File { path } => Some(Pem::File(path.clone())),
            Authority::Secret { arn } => {
                let held = secrets::read(arn, kafka_secret::authority).await.map_err(of("KAFKA_CA_SECRET_ARN"))?;
                Some(Pem::Text(Password(held.certificate)))
            }
        };
        Ok(Self { identity, authority })
    }
}

/// Names the variable of a secret that can't be read.
fn of(variable: &'static str) -> impl FnOnce(NoSecret) -> ConnectError {
    move |why| match why {
        NoSecret::Aws(error) => ConnectError::Aws(error),
        NoSecret::Wrong(why) => ConnectError::Secret { variable, why },
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
pub fn check_tls(access: &Access) -> Result<(), ConnectError> {
    match &access.auth {
        Auth::None => Ok(()),
        Auth::Iam | Auth::User(..) | Auth::Certificate(_) if speaks_tls() => Ok(()),
        Auth::Iam | Auth::User(..) | Auth::Certificate(_) => Err(ConnectError::NoTls),
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
    match &login.identity {
        Identity::None => return config,
        Identity::Token(_) => sasl(&mut config, "OAUTHBEARER"),
        Identity::User { mechanism, username, password } => {
            sasl(&mut config, mechanism.name());
            config.set("sasl.username", username);
            config.set("sasl.password", &password.0);
        }
        Identity::Certificate { certificate, key, password } => {
            config.set("security.protocol", "SSL");
            pem(&mut config, "ssl.certificate", certificate);
            pem(&mut config, "ssl.key", key);
            if let Some(password) = password {
                config.set("ssl.key.password", &password.0);
            }
        }
    }
    match &login.authority {
        Some(authority) => pem(&mut config, "ssl.ca", authority),
        // OpenSSL is compiled in, and its default folder of certificates is empty. So the client must look where
        // distributions keep theirs. On Lambda's Amazon Linux that is /etc/pki/tls/certs/ca-bundle.crt.
        None => {
            config.set("ssl.ca.location", "probe");
        }
    }
    config.set("ssl.endpoint.identification.algorithm", "https");
    config
}

/// Whoever logs in so sends it through TLS.
fn sasl(config: &mut ClientConfig, mechanism: &str) {
    config.set("security.protocol", "SASL_SSL");
    config.set("sasl.mechanism", mechanism);
}

fn pem(config: &mut ClientConfig, name: &str, pem: &Pem) {
    match pem {
        Pem::Text(text) => config.set(format!("{name}.pem"), &text.0),
        Pem::File(path) => config.set(format!("{name}.location"), path),
    };
}

/// The client's callbacks: it asks for tokens, and reports its errors.
#[derive(Debug)]
pub struct Context {
    tokens: Option<Arc<dyn TokenSource>>,
    held: Arc<Held>,
    is_refused: Arc<AtomicBool>,
}

impl Context {
    /// The token that its client has.
    pub(super) fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held)
    }

    /// Whether a broker has refused its client's login.
    pub(super) fn is_refused(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_refused)
    }
}

impl From<Login> for Context {
    fn from(login: Login) -> Self {
        let tokens = match login.identity {
            Identity::Token(tokens) => Some(tokens),
            Identity::None | Identity::User { .. } | Identity::Certificate { .. } => None,
        };
        Self { tokens, held: Arc::default(), is_refused: Arc::default() }
    }
}

impl ConsumerContext for Context {}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) = error.rdkafka_error_code() {
            self.is_refused.store(true, Ordering::Relaxed);
        }
        tracing::warn!(target: CLIENT_LOG, %error, reason, "kafka client");
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, line: &str) {
        tracing::warn!(target: CLIENT_LOG, line, "kafka client");
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let tokens = self.tokens.as_ref().ok_or("no token is needed here")?;
        let now = SystemTime::now();
        let token = tokens.token(now)?;
        self.held.note(&token, now);
        Ok(OAuthToken { token: token.token, principal_name: String::new(), lifetime_ms: token.expires_at_ms })
    }
}

#[cfg(test)]
mod tests;
