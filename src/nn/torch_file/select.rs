//! Which tensors of a file are the weights, and their names.
//!
//! Invariant: every name is given once, and nothing among the weights is passed over in silence but what is said here.

use super::pickle::Pickle;
use super::value::{Id, Value, Values};
use super::view::View;
use super::{damaged, limits, not_a_tensor, shown};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Keys under which training programs put a state dict: Lightning and many others, timm, the teacher and student of DINO.
/// Not averaged copies beside those, which must be named.
const USUAL_KEYS: [&str; 10] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
    "params",
    "teacher",
    "student",
];

/// Tensors of one file.
const MAX_TENSORS: usize = 1 << 16;
/// Bytes of a tensor's name.
const MAX_NAME: usize = 1024;
/// Attributes of all modules of one file; a module has some twenty.
const MAX_ATTRIBUTES: usize = 1 << 18;
/// Modules within modules.
const MAX_DEPTH: usize = 64;
/// Keys listed in one message.
const LISTED: usize = 8;

const SAVE_STATE_DICT: &str = "save model.state_dict() instead of the model itself";

/// Tensors by name.
pub(super) type Named<'p, 'a> = BTreeMap<String, &'p View<'a>>;

/// The weights in a pickle of `torch.save`: a dictionary of tensors, alone or under a key.
///
/// # Errors
/// `MOD-0104`, `MOD-0106`, `MOD-0107` and `MOD-0109` of [`TensorMap::from_torch`](super::TensorMap::from_torch).
pub(super) fn state_dict<'p, 'a>(pickle: &'p Pickle<'a>, part: Option<&str>) -> Result<Named<'p, 'a>> {
    let values = &pickle.values;
    let Some(root) = values.dict(pickle.root) else {
        let message = format!("expected a dictionary of tensors, found {}", values.describe(pickle.root));
        return Err(not_a_tensor(message).with_advice(SAVE_STATE_DICT));
    };
    let first = |key: &str| root.iter().find(|(name, _)| values.text(*name) == Some(key)).map(|&(_, value)| value);
    let holds = |key: &&str| first(key).is_some_and(|value| holds_tensors(values, value));
    let holders: Vec<&str> = part.map_or_else(|| USUAL_KEYS.into_iter().filter(holds).collect(), |part| vec![part]);
    let dict = match *holders {
        // Tensors, or what was meant to be some: then the first that is none is named.
        [] if !holds_dictionaries(values, root) || holds_tensors(values, pickle.root) => root,
        [holder] => held(values, root, holder)?,
        [] => {
            let objects =
                |key: &&str| first(key).is_some_and(|value| matches!(values.get(value), Value::Object { .. }));
            if let Some(key) = USUAL_KEYS.into_iter().find(objects) {
                held(values, root, key)?;
            }
            return Err(unnamed(format!("expected a dictionary of tensors, found {}", keys(values, root))));
        }
        _ => {
            let message = format!("expected one dictionary of tensors, found {}", holders.join(" and "));
            return Err(unnamed(message)
                .with_advice("name the one that is to be read: `eosin models import FILE --part KEY ...`"));
        }
    };
    let mut named = Named::new();
    for &(name, value) in dict {
        let Some(name) = values.text(name) else {
            return Err(not_a_tensor(format!("expected names of tensors, found {}", values.describe(name))));
        };
        let Value::Tensor(view) = values.get(value) else {
            let (name, found) = (shown(name), values.describe(value));
            return Err(not_a_tensor(format!("expected tensors only, found {found} in {name}")));
        };
        insert(&mut named, name.to_owned(), view)?;
    }
    if named.is_empty() { Err(unnamed("expected named tensors, found none")) } else { Ok(named) }
}

/// The weights of a TorchScript archive: the tensors among the attributes of its modules, under dotted names. Attributes
/// of other kinds are left out, as the state dict of such a module leaves them out; `constants` are those tensors that a
/// frozen or traced model holds without names.
///
/// # Errors
/// As [`state_dict`].
pub(super) fn modules<'p, 'a>(
    pickle: &'p Pickle<'a>,
    constants: &Pickle<'_>,
    part: Option<&str>,
) -> Result<Named<'p, 'a>> {
    let values = &pickle.values;
    if let Some(part) = part {
        return Err(unnamed(format!("expected a file of torch.save with the part {}, found TorchScript", shown(part))));
    }
    let Some(root) = attributes(values, pickle.root) else {
        let message = format!("expected a TorchScript module, found {}", values.describe(pickle.root));
        return Err(not_a_tensor(message));
    };
    let mut named = Named::new();
    let mut open = vec![(String::new(), root, 0)];
    let mut visited = 0;
    while let Some((prefix, attributes_of, depth)) = open.pop() {
        // A module may be part of several others, and so be met more often than it stands in the file.
        visited += 1 + attributes_of.len();
        if visited > MAX_ATTRIBUTES || depth > MAX_DEPTH {
            let message =
                format!("expected at most {MAX_ATTRIBUTES} attributes in modules {MAX_DEPTH} deep, found more");
            return Err(limits(message));
        }
        let mut seen = BTreeSet::new();
        for &(name, value) in attributes_of {
            let Some(name) = values.text(name) else {
                return Err(damaged(format!("expected names of attributes, found {}", values.describe(name))));
            };
            if prefix.len() + name.len() > MAX_NAME {
                return Err(limits(format!("expected names of at most {MAX_NAME} bytes, found {}", shown(name))));
            }
            if !seen.insert(name) {
                return Err(twice(name));
            }
            let path = || if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            if let Value::Tensor(view) = values.get(value) {
                insert(&mut named, path(), view)?;
            } else if let Some(inner) = attributes(values, value) {
                open.push((path(), inner, depth + 1));
            }
        }
    }
    if named.is_empty() {
        let nameless = constants.values.iter().filter(|value| matches!(value, Value::Tensor(_))).count();
        let message = format!("expected named tensors, found none, and {nameless} without a name");
        return Err(unnamed(message).with_advice(
            "a frozen TorchScript model has lost the names of its weights; take the model.safetensors or the state dict that \
             it was made from",
        ));
    }
    Ok(named)
}

/// The attributes of an object of a TorchScript class.
fn attributes<'p>(values: &'p Values<'_>, id: Id) -> Option<&'p [(Id, Id)]> {
    let Value::Object { class, state: Some(state) } = *values.get(id) else { return None };
    match values.get(class) {
        Value::Global { module, .. } if module.split('.').next() == Some("__torch__") => values.dict(state),
        _ => None,
    }
}

fn holds_tensors(values: &Values<'_>, id: Id) -> bool {
    let is_tensor = |(_, value): &(Id, Id)| matches!(values.get(*value), Value::Tensor(_));
    values.dict(id).is_some_and(|pairs| pairs.iter().any(is_tensor))
}

fn holds_dictionaries(values: &Values<'_>, dict: &[(Id, Id)]) -> bool {
    dict.iter().any(|&(_, value)| values.dict(value).is_some())
}

/// The dictionary under a key, which stands there once.
fn held<'p>(values: &'p Values<'_>, root: &[(Id, Id)], key: &str) -> Result<&'p [(Id, Id)]> {
    let mut under = root.iter().filter(|(name, _)| values.text(*name) == Some(key)).map(|&(_, value)| value);
    let Some(value) = under.next() else {
        return Err(unnamed(format!("expected the part {}, found {}", shown(key), keys(values, root))));
    };
    if under.next().is_some() {
        return Err(twice(key));
    }
    values.dict(value).ok_or_else(|| {
        let (key, found) = (shown(key), values.describe(value));
        let message = format!("expected a dictionary of tensors in {key}, found {found}");
        not_a_tensor(message).with_advice(SAVE_STATE_DICT)
    })
}

/// The keys of a dictionary, for a message.
fn keys(values: &Values<'_>, dict: &[(Id, Id)]) -> String {
    let names: Vec<String> = dict.iter().filter_map(|(name, _)| values.text(*name)).take(LISTED).map(shown).collect();
    match dict.len() {
        0 => "an empty one".to_owned(),
        all if all > names.len() => format!("{all} entries, of them {}", names.join(", ")),
        _ => names.join(", "),
    }
}

fn insert<'p, 'a>(named: &mut Named<'p, 'a>, name: String, view: &'p View<'a>) -> Result<()> {
    if name.len() > MAX_NAME || named.len() >= MAX_TENSORS {
        let message = format!("expected at most {MAX_TENSORS} tensors with names of {MAX_NAME} bytes, found more");
        return Err(limits(message));
    }
    let again = named.contains_key(&name).then(|| twice(&name));
    named.insert(name, view);
    again.map_or(Ok(()), Err)
}

fn twice(name: &str) -> Error {
    Error::new(ErrorKind::Model, "MOD-0104", format!("expected each tensor once, found {} twice", shown(name)))
}

/// No set of named tensors, or not one.
fn unnamed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Model, "MOD-0109", message)
}
