//! Why something local can't be done, by what would mend it.
//!
//! Nothing becomes a [`Fault`] by itself: whoever reports an error says which of the two it is.

use std::fmt;

/// Why something local can't be done. `Display` is the whole chain of causes, in one line where they are.
#[derive(Debug)]
pub enum Fault {
    /// What was asked for can't be: a template, a parameter, a port, a folder, a login.
    Asked(anyhow::Error),
    /// An engine can't be reached, doesn't start, or refuses.
    Engine(anyhow::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(error) | Self::Engine(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Says what a failure is.
pub(crate) trait OrFault<T> {
    /// What was asked for can't be.
    fn or_asked(self) -> Result<T, Fault>;
    /// An engine can't be reached, doesn't start, or refuses.
    fn or_engine(self) -> Result<T, Fault>;
}

impl<T, E: Into<anyhow::Error>> OrFault<T> for Result<T, E> {
    fn or_asked(self) -> Result<T, Fault> {
        self.map_err(|error| Fault::Asked(error.into()))
    }

    fn or_engine(self) -> Result<T, Fault> {
        self.map_err(|error| Fault::Engine(error.into()))
    }
}
