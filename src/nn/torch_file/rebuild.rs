//! The calls of a pickle that are understood: what makes storages, tensors and dictionaries. All others stay opaque.

use super::damaged;
use super::globals::{Known, known};
use super::storage::{Kind, Storage};
use super::value::{Id, Value, Values};
use super::view::View;
use crate::error::Result;

/// Bytes of a storage's key, which is a number in digits.
const MAX_KEY: usize = 64;

/// What a call gives.
pub(super) enum Made<'a> {
    New(Value<'a>),
    /// A value that was there before.
    Same(Id),
}

/// A call of `callable` with `args`, a tuple.
///
/// # Errors
/// `MOD-0101` for a call that is understood with arguments that are not; those of [`View::new`].
pub(super) fn call<'a>(values: &Values<'a>, callable: Id, args: Id) -> Result<Made<'a>> {
    let opaque = Made::New(Value::Object { class: callable, state: None });
    let Value::Global { module, name } = *values.get(callable) else { return Ok(opaque) };
    let Some(known) = known(module, name) else { return Ok(opaque) };
    let args = values
        .tuple(args)
        .ok_or_else(|| damaged(format!("expected a tuple of arguments of {name}, found {}", values.describe(args))))?;
    let few = || damaged(format!("expected more arguments of {name}, found {}", args.len()));
    Ok(match known {
        Known::Tensor => {
            let [storage, offset, shape, strides, ..] = *args else { return Err(few()) };
            match *values.get(storage) {
                Value::Storage(storage) => {
                    let (shape, strides) = (sizes(values, shape)?, sizes(values, strides)?);
                    Made::New(Value::Tensor(Box::new(View::new(storage, size(values, offset)?, &shape, &strides)?)))
                }
                _ => return Err(damaged(format!("expected a storage, found {}", values.describe(storage)))),
            }
        }
        Known::Parameter | Known::Size => Made::Same(*args.first().ok_or_else(few)?),
        Known::OrderedDict => {
            Made::New(Value::Dict(args.first().map_or(Ok(Vec::new()), |&items| pairs(values, items))?))
        }
        Known::DefaultDict => Made::New(Value::Dict(Vec::new())),
    })
}

/// What stands for an object outside the pickle: `('storage', class, key, device, length)`, in streams with a sixth entry
/// for a part of another storage, which is always empty since 0.4. Source code of a module, which the oldest streams have,
/// stays opaque.
///
/// # Errors
/// `MOD-0101` for anything else.
pub(super) fn persistent<'a>(values: &Values<'a>, id: Id) -> Result<Value<'a>> {
    let damage = || damaged(format!("expected the five parts of a storage, found {}", values.describe(id)));
    let parts = values.tuple(id).ok_or_else(damage)?;
    let (&tag, rest) = parts.split_first().ok_or_else(damage)?;
    match values.text(tag) {
        Some("storage") => {}
        Some("module") => return Ok(Value::Plain("a module with its source code")),
        _ => return Err(damage()),
    }
    let [class, key, _device, length, ref part @ ..] = *rest else { return Err(damage()) };
    let whole = part.iter().all(|&part| matches!(values.get(part), Value::Plain(_)));
    let kind = match values.get(class) {
        Value::Global { module: "torch" | "torch.cuda" | "torch.storage", name } => Kind::of(name),
        _ => None,
    };
    let key = values.text(key).filter(|key| key.len() <= MAX_KEY);
    let (Some(kind), Some(key), true) = (kind, key, whole && part.len() < 2) else {
        return Err(damaged(format!("expected a whole storage of a known class, found {}", values.describe(class))));
    };
    Ok(Value::Storage(Storage { key, kind, length: size(values, length)? }))
}

/// The entries of `OrderedDict([(key, value), ...])`.
fn pairs(values: &Values<'_>, items: Id) -> Result<Vec<(Id, Id)>> {
    let (Value::List(items) | Value::Tuple(items)) = values.get(items) else {
        return Err(damaged(format!("expected a list of pairs, found {}", values.describe(items))));
    };
    let pair = |&item| match values.get(item) {
        Value::List(pair) | Value::Tuple(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
        _ => Err(damaged(format!("expected a pair, found {}", values.describe(item)))),
    };
    items.iter().map(pair).collect()
}

fn size(values: &Values<'_>, id: Id) -> Result<u64> {
    match values.get(id) {
        Value::Int(size) => {
            u64::try_from(*size).map_err(|_| damaged(format!("expected a size, found the negative number {size}")))
        }
        _ => Err(damaged(format!("expected a size, found {}", values.describe(id)))),
    }
}

fn sizes(values: &Values<'_>, id: Id) -> Result<Vec<u64>> {
    match values.get(id) {
        Value::Tuple(sizes) | Value::List(sizes) => sizes.iter().map(|&id| size(values, id)).collect(),
        _ => Err(damaged(format!("expected a tuple of sizes, found {}", values.describe(id)))),
    }
}
