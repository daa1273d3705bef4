//! JSON trees with bytes at any place, as applications send them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use switchboard_sio::Binary;

use crate::transcript::unhex;

/// Untagged, so that it looks like what it holds; a placeholder is tried before a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Tree {
    Binary(Binary),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Plain(Value),
}

impl Tree {
    /// Reads `{"$":"0102"}` as the bytes 1 and 2, and everything else as itself.
    pub(crate) fn from_value(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.into_iter().map(Self::from_value).collect()),
            Value::Object(entries) => match entries.get("$") {
                Some(Value::String(hex)) => Self::Binary(Binary::from(unhex(hex))),
                _ => {
                    Self::Map(entries.into_iter().map(|(k, v)| (k, Self::from_value(v))).collect())
                }
            },
            plain => Self::Plain(plain),
        }
    }

    pub(crate) fn count_binary(&self) -> usize {
        match self {
            Self::Binary(_) => 1,
            Self::List(items) => items.iter().map(Self::count_binary).sum(),
            Self::Map(entries) => entries.values().map(Self::count_binary).sum(),
            Self::Plain(_) => 0,
        }
    }
}
