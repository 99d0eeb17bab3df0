//! What: Signs requests to services of AWS, for the few calls that need no SDK.
//!
//! Each service's SDK would take a twentieth of the first build.
//!
//! Data: Takes what the SDK knows of region and credentials, and a request. Gives the request as AWS Signature Version
//! 4 signs it.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use giro::aws::AwsError;

/// All but the unreserved characters of RFC 3986.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Signs requests to one service.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    /// The credentials, and the region that requests are signed for.
    pub(crate) config: SdkConfig,
    /// The URL before each path.
    pub(crate) endpoint: String,
    /// The name by which requests are signed.
    pub(crate) service: &'static str,
}

impl Signer {
    /// A signed request, with these headers. Its path may have a query behind it.
    pub(crate) async fn signed(
        &self,
        method: &'static str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<HttpRequest, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the request could not be signed: {error}");
        let provider = self.config.credentials_provider().ok_or_else(|| failed(&AwsError::NoCredentials))?;
        let identity = provider.provide_credentials().await.map_err(|_| failed(&AwsError::NoCredentials))?.into();
        let region = self.config.region().ok_or_else(|| failed(&AwsError::NoRegion))?;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(region.as_ref())
            .name(self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let url = format!("{}{path}", self.endpoint);
        let signable = SignableRequest::new(method, &url, headers.iter().copied(), SignableBody::Bytes(&body));
        let signed = sign(signable.map_err(|error| failed(&error))?, &params).map_err(|error| failed(&error))?;
        let mut request = HttpRequest::new(body.into());
        request.set_method(method).map_err(|error| failed(&error))?;
        request.set_uri(path).map_err(|error| failed(&error))?;
        for (name, value) in headers {
            request.headers_mut().insert((*name).to_owned(), (*value).to_owned());
        }
        for (name, value) in signed.output().headers() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }
}

/// How the regions of partitions with a domain of their own begin.
const APART: [(&str, &str); 3] = [("eusc-", "amazonaws.eu"), ("us-isob-", "sc2s.sgov.gov"), ("us-iso-", "c2s.ic.gov")];

/// AWS's own endpoint of a service in the region.
pub(crate) fn of_aws(config: &SdkConfig, service: &str) -> String {
    let region = config.region().map_or("", AsRef::as_ref);
    let fips = if config.use_fips().unwrap_or_default() { "-fips" } else { "" };
    let china = region.starts_with("cn-");
    if let Some((_, domain)) = APART.into_iter().find(|(begin, _)| region.starts_with(begin)) {
        return format!("https://{service}{fips}.{region}.{domain}");
    }
    let domain = match (config.use_dual_stack().unwrap_or_default(), china) {
        (false, false) => "amazonaws.com",
        (false, true) => "amazonaws.com.cn",
        (true, false) => "api.aws",
        (true, true) => "api.amazonwebservices.com.cn",
    };
    format!("https://{service}{fips}.{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use aws_config::Region;

    use super::*;

    #[test]
    fn aws_has_an_endpoint_in_every_region() {
        let endpoint = |region: &'static str, fips, dual_stack| {
            let config = SdkConfig::builder().region(Region::new(region)).use_fips(fips).use_dual_stack(dual_stack);
            of_aws(&config.build(), "lambda")
        };
        for (region, fips, dual_stack, expected) in [
            ("eu-central-1", false, false, "https://lambda.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", true, false, "https://lambda-fips.us-gov-west-1.amazonaws.com"),
            ("eu-west-1", false, true, "https://lambda.eu-west-1.api.aws"),
            ("eusc-de-east-1", false, false, "https://lambda.eusc-de-east-1.amazonaws.eu"),
            ("us-iso-east-1", false, false, "https://lambda.us-iso-east-1.c2s.ic.gov"),
            ("cn-north-1", false, false, "https://lambda.cn-north-1.amazonaws.com.cn"),
            ("cn-north-1", false, true, "https://lambda.cn-north-1.api.amazonwebservices.com.cn"),
        ] {
            assert_eq!(endpoint(region, fips, dual_stack), expected);
        }
    }
}
