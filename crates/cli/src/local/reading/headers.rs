//! What: Reads a record's headers, with any bytes as their names.
//!
//! For Kafka a name is bytes. The client's wrapper reads it as UTF-8, and panics if it isn't, before it shows the
//! value. So each header is read by itself. If that panics, another header replaces it, whose name says so.
//!
//! Limits: Name and value of such a header are lost. AWS delivers both, with U+FFFD in the name. A name ends at its
//! first zero byte. A build that aborts on a panic, as with the profile `release`, ends here, so `giro` is built with
//! the profile `dev`.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use rdkafka::message::{Header as ClientHeader, Headers};

use giro::domain::Header;

/// The name of the header that replaces one with an unreadable name.
pub(crate) const UNREADABLE: &str = "giro-unreadable-header-name";

/// Reads all headers, in their order.
pub(super) fn read<H: Headers>(headers: &H) -> Vec<Header> {
    let all = quietly(|| (0..headers.count()).filter_map(|ix| headers.try_get(ix).map(owned)).collect());
    all.unwrap_or_else(|| (0..headers.count()).filter_map(|ix| one(headers, ix)).collect())
}

fn one<H: Headers>(headers: &H, ix: usize) -> Option<Header> {
    let stand_in = Header { name: UNREADABLE.into(), value: None };
    quietly(|| headers.try_get(ix).map(owned)).unwrap_or(Some(stand_in))
}

fn owned(header: ClientHeader<'_, &[u8]>) -> Header {
    Header { name: header.key.into(), value: header.value.map(Into::into) }
}

thread_local! {
    /// Whether a panic of this thread is expected.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// What `read` returns. `None` if it panics, without a message.
fn quietly<T>(read: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                told(panic);
            }
        }));
    });
    EXPECTED.set(true);
    // It only reads, so a panic leaves nothing half-done.
    let read = catch_unwind(AssertUnwindSafe(read)).ok();
    EXPECTED.set(false);
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names as bytes, read as the client's wrapper reads them.
    struct Raw(Vec<(&'static [u8], Option<&'static [u8]>)>);

    impl Headers for Raw {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn try_get(&self, ix: usize) -> Option<ClientHeader<'_, &[u8]>> {
            self.0.get(ix).map(|(name, value)| ClientHeader { key: std::str::from_utf8(name).unwrap(), value: *value })
        }
    }

    #[test]
    fn a_name_that_is_no_utf_8_hides_only_its_own_header() {
        let raw = Raw(vec![
            (b"first", Some(b"1")),
            (b"gr\xf6\xdfe", Some(b"2")),
            (b"\xff", None),
            (b"last", None),
            (b"", Some(b"")),
        ]);
        let header = |name: &str, value: Option<&[u8]>| Header { name: name.into(), value: value.map(Into::into) };
        let expected = [
            header("first", Some(b"1")),
            header(UNREADABLE, None),
            header(UNREADABLE, None),
            header("last", None),
            header("", Some(b"")),
        ];
        assert_eq!(read(&raw), expected);
        assert!(quietly(|| 1).is_some(), "and what follows is read");
    }
}
