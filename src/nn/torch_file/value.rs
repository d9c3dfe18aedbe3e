//! What a pickle makes: plain values that refer to each other by number.
//!
//! Invariant: an [`Id`] is only given out by [`Values::push`] and stays valid. Values lie side by side, so a fetch from the
//! memo is a number and not a copy, and neither nesting nor a cycle is ever followed by recursion.

use super::shown;
use super::storage::Storage;
use super::view::View;

/// The place of a value in [`Values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u32);

#[derive(Debug)]
pub(super) enum Value<'a> {
    /// Something that nobody asks for, by what it is called: `None`, a float, bytes.
    Plain(&'static str),
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits: its bytes as they stand, lowest first.
    Wide(&'a [u8]),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// Keys and values as they were put in, also those of equal keys.
    Dict(Vec<(Id, Id)>),
    /// A name of Python. Nothing is looked up.
    Global {
        module: &'a str,
        name: &'a str,
    },
    /// What Python would make by calling `class`; here nobody calls it. `state` is what it would be filled with.
    Object {
        class: Id,
        state: Option<Id>,
    },
    Storage(Storage<'a>),
    Tensor(Box<View<'a>>),
}

/// All values of one pickle.
#[derive(Debug, Default)]
pub(super) struct Values<'a>(Vec<Value<'a>>);

impl<'a> Values<'a> {
    /// Keeps a value. The caller bounds how many there are, far below 2^32.
    pub(super) fn push(&mut self, value: Value<'a>) -> Id {
        let id = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push(value);
        Id(id)
    }

    pub(super) fn get(&self, id: Id) -> &Value<'a> {
        &self.0[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value<'a> {
        &mut self.0[id.0 as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Value<'a>> {
        self.0.iter()
    }

    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// What a message calls a value.
    pub(super) fn describe(&self, id: Id) -> String {
        match self.get(id) {
            Value::Plain(what) => (*what).to_owned(),
            Value::Bool(_) => "a truth value".to_owned(),
            Value::Int(_) | Value::Wide(_) => "an integer".to_owned(),
            Value::Text(_) => "a text".to_owned(),
            Value::Tuple(_) => "a tuple".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Dict(_) => "a dictionary".to_owned(),
            Value::Global { module, name } => shown(&format!("{module}.{name}")),
            Value::Object { class, .. } => match self.get(*class) {
                Value::Global { module, name } => format!("an object of {}", shown(&format!("{module}.{name}"))),
                _ => "an object".to_owned(),
            },
            Value::Storage(_) => "a storage".to_owned(),
            Value::Tensor(_) => "a tensor".to_owned(),
        }
    }
}
