//! What: What is deployed, as plain data. `read` fills it, and tests write it by hand.

use std::collections::BTreeMap;

use serde_json::Value;

use super::finding::Why;
use super::grant::Grant;
use super::shape::Shape;

/// What was seen of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked<T> {
    /// It is there.
    Is(T),
    /// It is not there.
    Missing,
    /// It was not looked at.
    Not(Why),
}

/// All that is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The stack itself.
    pub stack: Stack,
    /// Functions by name; those that are called by an alias by `name:alias`.
    pub functions: BTreeMap<String, Looked<Function>>,
    /// All event source mappings of the account.
    pub mappings: Looked<Vec<Mapping>>,
    /// Tables by name.
    pub tables: BTreeMap<String, Looked<Table>>,
    /// What the roles of functions allow, by the function's name.
    pub roles: BTreeMap<String, Looked<Role>>,
    /// Topics by name.
    pub topics: Looked<BTreeMap<String, Looked<Topic>>>,
    /// Consumer groups by name.
    pub groups: BTreeMap<String, Looked<Group>>,
}

/// The stack itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// Its state, such as `UPDATE_COMPLETE`.
    pub status: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// The functions that it made, without those of nested stacks.
    pub functions: Vec<String>,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its variables.
    pub environment: Looked<BTreeMap<String, String>>,
    /// How many seconds an invocation may take.
    pub timeout: u64,
    /// Its memory, in MiB.
    pub memory: u64,
    /// Its reserved concurrency.
    pub concurrency: Looked<Option<u64>>,
    /// Its state, if it is another than `Active`, and why.
    pub trouble: Option<String>,
    /// The name of its role.
    pub role: String,
    /// The version that is live, if it is called by an alias.
    pub live: Option<Live>,
}

/// The version of a function that its alias calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Its number.
    pub version: String,
    /// The checksum of its code.
    pub code: String,
    /// The checksum of the code that was deployed last.
    pub latest: Looked<String>,
    /// The shares of invocations that go to other versions, by their numbers.
    pub others: Looked<BTreeMap<String, String>>,
}

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Its id.
    pub uuid: String,
    /// The name of its function, with the alias behind a colon if it has one.
    pub function: String,
    /// All that Lambda tells of it.
    pub properties: Value,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What the template has a say in.
    pub shape: Shape,
    /// The stream that it writes now.
    pub stream: Option<String>,
    /// Whether it can be restored to a point in time.
    pub recovery: Looked<bool>,
    /// The attribute by whose time DynamoDB deletes items, if it does.
    pub deletes: Looked<Option<String>>,
}

/// What a role allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// What its own policies and those of this account say.
    pub grants: Vec<Grant>,
    /// Who may take it.
    pub trusts: Looked<Vec<String>>,
    /// The policy that bounds what it allows, if there is one.
    pub boundary: Option<String>,
    /// The names of AWS's own policies that it has.
    pub managed: Vec<String>,
    /// Policies that could not be read, and why.
    pub unread: Vec<(String, Why)>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its partitions.
    pub partitions: usize,
    /// Its replicas.
    pub replicas: usize,
    /// Its configuration.
    pub config: Looked<BTreeMap<String, String>>,
}

/// A consumer group on the topic of its mapping, by partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// How far it has read each partition.
    pub partitions: BTreeMap<i32, Progress>,
}

/// How far a group has read a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The offset that it reads next. `None`: it has committed none.
    pub committed: Option<i64>,
    /// The oldest offset that the partition still has.
    pub oldest: i64,
    /// The offset that its next record gets.
    pub next: i64,
}
