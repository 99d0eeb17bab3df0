//! What: Signs the token by which Amazon MSK knows a role: a presigned request, as an OAUTHBEARER token.
//!
//! Data: Takes region, credentials and the time. Gives base64 (URL-safe, unpadded) of a URL, and when it expires. The
//! URL is signed with AWS Signature Version 4 for the action `kafka-cluster:Connect`. Nothing is sent: the broker asks
//! IAM.
//!
//! Source: Amazon MSK developer guide, "IAM access control", and AWS's own signers for other languages
//! (aws-msk-iam-sasl-signer-python), whose tokens have this form.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::token::{NoToken, Token, TokenSource};
use crate::aws::{self, AwsError};

/// How long a token is valid: the longest that MSK accepts. The client asks for a new one after four fifths of it. An
/// open connection stays open when its token expires.
const EXPIRES_IN: Duration = Duration::from_secs(900);
/// The service in the signature.
const SERVICE: &str = "kafka-cluster";
/// Tells AWS who asks; not signed.
const USER_AGENT: &str = concat!("giro/", env!("CARGO_PKG_VERSION"));

/// Signs tokens for a role.
#[derive(Debug, Clone)]
pub struct Signer {
    region: String,
    credentials: Credentials,
}

impl Signer {
    /// A signer for this region with these credentials.
    #[must_use]
    pub fn new(region: impl Into<String>, credentials: Credentials) -> Self {
        Self { region: region.into(), credentials }
    }

    /// A signer for the role whose credentials Lambda puts into the environment.
    ///
    /// # Errors
    /// [`AwsError`] if region or credentials are missing.
    pub fn from_env() -> Result<Self, AwsError> {
        let region = aws::region().ok_or(AwsError::NoRegion)?;
        Ok(Self::new(region, aws::credentials()?.ok_or(AwsError::NoCredentials)?))
    }
}

impl TokenSource for Signer {
    /// A token that is valid from `now` on. There is none if the region makes no host name, or before 1970.
    fn token(&self, now: SystemTime) -> Result<Token, NoToken> {
        let url = format!("https://kafka.{}.amazonaws.com/?Action=kafka-cluster%3AConnect", self.region);
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(EXPIRES_IN);
        let failed = |error: &dyn std::fmt::Display| NoToken(error.to_string());
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?;
        let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[]))
            .map_err(|error| failed(&error))?;
        let signed = sign(request, &params.into()).map_err(|error| failed(&error))?;
        let (instructions, _) = signed.into_parts();
        let mut url = url;
        for (name, value) in instructions.params() {
            push_parameter(&mut url, name, value);
        }
        push_parameter(&mut url, "User-Agent", USER_AGENT);
        Ok(Token { token: URL_SAFE_NO_PAD.encode(url), expires_at_ms: expires_at_ms(now)? })
    }
}

fn expires_at_ms(now: SystemTime) -> Result<i64, NoToken> {
    let expires_at = now.duration_since(UNIX_EPOCH).ok().and_then(|now| now.checked_add(EXPIRES_IN));
    let expires_at_ms = expires_at.and_then(|at| i64::try_from(at.as_millis()).ok());
    expires_at_ms.ok_or_else(|| NoToken("the clock is out of range".into()))
}

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Appends a query parameter with an encoded value.
fn push_parameter(url: &mut String, name: &str, value: &str) {
    url.extend(["&", name, "="]);
    url.extend(utf8_percent_encode(value, RESERVED));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(session_token: Option<&str>) -> (String, i64) {
        let (id, secret) = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let credentials = Credentials::new(id, secret, session_token.map(Into::into), None, "test");
        // 2026-11-22T10:00:00Z
        let now = UNIX_EPOCH.checked_add(Duration::from_secs(1_795_341_600)).unwrap();
        let token = Signer::new("eu-central-1", credentials).token(now).unwrap();
        (String::from_utf8(URL_SAFE_NO_PAD.decode(token.token).unwrap()).unwrap(), token.expires_at_ms)
    }

    /// botocore 1.x, AWS's own library, made these signatures, as AWS's signer for Python calls it.
    #[test]
    fn tokens_are_what_aws_own_signer_makes() {
        let (url, expires_at_ms) = url(None);
        expect_test::expect![["https://kafka.eu-central-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feu-central-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20261122T100000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=601c09eeb2a967015c32f3d752aeffaa589530b4afa6121f224cafd43eb24edb&User-Agent=giro%2F0.1.0"]]
            .assert_eq(&url);
        assert_eq!(expires_at_ms, 1_795_342_500_000);
    }

    #[test]
    fn a_session_is_signed_with_its_token() {
        let (url, _) = url(Some("session/token+with=odd&bytes"));
        assert!(url.contains("&X-Amz-Security-Token=session%2Ftoken%2Bwith%3Dodd%26bytes&"), "{url}");
        assert!(
            url.contains("&X-Amz-Signature=0c7ee62902be7614701a149d00179200545f7c70f85b64d65ac141402490599b&"),
            "{url}"
        );
    }

    #[test]
    fn no_credentials_are_shown() {
        let signer = Signer::new("eu-central-1", Credentials::new("AKID", "hush", None, None, "test"));
        assert!(!format!("{signer:?}").contains("hush"));
    }
}
