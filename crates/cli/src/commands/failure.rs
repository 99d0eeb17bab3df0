//! What: Says why a command failed, and its exit code.
//!
//! Invariants: Every [`Failure`] is of a kind. There is no kind for all other errors.

use std::fmt;
use std::process::ExitCode;

use crate::local::LocalError;
use giro::publish::PublishError;
use giro::store::StoreError;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The answer is no, or something doesn't add up. Exit code 1.
    No(anyhow::Error),
    /// The answer is no, and the results say so already. It is not reported. Exit code 1.
    Shown,
    /// The input isn't what it must be. Exit code 2.
    Input(anyhow::Error),
    /// An engine can't be reached. Exit code 3.
    Unreachable(Which, anyhow::Error),
    /// The reader of the results has gone away. It is not reported. Exit code 141, which a shell gives `cat` then.
    Unread,
}

/// Which engine can't be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Kafka, at the address that the command has.
    Kafka,
    /// DynamoDB, at the address that the command has.
    DynamoDb,
    /// The text says which, and where.
    Told,
    /// The text says all that there is to say.
    ToldWhole,
}

impl Failure {
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::No(_) | Self::Shown => 1,
            Self::Input(_) => 2,
            Self::Unreachable(..) => 3,
            // 128 and the number of SIGPIPE.
            Self::Unread => 141,
        })
    }

    pub(super) fn no(text: impl fmt::Display) -> Self {
        Self::No(anyhow::anyhow!("{text}"))
    }

    pub(super) fn input(text: impl fmt::Display) -> Self {
        Self::Input(anyhow::anyhow!("{text}"))
    }

    /// An engine can't be reached. The text says which, where, and what to do.
    pub(super) fn unreachable(text: impl fmt::Display) -> Self {
        Self::Unreachable(Which::ToldWhole, anyhow::anyhow!("{text}"))
    }

    /// Results couldn't be written.
    pub(super) fn unwritten(error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::Unread;
        }
        Self::no(format!("writing to standard output: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The whole chain, once.
            Self::No(error) | Self::Input(error) | Self::Unreachable(_, error) => write!(f, "{error:#}"),
            Self::Shown => f.write_str("the results say why"),
            Self::Unread => f.write_str("nobody reads the results any more"),
        }
    }
}

impl From<LocalError> for Failure {
    fn from(fault: LocalError) -> Self {
        match fault {
            LocalError::Asked(error) => Self::Input(error),
            LocalError::Engine(error) => Self::Unreachable(Which::Told, error),
        }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::TooLarge => Self::Input(error.into()),
            PublishError::Unacknowledged(_) => Self::Unreachable(Which::Kafka, error.into()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Throttled(_) | StoreError::Conflict => {
                Self::Unreachable(Which::DynamoDb, error.into())
            }
            // As with a topic that Kafka lacks: DynamoDB is there, and says so.
            StoreError::NoTable(_) => Self::Input(error.into()),
            StoreError::Corrupt(_) | StoreError::Rejected(_) => Self::No(error.into()),
        }
    }
}
