//! The Invoke call, for pollers and the HTTP front: to workers of our own, or to any Lambda endpoint.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;

use giro::aws::in_words;

/// A function behind an Invoke call.
#[derive(Debug, Clone)]
pub(crate) struct Invoker {
    client: aws_sdk_lambda::Client,
    function: String,
}

/// How an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InvokeError {
    /// The function itself failed; this is what it, or its runtime, said.
    Function(String),
    /// The call didn't get through, or was refused.
    Call(String),
}

impl Invoker {
    /// A function at `endpoint`. `timeout` is what an invocation may take, with some to spare for the way.
    ///
    /// # Errors
    /// If the endpoint can't be used.
    pub(crate) async fn new(endpoint: &str, function: &str, timeout: Duration) -> anyhow::Result<Self> {
        let client = super::aws::lambda(Some(endpoint), timeout).await?;
        Ok(Self { client, function: function.to_owned() })
    }

    /// Invokes it, and waits for its response.
    pub(crate) async fn invoke(&self, payload: String) -> Result<Vec<u8>, InvokeError> {
        let call = self.client.invoke().function_name(&self.function).payload(Blob::new(payload)).send();
        match call.await {
            // `cargo lambda watch` answers a failure with HTTP 500, AWS with a header.
            Err(error) => Err(InvokeError::Call(in_words(&error))),
            Ok(output) => {
                let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
                match output.function_error {
                    Some(_) => Err(InvokeError::Function(String::from_utf8_lossy(&payload).into_owned())),
                    None => Ok(payload),
                }
            }
        }
    }
}

impl From<InvokeError> for String {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::Function(text) | InvokeError::Call(text) => text,
        }
    }
}
