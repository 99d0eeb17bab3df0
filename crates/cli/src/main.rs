//! What: The command line `giro`. This file only wires and runs it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    giro_cli::commands::run().await
}
