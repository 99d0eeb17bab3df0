//! What: Compressed files of items, a line each. A file that is long enough is followed by another.
//!
//! Data: Takes items. Gives, for each file, what a manifest says of it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use giro::store::items::{self, Item};
use giro_testkit::stream_image::stream_image;
use serde_json::json;

use super::private;

/// How many bytes of lines a file holds, before they are compressed. The last line may go beyond.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The characters of a file's name, and how many there are.
const NAME: (&[u8], usize) = (b"abcdefghijklmnopqrstuvwxyz234567", 26);

/// A file, as a manifest tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Its name in the folder `data`.
    pub name: String,
    /// How many items it holds.
    pub items: u64,
    /// The bytes of these, as DynamoDB counts them.
    pub item_bytes: u64,
    /// Its checksum.
    pub md5: [u8; 16],
}

/// Files that are written one after the other.
#[derive(Debug)]
pub struct Items {
    folder: PathBuf,
    open: Open,
    /// The bytes of lines after which a file is full.
    file_bytes: u64,
    done: Vec<DataFile>,
}

#[derive(Debug)]
struct Open {
    name: String,
    lines: GzEncoder<Summed<BufWriter<File>>>,
    items: u64,
    item_bytes: u64,
    line_bytes: u64,
}

impl Items {
    /// Begins the first file in a folder. There is one even if no item follows.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn below(folder: PathBuf) -> io::Result<Self> {
        Self::of_bytes(folder, FILE_BYTES)
    }

    fn of_bytes(folder: PathBuf, file_bytes: u64) -> io::Result<Self> {
        Ok(Self { open: Open::below(&folder)?, folder, file_bytes, done: Vec::new() })
    }

    /// Writes an item.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&mut self, item: &Item) -> io::Result<()> {
        if self.open.line_bytes >= self.file_bytes {
            let full = std::mem::replace(&mut self.open, Open::below(&self.folder)?);
            self.done.push(full.end()?);
        }
        self.open.write(item)
    }

    /// Ends the last file. Gives all of them.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn end(mut self) -> io::Result<Vec<DataFile>> {
        self.done.push(self.open.end()?);
        Ok(self.done)
    }
}

impl Open {
    fn below(folder: &Path) -> io::Result<Self> {
        let (characters, length) = NAME;
        let character = || fastrand::choice(characters).map_or('a', |byte| char::from(*byte));
        let name = format!("{}.json.gz", (0..length).map(|_| character()).collect::<String>());
        let file = Summed { to: BufWriter::new(private::file(&folder.join(&name))?), md5: md5::Context::new() };
        let lines = GzEncoder::new(file, Compression::default());
        Ok(Self { name, lines, items: 0, item_bytes: 0, line_bytes: 0 })
    }

    fn write(&mut self, item: &Item) -> io::Result<()> {
        let mut line = json!({ "Item": stream_image(item) }).to_string();
        line.push('\n');
        self.lines.write_all(line.as_bytes())?;
        let counted = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        self.items = self.items.saturating_add(1);
        self.item_bytes = self.item_bytes.saturating_add(counted(items::size(item)));
        self.line_bytes = self.line_bytes.saturating_add(counted(line.len()));
        Ok(())
    }

    fn end(self) -> io::Result<DataFile> {
        let Summed { mut to, md5 } = self.lines.finish()?;
        to.flush()?;
        Ok(DataFile { name: self.name, items: self.items, item_bytes: self.item_bytes, md5: md5.compute().0 })
    }
}

/// Sums what goes through it.
struct Summed<W> {
    to: W,
    md5: md5::Context,
}

impl<W> std::fmt::Debug for Summed<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Summed").finish_non_exhaustive()
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.md5.consume(bytes.get(..count).unwrap_or(bytes));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;
    use flate2::read::GzDecoder;

    #[test]
    fn a_full_file_is_followed_by_another_and_each_is_summed() {
        let folder = tempfile::tempdir().unwrap();
        let mut items = Items::of_bytes(folder.path().into(), 60).unwrap();
        let names = ["a", "b", "c", "d", "e"];
        for name in names {
            items.write(&Item::from([("payment_id".into(), AttributeValue::S(name.into()))])).unwrap();
        }
        let files = items.end().unwrap();
        assert_eq!(files.iter().map(|file| file.items).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(files.iter().map(|file| file.item_bytes).sum::<u64>(), 5 * 11);
        let mut lines = String::new();
        for file in &files {
            let bytes = std::fs::read(folder.path().join(&file.name)).unwrap();
            assert_eq!(md5::compute(&bytes).0, file.md5);
            lines.push_str(&io::read_to_string(GzDecoder::new(bytes.as_slice())).unwrap());
        }
        let line = |name: &&str| format!("{{\"Item\":{{\"payment_id\":{{\"S\":\"{name}\"}}}}}}\n");
        assert_eq!(lines, names.iter().map(line).collect::<String>());
    }
}
