//! What: Checks that a Lambda's URL answers, for callers that would find out much later.

use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::http::Uri;
use tokio::net::TcpStream;

use super::{LocalError, OrLocalError};

/// How long a Lambda may take to show that it is there.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to a Lambda, and closes the connection. A real answer would need an invocation.
///
/// # Errors
/// [`LocalError::Engine`] if nobody listens, [`LocalError::Asked`] if it isn't a URL.
pub(crate) async fn lambda_listens(url: &str) -> Result<(), LocalError> {
    let expected = || format!("Lambda at {url}: expected a URL, such as http://127.0.0.1:9000");
    let read: Uri = url.parse().map_err(|_| anyhow!(expected())).or_asked()?;
    let (scheme, host) = read.scheme_str().zip(read.host()).with_context(expected).or_asked()?;
    let port = read.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    match tokio::time::timeout(TIMEOUT, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(LocalError::Engine(anyhow!("Lambda at {url} doesn't answer: {error}"))),
        Err(_) => {
            Err(LocalError::Engine(anyhow!("Lambda at {url} doesn't answer within {} seconds", TIMEOUT.as_secs())))
        }
    }
}
