//! What: Reads secrets with a login to Kafka: the JSON that Amazon MSK and Kafka event source mappings use.
//!
//! Data: Takes one of these. Gives its fields, or what was expected, and never what was given.
//!
//! | secret | JSON |
//! |---|---|
//! | a user | `{"username":"…","password":"…"}` |
//! | a client's certificate | `{"certificate":"…","privateKey":"…","privateKeyPassword":"…"}`, the last if the key is encrypted |
//! | an authority's certificate | `{"certificate":"…"}` |
//!
//! Source: Lambda developer guide, "Configuring cluster authentication methods in Lambda".

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A user of a Kafka cluster.
#[derive(Deserialize)]
pub struct KafkaUser {
    /// Its name.
    pub username: String,
    /// Its password.
    pub password: String,
}

/// A client's certificate, in PEM.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaCertificate {
    /// The certificate, and those that lead to its authority.
    pub certificate: String,
    /// Its key.
    pub private_key: String,
    /// What the key is encrypted with.
    pub private_key_password: Option<String>,
}

/// An authority's certificate, in PEM.
#[derive(Deserialize)]
pub struct KafkaAuthority {
    /// The certificate.
    pub certificate: String,
}

/// The text is not such a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a JSON object with {0}")]
pub struct InvalidKafkaSecret(&'static str);

/// Reads a user. Other fields are ignored.
///
/// # Errors
/// [`InvalidKafkaSecret`] if the text holds none.
pub fn user(json: &str) -> Result<KafkaUser, InvalidKafkaSecret> {
    decode(json, "the strings username and password")
}

/// Reads a client's certificate. Other fields are ignored.
///
/// # Errors
/// [`InvalidKafkaSecret`] if the text holds none.
pub fn certificate(json: &str) -> Result<KafkaCertificate, InvalidKafkaSecret> {
    decode(json, "the strings certificate and privateKey, and privateKeyPassword if the key is encrypted")
}

/// Reads an authority's certificate. Other fields are ignored.
///
/// # Errors
/// [`InvalidKafkaSecret`] if the text holds none.
pub fn authority(json: &str) -> Result<KafkaAuthority, InvalidKafkaSecret> {
    decode(json, "the string certificate")
}

fn decode<T: DeserializeOwned>(json: &str, expected: &'static str) -> Result<T, InvalidKafkaSecret> {
    // The error text of serde_json may repeat what it read.
    serde_json::from_str(json).map_err(|_| InvalidKafkaSecret(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_the_fields_that_mappings_read() {
        let user = user(r#"{"username":"giro","password":"hush","engine":"kafka"}"#).ok().unwrap();
        assert_eq!((user.username.as_str(), user.password.as_str()), ("giro", "hush"));
        let plain = certificate(r#"{"certificate":"C","privateKey":"K"}"#).ok().unwrap();
        assert_eq!((plain.certificate.as_str(), plain.private_key.as_str()), ("C", "K"));
        assert_eq!(plain.private_key_password, None);
        let encrypted = certificate(r#"{"certificate":"C","privateKey":"K","privateKeyPassword":"hush"}"#);
        assert_eq!(encrypted.ok().unwrap().private_key_password.as_deref(), Some("hush"));
        assert_eq!(authority(r#"{"certificate":"C"}"#).ok().unwrap().certificate, "C");
    }

    #[test]
    fn an_error_tells_what_was_expected_and_not_what_was_read() {
        let told = certificate(r#"{"certificate":"C","privateKey":7,"hush":1}"#).err().unwrap().to_string();
        assert_eq!(
            told,
            "expected a JSON object with the strings certificate and privateKey, and privateKeyPassword if the key is \
             encrypted"
        );
        let told = user("hush").err().unwrap().to_string();
        assert_eq!(told, "expected a JSON object with the strings username and password");
        assert!(authority(r#"{"certificate":null}"#).is_err());
    }
}
