//! What: The check before every handler: it refuses an event of another service, which would look like an empty one.
//!
//! Data: Takes any event of an invocation. Gives the handler's answer, or the error of the invocation.

use lambda_runtime::{Diagnostic, LambdaEvent};

use crate::wire::incoming::{Foreign, Incoming};

/// Why an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed<X> {
    /// Its event is not of the kind that the handler takes.
    Foreign(Foreign),
    /// The handler failed.
    Handler(X),
}

/// The error type and text that alarms read.
impl<X: Into<Diagnostic>> From<Failed<X>> for Diagnostic {
    fn from(failed: Failed<X>) -> Self {
        match failed {
            Failed::Foreign(foreign) => {
                Self { error_type: "Giro.ForeignEvent".into(), error_message: foreign.to_string() }
            }
            Failed::Handler(error) => error.into(),
        }
    }
}

/// Gives an event to its handler.
///
/// # Errors
/// [`Failed`] if the event is of another service, or the handler failed.
pub async fn taken<E, R, X, F>(
    event: LambdaEvent<Incoming<E>>,
    handle: impl FnOnce(LambdaEvent<E>) -> F,
) -> Result<R, Failed<X>>
where
    F: Future<Output = Result<R, X>>,
{
    let (Incoming(event), context) = event.into_parts();
    match event {
        Ok(event) => handle(LambdaEvent::new(event, context)).await.map_err(Failed::Handler),
        Err(foreign) => {
            tracing::error!(request_id = context.request_id, %foreign, "the event is of another service");
            Err(Failed::Foreign(foreign))
        }
    }
}
