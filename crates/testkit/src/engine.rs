//! What: Makes a DynamoDB for one test, with the project's tables, which nothing else uses.

use aws_sdk_dynamodb::Client;
use giro::store::Tables;
use giro::store::dynamodb::DynamoDb;

use crate::dynamodb::{EmbeddedDynamoDb, client};
use crate::tables;

/// The engine. It runs as long as this value exists.
#[derive(Debug)]
pub struct Engine {
    client: Client,
    tables: Tables,
    running: EmbeddedDynamoDb,
}

impl Engine {
    /// With the project's tables, empty.
    ///
    /// # Errors
    /// If the engine can't be started, or refuses a table.
    pub async fn start() -> anyhow::Result<Self> {
        let engine = Self::without_tables()?;
        tables::create(&engine.client, &engine.tables, false).await?;
        Ok(engine)
    }

    /// Without any of the tables that it names.
    ///
    /// # Errors
    /// If the engine can't be started.
    pub fn without_tables() -> anyhow::Result<Self> {
        let running = EmbeddedDynamoDb::start(None)?;
        Ok(Self { client: client(running.endpoint()), tables: Tables::default(), running })
    }

    /// Where it listens, for another process.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.running.endpoint()
    }

    /// A client that doesn't use the ports.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The names of its tables.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The ledger in the tables.
    #[must_use]
    pub fn ledger(&self) -> DynamoDb {
        DynamoDb::new(self.client(), self.tables.clone())
    }
}
