//! What: Ids of what is stored already, on the command line.

use giro::domain::id::{ID_CHARACTERS_MAX, InvalidId};

/// Reads an id that may be older than the rule that `.` and `..` are none.
pub(super) fn stored_id<T>(
    read: impl Fn(&str) -> Result<T, InvalidId> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: Clone + Send + Sync + 'static,
{
    move |text: &str| {
        read(text).map_err(|_| format!("expected 1 to {ID_CHARACTERS_MAX} characters of A-Z a-z 0-9 . _ : -"))
    }
}
