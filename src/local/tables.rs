//! Creates the tables on a local engine, as the template does on AWS.
//!
//! In: a client and names. Out: tables that are ready. A table that is there already is left alone.

use anyhow::Context;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
};

use crate::store::Tables;
use crate::store::items::{account, dead_letter, payment};

/// The statement indexes: name, partition key; the sort key is `decided_at`.
///
/// They project all attributes: a payment's item is about 1 KB at the most, so an index entry costs one write unit
/// whatever it holds, and a statement then needs no second read.
pub const STATEMENT_INDEXES: [(&str, &str); 2] =
    [(payment::BY_DEBTOR.name, payment::BY_DEBTOR.key), (payment::BY_CREDITOR.name, payment::BY_CREDITOR.key)];

/// Creates the three tables. With `stream`, payments get one that tells new images; the embedded engine's writes then
/// slow down with every row.
///
/// # Errors
/// If the engine can't be reached or refuses.
pub async fn create(client: &Client, tables: &Tables, stream: bool) -> anyhow::Result<()> {
    let s = ScalarAttributeType::S;
    create_table(client, &tables.accounts, &[(account::KEY, KeyType::Hash, s.clone())], false, false).await?;
    create_table(client, &tables.payments, &[(payment::KEY, KeyType::Hash, s.clone())], true, stream).await?;
    let keys = [(dead_letter::KEY, KeyType::Hash, s), (dead_letter::PART, KeyType::Range, ScalarAttributeType::N)];
    create_table(client, &tables.dead_letters, &keys, false, false).await
}

async fn create_table(
    client: &Client,
    table: &str,
    keys: &[(&str, KeyType, ScalarAttributeType)],
    statements: bool,
    stream: bool,
) -> anyhow::Result<()> {
    if is_active(client, table).await? {
        return Ok(());
    }
    let mut call = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, key_type, attribute_type) in keys {
        call = call
            .key_schema(key(name, key_type.clone())?)
            .attribute_definitions(attribute(name, attribute_type.clone())?);
    }
    if statements {
        call = call.attribute_definitions(attribute(payment::DECIDED_AT, ScalarAttributeType::S)?);
        for (index, partition_key) in STATEMENT_INDEXES {
            call = call.attribute_definitions(attribute(partition_key, ScalarAttributeType::S)?);
            let index = GlobalSecondaryIndex::builder()
                .index_name(index)
                .key_schema(key(partition_key, KeyType::Hash)?)
                .key_schema(key(payment::DECIDED_AT, KeyType::Range)?)
                .projection(Projection::builder().projection_type(ProjectionType::All).build());
            call = call.global_secondary_indexes(index.build()?);
        }
    }
    if stream {
        let new_images = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
        call = call.stream_specification(new_images.build()?);
    }
    call.send().await.with_context(|| format!("creating the table {table}"))?;
    while !is_active(client, table).await? {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn is_active(client: &Client, table: &str) -> anyhow::Result<bool> {
    match client.describe_table().table_name(table).send().await {
        Ok(answer) => {
            Ok(answer.table.and_then(|table| table.table_status).is_some_and(|status| status == TableStatus::Active))
        }
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
            Ok(false)
        }
        Err(error) => Err(error).with_context(|| format!("looking for the table {table}")),
    }
}

fn key(name: &str, key_type: KeyType) -> anyhow::Result<KeySchemaElement> {
    Ok(KeySchemaElement::builder().attribute_name(name).key_type(key_type).build()?)
}

fn attribute(name: &str, attribute_type: ScalarAttributeType) -> anyhow::Result<AttributeDefinition> {
    Ok(AttributeDefinition::builder().attribute_name(name).attribute_type(attribute_type).build()?)
}
