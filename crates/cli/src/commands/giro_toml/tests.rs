//! What: Tests what a `giro.toml` may say, what it may not, and when it counts.

use clap::CommandFactory;

use super::*;
use crate::commands::{Cli, Command as Chosen};

fn read(text: &str) -> Result<GiroToml, String> {
    GiroToml::read(Path::new("/above/giro.toml"), Path::new("/above"), text)
}

/// The options of `giro up`, as the text of their values, with this file and these flags.
fn up(text: &str, flags: &str) -> UpArgs {
    let file = read(text).unwrap();
    let words: Vec<&str> = ["giro", "up"].into_iter().chain(flags.split_whitespace()).collect();
    let given = Cli::command().try_get_matches_from(&words).unwrap();
    let command = file.with_defaults_of_up(Cli::command(), given.subcommand_matches("up").unwrap());
    let cli = Cli::from_arg_matches(&command.try_get_matches_from(&words).unwrap()).unwrap();
    let Chosen::Up(args) = cli.command else { panic!("{words:?}") };
    args
}

#[test]
fn what_is_wrong_is_told_with_its_line_its_key_and_what_was_expected() {
    for (text, told) in [
        ("dynamodb = 'x'", "line 1: dynamodb: expected one of kafka-bootstrap-servers, dynamodb-endpoint, "),
        ("\n# x\npartitions = 4", "line 3: partitions: expected partitions below [up]"),
        ("[up]\naccounts-table = 'abc'", "line 2: accounts-table: expected accounts-table above [up]"),
        ("[up]\nlanes = 4", "line 2: lanes: expected one of detach, kafka, data, "),
        ("aws = true", "line 1: aws: expected no such key: a file can't choose AWS's own engines"),
        ("aws = false", "line 1: aws: expected no such key"),
        ("kafka-bootstrap-servers = 9092", "line 1: kafka-bootstrap-servers: expected a text in quotes"),
        ("kafka-bootstrap-servers = 'a:0'", "line 1: kafka-bootstrap-servers: expected HOST:PORT, or several"),
        ("kafka-bootstrap-servers = ['a:1']", "line 1: kafka-bootstrap-servers: expected a text in quotes"),
        ("dynamodb-endpoint = ''", "line 1: dynamodb-endpoint: expected a text that isn't empty"),
        (
            "\ndynamodb-endpoint = 'https://dynamodb.eu-central-1.amazonaws.com'",
            "line 2: dynamodb-endpoint: expected a URL",
        ),
        ("dynamodb-endpoint = '127.0.0.1:8000'", "line 1: dynamodb-endpoint: expected a URL that begins with http://"),
        ("lambda-endpoint = 'https://x'", "line 1: lambda-endpoint: expected a URL that begins with http://"),
        ("accounts-table = 'a b'", "line 1: accounts-table: expected "),
        ("accounts-table.name = 'abc'", "line 1: accounts-table: expected a text in quotes"),
        ("lambda-polls-streams = 'yes'", "line 1: lambda-polls-streams: expected true or false, without quotes"),
        ("\nlambda-polls-streams = true", "line 2: lambda-polls-streams: expected lambda-endpoint beside it"),
        ("up = 4", "line 1: up: expected a table: [up]"),
        ("accounts-table = 'abc'\naccounts-table = 'abd'", "line 2: expected TOML: duplicate key"),
        ("[up", "line 1: expected TOML: "),
        ("[up]\npartitions = 0", "line 2: partitions: expected a whole number from 1 to 1000"),
        ("[up]\npartitions = -1", "line 2: partitions: expected a whole number from 1 to 1000"),
        ("[up]\npartitions = '4'", "line 2: partitions: expected a whole number, without quotes"),
        ("[up]\npartitions = 4.0", "line 2: partitions: expected a whole number, without quotes"),
        ("[up]\nkafka = 'rabbit'", "line 2: kafka: expected one of embedded, apache"),
        ("[up]\nonly = ['a', 4]", "line 2: only: expected a text in quotes, or a list of such texts"),
        ("[up]\nparameter = 'x'", "line 2: parameter: expected NAME=VALUE"),
        ("[up]\nno-console = 1", "line 2: no-console: expected true or false, without quotes"),
        ("[up]\nno-console = true\nconsole-port = 1", "line 2: no-console: the argument '--no-console' cannot be used"),
        ("[up]\ndetach = true", "line 2: detach: expected no such key: write --detach with the command"),
        ("[up]\nas = 'alice'", "line 2: as: expected no such key"),
        ("[up]\nscope = 'payments:any'", "line 2: scope: expected no such key"),
        ("[up]\nhelp = true", "line 2: help: expected one of "),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(told), "{text}: expected {told:?}, got {error:?}");
    }
}

#[test]
fn engines_and_names_are_read_as_their_flags_are() {
    let file = read(
        "kafka-bootstrap-servers = '127.0.0.1:9092'\ndynamodb-endpoint = 'http://127.0.0.1:8000'\n\
         lambda-endpoint = 'http://127.0.0.1:9000'\nlambda-polls-streams = true\naccounts-table = 'eu-accounts'\n",
    );
    let flags = "giro --kafka-bootstrap-servers 127.0.0.1:9092 --dynamodb-endpoint http://127.0.0.1:8000 \
                 --lambda-endpoint http://127.0.0.1:9000 --lambda-polls-streams --accounts-table eu-accounts";
    let flags = options_of_engines().try_get_matches_from(flags.split_whitespace()).unwrap();
    let flags = EngineArgs::from_arg_matches(&flags).unwrap();
    assert_eq!(format!("{:?}", file.unwrap().engines), format!("{flags:?}"));
    let nothing = EngineArgs::from_arg_matches(&options_of_engines().try_get_matches_from(["giro"]).unwrap()).unwrap();
    for text in ["", "# a comment\n", "lambda-polls-streams = false", "[up]\npartitions = 2"] {
        assert_eq!(format!("{:?}", read(text).unwrap().engines), format!("{nothing:?}"), "{text}");
    }
}

/// Each row: a file, flags, and the flags that mean the same without a file.
#[test]
fn a_flag_comes_before_the_defaults_of_up() {
    for (text, flags, same) in [
        ("", "", ""),
        ("partitions = 4\nbatch-records = 7", "", "--partitions 4 --batch-records 7"),
        ("partitions = 4", "--partitions 2", "--partitions 2"),
        ("data = 'kept'", "", "--data /above/kept"),
        ("data = '/else/where'", "", "--data /else/where"),
        ("template = 'mine.yaml'", "", "--template /above/mine.yaml"),
        ("data = 'kept'", "--data here", "--data here"),
        ("kafka = 'apache'", "", "--kafka apache"),
        ("kafka = 'apache'", "--kafka embedded", ""),
        ("no-partial-batch-response = true", "", "--no-partial-batch-response"),
        ("no-partial-batch-response = false", "", ""),
        ("only = ['a', 'b']", "", "--only a --only b"),
        ("only = 'a'", "--only b", "--only b"),
        ("parameter = ['A=1', 'B=2']", "", "--parameter A=1 --parameter B=2"),
        ("console-port = 8080", "", "--console-port 8080"),
        ("no-console = true", "", "--no-console"),
        ("no-console = true", "--console-port 0", "--console-port 0"),
        ("log = 'json'\ncolor = 'never'", "", "--log json --color never"),
    ] {
        let (mixed, alone) = (up(&format!("[up]\n{text}"), flags), up("", same));
        assert_eq!(format!("{mixed:?}"), format!("{alone:?}"), "{text} and {flags}");
    }
}

/// A default of the file that no flag could give would be one that nobody tests.
#[test]
fn each_option_of_up_is_a_default_or_is_refused_for_a_reason() {
    let (mut known, mut refused) = (0, Vec::new());
    for argument in up_command().get_arguments() {
        let key = argument.get_long().unwrap();
        match read(&format!("[up]\n{key} = {{}}")).unwrap_err() {
            error if error.contains("expected no such key") => refused.push(key.to_owned()),
            error => {
                assert!(error.starts_with(&format!("line 2: {key}: expected ")), "{error}");
                known += 1;
            }
        }
    }
    refused.sort();
    assert_eq!(refused, ["as", "detach", "scope"]);
    assert!(known >= 15, "{known}");
}

#[test]
fn the_example_of_the_documents_can_be_used() {
    let document = include_str!("../../../../../docs/local-stack.md");
    let (_, rest) = document.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let file = read(example).unwrap();
    assert!(file.engines.dynamodb_endpoint.is_some() && file.up.len() >= 4, "{file:?}");
    let options = format!("{:?}", up(example, ""));
    assert!(options.contains("/above/.giro/data"), "{options}");
}
