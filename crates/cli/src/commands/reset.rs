//! What: `giro reset` removes what stacks have left in this folder.

use clap::Args;

use super::Failure;
use super::up_file::{self, UpFile};

/// Remove what stacks have left in .giro: tables, stream checkpoints, logs
///
/// A ledger that `giro up --data .giro/…` keeps is gone then, and can't be brought back. Data in other folders stays.
/// Exit code 2 if a stack runs here: `giro down` stops it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro down; giro reset --yes")]
pub(super) struct ResetArgs {
    /// Do it. Without it, only say what would be removed
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: ResetArgs) -> Result<(), Failure> {
    if up_file::is_held() {
        return Err(Failure::input("a `giro up` runs in this folder: `giro down` stops it"));
    }
    // No stack starts meanwhile.
    let place = UpFile::take().await?;
    let left = place.left()?;
    if left.is_empty() {
        say!("nothing to remove");
        return Ok(());
    }
    for path in &left {
        let path = path.display();
        match args.yes {
            true => say!("removing {path}"),
            false => say!("would remove {path}"),
        }
    }
    if !args.yes {
        return Err(Failure::no("nothing is removed: say --yes"));
    }
    place.remove(&left)
}
