//! A DynamoDB for one test, with the project's tables on it, which nothing else touches.
//!
//! `make test` gives each test an embedded engine of its own. `make mutants` builds without feature `local`, and so
//! without the engine: there one runs beside the tests, `GIRO_TEST_DYNAMODB` says where, and each test has tables of
//! its own on it, of the shape of those that `giro up` made there.

use aws_sdk_dynamodb::Client;
use giro::store::Tables;
use giro::store::dynamodb::DynamoDb;

/// The engine, for as long as this lives.
pub(crate) struct Engine {
    client: Client,
    tables: Tables,
    _lifetime: Lifetime,
}

impl Engine {
    /// With the project's tables, empty.
    pub(crate) async fn start() -> Self {
        let engine = Self::without_tables().await;
        create(&engine.client, &engine.tables).await;
        engine
    }

    /// Without any of the tables that it names.
    pub(crate) async fn without_tables() -> Self {
        let (lifetime, endpoint, tables) = begin();
        Self { client: client(&endpoint).await, tables, _lifetime: lifetime }
    }

    /// A hand that reaches past the ports.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The ledger in the tables.
    pub(crate) fn ledger(&self) -> DynamoDb {
        DynamoDb::new(self.client(), self.tables.clone())
    }
}

pub(crate) use here::client;
use here::{Lifetime, begin, create};

#[cfg(feature = "local")]
mod here {
    use super::{Client, Tables};
    use giro::local::dynamodb::EmbeddedDynamoDb;

    pub(super) type Lifetime = EmbeddedDynamoDb;

    pub(super) fn begin() -> (Lifetime, String, Tables) {
        let engine = EmbeddedDynamoDb::start(None).unwrap();
        let endpoint = engine.endpoint().to_owned();
        (engine, endpoint, Tables::default())
    }

    pub(crate) async fn client(endpoint: &str) -> Client {
        giro::local::aws::dynamodb(Some(endpoint)).await.unwrap()
    }

    pub(super) async fn create(client: &Client, tables: &Tables) {
        giro::local::tables::create(client, tables, false).await.unwrap();
    }
}

#[cfg(not(feature = "local"))]
mod here {
    use std::sync::atomic::{AtomicU64, Ordering};

    use aws_sdk_dynamodb::config::retry::RetryConfig;
    use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region};
    use aws_sdk_dynamodb::types::{BillingMode, GlobalSecondaryIndex};

    use super::{Client, Tables};

    /// Takes the tables away at the end, so that the engine stays as it was.
    pub(super) struct Lifetime {
        endpoint: String,
        tables: Tables,
    }

    fn names(tables: &Tables) -> [&String; 4] {
        [&tables.accounts, &tables.payments, &tables.dead_letters, &tables.account_commands]
    }

    pub(super) fn begin() -> (Lifetime, String, Tables) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let endpoint = std::env::var("GIRO_TEST_DYNAMODB").expect("GIRO_TEST_DYNAMODB: where an engine runs");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = |table: String| format!("{table}-{}-{number}", std::process::id());
        let shape = Tables::default();
        let tables = Tables {
            accounts: name(shape.accounts),
            payments: name(shape.payments),
            dead_letters: name(shape.dead_letters),
            account_commands: name(shape.account_commands),
        };
        (Lifetime { endpoint: endpoint.clone(), tables: tables.clone() }, endpoint, tables)
    }

    pub(crate) async fn client(endpoint: &str) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(giro::aws::LOCAL_REGION))
            .credentials_provider(giro::aws::local_credentials())
            .retry_config(RetryConfig::disabled())
            .timeout_config(giro::aws::timeouts())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(endpoint);
        Client::from_conf(config.build())
    }

    pub(super) async fn create(client: &Client, tables: &Tables) {
        for (like, name) in names(&Tables::default()).into_iter().zip(names(tables)) {
            let like = client.describe_table().table_name(like).send().await.unwrap().table.unwrap();
            let index = |index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
                GlobalSecondaryIndex::builder()
                    .set_index_name(index.index_name.clone())
                    .set_key_schema(index.key_schema.clone())
                    .set_projection(index.projection.clone())
                    .build()
                    .unwrap()
            };
            let indexes: Vec<_> = like.global_secondary_indexes().iter().map(index).collect();
            let call = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
            let call = call.set_key_schema(like.key_schema).set_attribute_definitions(like.attribute_definitions);
            call.set_global_secondary_indexes(Some(indexes).filter(|indexes| !indexes.is_empty()))
                .send()
                .await
                .unwrap();
        }
    }

    impl Drop for Lifetime {
        fn drop(&mut self) {
            let delete = async {
                let client = client(&self.endpoint).await;
                for table in names(&self.tables) {
                    // A test that wants none has none.
                    let _ = client.delete_table().table_name(table).send().await;
                }
            };
            // A drop can't wait on the runtime that it runs on.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(delete);
                });
            });
        }
    }
}
