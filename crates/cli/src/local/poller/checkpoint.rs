//! What: Stores how far each shard of a stream was read, by mapping, as Lambda does for its mappings.
//!
//! Data: Takes a shard and a sequence number. Gives the same after a restart, if there is a file for it.
//!
//! Invariants: The file is replaced as a whole, so a crash leaves the old one or the new one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;

/// The file in the data folder.
const FILE: &str = "stream-checkpoints.json";

/// Sequence numbers by mapping and shard. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Checkpoints {
    file: Option<PathBuf>,
    known: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Checkpoints {
    /// Those that were stored in a data folder. Without a folder there are none.
    ///
    /// # Errors
    /// If the folder can't be made, or its file can't be read. Without this error all records would be delivered again.
    pub fn open(data: Option<&Path>) -> anyhow::Result<Self> {
        let Some(data) = data else { return Ok(Self::default()) };
        std::fs::create_dir_all(data).with_context(|| format!("creating the data folder {}", data.display()))?;
        let file = data.join(FILE);
        let known = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("reading {}", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        };
        Ok(Self { file: Some(file), known: Arc::new(Mutex::new(known)) })
    }

    /// The last sequence number that was finished.
    pub(super) fn get(&self, shard: &str) -> Option<String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(shard).cloned()
    }

    /// Stores a sequence number.
    pub(super) fn set(&self, shard: &str, sequence_number: &str) -> anyhow::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(shard.to_owned(), sequence_number.to_owned());
        let Some(file) = &self.file else { return Ok(()) };
        let new = file.with_extension("json.new");
        let write = || {
            std::fs::write(&new, serde_json::to_vec_pretty(&*known)?)?;
            std::fs::rename(&new, file)?;
            anyhow::Ok(())
        };
        write().with_context(|| format!("writing {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_survive_where_there_is_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Checkpoints::open(Some(folder.path())).unwrap();
        assert_eq!(first.get("s"), None);
        first.set("s", "100").unwrap();
        first.set("t", "7").unwrap();
        first.set("s", "200").unwrap();
        let second = Checkpoints::open(Some(folder.path())).unwrap();
        assert_eq!((second.get("s").as_deref(), second.get("t").as_deref()), (Some("200"), Some("7")));
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(Checkpoints::open(Some(folder.path())).is_err());
        assert_eq!(Checkpoints::open(None).unwrap().get("s"), None);
    }
}
