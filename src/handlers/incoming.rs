//! What stands before every handler: an event of another service is refused, and never taken for an empty one.
//!
//! In: an invocation's event, whatever it is. Out: the handler's answer, or the error of an invocation.

use lambda_runtime::{Diagnostic, LambdaEvent};

use crate::wire::incoming::{Foreign, Incoming};

/// Why an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed<X> {
    /// Its event is not of the kind that the handler takes.
    Foreign(Foreign),
    /// The handler says so.
    Handler(X),
}

/// What an alarm can read.
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

/// Hands an event to its handler.
///
/// # Errors
/// [`Failed`]: the event is another service's, or the handler failed.
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
