//! What: Says why something local can't be done, by what would mend it.
//!
//! Invariants: No error becomes a [`LocalError`] by itself: the code that reports it says which of the two it is.
//! [`LocalError::Asked`] stays that, through all callers.

use std::fmt;

/// Why something local can't be done. `Display` is the whole chain of causes, in one line where they are.
#[derive(Debug)]
pub enum LocalError {
    /// The input is wrong: a template, a parameter, a port, a folder, a login.
    Asked(anyhow::Error),
    /// An engine can't be reached, doesn't start, or refuses.
    Engine(anyhow::Error),
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(error) | Self::Engine(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for LocalError {}

/// Says which of the two an error is.
pub(crate) trait OrLocalError<T> {
    /// The input is wrong.
    fn or_asked(self) -> Result<T, LocalError>;
    /// An engine can't be reached, doesn't start, or refuses.
    fn or_engine(self) -> Result<T, LocalError>;
}

impl<T, E: Into<anyhow::Error>> OrLocalError<T> for Result<T, E> {
    fn or_asked(self) -> Result<T, LocalError> {
        self.map_err(|error| LocalError::Asked(error.into()))
    }

    fn or_engine(self) -> Result<T, LocalError> {
        self.map_err(|error| {
            let error: anyhow::Error = error.into();
            match error.downcast_ref() {
                Some(LocalError::Asked(_)) => LocalError::Asked(error),
                Some(LocalError::Engine(_)) | None => LocalError::Engine(error),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn what_was_asked_for_is_no_engines_fault_whoever_passes_it_on() {
        let asked = || Err::<(), _>(LocalError::Asked(anyhow!("no such topic")));
        let passed_on = asked().context("the mapping").or_engine().unwrap_err();
        assert!(matches!(passed_on, LocalError::Asked(_)), "{passed_on:?}");
        assert_eq!(passed_on.to_string(), "the mapping: no such topic");
        assert!(matches!(asked().or_engine(), Err(LocalError::Asked(_))));
        let engine = Err::<(), _>(anyhow!("no answer")).or_engine();
        assert!(matches!(engine, Err(LocalError::Engine(_))));
    }
}
