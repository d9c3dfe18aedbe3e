//! The object machine of pickles over plain values: a stack with marks, and a memo.
//!
//! Invariant: each operation costs memory in proportion to the bytes of the pickle that asked for it, and there are at most
//! [`MAX_STEPS`] of them. It calls nothing: [`rebuild`] says what few calls mean, all others leave an opaque object.

use super::rebuild::{self, Made};
use super::value::{Id, Value, Values};
use super::{damaged, globals, limits};
use crate::error::Result;
use std::collections::HashMap;

/// Operations of one pickle. A tensor takes some 50, so this is for 40,000 of them.
const MAX_STEPS: usize = 1 << 21;

#[derive(Debug, Default)]
pub(super) struct Machine<'a> {
    pub values: Values<'a>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks, innermost last.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    steps: usize,
}

impl<'a> Machine<'a> {
    /// Counts operations, or what costs as much.
    pub fn step(&mut self, steps: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS {
            return Err(limits(format!("expected a pickle of at most {MAX_STEPS} operations, found more")));
        }
        Ok(())
    }

    pub fn push(&mut self, value: Value<'a>) {
        let id = self.values.push(value);
        self.stack.push(id);
    }

    pub fn pop(&mut self) -> Result<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn top(&self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let above = self.stack.get(floor..).and_then(<[Id]>::last);
        above.copied().ok_or_else(|| damaged("expected a value on the stack of the pickle, found none"))
    }

    pub fn duplicate(&mut self) -> Result<()> {
        self.stack.push(self.top()?);
        Ok(())
    }

    /// Takes the last value away, or the mark when there is none above it.
    pub fn discard(&mut self) -> Result<()> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    pub fn mark(&mut self) {
        self.marks.push(self.stack.len());
    }

    /// Everything above the last mark, which goes too.
    pub fn pop_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| damaged("expected a mark on the stack of the pickle, found none"))?;
        Ok(self.stack.split_off(mark))
    }

    /// The last `N` values, first to last.
    pub fn pop_many<const N: usize>(&mut self) -> Result<[Id; N]> {
        let last = self.pop()?;
        let mut many = [last; N];
        for slot in many.iter_mut().rev().skip(1) {
            *slot = self.pop()?;
        }
        Ok(many)
    }

    pub fn get(&mut self, slot: u32) -> Result<()> {
        let id = self.memo.get(&slot);
        self.stack.push(*id.ok_or_else(|| damaged(format!("expected a value in memo slot {slot}, found none")))?);
        Ok(())
    }

    pub fn put(&mut self, slot: u32) -> Result<()> {
        self.memo.insert(slot, self.top()?);
        Ok(())
    }

    /// Puts into the next free slot.
    pub fn memoize(&mut self) -> Result<()> {
        let slot = u32::try_from(self.memo.len()).map_err(|_| limits("expected fewer memo slots"))?;
        self.put(slot)
    }

    pub fn tuple(&mut self, items: Vec<Id>) {
        self.push(Value::Tuple(items));
    }

    pub fn dict(&mut self, items: &[Id]) -> Result<()> {
        let pairs = paired(items)?;
        self.push(Value::Dict(pairs));
        Ok(())
    }

    pub fn set_items(&mut self, items: &[Id]) -> Result<()> {
        let (top, added) = (self.top()?, paired(items)?);
        match self.values.get_mut(top) {
            Value::Dict(pairs) => pairs.extend(added),
            // Dictionaries and lists of opaque classes.
            Value::Object { .. } => {}
            _ => return Err(damaged(format!("expected a dictionary to fill, found {}", self.values.describe(top)))),
        }
        Ok(())
    }

    pub fn append(&mut self, items: &[Id]) -> Result<()> {
        let top = self.top()?;
        match self.values.get_mut(top) {
            Value::List(list) => list.extend(items),
            Value::Object { .. } => {}
            _ => return Err(damaged(format!("expected a list to fill, found {}", self.values.describe(top)))),
        }
        Ok(())
    }

    /// Pushes a name of Python.
    ///
    /// # Errors
    /// `MOD-0107` for one through which files run programs.
    pub fn global(&mut self, module: &'a str, name: &'a str) -> Result<()> {
        globals::check(module, name)?;
        self.push(Value::Global { module, name });
        Ok(())
    }

    /// The same with both names from the stack.
    pub fn stack_global(&mut self) -> Result<()> {
        let [module, name] = self.pop_many()?;
        match (self.values.text(module), self.values.text(name)) {
            (Some(module), Some(name)) => self.global(module, name),
            _ => Err(damaged(format!(
                "expected two names on the stack of the pickle, found {} and {}",
                self.values.describe(module),
                self.values.describe(name)
            ))),
        }
    }

    pub fn call(&mut self) -> Result<()> {
        let [callable, args] = self.pop_many()?;
        match rebuild::call(&self.values, callable, args)? {
            Made::Same(id) => self.stack.push(id),
            Made::New(value) => {
                // A list from the memo may be copied again and again.
                if let Value::Dict(pairs) = &value {
                    self.step(pairs.len())?;
                }
                self.push(value);
            }
        }
        Ok(())
    }

    /// An object of a class whose constructor gets the values above the mark.
    pub fn instance(&mut self, class: Id) {
        self.push(Value::Object { class, state: None });
    }

    /// Fills an object with its state. What else may be filled (attributes of a dictionary, hooks of a tensor) adds nothing
    /// to weights.
    pub fn build(&mut self) -> Result<()> {
        let filled = self.pop()?;
        let top = self.top()?;
        if let Value::Object { state, .. } = self.values.get_mut(top) {
            *state = Some(filled);
        }
        Ok(())
    }

    pub fn persistent(&mut self) -> Result<()> {
        let id = self.pop()?;
        let value = rebuild::persistent(&self.values, id)?;
        self.push(value);
        Ok(())
    }
}

fn paired(items: &[Id]) -> Result<Vec<(Id, Id)>> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(damaged(format!("expected keys with values, found {} items", items.len())));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}
