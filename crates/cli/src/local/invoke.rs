//! What: Makes the Invoke call for pollers and the HTTP front: to local workers, to any Lambda endpoint, or to AWS.
//!
//! The call is signed and sent here. Giro makes only this one call of Lambda's API, and the service's SDK would take a
//! twentieth of the first build.

use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::ProvideCredentials;
use aws_sdk_dynamodb::error::{ErrorMetadata, SdkError};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::aws::config;
use super::{LocalError, OrLocalError};
use giro::aws::{AwsError, CONNECT_TIMEOUT, http_client, in_words, is_local};

/// The name by which requests to Lambda are signed.
const SERVICE: &str = "lambda";
/// The version of the API, as it stands in each path.
const FUNCTIONS: &str = "/2015-03-31/functions/";
/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// How long a Lambda may take to show that it is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A function behind an Invoke call.
#[derive(Debug, Clone)]
pub struct Invoker {
    config: SdkConfig,
    call: Operation<HttpRequest, Answer, ErrorMetadata>,
    endpoint: String,
    function: String,
}

/// How an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvokeError {
    /// The function itself failed.
    Function {
        /// What Lambda calls the failure, such as `Unhandled`.
        kind: String,
        /// What the function, or its runtime, said.
        said: String,
    },
    /// Lambda has no such function.
    NoFunction(String),
    /// Lambda answered, and refused.
    Refused(String),
    /// No answer.
    Unanswered(String),
}

#[derive(Debug)]
struct Answer {
    function_error: Option<String>,
    payload: Vec<u8>,
}

type CallError = SdkError<ErrorMetadata, HttpResponse>;

impl Invoker {
    /// A function at `endpoint`, else at AWS. `timeout` is what an invocation may take, with some time for the way.
    ///
    /// # Errors
    /// [`AwsError`] if the endpoint isn't a URL. Also if it is AWS and no region is named, or half of the credentials
    /// is missing.
    pub async fn new(endpoint: Option<&str>, function: &str, timeout: Duration) -> Result<Self, AwsError> {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(timeout).build();
        let config = config(endpoint, timeouts.clone()).await?;
        let endpoint = endpoint.map_or_else(|| of_aws(&config), |endpoint| endpoint.trim_end_matches('/').to_owned());
        let call = Operation::builder()
            .service_name(SERVICE)
            .operation_name("Invoke")
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client(is_local(&endpoint)))
            .endpoint_url(&endpoint)
            .timeout_config(timeouts)
            .no_retry()
            // The request is already signed.
            .no_auth()
            .serializer(Ok)
            .deserializer(answer)
            .build();
        Ok(Self { config, call, endpoint, function: function.to_owned() })
    }

    /// Invokes it, and waits for its response.
    ///
    /// # Errors
    /// [`InvokeError`] if there is none.
    pub async fn invoke(&self, payload: impl Into<Vec<u8>>) -> Result<Vec<u8>, InvokeError> {
        let path = format!("{FUNCTIONS}{}/invocations", utf8_percent_encode(&self.function, RESERVED));
        let request = self.signed("POST", &path, payload.into()).await.map_err(InvokeError::Unanswered)?;
        let answer = self.call.invoke(request).await.map_err(|error| refused(&error))?;
        match answer.function_error {
            None => Ok(answer.payload),
            Some(kind) => {
                let said = String::from_utf8_lossy(&answer.payload).into_owned();
                Err(InvokeError::Function { kind, said })
            }
        }
    }

    /// A request as AWS Signature Version 4 signs it.
    async fn signed(&self, method: &'static str, path: &str, body: Vec<u8>) -> Result<HttpRequest, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the request could not be signed: {error}");
        let provider = self.config.credentials_provider().ok_or_else(|| failed(&AwsError::NoCredentials))?;
        let identity = provider.provide_credentials().await.map_err(|_| failed(&AwsError::NoCredentials))?.into();
        let region = self.config.region().ok_or_else(|| failed(&AwsError::NoRegion))?;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(region.as_ref())
            .name(SERVICE)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let url = format!("{}{path}", self.endpoint);
        let signable = SignableRequest::new(method, &url, std::iter::empty(), SignableBody::Bytes(&body));
        let signed = sign(signable.map_err(|error| failed(&error))?, &params).map_err(|error| failed(&error))?;
        let mut request = HttpRequest::new(body.into());
        request.set_method(method).map_err(|error| failed(&error))?;
        request.set_uri(path).map_err(|error| failed(&error))?;
        for (name, value) in signed.output().headers() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }
}

/// Waits a few seconds for a Lambda to show that it is there. Any answer is enough.
///
/// # Errors
/// [`LocalError::Engine`] if it doesn't, [`LocalError::Asked`] if the endpoint or the environment can't be used.
pub(crate) async fn lambda_answers(endpoint: &str) -> Result<(), LocalError> {
    let lambda = Invoker::new(Some(endpoint), "", ANSWER_TIMEOUT).await.or_asked()?;
    let list = lambda.signed("GET", FUNCTIONS, Vec::new()).await.map_err(|why| anyhow!(why)).or_asked()?;
    match lambda.call.invoke(list).await.map_err(|error| refused(&error)) {
        Err(InvokeError::Unanswered(why)) => Err(anyhow!("Lambda at {endpoint} doesn't answer: {why}")).or_engine(),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// AWS's own endpoint.
fn of_aws(config: &SdkConfig) -> String {
    let region = config.region().map_or("", AsRef::as_ref);
    let fips = if config.use_fips().unwrap_or_default() { "-fips" } else { "" };
    let china = region.starts_with("cn-");
    let domain = match (config.use_dual_stack().unwrap_or_default(), china) {
        (false, false) => "amazonaws.com",
        (false, true) => "amazonaws.com.cn",
        (true, false) => "api.aws",
        (true, true) => "api.amazonwebservices.com.cn",
    };
    format!("https://lambda{fips}.{region}.{domain}")
}

/// What Lambda answered: a response, or an error with its code and message.
fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<ErrorMetadata>> {
    let header = |name| response.headers().get(name).map(str::to_owned);
    let payload = response.body().bytes().unwrap_or_default().to_vec();
    if response.status().is_success() {
        return Ok(Answer { function_error: header("x-amz-function-error"), payload });
    }
    let mut error = ErrorMetadata::builder();
    if let Some(code) = header("x-amzn-errortype") {
        // After a colon there may be a URL that says the same.
        error = error.code(code.split(':').next().unwrap_or_default());
    }
    let body: serde_json::Value = serde_json::from_slice(&payload).unwrap_or_default();
    if let Some(message) = ["message", "Message"].iter().find_map(|name| body.get(name)?.as_str()) {
        error = error.message(message);
    }
    Err(OrchestratorError::operation(error.build()))
}

fn refused(error: &CallError) -> InvokeError {
    let text = in_words(error);
    match error.raw_response() {
        None => InvokeError::Unanswered(text),
        Some(_) if error.as_service_error().and_then(ErrorMetadata::code) == Some("ResourceNotFoundException") => {
            InvokeError::NoFunction(text)
        }
        // `cargo lambda watch` answers a function's failure with HTTP 500. The function's own text is in its window.
        Some(_) => InvokeError::Refused(text),
    }
}

impl From<InvokeError> for String {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::Function { said: text, .. }
            | InvokeError::NoFunction(text)
            | InvokeError::Refused(text)
            | InvokeError::Unanswered(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_config::Region;

    use super::*;

    #[test]
    fn aws_has_an_endpoint_in_every_region() {
        let endpoint = |region: &'static str, fips, dual_stack| {
            let config = SdkConfig::builder().region(Region::new(region)).use_fips(fips).use_dual_stack(dual_stack);
            of_aws(&config.build())
        };
        for (region, fips, dual_stack, expected) in [
            ("eu-central-1", false, false, "https://lambda.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", true, false, "https://lambda-fips.us-gov-west-1.amazonaws.com"),
            ("eu-west-1", false, true, "https://lambda.eu-west-1.api.aws"),
            ("cn-north-1", false, false, "https://lambda.cn-north-1.amazonaws.com.cn"),
            ("cn-north-1", false, true, "https://lambda.cn-north-1.api.amazonwebservices.com.cn"),
        ] {
            assert_eq!(endpoint(region, fips, dual_stack), expected);
        }
    }
}
