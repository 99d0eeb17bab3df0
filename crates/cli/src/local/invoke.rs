//! What: Makes the Invoke call for pollers and the HTTP front: to local workers, to any Lambda endpoint, or to AWS.
//!
//! The call is signed (`signed`) and sent without the service's SDK.

use std::time::Duration;

use anyhow::anyhow;
use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ErrorMetadata, SdkError};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use percent_encoding::utf8_percent_encode;

use super::aws::config;
use super::signed::{RESERVED, Signer, of_aws};
use super::{LocalError, OrLocalError};
use giro::aws::{AwsError, CONNECT_TIMEOUT, http_client, in_words, is_local};

/// The name by which requests to Lambda are signed.
const SERVICE: &str = "lambda";
/// The version of the API, as it stands in each path.
const FUNCTIONS: &str = "/2015-03-31/functions/";
/// How long a Lambda may take to show that it is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A function behind an Invoke call.
#[derive(Debug, Clone)]
pub struct Invoker {
    signer: Signer,
    call: Operation<HttpRequest, Answer, ErrorMetadata>,
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
        let endpoint =
            endpoint.map_or_else(|| of_aws(&config, SERVICE), |endpoint| endpoint.trim_end_matches('/').to_owned());
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
        Ok(Self { signer: Signer { config, endpoint, service: SERVICE }, call, function: function.to_owned() })
    }

    /// Invokes it, and waits for its response.
    ///
    /// # Errors
    /// [`InvokeError`] if there is none.
    pub async fn invoke(&self, payload: impl Into<Vec<u8>>) -> Result<Vec<u8>, InvokeError> {
        let path = format!("{FUNCTIONS}{}/invocations", utf8_percent_encode(&self.function, RESERVED));
        let request = self.signer.signed("POST", &path, &[], payload.into()).await.map_err(InvokeError::Unanswered)?;
        let answer = self.call.invoke(request).await.map_err(|error| refused(&error))?;
        match answer.function_error {
            None => Ok(answer.payload),
            Some(kind) => {
                let said = String::from_utf8_lossy(&answer.payload).into_owned();
                Err(InvokeError::Function { kind, said })
            }
        }
    }
}

/// Waits a few seconds for a Lambda to show that it is there. Any answer is enough.
///
/// # Errors
/// [`LocalError::Engine`] if it doesn't, [`LocalError::Asked`] if the endpoint or the environment can't be used.
pub(crate) async fn lambda_answers(endpoint: &str) -> Result<(), LocalError> {
    let lambda = Invoker::new(Some(endpoint), "", ANSWER_TIMEOUT).await.or_asked()?;
    let list = lambda.signer.signed("GET", FUNCTIONS, &[], Vec::new()).await.map_err(|why| anyhow!(why)).or_asked()?;
    match lambda.call.invoke(list).await.map_err(|error| refused(&error)) {
        Err(InvokeError::Unanswered(why)) => Err(anyhow!("Lambda at {endpoint} doesn't answer: {why}")).or_engine(),
        Ok(_) | Err(_) => Ok(()),
    }
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
