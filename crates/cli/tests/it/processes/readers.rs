//! Readers that go away. A command whose results nobody reads ends like `cat`. One whose errors nobody reads goes on,
//! and a stack runs on.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::processes::cli;

/// How long a process may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a shell tells of a process that SIGPIPE ended.
const NOBODY_READS: Option<i32> = Some(141);

/// The writing end of a pipe whose reader has gone away.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A `giro up` without readers. Ended when dropped.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Up {
    fn start(folder: &Path) -> Self {
        let mut command = cli::command(&["up"], folder);
        let mut up = Self(command.stdin(Stdio::null()).stdout(unread()).stderr(unread()).spawn().unwrap());
        let since = Instant::now();
        while !folder.join(".giro/up.json").exists() {
            assert_eq!(up.0.try_wait().unwrap(), None, "giro up ended");
            assert!(since.elapsed() < PATIENCE, "giro up doesn't start");
            std::thread::sleep(Duration::from_millis(20));
        }
        up
    }

    /// Stops it as Ctrl-C does; its exit code.
    fn stop(mut self) -> Option<i32> {
        assert_eq!(self.0.try_wait().unwrap(), None, "the stack ended with its readers");
        assert!(Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap().success());
        self.0.wait().unwrap().code()
    }
}

/// Runs a command; what it prints.
fn printed(folder: &Path, arguments: &[&str], input: &str) -> String {
    let output = cli::run(&mut cli::command(arguments, folder), input.as_bytes());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn until(folder: &Path, arguments: &[&str], says: &str) {
    let since = Instant::now();
    while !printed(folder, arguments, "").contains(says) {
        assert!(since.elapsed() < PATIENCE, "{arguments:?} never says {says}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command whose results nobody reads; its exit code, and what it complains of.
fn to_nobody(folder: &Path, words: &str, input: &str) -> (Option<i32>, String) {
    let arguments: Vec<&str> = words.split(' ').collect();
    let mut command = cli::command(&arguments, folder);
    let mut child = command.stdin(Stdio::piped()).stdout(unread()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Reads one line of a command that goes on, as `head -1` does; its exit code, though it has nothing more to print.
fn after_one_line(folder: &Path, words: &str) -> Option<i32> {
    let arguments: Vec<&str> = words.split(' ').collect();
    let mut command = cli::command(&arguments, folder);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.ends_with('\n'), "{words}: {line}");
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    child.wait().unwrap().code()
}

/// Commands that print, but for those that name a record.
const COMMANDS: &[&str] = &[
    "outcomes --follow",
    "outcomes",
    "outcomes --json",
    "accounts list",
    "accounts list --json",
    "accounts show a",
    "accounts show a --json",
    "accounts commands",
    "accounts commands --json",
    "accounts open b --currency EUR",
    "accounts freeze c --no-wait",
    "accounts add-lanes a 2 --direct",
    "payments show p1",
    "outcomes republish --payment p1",
    "status",
    "topics list",
    "topics list --json",
    "topics create --replication 1",
    "dead-letters list",
    "dead-letters list --json",
    "audit --json",
    "publish -",
    "publish - --json",
    "simulate --steps 1",
    "simulate --steps 1 --history",
    "demo --payments 1",
];

/// Today's `giro outcomes --follow | head -1` never ends.
#[test]
fn a_command_ends_quietly_with_its_reader_and_a_stack_lives_on_without_any() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let up = Up::start(folder);
    let payment = r#"{"payment_id":"p1","debtor_account":"a","creditor_account":"b","amount":1,"currency":"EUR"}"#;
    printed(folder, &["publish", "-", "--unchecked"], &format!("{payment}\nbroken\n"));
    until(folder, &["dead-letters", "list"], "not_json");
    until(folder, &["outcomes"], "p1");
    printed(folder, &["accounts", "open", "a", "--currency", "EUR"], "");
    let letters = printed(folder, &["dead-letters", "list"], "");
    let letter = letters.split_whitespace().next().unwrap();
    let event = Path::new(crate::ROOT).join("events/msk.json");
    let (show, invoke) = (format!("dead-letters show {letter}"), format!("invoke --event {}", event.display()));
    let with_names = [&show, &format!("{show} --json"), &format!("{show} --value"), &invoke];
    std::thread::scope(|scope| {
        for words in COMMANDS.iter().copied().chain(with_names.map(String::as_str)) {
            scope.spawn(move || {
                let (code, complaints) = to_nobody(folder, words, payment);
                assert_eq!((code, complaints.as_str()), (NOBODY_READS, ""), "{words}");
            });
        }
    });
    // Nothing more comes that could fail to be written.
    std::fs::write(folder.join(".giro/up.log"), "a line\n").unwrap();
    for words in ["outcomes --follow", "logs --follow"] {
        assert_eq!(after_one_line(folder, words), NOBODY_READS, "{words}");
    }
    // It changes what others see.
    let again = format!("dead-letters redrive {letter}");
    assert_eq!(to_nobody(folder, &again, ""), (NOBODY_READS, String::new()), "{again}");
    // Nobody reads the stack's output, and it works.
    printed(folder, &["publish", "-"], &payment.replace("p1", "p2"));
    until(folder, &["outcomes"], "p2");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_command_whose_complaints_nobody_reads_keeps_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    for (words, code) in [
        ("frobnicate", 2),
        ("publish nowhere.ndjson", 2),
        ("accounts list --dynamodb-endpoint http://127.0.0.1:1", 3),
        ("topics list --verbose --kafka-bootstrap-servers 127.0.0.1:1", 3),
        ("simulate --steps 1", 0),
    ] {
        let arguments: Vec<&str> = words.split(' ').collect();
        let mut command = cli::command(&arguments, folder.path());
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(unread()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{words}");
    }
}

/// A full disk is not the same as a reader that went away.
#[test]
fn results_that_cannot_be_written_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = cli::command(&["simulate", "--steps", "1"], folder.path());
    let output = command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("writing to standard output: No space left on device"), "{text}");
}
