//! What: Reads an item that DynamoDB gives, if it gives one.

use crate::store::Read;
use crate::store::items::Item;

/// Reads an item, or says what was expected.
pub(super) type Decode<T> = fn(&Item) -> Result<T, String>;

/// What became of reading one item.
pub(super) fn read<T>(decode: Decode<T>, item: Option<&Item>) -> Read<T> {
    match item.map(decode) {
        None => Read::Missing,
        Some(Ok(found)) => Read::Found(found),
        Some(Err(expected)) => Read::Corrupt(expected),
    }
}
