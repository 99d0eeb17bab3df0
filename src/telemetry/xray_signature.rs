//! What: Signs requests to the endpoint by which X-Ray takes OpenTelemetry's spans.
//!
//! Source: Amazon CloudWatch user guide, "OTLP endpoints"; AWS general reference, "Signature Version 4".

use std::time::SystemTime;

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;

use crate::aws::{self, AwsError};

/// The service in a signature.
const XRAY: &str = "xray";

/// The region of X-Ray's own endpoint. `None`: the URL is another's.
fn xray_region(url: &str) -> Option<&str> {
    let host = url.strip_prefix("https://xray.")?.split(['/', '?', '#', ':']).next()?;
    let region = host.strip_suffix(".amazonaws.com").or(host.strip_suffix(".amazonaws.com.cn"))?;
    let is_region = region.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    is_region.then_some(region)
}

/// Signs requests with the function's own credentials.
#[derive(Debug)]
pub(super) struct Signer {
    region: String,
    credentials: Credentials,
    content_type: &'static str,
}

impl Signer {
    /// A signer of requests to this URL. `None`: it is not X-Ray's own.
    ///
    /// # Errors
    /// [`AwsError`] if there are no credentials.
    pub(super) fn of(url: &str, content_type: &'static str) -> Result<Option<Self>, AwsError> {
        let Some(region) = xray_region(url).map(str::to_owned) else { return Ok(None) };
        let credentials = aws::credentials()?.ok_or(AwsError::NoCredentials)?;
        Ok(Some(Self { region, credentials, content_type }))
    }

    /// The headers that a signed request has.
    pub(super) fn headers(&self, url: &str, body: &str, now: SystemTime) -> Result<Vec<(String, String)>, String> {
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(XRAY)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?;
        let headers = std::iter::once(("content-type", self.content_type));
        let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes()))
            .map_err(|error| error.to_string())?;
        let signed = sign(request, &params.into()).map_err(|error| error.to_string())?;
        let (instructions, _) = signed.into_parts();
        let (headers, _) = instructions.into_parts();
        Ok(headers.into_iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn only_x_rays_own_endpoint_is_signed_for() {
        for (url, region) in [
            ("https://xray.eu-central-1.amazonaws.com/v1/traces", Some("eu-central-1")),
            ("https://xray.cn-north-1.amazonaws.com.cn/v1/traces", Some("cn-north-1")),
            ("http://xray.eu-central-1.amazonaws.com/v1/traces", None),
            ("https://xray.eu-central-1.amazonaws.com:443/v1/traces", Some("eu-central-1")),
            ("https://xray.evil.example?.amazonaws.com/", None),
            ("https://xray.evil.example#.amazonaws.com/", None),
            ("https://xray.a@evil.example/.amazonaws.com", None),
            ("https://xray.example.org/v1/traces", None),
            ("https://collector.example.org/xray.eu-central-1.amazonaws.com", None),
        ] {
            assert_eq!(xray_region(url), region, "{url}");
        }
    }

    /// botocore 1.x, AWS's own library, made this signature.
    #[test]
    fn a_signature_is_what_aws_own_library_makes() {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let credentials = Credentials::new("AKIDEXAMPLE", secret, Some("session".into()), None, "test");
        let signer = Signer { region: "eu-central-1".into(), credentials, content_type: "application/json" };
        // 2026-11-22T10:00:00Z
        let now = UNIX_EPOCH.checked_add(Duration::from_secs(1_795_341_600)).unwrap();
        let url = "https://xray.eu-central-1.amazonaws.com/v1/traces";
        let mut headers = signer.headers(url, r#"{"resourceSpans":[]}"#, now).unwrap();
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["authorization", "x-amz-date", "x-amz-security-token"]);
        assert_eq!(headers[0].1, SIGNATURE);
        assert!(!format!("{signer:?}").contains(secret));
    }

    const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-central-1/xray/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
        Signature=1561174fbf1bbd1d8e72ee6eb0af0ac35bd38326e83e3d13060b4d578c6a01e8";
}
