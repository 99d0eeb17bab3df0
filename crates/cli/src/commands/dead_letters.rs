//! What: `giro dead-letters` shows dead letters, and publishes their records again.

mod redrive;

use clap::Subcommand;

use super::Failure;
use super::bytes::shown;
use super::engines::EngineArgs;
use super::results::ResultArgs;
use crate::letters::as_json;
use crate::local::terminal::{self, tell};
use giro::domain::{DeadLetter, DeadLetterId};
use giro::store::LedgerQueries;
use giro::store::dynamodb::DynamoDb;

#[derive(Debug, Subcommand)]
pub(super) enum DeadLettersCommand {
    /// Show every dead letter, one a line.
    List {
        /// Only those with this reason, such as not_json
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        results: ResultArgs,
    },
    /// Show one dead letter, or all of one place.
    Show {
        /// The dead letter as `list` names it; topic/partition/offset shows all of that place, and scans the whole
        /// table
        #[arg(value_name = "TOPIC/PARTITION/OFFSET[/DIGEST]")]
        letter: DeadLetterId,
        /// As JSON, bytes in base64
        #[arg(long, conflicts_with = "value")]
        json: bool,
        /// Only its value, byte for byte
        #[arg(long)]
        value: bool,
    },
    Redrive(redrive::RedriveArgs),
}

pub(super) async fn run(command: DeadLettersCommand, engines: &EngineArgs) -> Result<(), Failure> {
    match command {
        DeadLettersCommand::List { reason, results } => {
            let mut letters = engines.ledger().await?.dead_letters().await?;
            letters.retain(|letter| reason.as_ref().is_none_or(|reason| *reason == letter.reason));
            if letters.is_empty() {
                tell!("no dead letter");
            }
            for letter in &letters {
                let DeadLetter { reason, detail, status, .. } = letter;
                let text = || format!("{}  {:<8}  {reason:<18}  {detail}", letter.id(), status.name());
                results.print(|| as_json(letter), text)?;
            }
        }
        DeadLettersCommand::Show { letter, json, value } => {
            let letters = named(&letter, &engines.ledger().await?).await?;
            if value {
                let bytes = only(&letter, &letters)?.value.as_deref().unwrap_or_default();
                terminal::bytes(bytes).map_err(|error| Failure::unwritten(&error))?;
            } else {
                for (ix, letter) in letters.iter().enumerate() {
                    match json {
                        true => say!("{}", as_json(letter)),
                        false => show(letter, ix == 0)?,
                    }
                }
            }
        }
        DeadLettersCommand::Redrive(args) => redrive::run(args, engines).await?,
    }
    Ok(())
}

/// The dead letters that a name means: the one with that digest, or all whose records stood at that place.
async fn named(name: &DeadLetterId, ledger: &DynamoDb) -> Result<Vec<DeadLetter>, Failure> {
    let letters = match name.digest {
        Some(_) => ledger.dead_letter(name).await.map(Vec::from_iter),
        None => ledger.dead_letters_at(&name.source).await,
    }?;
    match letters.is_empty() {
        true => Err(Failure::no(format!("no dead letter {name}"))),
        false => Ok(letters),
    }
}

/// The only dead letter that a name means, or the one that an older version gave exactly this name.
fn only<'l>(name: &DeadLetterId, letters: &'l [DeadLetter]) -> Result<&'l DeadLetter, Failure> {
    if let [letter] = letters {
        return Ok(letter);
    }
    letters.iter().find(|letter| letter.id() == *name).ok_or_else(|| {
        let names: Vec<String> = letters.iter().map(|letter| letter.id().to_string()).collect();
        Failure::input(format!("--value: several records stood there; name one of {}", names.join(", ")))
    })
}

fn show(letter: &DeadLetter, is_first: bool) -> Result<(), Failure> {
    if !is_first {
        say!("");
    }
    say!("source       {}", letter.id());
    say!("status       {}", letter.status.name());
    say!("reason       {}: {}", letter.reason, letter.detail);
    say!("received at  {}", letter.received_at);
    say!("key          {}", shown(letter.key.as_deref()));
    for header in &letter.headers {
        say!("header       {} = {}", header.name, shown(header.value.as_deref()));
    }
    say!("value        {}", shown(letter.value.as_deref()));
    Ok(())
}
