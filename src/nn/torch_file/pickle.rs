//! The bytes of a pickle, protocols 0 to 5, as operations of the [`Machine`].
//!
//! Invariant: never reads beyond the bytes, and allocates no text: names and strings are parts of the file. Operations that
//! need something outside the pickle (registered extensions, buffers of the caller) are refused.

use super::input::{Input, int, utf8, written_int, written_slot};
use super::machine::Machine;
use super::value::{Id, Value, Values};
use super::{damaged, unread};
use crate::error::Result;

/// One pickle, read.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub values: Values<'a>,
    pub root: Id,
}

/// Reads one pickle; also gives the bytes behind it.
///
/// # Errors
/// `MOD-0101` for a damaged pickle, `MOD-0106` for one beyond the limits, `MOD-0107` for a name through which files run
/// programs, `MOD-0108` for operations that are not read.
pub(super) fn read(bytes: &[u8]) -> Result<(Pickle<'_>, &[u8])> {
    let mut input = Input::new(bytes);
    let mut machine = Machine::default();
    loop {
        machine.step(1)?;
        let operation = input.byte()?;
        if operation == b'.' {
            let root = machine.pop()?;
            return Ok((Pickle { values: machine.values, root }, input.rest()));
        }
        perform(operation, &mut input, &mut machine)?;
    }
}

/// The letters and numbers are those of Python's `pickletools`.
fn perform<'a>(operation: u8, input: &mut Input<'a>, machine: &mut Machine<'a>) -> Result<()> {
    match operation {
        // Frame: which version of the protocol, how many bytes follow.
        0x80 => match input.byte()? {
            0..=5 => {}
            version => return Err(unread(format!("expected a pickle of protocol 0 to 5, found {version}"))),
        },
        0x95 => drop(input.array::<8>()?),

        // Plain values.
        b'N' => machine.push(Value::Plain("None")),
        0x88 => machine.push(Value::Bool(true)),
        0x89 => machine.push(Value::Bool(false)),
        b'K' => machine.push(Value::Int(input.byte()?.into())),
        b'M' => machine.push(Value::Int(u16::from_le_bytes(input.array()?).into())),
        b'J' => machine.push(Value::Int(i32::from_le_bytes(input.array()?).into())),
        b'I' | b'L' => machine.push(written_int(input.line()?)),
        0x8a => {
            let count = input.byte()?;
            machine.push(int(input.take(count.into())?));
        }
        0x8b => {
            let count = input.length::<4>()?;
            machine.push(int(input.take(count)?));
        }
        b'G' => {
            input.array::<8>()?;
            machine.push(Value::Plain("a float"));
        }
        b'F' => {
            input.line()?;
            machine.push(Value::Plain("a float"));
        }
        b'X' => text::<4>(input, machine)?,
        0x8c => text::<1>(input, machine)?,
        0x8d => text::<8>(input, machine)?,
        b'V' | b'S' => {
            let line = input.line()?.trim_matches(['\'', '"']);
            // Escapes are not resolved, so such a text is never a name.
            machine.push(if line.contains('\\') { Value::Plain("a text") } else { Value::Text(line) });
        }
        b'U' => bytes_or_text::<1>(input, machine)?,
        b'T' => bytes_or_text::<4>(input, machine)?,
        b'C' => plain_bytes::<1>(input, machine)?,
        b'B' => plain_bytes::<4>(input, machine)?,
        0x8e | 0x96 => plain_bytes::<8>(input, machine)?,

        // Containers.
        b'(' => machine.mark(),
        b')' => machine.tuple(Vec::new()),
        0x85 => {
            let items = machine.pop_many::<1>()?;
            machine.tuple(items.into());
        }
        0x86 => {
            let items = machine.pop_many::<2>()?;
            machine.tuple(items.into());
        }
        0x87 => {
            let items = machine.pop_many::<3>()?;
            machine.tuple(items.into());
        }
        b't' => {
            let items = machine.pop_mark()?;
            machine.tuple(items);
        }
        b']' | 0x8f => machine.push(Value::List(Vec::new())),
        b'l' | 0x91 => {
            let items = machine.pop_mark()?;
            machine.push(Value::List(items));
        }
        b'a' => {
            let items = machine.pop_many::<1>()?;
            machine.append(&items)?;
        }
        b'e' | 0x90 => {
            let items = machine.pop_mark()?;
            machine.append(&items)?;
        }
        b'}' => machine.dict(&[])?,
        b'd' => {
            let items = machine.pop_mark()?;
            machine.dict(&items)?;
        }
        b's' => {
            let items = machine.pop_many::<2>()?;
            machine.set_items(&items)?;
        }
        b'u' => {
            let items = machine.pop_mark()?;
            machine.set_items(&items)?;
        }

        // The stack and the memo.
        b'0' => machine.discard()?,
        b'1' => drop(machine.pop_mark()?),
        b'2' => machine.duplicate()?,
        b'h' => machine.get(input.byte()?.into())?,
        b'j' => machine.get(u32::from_le_bytes(input.array()?))?,
        b'g' => machine.get(written_slot(input.line()?)?)?,
        b'q' => machine.put(input.byte()?.into())?,
        b'r' => machine.put(u32::from_le_bytes(input.array()?))?,
        b'p' => machine.put(written_slot(input.line()?)?)?,
        0x94 => machine.memoize()?,

        // Names, calls and objects.
        b'c' => {
            let (module, name) = (input.line()?, input.line()?);
            machine.global(module, name)?;
        }
        0x93 => machine.stack_global()?,
        b'R' | 0x81 => machine.call()?,
        0x92 => {
            let [class, _args, _named] = machine.pop_many()?;
            machine.instance(class);
        }
        b'i' => {
            let (module, name) = (input.line()?, input.line()?);
            machine.global(module, name)?;
            let class = machine.pop()?;
            machine.pop_mark()?;
            machine.instance(class);
        }
        b'o' => {
            let items = machine.pop_mark()?;
            let class =
                items.first().ok_or_else(|| damaged("expected a class on the stack of the pickle, found none"))?;
            machine.instance(*class);
        }
        b'b' => machine.build()?,
        b'Q' => machine.persistent()?,

        b'P' | 0x82..=0x84 | 0x97 | 0x98 => {
            return Err(unread(format!("expected a pickle that stands alone, found the operation 0x{operation:02x}")));
        }
        _ => return Err(damaged(format!("expected an operation of a pickle, found 0x{operation:02x}"))),
    }
    Ok(())
}

fn text<'a, const N: usize>(input: &mut Input<'a>, machine: &mut Machine<'a>) -> Result<()> {
    let count = input.length::<N>()?;
    machine.push(Value::Text(utf8(input.take(count)?)?));
    Ok(())
}

/// The strings of Python 2, in which names are texts and arrays are bytes.
fn bytes_or_text<'a, const N: usize>(input: &mut Input<'a>, machine: &mut Machine<'a>) -> Result<()> {
    let count = input.length::<N>()?;
    machine.push(str::from_utf8(input.take(count)?).map_or(Value::Plain("bytes"), Value::Text));
    Ok(())
}

fn plain_bytes<'a, const N: usize>(input: &mut Input<'a>, machine: &mut Machine<'a>) -> Result<()> {
    let count = input.length::<N>()?;
    input.take(count)?;
    machine.push(Value::Plain("bytes"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::input::MAX_PICKLE_BYTES;
    use super::*;

    fn code(bytes: &[u8]) -> &'static str {
        read(bytes).unwrap_err().code()
    }

    #[test]
    fn numbers_of_all_kinds_have_their_value() {
        let cases: [(&[u8], i64); 10] = [
            (b"K\xff.", 255),
            (b"M\x01\x02.", 0x0201),
            (b"J\xfe\xff\xff\xff.", -2),
            (b"I-7\n.", -7),
            (b"L9223372036854775807L\n.", i64::MAX),
            (b"\x8a\x00.", 0),
            (b"\x8a\x01\x80.", -128),
            (b"\x8a\x02\x80\x00.", 128),
            (b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", i64::MIN),
            (b"\x8b\x02\x00\x00\x00\x80\x00.", 128),
        ];
        for (bytes, expected) in cases {
            let (pickle, rest) = read(bytes).unwrap();
            assert!(matches!(pickle.values.get(pickle.root), Value::Int(value) if *value == expected), "{bytes:?}");
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_value_from_the_memo_is_the_value_and_no_copy() {
        // A list goes into the memo while it is empty; what is appended later is seen through both names.
        let (pickle, rest) = read(b"]q\x00K\x05a0h\x00h\x00\x86.rest").unwrap();
        assert_eq!(rest, b"rest");
        let [first, second] = *pickle.values.tuple(pickle.root).unwrap() else { panic!("expected two") };
        assert_eq!(first, second);
        assert!(matches!(pickle.values.get(first), Value::List(items) if items.len() == 1));
    }

    #[test]
    fn pickles_beyond_the_limits_are_refused() {
        assert_eq!(code(&b"N0".repeat(1 << 20)), "MOD-0106");
        let long = u32::try_from(MAX_PICKLE_BYTES).unwrap();
        let bytes = [b"B", &long.to_le_bytes()[..], &vec![0; MAX_PICKLE_BYTES + 9]].concat();
        assert_eq!(code(&bytes), "MOD-0106");
        // One list of 4096 pairs, made into a dictionary again and again.
        let list = [&b"]q\x00("[..], &b"NN\x86".repeat(4096), b"e0"].concat();
        let copies = b"ccollections\nOrderedDict\nh\x00\x85R0".repeat(4096);
        assert_eq!(code(&[list, copies].concat()), "MOD-0106");
        assert_eq!(code(&[b"c", &b"m".repeat(600)[..], b"\nname\n."].concat()), "MOD-0101");
    }
}
