//! What: `giro accounts set-owner` gives one account an owner, takes it away, or gives owners to many accounts.
//!
//! Data: Takes an account and a principal, or lines of both. Publishes a command for each.
//!
//! Invariants: All lines are read before anything is sent. A list may be sent again: an account that has its owner
//! already is left as it is.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::account_commands::{self, SendArgs};
use super::engines::EngineArgs;
use giro::domain::account_command::Action;
use giro::domain::{AccountId, Principal};

/// How many commands are on their way to the broker at a time.
const SENDING_MAX: usize = 1_000;

/// Who owns an account from now on. One of the two must be given, so that no owner is taken away by accident.
#[derive(Debug, Args)]
#[command(
    after_help = "A line of a list is ACCOUNT PRINCIPAL, or ACCOUNT none. Empty lines and lines from # on are left out.\n\nExamples:\n  giro accounts set-owner alice --owner 5f7c0e1a\n  giro accounts set-owner alice --no-owner\n  giro accounts set-owner --list owners.txt"
)]
pub(super) struct SetOwnerArgs {
    /// The account
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    id: Option<AccountId>,
    /// The principal: a token's subject, or the ARN of a role or user, as docs/authorization.md writes it
    #[arg(long, value_name = "PRINCIPAL", required_unless_present_any = ["no_owner", "list"])]
    owner: Option<Principal>,
    /// Nobody: only a caller with the scope for all accounts may use it
    #[arg(long, conflicts_with = "owner")]
    no_owner: bool,
    /// Read accounts and owners from this file, or from standard input if it is -. It sends and doesn't wait
    #[arg(long, value_name = "FILE", conflicts_with_all = ["owner", "no_owner", "command_id", "no_wait", "wait", "json"])]
    list: Option<PathBuf>,
    #[command(flatten)]
    send: SendArgs,
}

pub(super) async fn set(args: SetOwnerArgs, engines: &EngineArgs) -> Result<(), Failure> {
    match (args.id, args.list) {
        (Some(id), _) => account_commands::send(id, Action::SetOwner(args.owner), args.send, engines).await,
        (None, Some(list)) => set_each(&read(&list)?, args.send.topic, engines).await,
        (None, None) => Err(Failure::input("expected an account, or --list")),
    }
}

type Line = (AccountId, Option<Principal>);

fn read(list: &std::path::Path) -> Result<Vec<Line>, Failure> {
    lines(&text_of(list)?).map_err(Failure::input)
}

/// The text of a list: a file, or standard input if it is `-`.
pub(super) fn text_of(list: &std::path::Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match list.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text).map(|_| ()),
        false => std::fs::read_to_string(list).map(|read| text = read),
    };
    read.map_err(|error| Failure::input(format!("{}: {error}", list.display())))?;
    Ok(text)
}

/// The accounts and owners of a list. An error names the line.
fn lines(text: &str) -> Result<Vec<Line>, String> {
    let line = |(number, line): (usize, &str)| {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let wrong = |expected: String| format!("line {number}: {expected}");
        match words.as_slice() {
            [] => None,
            [account, owner] => Some(
                account
                    .parse()
                    .map_err(|expected| wrong(format!("account: {expected}")))
                    .and_then(|account| Ok((account, principal(owner).map_err(wrong)?))),
            ),
            _ => Some(Err(wrong("expected ACCOUNT PRINCIPAL".into()))),
        }
    };
    (1..).zip(text.lines()).filter_map(line).collect()
}

fn principal(word: &str) -> Result<Option<Principal>, String> {
    if word == giro::domain::principal::NONE {
        return Ok(None);
    }
    Principal::try_new(word).map(Some).map_err(|expected| format!("owner: {expected}"))
}

async fn set_each(lines: &[Line], topic: Option<String>, engines: &EngineArgs) -> Result<(), Failure> {
    let topic = engines.topic(topic, |topics| topics.commands)?;
    let producer = engines.producer_to(&topic).await?;
    for some in lines.chunks(SENDING_MAX) {
        let mut sending = Vec::with_capacity(some.len());
        for (account, owner) in some {
            let action = Action::SetOwner(owner.clone());
            sending.push(account_commands::sending(account, action, &topic, &producer).await?);
        }
        for sending in sending {
            sending.placed().await?;
        }
    }
    say!("sent {} commands; `giro accounts commands` shows their answers", lines.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_whole_or_not_at_all() {
        let read = lines("# owners\nalice ann\n\nbob  none # nobody\n").unwrap();
        let shown: Vec<String> = read.iter().map(|(id, owner)| format!("{id} {owner:?}")).collect();
        assert_eq!(shown, [r#"alice Some(Principal("ann"))"#, "bob None"]);
        for (text, expected) in [
            ("alice ann\nbob", "line 2: expected ACCOUNT PRINCIPAL"),
            ("a/b ann", "line 1: account: expected 1 to 64 characters of A-Z a-z 0-9 . _ : -, and neither . nor .."),
            (
                "alice \u{e4}",
                "line 1: owner: expected 1 to 128 printable ASCII characters without spaces, and not none",
            ),
        ] {
            assert_eq!(lines(text), Err(expected.to_owned()), "{text}");
        }
    }
}
