//! What: Digests of what can be shown, to tell states apart.
//!
//! Limits: A digest has 128 bits. Two of a million states have the same one with a chance of 10⁻²⁷.

use std::collections::hash_map::DefaultHasher;
use std::fmt::{self, Debug, Write};
use std::hash::{Hash, Hasher};

/// A digest.
pub(super) type Digest = (u64, u64);

/// Two hashes that begin differently.
pub(super) struct Digester(DefaultHasher, DefaultHasher);

impl Digester {
    pub(super) fn new() -> Self {
        let mut second = DefaultHasher::new();
        second.write_u8(1);
        Self(DefaultHasher::new(), second)
    }

    /// Takes in a value.
    pub(super) fn add(&mut self, value: &impl Hash) {
        value.hash(&mut self.0);
        value.hash(&mut self.1);
    }

    /// Takes in a value as it is shown.
    pub(super) fn show(&mut self, value: &impl Debug) {
        // Nothing here fails to be written.
        let _ = write!(self, "{value:?}");
        self.add(&0_u8);
    }

    pub(super) fn finish(self) -> Digest {
        (self.0.finish(), self.1.finish())
    }
}

impl Write for Digester {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        self.1.write(text.as_bytes());
        Ok(())
    }
}

/// The digest of a value as it is shown.
pub(super) fn digest(value: &impl Debug) -> Digest {
    let mut digester = Digester::new();
    digester.show(value);
    digester.finish()
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn what_is_shown_differently_has_another_digest() {
        assert_eq!(digest(&["a", "b"]), digest(&vec!["a", "b"]));
        assert_ne!(digest(&["a", "b"]), digest(&["ab"]));
        assert_ne!(digest(&1).0, digest(&1).1);
    }
}
