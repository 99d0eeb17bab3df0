//! What: Creates the tables of a blueprint on a local engine, as CloudFormation does on AWS.
//!
//! Data: Takes a client and tables. Gives tables that are ready. An existing table stays as it is, but gets a missing
//! stream.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription, TableStatus,
};

use giro::aws::in_words;
use giro::config::{
    ACCOUNT_COMMANDS_TABLE, ACCOUNTS_TABLE, AUDIT_HEADS_TABLE, CHECKPOINTS_TABLE, DEAD_LETTERS_TABLE, PAYMENTS_TABLE,
    REFUNDS_TABLE,
};
use giro::store::Tables;
use giro_template::{Blueprint, Index, Key, Table, TemplateError, Templates};

/// How long to wait before a table is looked at again.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

/// The embedded template, read once a process: reading it took most of the time of a test with an engine of its own.
static BLUEPRINT: LazyLock<Result<Blueprint, TemplateError>> =
    LazyLock::new(|| Templates::Embedded.blueprint(&BTreeMap::new()));

/// Creates the project's tables under these names. Without `stream`, no table has a stream.
///
/// # Errors
/// If the engine can't be reached or refuses.
pub async fn create(client: &Client, tables: &Tables, stream: bool) -> anyhow::Result<()> {
    let mut blueprint = BLUEPRINT.clone()?;
    blueprint.rename_tables(&by_variable(tables));
    let mut tables = blueprint.tables;
    if !stream {
        tables.iter_mut().for_each(|table| table.stream = None);
    }
    create_all(client, &tables).await
}

/// Creates tables.
///
/// # Errors
/// If the engine can't be reached or refuses.
pub async fn create_all(client: &Client, tables: &[Table]) -> anyhow::Result<()> {
    for table in tables {
        create_table(client, table).await.with_context(|| format!("creating the table {}", table.name))?;
    }
    Ok(())
}

async fn create_table(client: &Client, table: &Table) -> anyhow::Result<()> {
    if let Some(there) = describe(client, &table.name).await? {
        let streams = there.stream_specification.is_some_and(|stream| stream.stream_enabled);
        if let Some(view) = table.stream.as_ref().filter(|_| !streams) {
            client
                .update_table()
                .table_name(&table.name)
                .stream_specification(stream(view)?)
                .send()
                .await
                .map_err(|error| anyhow!(in_words(&error)))?;
        }
        return ready(client, &table.name).await;
    }
    let mut call = client.create_table().table_name(&table.name).billing_mode(BillingMode::PayPerRequest);
    for part in key(&table.key)? {
        call = call.key_schema(part);
    }
    for (name, kind) in &table.attributes {
        let kind = ScalarAttributeType::from(kind.as_str());
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()?;
        call = call.attribute_definitions(attribute);
    }
    for index in &table.indexes {
        call = call.global_secondary_indexes(global_index(index)?);
    }
    if let Some(view) = &table.stream {
        call = call.stream_specification(stream(view)?);
    }
    call.send().await.map_err(|error| anyhow!(in_words(&error)))?;
    ready(client, &table.name).await
}

/// Waits until a table takes requests.
async fn ready(client: &Client, table: &str) -> anyhow::Result<()> {
    loop {
        let status = describe(client, table).await?.and_then(|table| table.table_status);
        if status == Some(TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn describe(client: &Client, table: &str) -> anyhow::Result<Option<TableDescription>> {
    match client.describe_table().table_name(table).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => Ok(None),
        Err(error) => Err(anyhow!("looking for it: {}", in_words(&error))),
    }
}

fn key(key: &Key) -> anyhow::Result<Vec<KeySchemaElement>> {
    let part = |name: &String, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let mut parts = vec![part(&key.partition, KeyType::Hash)?];
    if let Some(sort) = &key.sort {
        parts.push(part(sort, KeyType::Range)?);
    }
    Ok(parts)
}

fn global_index(index: &Index) -> anyhow::Result<GlobalSecondaryIndex> {
    let kind = ProjectionType::from(index.projection.as_str());
    let attributes = Some(index.attributes.clone()).filter(|attributes| !attributes.is_empty());
    let projection = Projection::builder().projection_type(kind).set_non_key_attributes(attributes).build();
    let index = GlobalSecondaryIndex::builder()
        .index_name(&index.name)
        .set_key_schema(Some(key(&index.key)?))
        .projection(projection);
    Ok(index.build()?)
}

fn stream(view: &str) -> anyhow::Result<StreamSpecification> {
    Ok(StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::from(view)).build()?)
}

/// Each table's name, by the variable that tells it to functions.
#[must_use]
pub fn by_variable(tables: &Tables) -> [(&'static str, &str); 7] {
    // Every field by its name: one that is added is missed here by the compiler.
    let Tables { accounts, payments, refunds, dead_letters, account_commands, checkpoints, audit_heads } = tables;
    [
        (ACCOUNTS_TABLE, accounts),
        (PAYMENTS_TABLE, payments),
        (REFUNDS_TABLE, refunds),
        (DEAD_LETTERS_TABLE, dead_letters),
        (ACCOUNT_COMMANDS_TABLE, account_commands),
        (CHECKPOINTS_TABLE, checkpoints),
        (AUDIT_HEADS_TABLE, audit_heads),
    ]
}
