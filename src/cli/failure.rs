//! Why a command failed, as its exit code says it.

use std::fmt;
use std::process::ExitCode;

use crate::local::template::TemplateError;
use crate::publish::PublishError;
use crate::store::StoreError;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The answer is no, or something doesn't add up. Exit code 1.
    No(anyhow::Error),
    /// The input isn't what it must be. Exit code 2.
    Input(anyhow::Error),
    /// An engine can't be reached. Exit code 3.
    Unreachable(anyhow::Error),
}

impl Failure {
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::No(_) => 1,
            Self::Input(_) => 2,
            Self::Unreachable(_) => 3,
        })
    }

    pub(super) fn no(text: impl fmt::Display) -> Self {
        Self::No(anyhow::anyhow!("{text}"))
    }

    pub(super) fn input(text: impl fmt::Display) -> Self {
        Self::Input(anyhow::anyhow!("{text}"))
    }

    /// An engine can't be reached; the text says which, and where.
    pub(super) fn unreachable(text: impl fmt::Display) -> Self {
        Self::Unreachable(anyhow::anyhow!("{text}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The whole chain, once.
            Self::No(error) | Self::Input(error) | Self::Unreachable(error) => write!(f, "{error:#}"),
        }
    }
}

/// A template that can't be used is input; whatever has no better place is the stack that doesn't start, or the broker
/// that doesn't answer.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        if error.is::<TemplateError>() { Self::Input(error) } else { Self::Unreachable(error) }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::TooLarge => Self::Input(error.into()),
            PublishError::Unacknowledged(_) => Self::Unreachable(error.into()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Throttled(_) | StoreError::Conflict => {
                Self::Unreachable(error.into())
            }
            StoreError::Corrupt(_) | StoreError::Rejected(_) => Self::No(error.into()),
        }
    }
}
