//! The command line `giro`. Wires, and runs.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    giro_cli::commands::run().await
}
