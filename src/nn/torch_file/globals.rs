//! The rule for names of Python in a pickle.
//!
//! Nothing is ever imported or called here, so this rule keeps nobody out: it tells an attack from a checkpoint. A name in
//! `REFUSED` is an error wherever it stands, also where it would be ignored, because the file runs programs on whoever opens
//! it with another reader and must not be handed on. The list need not be complete. A name in [`known`] is understood; all
//! others stay opaque.

use super::{damaged, not_a_tensor, shown};
use crate::error::Result;

/// Characters of a module's or an object's name.
const MAX_NAME: usize = 512;

/// Modules and functions that run programs, load code or other pickles, open files or connections, or reach those that do.
#[rustfmt::skip]
const REFUSED: [&str; 79] = [
    "_ctypes", "_io", "_operator", "_pickle", "_posixsubprocess", "_socket", "_thread", "aiohttp", "asyncio", "bdb",
    "cffi", "cloudpickle", "code", "codeop", "commands", "compileall", "cPickle", "cProfile", "ctypes", "dill",
    "distutils", "ensurepip", "ftplib", "http", "httplib", "httpx", "idlelib", "imp", "importlib", "io", "joblib.load",
    "marshal", "mmap", "multiprocessing", "nt", "numpy.distutils", "numpy.f2py", "numpy.load", "numpy.testing",
    "operator", "os", "pandas.eval", "pandas.io", "pdb", "pickle", "pip", "pkgutil", "popen2", "posix", "profile",
    "pty", "py_compile", "pydoc", "requests", "runpy", "setuptools", "shelve", "shutil", "site", "smtplib", "socket",
    "ssl", "subprocess", "sys", "telnetlib", "tempfile", "threading", "timeit", "torch.hub", "torch.jit.load",
    "torch.load", "torch.package", "torch.serialization.load", "torch.storage._load_from_bytes",
    "torch.utils.cpp_extension", "urllib", "urllib2", "webbrowser", "xmlrpc",
];

/// Parts of a dotted path that lead from a harmless module to one of those, or that say enough by themselves.
#[rustfmt::skip]
const REFUSED_PARTS: [&str; 17] = [
    "__builtins__", "__code__", "__dict__", "__getattribute__", "__globals__", "__import__", "__subclasses__",
    "_load_from_bytes", "eval", "exec", "execWrapper", "execfile", "popen", "posix", "runstring", "subprocess",
    "system",
];

/// Of Python's built-in names, those that make plain data. All others are refused.
#[rustfmt::skip]
const DATA_BUILTINS: [&str; 22] = [
    "Ellipsis", "NotImplemented", "basestring", "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset",
    "int", "list", "long", "object", "range", "set", "slice", "str", "tuple", "type", "unicode", "xrange",
];

/// What is understood of Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// `_rebuild_tensor(storage, offset, size, stride)` and its successor, which has further arguments behind these.
    Tensor,
    /// `_rebuild_parameter(tensor, ...)`, with state or without: the tensor itself.
    Parameter,
    /// `OrderedDict(pairs)`.
    OrderedDict,
    /// `defaultdict(factory)`.
    DefaultDict,
    /// `torch.Size(sizes)`.
    Size,
}

/// The meaning of a name, if it has one here.
pub(super) fn known(module: &str, name: &str) -> Option<Known> {
    match (module, name) {
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Known::Tensor),
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Some(Known::Parameter),
        ("collections", "OrderedDict") => Some(Known::OrderedDict),
        ("collections", "defaultdict") => Some(Known::DefaultDict),
        ("torch", "Size") => Some(Known::Size),
        _ => None,
    }
}

/// Refuses a name through which files run programs.
pub(super) fn check(module: &str, name: &str) -> Result<()> {
    if module.len() > MAX_NAME || name.len() > MAX_NAME {
        return Err(damaged(format!("expected names of at most {MAX_NAME} bytes, found {}", shown(module))));
    }
    let path = format!("{module}.{name}");
    let refused = match module {
        "builtins" | "__builtin__" | "__builtins__" => !DATA_BUILTINS.contains(&name),
        // Classes of TorchScript, which no Python has; their path is that of the author's files.
        _ if module == "__torch__" || module.starts_with("__torch__.") => false,
        _ => {
            let is_within =
                |refused: &str| path.strip_prefix(refused).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            let is_reached = |part: &str| REFUSED.contains(&part) || part == "builtins";
            REFUSED.iter().any(|refused| is_within(refused))
                || path.split('.').any(|part| REFUSED_PARTS.contains(&part))
                || name.contains('.') && name.split('.').any(is_reached)
        }
    };
    if refused {
        return Err(not_a_tensor(format!("expected tensors only, found a call of {}", shown(&path))).with_advice(
            "the file is made to run programs on the computer that opens it; do not open it with other programs either",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_run_programs_are_told_from_those_of_checkpoints() {
        let refused = [
            ("posix", "system"),
            ("os.path", "os"),
            ("builtins", "eval"),
            ("__builtin__", "getattr"),
            ("logging", "os.system"),
            ("collections", "abc.sys.modules"),
            ("torch.storage", "_load_from_bytes"),
            ("torch", "load"),
            ("some.package", "system"),
            ("numpy.testing._private.utils", "runstring"),
            ("__torch__x", "posix.system"),
        ];
        for (module, name) in refused {
            assert_eq!(check(module, name).unwrap_err().code(), "MOD-0107", "{module}.{name}");
        }
        let free = [
            ("torch", "FloatStorage"),
            ("torch.optim.adam", "Adam"),
            ("builtins", "set"),
            ("argparse", "Namespace"),
            ("pathlib", "PosixPath"),
            ("ossaudio", "Thing"),
            ("__main__", "Options"),
            ("functools", "partial"),
            ("numpy.core.multiarray", "scalar"),
            ("_codecs", "encode"),
            ("torch.serialization", "_get_layout"),
            ("__torch__.os.system", "Model"),
        ];
        for (module, name) in free {
            assert!(check(module, name).is_ok(), "{module}.{name}");
        }
    }
}
