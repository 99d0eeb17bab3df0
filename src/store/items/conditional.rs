//! What: Builds a write or check of one item in a transaction, with a condition of several parts.
//!
//! Data: Takes parts of a condition, and the values that it compares with. Gives one action of a transaction.
//!
//! Invariants: An expression names an attribute by its name, or as `#name` if DynamoDB reserves the word `name`.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::Item;

/// A write or check of one item, and its condition.
#[derive(Debug, Clone)]
pub struct Conditional<'t> {
    table: &'t str,
    condition: String,
    values: Item,
    on_failure: Option<ReturnValuesOnConditionCheckFailure>,
}

impl<'t> Conditional<'t> {
    /// An action on an item of this table.
    #[must_use]
    pub fn on(table: &'t str) -> Self {
        Self { table, condition: String::new(), values: Item::new(), on_failure: None }
    }

    /// If the condition fails, DynamoDB returns the item that is there.
    #[must_use]
    pub fn returning(mut self) -> Self {
        self.on_failure = Some(ReturnValuesOnConditionCheckFailure::AllOld);
        self
    }

    /// This part of the condition must hold too.
    #[must_use]
    pub fn and(mut self, part: &str) -> Self {
        if !self.condition.is_empty() {
            self.condition.push_str(" AND ");
        }
        self.condition.push_str(part);
        self
    }

    /// Instead of all parts so far, it is enough that the item isn't there. `is_new` is the condition that says so.
    #[must_use]
    pub fn or_new(mut self, is_new: &str) -> Self {
        self.condition = format!("{is_new} OR ({})", self.condition);
        self
    }

    /// Adds a value that an expression names.
    #[must_use]
    pub fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// Writes this item.
    ///
    /// # Errors
    /// If the action can't be built.
    pub fn put(self, item: Item) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder()
            .table_name(self.table)
            .set_item(Some(item))
            .set_expression_attribute_names(names(&[&self.condition]))
            .set_expression_attribute_values(some(self.values))
            .condition_expression(self.condition)
            .set_return_values_on_condition_check_failure(self.on_failure);
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    /// Changes the item of this key.
    ///
    /// # Errors
    /// If the action can't be built.
    pub fn update(self, key: Item, change: &str) -> Result<TransactWriteItem, BuildError> {
        let update = Update::builder()
            .table_name(self.table)
            .set_key(Some(key))
            .update_expression(change)
            .set_expression_attribute_names(names(&[change, &self.condition]))
            .set_expression_attribute_values(some(self.values))
            .condition_expression(self.condition)
            .set_return_values_on_condition_check_failure(self.on_failure);
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// Checks the item of this key, and changes nothing.
    ///
    /// # Errors
    /// If the action can't be built.
    pub fn check(self, key: Item) -> Result<TransactWriteItem, BuildError> {
        let check = ConditionCheck::builder()
            .table_name(self.table)
            .set_key(Some(key))
            .set_expression_attribute_names(names(&[&self.condition]))
            .set_expression_attribute_values(some(self.values))
            .condition_expression(self.condition)
            .set_return_values_on_condition_check_failure(self.on_failure);
        Ok(TransactWriteItem::builder().condition_check(check.build()?).build())
    }
}

/// The attributes behind the names `#name` of these expressions. DynamoDB refuses an empty map.
fn names(expressions: &[&str]) -> Option<HashMap<String, String>> {
    let marked = expressions.iter().flat_map(|expression| expression.split('#').skip(1));
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    some(marked.map(word).map(|name| (format!("#{name}"), name)).collect())
}

fn some<V>(map: HashMap<String, V>) -> Option<HashMap<String, V>> {
    (!map.is_empty()).then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::items::n;

    #[test]
    fn parts_are_joined_and_reserved_words_are_named_once() {
        let write = Conditional::on("t").and("#status = :to").and("a = :a").value(":a", n(1)).returning();
        let action = write.update(Item::new(), "SET #status = :to, b_1 = :a REMOVE #list").unwrap();
        let update = action.update().unwrap();
        assert_eq!(update.condition_expression(), Some("#status = :to AND a = :a"));
        let expected = [("#status", "status"), ("#list", "list")].map(|(key, name)| (key.into(), name.into()));
        assert_eq!(update.expression_attribute_names(), Some(&HashMap::from(expected)));
        assert_eq!(update.expression_attribute_values(), Some(&Item::from([(":a".into(), n(1))])));
        let all_old = Some(&ReturnValuesOnConditionCheckFailure::AllOld);
        assert_eq!(update.return_values_on_condition_check_failure(), all_old);
    }

    #[test]
    fn an_item_that_is_not_there_may_be_enough() {
        let write = Conditional::on("t").and("#status = :a").and("b = :a").or_new("attribute_not_exists(k)");
        let action = write.value(":a", n(1)).check(Item::new()).unwrap();
        let expected = "attribute_not_exists(k) OR (#status = :a AND b = :a)";
        assert_eq!(action.condition_check().unwrap().condition_expression(), expected);
    }

    #[test]
    fn what_no_expression_needs_is_left_out() {
        let action = Conditional::on("t").and("attribute_not_exists(a)").put(Item::new()).unwrap();
        let put = action.put().unwrap();
        assert_eq!((put.expression_attribute_names(), put.expression_attribute_values()), (None, None));
        assert_eq!(put.return_values_on_condition_check_failure(), None);
    }
}
