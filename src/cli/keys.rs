//! Flags → a table of keys as a configuration file has them, so that a key is checked in one place wherever it comes from.

use std::path::Path;
use toml::{Table, Value};

/// A table in the making.
#[derive(Default)]
pub(crate) struct Keys(pub(crate) Table);

impl Keys {
    /// Sets a key such as `a` or `a.b`, if there is a value.
    pub(crate) fn set(&mut self, key: &str, value: Option<impl Into<Value>>) {
        let Some(value) = value else { return };
        match key.split_once('.') {
            None => {
                self.0.insert(key.to_owned(), value.into());
            }
            Some((table, key)) => {
                let table = self.0.entry(table).or_insert_with(|| Value::Table(Table::new()));
                if let Some(table) = table.as_table_mut() {
                    table.insert(key.to_owned(), value.into());
                }
            }
        }
    }
}

/// A path as a value.
pub(crate) fn path(path: Option<&Path>) -> Option<String> {
    path.map(|path| path.to_string_lossy().into_owned())
}
