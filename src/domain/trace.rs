//! What: The trace that a request belongs to, as its client names it: W3C Trace Context.
//!
//! Data: Takes and gives the text of a `traceparent`: `00-<trace>-<span>-<flags>`, in lower-case hexadecimal digits.
//!
//! A trace only tells observers what belongs together. No decision rests on it, and it is no part of an instruction or
//! its fingerprint. So a text that is no trace is as good as none.
//!
//! Limits: Of a version to come, what this one knows is read. `tracestate` is not carried along.
//!
//! Source: W3C Trace Context, level 1, 3.2.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

/// The length of a `traceparent` of version 00, in bytes.
const LENGTH: usize = 55;

/// The trace that a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// The trace. Not zero. As bytes, so that a request without a trace is no larger than it must be.
    id: [u8; 16],
    /// The span in it that made the request. Not zero.
    span: [u8; 8],
    /// Whether the client records the trace, and flags of later versions.
    flags: u8,
}

/// The flag that says that the trace is recorded.
const SAMPLED: u8 = 1;

impl Trace {
    /// The first span of a trace that is recorded.
    #[must_use]
    pub fn begin(id: NonZeroU128, span: NonZeroU64) -> Self {
        Self { id: id.get().to_be_bytes(), span: span.get().to_be_bytes(), flags: SAMPLED }
    }

    /// Another span of the same trace. Flags that this version doesn't know are not passed on.
    #[must_use]
    pub fn child(self, span: NonZeroU64) -> Self {
        Self { id: self.id, span: span.get().to_be_bytes(), flags: self.flags & SAMPLED }
    }

    /// Whether the trace is recorded.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The id of the trace, in 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.id))
    }

    /// The id of the span, in 16 hexadecimal digits.
    #[must_use]
    pub fn span_id(self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.span))
    }

    /// The flags.
    #[must_use]
    pub fn flags(self) -> u8 {
        self.flags
    }

    /// Reads a `traceparent`. `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (known, more) = text.split_at_checked(LENGTH)?;
        let mut parts = known.split('-');
        let version = digits(parts.next()?, 2)?;
        let id = digits(parts.next()?, 32)?;
        let span = u64::try_from(digits(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(digits(parts.next()?, 2)?).ok()?;
        let is_known = if version == 0 { more.is_empty() } else { more.is_empty() || more.starts_with('-') };
        let is_one = parts.next().is_none() && is_known && version != 0xff && id != 0 && span != 0;
        is_one.then_some(Self { id: id.to_be_bytes(), span: span.to_be_bytes(), flags })
    }
}

/// Lower-case hexadecimal digits, so many.
fn digits(text: &str, count: usize) -> Option<u128> {
    let are_digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() == count && are_digits { u128::from_str_radix(text, 16).ok() } else { None }
}

/// A `traceparent` of version 00.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, span) = (u128::from_be_bytes(self.id), u64::from_be_bytes(self.span));
        write!(f, "00-{id:032x}-{span:016x}-{:02x}", self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_child_is_of_the_same_trace() {
        let begin = Trace::begin(NonZeroU128::new(7).unwrap(), NonZeroU64::MIN);
        let child = begin.child(NonZeroU64::new(0xab).unwrap());
        assert_eq!(child.to_string(), format!("00-{:032x}-00000000000000ab-01", 7));
        assert_eq!((child.trace_id(), child.span_id()), (begin.trace_id(), format!("{:016x}", 0xab)));
        for (flags, is_sampled) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
            let trace = Trace::parse(&format!("00-{ID}-{SPAN}-{flags}")).unwrap();
            assert_eq!(trace.is_sampled(), is_sampled, "{flags}");
            assert_eq!(trace.child(NonZeroU64::MIN).flags(), u8::from(is_sampled), "{flags}");
        }
    }

    #[test]
    fn a_traceparent_reads_back() {
        for flags in ["00", "01", "ff"] {
            let text = format!("00-{ID}-{SPAN}-{flags}");
            assert_eq!(Trace::parse(&text).unwrap().to_string(), text);
        }
        let small = format!("00-{:032x}-{:016x}-00", 1, 1);
        assert_eq!(Trace::parse(&small).unwrap().to_string(), small);
    }

    /// What follows in a later version is left out.
    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for text in [format!("01-{ID}-{SPAN}-01"), format!("cc-{ID}-{SPAN}-01-what-comes-later")] {
            assert_eq!(Trace::parse(&text).unwrap().to_string(), format!("00-{ID}-{SPAN}-01"), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_trace() {
        let zero_id = format!("00-{}-{SPAN}-01", "0".repeat(32));
        let zero_span = format!("00-{ID}-{}-01", "0".repeat(16));
        let upper = format!("00-{}-{SPAN}-01", ID.to_uppercase());
        for text in [
            String::new(),
            "00".into(),
            zero_id,
            zero_span,
            upper,
            format!("ff-{ID}-{SPAN}-01"),
            format!("00-{ID}-{SPAN}-01-more"),
            format!("00-{ID}-{SPAN}-01-"),
            format!("01-{ID}-{SPAN}-01x"),
            format!("00-{ID}-{SPAN}-1"),
            format!("00-{ID}-{SPAN}-001"),
            format!("00_{ID}-{SPAN}-01"),
            format!("00-{ID}{SPAN}--01"),
            format!(" 00-{ID}-{SPAN}-0"),
            format!("00-{ID}-{SPAN}-+1"),
            format!("00-{}é-{SPAN}-01", &ID[..30]),
            "é".repeat(28),
        ] {
            assert_eq!(Trace::parse(&text), None, "{text}");
        }
    }
}
