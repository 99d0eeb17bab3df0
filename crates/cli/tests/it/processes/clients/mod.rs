//! The programs of `examples/`, on the local stack: producers and consumers in Python, Java and Node.
//!
//! | part | where |
//! |---|---|
//! | the programs, their toolchains, and the folder that they run in | here |
//! | requests in each codec of Kafka, from each client | `producers` |
//! | outcomes that come again, counted once | `consumers` |
//! | outcomes as types that are generated from their schemas | `types` |
//! | `examples/giro.http` against `docs/openapi.yaml`, and on a stack | `http_file` |
//! | both brokers, and `docs/clients.md` as it is pasted | `brokers` |
//!
//! `scripts/tools.sh` installs what they need. Without it they say that they are skipped.

mod brokers;
mod consumers;
mod http_file;
mod producers;
mod types;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use giro_cli::local::stack::Endpoints;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long a program may take that only has to do a little.
const PATIENCE: Duration = Duration::from_secs(90);

/// A language of `examples/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    Node,
    Java,
}

impl Language {
    const ALL: [Self; 3] = [Self::Python, Self::Node, Self::Java];

    /// Those that are installed. Each needs those before it, because the page counts what all have asked for.
    fn installed() -> Vec<Self> {
        Self::ALL.into_iter().take_while(|language| tool(language.tool().0).is_some()).collect()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
            Self::Java => "java",
        }
    }

    /// How its programs are started, as `docs/clients.md` says it.
    fn program(self, name: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Python => &["examples/python/.venv/bin/python"],
            Self::Node => &["node"],
            Self::Java => &["java", "-cp", "examples/java/target/classes:examples/java/target/libs/*"],
        };
        let file = match self {
            Self::Python => format!("examples/python/{name}.py"),
            Self::Node => format!("examples/node/{name}.mjs"),
            Self::Java => format!("{}{}", name[..1].to_uppercase(), &name[1..]),
        };
        words.iter().map(|word| (*word).to_owned()).chain([file]).collect()
    }

    /// What it has in `.tools`, and where the examples expect that.
    fn tool(self) -> (&'static str, &'static str) {
        match self {
            Self::Python => ("clients-python", "examples/python/.venv"),
            Self::Node => ("clients-node/node_modules", "examples/node/node_modules"),
            Self::Java => ("clients-java", "examples/java/target"),
        }
    }
}

/// A folder of `.tools`. None where it isn't installed, and then it says so.
fn tool(name: &str) -> Option<PathBuf> {
    let path = Path::new(crate::ROOT).canonicalize().unwrap().join(".tools").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: clients in other languages: there is no .tools/{name}; scripts/tools.sh installs it");
        return None;
    }
    Some(path)
}

/// A folder with the examples as a clone has them, beside a stack.
struct Place {
    folder: TempDir,
    at: Endpoints,
}

impl Place {
    /// The toolchains of these languages must be installed.
    fn new(at: &Endpoints, languages: &[Language]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for language in languages {
            let (name, link) = language.tool();
            let link = folder.path().join(link);
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(tool(name).unwrap(), link).unwrap();
            // Java's are compiled.
            let sources = Path::new(crate::ROOT).join("examples").join(language.name());
            for entry in std::fs::read_dir(sources).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_file() {
                    let to = folder.path().join("examples").join(language.name()).join(entry.file_name());
                    std::fs::copy(entry.path(), to).unwrap();
                }
            }
        }
        Self { folder, at: at.clone() }
    }

    /// A program on the stack, as a person starts it here.
    fn command(&self, words: &[String], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.folder.path()).kill_on_drop(true);
        command.env("KAFKA_BOOTSTRAP_SERVERS", &self.at.kafka_bootstrap_servers);
        // A virtual machine that lives for a second needs no second compiler.
        command.env("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
        command.envs(variables.iter().copied()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn start(&self, words: &[String], variables: &[(&str, &str)]) -> Child {
        self.command(words, variables).spawn().unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// What it prints. It must end well.
    async fn run(&self, words: &[String], variables: &[(&str, &str)]) -> String {
        let output = tokio::time::timeout(PATIENCE, self.command(words, variables).output()).await;
        let output = output.unwrap_or_else(|_| panic!("{words:?}: it doesn't end")).unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {}: {complaints}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Words of a command line.
fn words(begin: Vec<String>, more: &[&str]) -> Vec<String> {
    begin.into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect()
}

/// What a page or a package says of a client's version, the tests' tools say too.
#[test]
fn the_tests_use_the_versions_that_the_examples_name() {
    let read = |file: &str| std::fs::read_to_string(Path::new(crate::ROOT).join(file)).unwrap();
    let tools = read("scripts/tools.txt");
    let python = read("examples/python/requirements.txt");
    assert!(tools.contains(&format!("clients-python {} ", python.trim())), "{python}");
    let node: serde_json::Value = serde_json::from_str(&read("examples/node/package.json")).unwrap();
    let version = node["dependencies"]["@platformatic/kafka"].as_str().unwrap();
    assert!(tools.contains(&format!("clients-node npm:@platformatic/kafka@{version}\n")), "{version}");
    assert_eq!(node["dependencies"].as_object().unwrap().len(), 1);
}
