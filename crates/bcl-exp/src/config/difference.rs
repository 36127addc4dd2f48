//! Two configurations key by key.

use super::CellConfig;
use anyhow::Result;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What differs, a line a key: `train.epochs: expected 40, got 20`. Keys as in the configuration, nested ones with
/// points; one that is absent or null is `none`.
///
/// # Errors
/// Never in practice: configurations are plain strings, numbers and options.
pub fn differences(expected: &CellConfig, got: &CellConfig) -> Result<Vec<String>> {
    let (expected, got) = (flat(&serde_json::to_value(expected)?), flat(&serde_json::to_value(got)?));
    let none = "none".to_owned();
    let keys: BTreeSet<&String> = expected.keys().chain(got.keys()).collect();
    Ok(keys
        .into_iter()
        .map(|key| (key, expected.get(key).unwrap_or(&none), got.get(key).unwrap_or(&none)))
        .filter(|(_, expected, got)| expected != got)
        .map(|(key, expected, got)| format!("{key}: expected {expected}, got {got}"))
        .collect())
}

fn flat(value: &Value) -> BTreeMap<String, String> {
    fn walk(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    walk(&path, field, leaves);
                }
            }
            Value::Null => {}
            leaf => {
                leaves.insert(path.to_owned(), leaf.to_string());
            }
        }
    }
    let mut leaves = BTreeMap::new();
    walk("", value, &mut leaves);
    leaves
}
