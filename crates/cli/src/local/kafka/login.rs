//! What: How a person's commands log in to Kafka: as the environment says, with files in place of secrets.

use std::sync::Arc;

use anyhow::bail;
use giro::config::{AccessConfig, FromEnv};
use giro::publish::broker::{Auth, Authority, Certificate, User};
use giro::publish::kafka::iam::Signer;
use giro::publish::kafka::{self, Identity, Login, Pem};

/// The login that the environment names.
pub(super) fn login() -> anyhow::Result<Login> {
    let access = AccessConfig::from_env()?.0;
    kafka::check_tls(&access)?;
    let identity = match access.auth {
        Auth::None => Identity::None,
        Auth::Iam => Identity::Token(Arc::new(Signer::from_env()?)),
        Auth::User(mechanism, User::Given { username, password }) => Identity::User { mechanism, username, password },
        Auth::User(_, User::Secret { .. }) => {
            bail!("KAFKA_AUTH: the user comes from KAFKA_USERNAME and KAFKA_PASSWORD here, and from no secret")
        }
        Auth::Certificate(Certificate::Files { certificate, key, password }) => {
            Identity::Certificate { certificate: Pem::File(certificate), key: Pem::File(key), password }
        }
        Auth::Certificate(Certificate::Secret { .. }) => bail!(
            "KAFKA_AUTH: the certificate comes from KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE here, and from no secret"
        ),
    };
    let authority = match access.authority {
        Authority::System => None,
        Authority::File { path } => Some(Pem::File(path)),
        Authority::Secret { .. } => bail!("KAFKA_CA_SECRET_ARN: no secret is read here: set KAFKA_CA_FILE"),
    };
    Ok(Login { identity, authority })
}
