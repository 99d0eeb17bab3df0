//! Every shell block of the documents, run as a reader pastes it.
//!
//! A page runs in a folder and on a stack of its own. Its blocks run in their order, in one shell, so that each has
//! what earlier ones exported. A page that doesn't say `giro up` itself finds a stack running.
//!
//! | in a page | means |
//! |---|---|
//! | a block of `sh` | is run; each command must end with exit code 0 |
//! | `exit code N` in a command's comment | that command must end with it |
//! | a block of `text` right after it | its lines stand in what the block printed, in this order; `…` is anything |
//! | a block of `console` | is not run: [`NOT_RUN`] says why |

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::processes::cli::{command, run};

/// Blocks that can't run here, by page and first command, and why.
const NOT_RUN: [(&str, &str, &str); 31] = [
    ("README.md", "make demo", "it builds, and runs these very tests"),
    ("docs/analytics.md", "giro up", "it needs DuckDB; crates/cli/tests/it/analytics runs the same"),
    ("docs/analytics.md", "SECOND=", "it asks an account of AWS"),
    ("docs/analytics.md", "aws ", "the same"),
    ("docs/console.md", "giro console --aws", "it asks a deployed stack"),
    ("docs/console.md", "node scripts/console/test.mjs", "crates/cli/tests/it/processes/console.rs runs the same"),
    ("docs/clients.md", "giro up", "it installs clients; scripts/tools.sh does that for the tests"),
    ("docs/clients.md", "./examples/python", "crates/cli/tests/it/processes/clients runs it as it is pasted"),
    ("docs/clients.md", "node ", "the same"),
    ("docs/clients.md", "java ", "the same"),
    ("docs/deploy.md", "scripts/build.sh", "it builds for AWS, and deploys there"),
    ("docs/deploy.md", "cargo lambda build", "the same by other tools"),
    ("docs/deploy.md", "giro --aws accounts open canary-1", "it opens accounts of a deployed stack"),
    ("docs/deploy.md", "kafka-configs.sh", "it changes a cluster of one's own"),
    ("docs/deploy.md", "export KAFKA_BOOTSTRAP_SERVERS=", "it asks a deployed stack"),
    ("docs/deploy.md", "acls=", "it changes a cluster of one's own"),
    ("docs/deploy.md", "aws ", "it asks an account of AWS, or changes it"),
    ("docs/deploy.md", "scripts/costs.py", "it needs the project's folder"),
    ("docs/doctor.md", "giro --aws ", "it asks a deployed stack"),
    ("docs/edge.md", "aws ", "it changes an account of AWS"),
    ("docs/edge.md", "openssl ", "it makes a key to keep"),
    ("docs/failed.md", "kafka-configs.sh", "it changes a cluster of one's own"),
    (
        "docs/local-stack.md",
        "cargo lambda watch",
        "it builds, and waits; the unit tests of `giro env` read what it prints",
    ),
    ("docs/local-stack.md", "sam build", "it needs Docker"),
    ("docs/outcomes.md", "giro outcomes republish", "it asks a deployed stack, and payments that it has"),
    ("docs/restore.md", "aws ", "it changes a deployed stack"),
    ("docs/restore.md", "giro --aws ", "it restores tables of a deployed stack"),
    ("docs/restore.md", ".tools/sam/bin/sam deploy", "it deploys on AWS"),
    ("docs/restore.md", "export ", "it names what a deployed stack has"),
    ("docs/upgrading.md", "export KAFKA_BOOTSTRAP_SERVERS=", "it asks a deployed stack"),
    ("docs/upgrading.md", "aws dynamodb update-table", "it changes a deployed stack"),
];

/// The pages that have shell blocks.
macro_rules! pages {
    ($($name:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(
            #[test]
            fn $name() {
                check($page);
            }
        )*
    };
}

pages! {
    readme_runs_as_pasted: "README.md",
    accounts_run_as_pasted: "docs/accounts.md",
    analytics_say_what_is_not_run: "docs/analytics.md",
    api_runs_as_pasted: "docs/api.md",
    authorization_runs_as_pasted: "docs/authorization.md",
    console_runs_as_pasted: "docs/console.md",
    dead_letters_run_as_pasted: "docs/dead-letters.md",
    clients_say_what_is_not_run: "docs/clients.md",
    deploy_says_what_is_not_run: "docs/deploy.md",
    doctor_says_what_is_not_run: "docs/doctor.md",
    edge_says_what_is_not_run: "docs/edge.md",
    failed_runs_as_pasted: "docs/failed.md",
    local_stack_runs_as_pasted: "docs/local-stack.md",
    outcomes_run_as_pasted: "docs/outcomes.md",
    payments_run_as_pasted: "docs/payments.md",
    restore_says_what_is_not_run: "docs/restore.md",
    upgrading_says_what_is_not_run: "docs/upgrading.md",
    events_run_as_pasted: "events/README.md",
}

fn root() -> PathBuf {
    PathBuf::from(crate::ROOT)
}

/// A fenced block.
struct Block {
    language: String,
    /// The number of its first line.
    line: usize,
    lines: Vec<String>,
    /// Whether only blank lines stand between it and the block before.
    adjacent: bool,
}

fn blocks(page: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let (mut open, mut adjacent) = (false, false);
    for (ix, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(_), true) => (open, adjacent) = (false, true),
            (Some(language), false) => {
                open = true;
                blocks.push(Block { language: language.into(), line: ix + 2, lines: Vec::new(), adjacent });
            }
            (None, true) => blocks.last_mut().unwrap().lines.push(line.into()),
            (None, false) => adjacent &= line.trim().is_empty(),
        }
    }
    assert!(!open, "{page}: a block has no end");
    blocks
}

/// The commands of a block: as many lines each as the shell needs.
fn commands(page: &str, block: &Block) -> Vec<(usize, String)> {
    let mut commands = Vec::new();
    let mut command = String::new();
    for (ix, line) in block.lines.iter().enumerate() {
        command = if command.is_empty() { line.clone() } else { format!("{command}\n{line}") };
        let whole = !line.ends_with('\\')
            && Command::new("bash").args(["-n", "-c", &command]).output().unwrap().status.success();
        if whole && !command.trim().is_empty() {
            commands.push((block.line + ix, std::mem::take(&mut command)));
        }
    }
    assert!(command.trim().is_empty(), "{page}:{}: the shell wants more: {command}", block.line);
    commands
}

/// The exit code that a command's comment tells.
fn expected_code(command: &str) -> i32 {
    let told = command.split_once("exit code ").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit));
    told.map_or(0, |digits| digits.collect::<String>().parse().unwrap())
}

/// What a script of the page's blocks writes where a command or a block is over.
const ENDED: &str = "@@ended";

fn script(run: &[Vec<(usize, String)>]) -> String {
    let mut script = String::new();
    for (number, commands) in run.iter().enumerate() {
        for (line, command) in commands {
            script.push_str(&format!("{command}\necho \"{ENDED} {number} {line} $?\"\n"));
        }
    }
    script
}

/// The page's folder: all that a clone has, and no stack yet.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name();
        if !name.to_str().is_some_and(|name| name.starts_with('.') || name == "target") {
            std::os::unix::fs::symlink(root().join(&name), folder.path().join(&name)).unwrap();
        }
    }
    // `target/debug` as the build of these tests has it.
    std::fs::create_dir(folder.path().join("target")).unwrap();
    std::os::unix::fs::symlink(programs(), folder.path().join("target/debug")).unwrap();
    folder
}

fn programs() -> PathBuf {
    PathBuf::from(crate::binary("giro")).parent().unwrap().to_owned()
}

fn giro(arguments: &[&str], folder: &Path) -> Output {
    run(&mut command(arguments, folder), b"")
}

/// Ends the page's stack, however the page ended.
struct Down<'f>(&'f Path);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        giro(&["down"], self.0);
    }
}

/// Runs a script as a reader does in a folder, with the programs of this build.
fn shell(folder: &Path, script: &str) -> Output {
    let mut shell = command(&[], folder);
    let path = std::env::join_paths(
        std::iter::once(programs().to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let environment: Vec<_> =
        shell.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    shell = Command::new("bash");
    for (name, value) in environment {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(["-c", &format!("exec 2>&1\n{script}")]).current_dir(folder).env("PATH", path.unwrap()).output().unwrap()
}

fn check(page: &str) {
    let blocks = blocks(page);
    let not_run = |block: &Block| {
        NOT_RUN
            .iter()
            .any(|(known, begins, _)| *known == page && block.lines.iter().any(|line| line.starts_with(begins)))
    };
    for block in &blocks {
        let told = not_run(block);
        match block.language.as_str() {
            "sh" => assert!(!told, "{page}:{}: it is run, and NOT_RUN says that it isn't", block.line),
            "console" => assert!(told, "{page}:{}: NOT_RUN doesn't say why it isn't run", block.line),
            _ => {}
        }
    }
    for block in &blocks {
        let waits = block.language == "sh" && block.lines.iter().any(|line| line.trim_end().ends_with('&'));
        assert!(!waits, "{page}:{}: nobody waits for a command behind `&`, and the next line is a race", block.line);
    }
    let run: Vec<&Block> = blocks.iter().filter(|block| block.language == "sh").collect();
    if run.is_empty() {
        return;
    }
    // The shell is asked about each line once.
    let commands: Vec<Vec<(usize, String)>> = run.iter().map(|block| commands(page, block)).collect();
    let folder = folder();
    let _down = Down(folder.path());
    if !run.iter().any(|block| block.lines.iter().any(|line| line.starts_with("giro up"))) {
        let up = giro(&["up", "--detach"], folder.path());
        assert!(up.status.success(), "{page}: {}", String::from_utf8_lossy(&up.stderr));
    }
    let output = shell(folder.path(), &script(&commands));
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut by_block = vec![String::new(); run.len()];
    let mut so_far = String::new();
    let mut ended = 0;
    for line in printed.lines() {
        let Some(rest) = line.split_once(ENDED).map(|(before, rest)| {
            // A command may end without ending its line.
            if !before.is_empty() {
                so_far.push_str(before);
                so_far.push('\n');
            }
            rest
        }) else {
            so_far.push_str(line);
            so_far.push('\n');
            continue;
        };
        let numbers: Vec<usize> = rest.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [block, at, code] = numbers[..] else { panic!("{page}: {line}") };
        let (_, command) = commands[block].iter().find(|(line, _)| *line == at).unwrap();
        assert_eq!(code, usize::try_from(expected_code(command)).unwrap(), "{page}:{at}: {command}\n{so_far}");
        by_block[block].push_str(&std::mem::take(&mut so_far));
        ended += 1;
    }
    let all: usize = commands.iter().map(Vec::len).sum();
    assert_eq!(ended, all, "{page}: the shell ended early\n{printed}");
    for pair in blocks.windows(2) {
        let [asked, told] = pair else { continue };
        if asked.language != "sh" || told.language != "text" || !told.adjacent {
            continue;
        }
        let number = run.iter().position(|block| block.line == asked.line).unwrap();
        let mut rest = by_block[number].as_str();
        for line in told.lines.iter().filter(|line| !line.trim().is_empty()) {
            let found = rest.split_inclusive('\n').position(|printed| looks_like(printed.trim_end(), line.trim_end()));
            let Some(found) = found else { panic!("{page}:{}: expected {line:?} in\n{}", told.line, by_block[number]) };
            rest = &rest[rest.split_inclusive('\n').take(found + 1).map(str::len).sum::<usize>()..];
        }
    }
}

/// Whether a line is as a pattern says: `…` is anything.
fn looks_like(line: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('…');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap()) else { return false };
    let mut last = None;
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        last = Some(piece);
    }
    rest.is_empty() || last == Some("")
}

#[test]
fn every_page_with_shell_blocks_is_run() {
    let mut pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "events/README.md"].map(PathBuf::from).to_vec();
    for folder in ["docs", "docs/adr"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    for page in pages {
        let page = page.to_str().unwrap();
        let runs =
            blocks(page).iter().any(|block| matches!(block.language.as_str(), "sh" | "bash" | "shell" | "console"));
        assert!(!runs || PAGES.contains(&page), "{page} has shell blocks; name it in pages!");
    }
}

#[test]
fn a_pattern_is_a_line_with_gaps() {
    assert!(looks_like("a b c", "a b c") && looks_like("a b c", "a … c") && looks_like("a b c", "a …"));
    assert!(looks_like("x a", "… a") && !looks_like("a b c", "a b") && !looks_like("a b", "a … c"));
    assert!(looks_like("…", "…") && !looks_like("b", "a…"));
}
