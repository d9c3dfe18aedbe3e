"""Small files of torch.save and TorchScript, good ones and hostile ones: tests/fixtures/torch.

python torch_files.py <folder>           writes them
python torch_files.py <folder> --prove   opens the hostile ones in an empty folder, with Python's own pickle or with torch,
                                         and says which of them ran their program (it makes a file named as MARKER)

Written for Python 3.11 and torch 2.15; shares no code with the program. Number i of every good tensor is (start + i) / 4, so
that the values follow from `start` and the shape; a quarter of a small whole number fits all kinds of floats. The pickles of
hostile files are put together from single operations, and their archives by zipfile and by changing its bytes. Written
again, the files are the same but for the streams, in which torch names storages by their address, and the order of sets.
"""

import argparse
import collections
import functools
import io
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

MARKER = "eosin-torch-marker"
SHELL = f"echo ran > {MARKER}"
PYTHON = f"open('{MARKER}', 'w').write('ran')"


# --- Good files, by torch -------------------------------------------------------------------------------------------------


def good(folder):
    import numpy
    import torch

    def tensor(start, *shape, dtype=torch.float32):
        count = int(numpy.prod(shape))
        return ((torch.arange(count, dtype=torch.float64) + start) / 4).reshape(shape).to(dtype)

    base = tensor(64, 24)
    tensors = {
        "conv.weight": tensor(0, 2, 3, 1, 2),
        "conv.bias": tensor(16, 2, dtype=torch.float16),
        "bn.weight": tensor(20, 3, dtype=torch.bfloat16),
        "bn.running_mean": tensor(24, 3, dtype=torch.float64),
        "bn.num_batches_tracked": torch.tensor(7),
        "turned": tensor(32, 4, 3).t(),
        "channels_last": tensor(48, 2, 2, 2, 1).to(memory_format=torch.channels_last),
        "shared.whole": base,
        "shared.window": base[6:12].view(2, 3),
        "shared.every_third": base[1::3],
        "scalar": tensor(96),
        "empty": torch.zeros(0, 3),
    }
    ordered = collections.OrderedDict(tensors)
    ordered._metadata = collections.OrderedDict({"": {"version": 1}})  # as state_dict() has it
    torch.save(ordered, folder / "plain.pth")
    torch.save(tensors, folder / "plain_dict.bin")
    torch.save(ordered, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(ordered, folder / "protocol4.pth", pickle_protocol=4)
    torch.save({"epoch": 3, "model": ordered, "arch": "net"}, folder / "nested.pth")
    torch.save({"epoch": 3, "net": tensors}, folder / "nested_legacy.pth", _use_new_zipfile_serialization=False)

    student = collections.OrderedDict(weight=tensor(0, 2))
    teacher = collections.OrderedDict(weight=tensor(8, 2))
    torch.save({"student": student, "teacher": teacher}, folder / "two_parts.pth")

    parameter = torch.nn.Parameter(tensor(0, 2, 2))
    marked = torch.nn.Parameter(tensor(8, 2, 2), requires_grad=False)
    marked.note = "an attribute"
    torch.save({"weight": parameter, "marked": marked}, folder / "parameters.pth")

    weights = collections.OrderedDict({"model.conv.weight": torch.nn.Parameter(tensor(0, 2, 3, 1, 1))})
    optimizer = torch.optim.Adam([torch.nn.Parameter(tensor(0, 2))])
    lightning = {
        "epoch": 2,
        "global_step": 100,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": weights,
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": tensor(4), "dirpath": pathlib.PurePosixPath("a")}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": Hyper(
            lr=numpy.float64(0.001),
            options=argparse.Namespace(layers=[1, 2], name="net"),
            make=functools.partial(torch.nn.Linear, 2),
            kinds={"a", "b"},
            size=torch.Size([1, 2]),
            device=torch.device("cpu"),
            dtype=torch.float32,
            counts=collections.defaultdict(int, a=1),
            array=numpy.arange(3),
            loss=torch.nn.CrossEntropyLoss(),
        ),
    }
    torch.save(lightning, folder / "lightning.ckpt")

    torch.save({"weight": tensor(0, 2), "relative_position_index": torch.arange(4)}, folder / "integers.pth")
    torch.save({"weight": torch.tensor([1.0, float("nan")])}, folder / "nan.pth")
    torch.save({"weight": torch.tensor([1.0, float("-inf")], dtype=torch.float16)}, folder / "infinite.pth")
    torch.save({"weight": torch.tensor([1.0, 1e300], dtype=torch.float64)}, folder / "beyond_f32.pth")
    torch.save({"weight": torch.zeros(1).expand(1 << 20)}, folder / "expanded.pth")
    torch.save({"weight": torch.sparse_coo_tensor([[0]], [1.0], (2,))}, folder / "sparse.pth")
    torch.save({"weight": torch.quantize_per_tensor(tensor(0, 2), 0.25, 0, torch.qint8)}, folder / "quantised.pth")
    torch.save({"weight": tensor(0, 2), "step": 3}, folder / "number.pth")
    torch.save(tensor(0, 2), folder / "bare_tensor.pth")
    torch.save(torch.nn.Linear(1, 1), folder / "module.pth")
    torch.save({"model": torch.nn.Linear(1, 1), "options": {}}, folder / "module_in_part.pth")
    torch.save({"encoder": {"w": tensor(0, 2)}, "decoder": {"w": tensor(0, 2)}}, folder / "other_keys.pth")

    class Inner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(tensor(0, 2, 2))
            self.register_buffer("running_mean", tensor(8, 2))
            self.register_buffer("num_batches_tracked", torch.tensor(3))
            self.sizes = [1, 2]

        def forward(self, x):
            return x @ self.weight + self.running_mean

    class Outer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(Inner(), Inner())
            self.bias = torch.nn.Parameter(tensor(16, 2))
            self.layers[1].weight = torch.nn.Parameter(tensor(24, 2, 2).t())

        def forward(self, x):
            return self.layers(x) + self.bias + torch.tensor([1.0, 2.0])

    module = Outer().eval()
    scripted = torch.jit.script(module)
    save_script(scripted, folder / "script.pt")
    save_script(torch.jit.trace(module, torch.zeros(1, 2)), folder / "traced.pt")
    save_script(torch.jit.freeze(scripted), folder / "frozen.pt")


def save_script(module, path):
    """torch.jit.save, without the notes for debuggers, which hold paths of this computer; by torch's reader and writer."""
    import torch

    torch.jit.save(module, path)
    reader = torch._C.PyTorchFileReader(str(path))
    # The writer adds its own records of these names.
    own = ("version", "byteorder", ".data/serialization_id")
    records = [(name, reader.get_record(name)) for name in reader.get_all_records()]
    records = [(name, data) for name, data in records if not name.endswith(".debug_pkl") and name not in own]
    del reader
    writer = torch._C.PyTorchFileWriter(str(path))
    for name, data in records:
        writer.write_record(name, data, len(data))
    writer.write_record("byteorder", b"little", 6)
    writer.write_end_of_file()
    torch.jit.load(path)


class Hyper(dict):
    """What a training program may keep: a class of its own, which a reader does not have."""


# --- Operations of pickles ------------------------------------------------------------------------------------------------

PROTO, STOP, MARK = b"\x80\x02", b".", b"("


def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def integer(value):
    raw = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([9]) + raw if not -(1 << 63) <= value < 1 << 63 else b"\x8a\x08" + raw[:8]


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*items):
    return MARK + b"".join(items) + b"t"


def dict_of(*pairs):
    return b"}" + MARK + b"".join(key + value for key, value in pairs) + b"u"


def call(callable_, *args):
    return callable_ + tuple_of(*args) + b"R"


def storage(key="0", length=6, kind="FloatStorage"):
    return tuple_of(text("storage"), name("torch", kind), text(key), text("cpu"), integer(length)) + b"Q"


def view(offset=0, shape=(2, 3), strides=(3, 1), **of):
    sizes = [tuple_of(*map(integer, sizes)) for sizes in (shape, strides)]
    hooks = call(name("collections", "OrderedDict"))
    return call(name("torch._utils", "_rebuild_tensor_v2"), storage(**of), integer(offset), *sizes, b"\x89", hooks)


def weights(value, key="weight"):
    return PROTO + dict_of((text(key), value)) + STOP


DATA = struct.pack("<6f", *(i / 4 for i in range(6)))
SYSTEM = call(name("posix", "system"), text(SHELL))


# --- Containers -----------------------------------------------------------------------------------------------------------


def archive(pickled, entries=(("archive/data/0", DATA),), method=zipfile.ZIP_STORED, **more):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        add = lambda entry, data: file.writestr(zipfile.ZipInfo(entry), data, method)
        if pickled is not None:
            add("archive/data.pkl", pickled)
        for entry, data in [*entries, *more.items()]:
            add(entry, data)
        add("archive/version", b"3\n")
    return out.getvalue()


def legacy(pickled, keys=("0",), storages=((6, DATA),), little=True, magic=0x1950A86A20F9469CFC6C, version=1001):
    computer = {"protocol_version": 1001, "little_endian": little, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = b"".join(pickle.dumps(part, 2) for part in (magic, version, computer))
    tail = b"".join(struct.pack("<q", length) + data for length, data in storages)
    return head + pickled + pickle.dumps(list(keys), 2) + tail


def patched(data, what, by):
    assert what in data, what
    return data.replace(what, by, 1)


def in_directory(data, entry, offset, raw):
    """Changes the record of an entry in the central directory, which begins 46 bytes before its name there."""
    at = data.rindex(entry.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02", entry
    return data[: at + offset] + raw + data[at + offset + len(raw) :]


def in_end(data, offset, raw):
    at = data.rindex(b"PK\x05\x06")
    return data[: at + offset] + raw + data[at + offset + len(raw) :]


def zip64_lie():
    """A record that gives a size of 2^60 in its zip64 field."""
    field = struct.pack("<HHQQ", 1, 16, 1 << 60, 1 << 60)
    data = archive(weights(view()))
    at = data.rindex(b"archive/data/0")
    data = data[: at + len("archive/data/0")] + field + data[at + len("archive/data/0") :]
    data = in_directory(data, "archive/data/0", 20, b"\xff" * 8)
    data = in_directory(data, "archive/data/0", 30, struct.pack("<H", len(field)))
    at = data.rindex(b"PK\x05\x06")
    (size,) = struct.unpack("<I", data[at + 12 : at + 16])
    return in_end(data, 12, struct.pack("<I", size + len(field)))


def overlapping():
    """The bytes of the first storage go on over the header and the bytes of the second."""
    data = archive(weights(view()), [("archive/data/0", DATA), ("archive/data/1", bytes(2048))])
    return in_directory(data, "archive/data/0", 20, struct.pack("<II", 2100, 2100))


def twice():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for entry, data in [("data.pkl", weights(view())), ("data/0", DATA), ("data/0", bytes(24))]:
            file.writestr(zipfile.ZipInfo("archive/" + entry), data)
    return out.getvalue()


def script(*attributes, constants=PROTO + b")."):
    module = name("__torch__", "Net") + b")\x81" + dict_of(*attributes) + b"b"
    return archive(PROTO + module + STOP, [("archive/data/0", DATA), ("archive/constants.pkl", constants)])


def doubling_modules():
    """Sixty-two modules, each twice in the next: 2^62 paths to one tensor."""
    ops = name("__torch__", "Net") + b"q\x00" + b")\x81" + dict_of((text("w"), view())) + b"bq\x01"
    for _ in range(62):
        ops += b"h\x00)\x81" + dict_of((text("a"), b"h\x01"), (text("b"), b"h\x01")) + b"bq\x01"
    return archive(PROTO + ops + STOP, [("archive/data/0", DATA), ("archive/constants.pkl", PROTO + b").")])


def hostile():
    """Name, bytes, and whether its program runs: in Python's pickle, in "torch", or not on this computer."""
    yield from programs()
    for entry in [*pickles(), *tensors(), *archives(), *streams()]:
        yield *entry, False


def programs():
    beside = [(text("state_dict"), dict_of((text("weight"), view()))), (text("hyper_parameters"), SYSTEM)]
    unicode = lambda value: b"\x8c" + bytes([len(value)]) + value.encode()
    dotted = b"\x80\x04" + unicode("logging") + unicode("os.system") + b"\x93" + text(SHELL) + b"\x85R."
    memoised = (
        b"\x80\x04" + unicode("system") + b"\x940" + unicode("posix") + b"\x940h\x01h\x00\x93" + text(SHELL) + b"\x85R."
    )
    reached = call(name("builtins", "getattr"), call(name("builtins", "__import__"), text("os")), text("system"))
    nested = PROTO + call(name("builtins", "eval"), text(PYTHON)) + STOP
    shell = tuple_of(*map(text, ["sh", "-c", SHELL]))
    loaded = b"C" + bytes([len(nested)]) + nested
    yield "program_in_archive.pth", archive(PROTO + SYSTEM + STOP), True
    yield "program_in_stream.pth", legacy(PROTO + SYSTEM + STOP), "torch"
    yield "program_alone.pth", PROTO + SYSTEM + STOP, True
    yield "program_protocol0.pth", f"cposix\nsystem\n(S'{SHELL}'\ntR.".encode(), True
    yield "program_instance.pth", archive(MARK + text(SHELL) + b"iposix\nsystem\n."), True
    yield "program_object.pth", archive(MARK + name("posix", "system") + text(SHELL) + b"o."), True
    yield "program_subprocess.pth", archive(PROTO + call(name("subprocess", "check_call"), shell) + STOP), True
    yield "program_new_object.pth", archive(PROTO + name("subprocess", "Popen") + tuple_of(shell) + b"\x81."), False
    yield "program_beside_weights.ckpt", archive(PROTO + dict_of(*beside) + STOP), "torch"
    yield "program_among_weights.pth", archive(PROTO + dict_of((text("weight"), SYSTEM)) + STOP), True
    rebuilt = call(name("torch._utils", "_rebuild_tensor_v2"), SYSTEM, integer(0))
    yield "program_as_storage.pth", archive(weights(rebuilt)), "torch"
    yield "program_eval.pth", archive(PROTO + call(name("builtins", "eval"), text(PYTHON)) + STOP), True
    yield "program_exec_python2.pth", archive(PROTO + call(name("__builtin__", "execfile"), text("a.py")) + STOP), False
    yield "program_dotted.pth", archive(dotted), True
    yield "program_memoised.pth", archive(memoised), True
    yield "program_getattr.pth", archive(PROTO + reached + text(SHELL) + b"\x85R."), True
    yield "program_runpy.pth", archive(PROTO + call(name("runpy", "run_path"), text("a.py")) + STOP), False
    yield "program_windows.pth", archive(PROTO + call(name("nt", "system"), text("calc")) + STOP), False
    connection = call(name("socket", "create_connection"), tuple_of(text("127.0.0.1"), integer(9)))
    yield "program_socket.pth", archive(PROTO + connection + STOP), False
    yield "program_nested_pickle.pth", archive(PROTO + call(name("pickle", "loads"), loaded) + STOP), True
    yield "program_torch_load.pth", archive(PROTO + call(name("torch.storage", "_load_from_bytes"), loaded) + STOP), "torch"
    yield "program_discarded.pth", archive(PROTO + SYSTEM + b"0" + dict_of((text("weight"), view())) + STOP), False
    yield "program_in_constants.pt", script((text("w"), view()), constants=PROTO + SYSTEM + STOP), False
    yield "program_in_stream_head.pth", PROTO + SYSTEM + STOP + legacy(weights(view())), True


def pickles():
    far = struct.pack("<Q", 1 << 62)
    bomb = b")" + b"".join(b"2\x86" for _ in range(200))
    yield "opaque_weight.pth", archive(weights(call(name("some.package", "make_tensor"), integer(1))))
    yield "opaque_call.pth", archive(weights(call(call(name("functools", "partial"), text("x")), integer(1))))
    yield "name_is_a_number.pth", archive(PROTO + dict_of((integer(1), view())) + STOP)
    yield "name_twice.pth", archive(PROTO + dict_of((text("weight"), view()), (text("weight"), view())) + STOP)
    yield "part_twice.pth", archive(PROTO + dict_of(*[(text("model"), dict_of((text("w"), view())))] * 2) + STOP)
    yield "name_too_long.pth", archive(weights(view(), "w" * 2000))
    yield "doubling_tuples.pth", archive(weights(bomb))
    yield "deep_lists.pth", archive(PROTO + b"]" * 5000 + b"a" * 4999 + STOP)
    yield "contains_itself.pth", archive(PROTO + b"}q\x00" + text("state_dict") + b"h\x00s.")
    yield "far_memo_slot.pth", archive(PROTO + b"Nr\xff\xff\xff\xff.")
    yield "empty_memo_slot.pth", archive(PROTO + b"h\x05.")
    yield "endless_text.pth", archive(b"\x80\x04\x8d" + far + b"abc.")
    yield "negative_length.pth", archive(PROTO + b"\x8b\xff\xff\xff\xff.")
    yield "empty_stack.pth", archive(PROTO + b".")
    yield "no_mark.pth", archive(PROTO + b"t.")
    yield "odd_dictionary.pth", archive(PROTO + b"}(Nu.")
    yield "items_of_a_number.pth", archive(PROTO + b"K\x01K\x02K\x03s.")
    yield "no_end.pth", archive(PROTO + b"N")
    yield "no_operation.pth", archive(PROTO + b"\xff.")
    yield "bad_utf8.pth", archive(PROTO + b"X\x02\x00\x00\x00\xff\xfe.")
    yield "protocol_9.pth", archive(b"\x80\x09N.")
    yield "extension.pth", archive(PROTO + b"\x82\x01.")
    yield "outer_buffer.pth", archive(b"\x80\x05\x97.")
    yield "two_names_missing.pth", archive(b"\x80\x04NN\x93.")


def tensors():
    whole = [name("torch._utils", "_rebuild_tensor_v2"), tuple_of(text("storage"), text("0")) + b"Q"]
    large = view(length=1000, shape=(1000,), strides=(1,)) + b"q\x00"
    sharing = [(text(f"w{index}"), b"h\x00") for index in range(200)]
    yield "offset_beyond.pth", archive(weights(view(offset=1)))
    yield "offset_negative.pth", archive(weights(view(offset=-1)))
    yield "shape_negative.pth", archive(weights(view(shape=(-2, 3))))
    yield "shape_overflows.pth", archive(weights(view(shape=(1 << 62, 1 << 62), strides=(0, 0))))
    yield "shape_wider_than_64_bits.pth", archive(weights(view(shape=(1 << 70, 1))))
    yield "strides_overflow.pth", archive(weights(view(strides=((1 << 63) - 1, (1 << 63) - 1))))
    yield "strides_too_few.pth", archive(weights(view(strides=(1,))))
    yield "dimensions_too_many.pth", archive(weights(view(shape=(1,) * 40, strides=(1,) * 40)))
    yield "expanded_far.pth", archive(weights(view(shape=(1 << 40,), strides=(0,))))
    yield "storage_shorter.pth", archive(weights(view(length=1 << 40)))
    yield "storage_longer.pth", archive(weights(view(shape=(2,), strides=(1,), length=2)))
    yield "storage_missing.pth", archive(weights(view(key="../../1")))
    yield "storage_without_parts.pth", archive(weights(call(*whole)))
    yield "storage_of_no_class.pth", archive(weights(view(kind="Tensor")))
    yield "storage_shared_by_many.pth", archive(
        PROTO + large + b"0" + dict_of(*sharing) + STOP, [("archive/data/0", bytes(4000))]
    )
    yield "modules_doubling.pt", doubling_modules()
    yield "module_in_itself.pt", archive(
        PROTO + name("__torch__", "Net") + b")\x81q\x00" + dict_of((text("a"), b"h\x00")) + b"b.",
        [("archive/constants.pkl", PROTO + b").")],
    )
    yield "attribute_twice.pt", script((text("w"), view()), (text("w"), view()))
    yield "path_twice.pt", script(
        (text("a.w"), view()), (text("a"), name("__torch__", "In") + b")\x81" + dict_of((text("w"), view())) + b"b")
    )
    constants = ("archive/constants.pkl", PROTO + b").")
    yield "script_without_module.pt", archive(weights(view()), [("archive/data/0", DATA), constants])


def archives():
    sound = archive(weights(view()))
    large = weights(view(length=1 << 18, shape=(2,), strides=(1,)))
    bomb = archive(large, [("archive/data/0", bytes(1 << 20))], zipfile.ZIP_DEFLATED)
    yield "archive_compressed.pth", archive(weights(view()), method=zipfile.ZIP_DEFLATED)
    yield "archive_bomb.pth", bomb
    yield "archive_encrypted.pth", in_directory(sound, "archive/data/0", 8, b"\x01\x00")
    yield "archive_entry_twice.pth", twice()
    yield "archive_overlapping.pth", overlapping()
    yield "archive_other_name.pth", patched(sound, b"archive/data/0", b"archive/data/9")
    yield "archive_size_lie.pth", in_directory(sound, "archive/data/0", 24, b"\xff\xff\xff\x7f")
    yield "archive_zip64_lie.pth", zip64_lie()
    yield "archive_checksum.pth", patched(sound, DATA, bytes(len(DATA)))
    yield "archive_offset_beyond.pth", in_directory(sound, "archive/data/0", 42, b"\xff\xff\xff\x7f")
    yield "archive_count_lie.pth", in_end(sound, 8, b"\x09\x00\x09\x00")
    yield "archive_directory_beyond.pth", in_end(sound, 16, b"\xff\xff\xff\x7f")
    yield "archive_cut.pth", sound[:-30]
    yield "archive_head_only.pth", sound[:100]
    yield "archive_with_more_behind.pth", sound + b"more"
    yield "archive_with_no_pickle.pth", archive(None)
    other = ("other/data.pkl", weights(view()))
    yield "archive_with_two_pickles.pth", archive(weights(view()), [other, ("archive/data/0", DATA)])
    yield "archive_big_endian.pth", archive(weights(view()), [("archive/data/0", DATA), ("archive/byteorder", b"big")])
    yield "archive_empty.pth", b"PK\x05\x06" + bytes(18)


def streams():
    sound = weights(view())
    yield "stream_cut.pth", legacy(sound)[:-1]
    yield "stream_head_only.pth", legacy(sound)[:20]
    yield "stream_with_more_behind.pth", legacy(sound) + b"more"
    yield "stream_length_lie.pth", legacy(sound, storages=((1 << 60, DATA),))
    yield "stream_negative_length.pth", legacy(sound, storages=((-1, DATA),))
    yield "stream_storage_twice.pth", legacy(sound, keys=("0", "0"), storages=((6, DATA),) * 2)
    yield "stream_storage_missing.pth", legacy(sound, keys=(), storages=())
    yield "stream_storage_unknown.pth", legacy(sound, keys=("0", "1"), storages=((6, DATA),) * 2)
    yield "stream_two_descriptions.pth", legacy(PROTO + dict_of((text("a"), view()), (text("b"), view(length=7))) + STOP)
    yield "stream_big_endian.pth", legacy(sound, little=False)
    yield "stream_other_version.pth", legacy(sound, version=1000)
    yield "stream_other_magic.pth", legacy(sound, magic=1)
    yield "pickle_alone.pth", pickle.dumps({"weight": [1.0, 2.0]}, 2)
    yield "gzip.pth", b"\x1f\x8b\x08" + zlib.compress(sound)
    yield "tar.pth", b"tensors".ljust(257, b"\0") + b"ustar" + bytes(250)


# --- Writing, and the proof -----------------------------------------------------------------------------------------------


def prove(folder):
    """Each in a process and a folder of its own; without torch, archives by their data.pkl."""
    plain = (
        "import io, pickle, sys, zipfile\n"
        "raw = open(sys.argv[1], 'rb').read()\n"
        "raw = zipfile.ZipFile(io.BytesIO(raw)).read('archive/data.pkl') if raw[:2] == b'PK' else raw\n"
        "pickle.loads(raw)\n"
    )
    by_torch = "import sys, torch\ntorch.load(sys.argv[1], weights_only=False)\n"
    for title, _, runs in programs():
        with tempfile.TemporaryDirectory() as place:
            code = by_torch if runs == "torch" else plain
            subprocess.run([sys.executable, "-c", code, folder / title], cwd=place, check=False, capture_output=True)
            ran = appears(os.path.join(place, MARKER), runs)
        print(f"{title}: {'runs' if ran else 'does not run here'}")
        assert ran or not runs, title


def appears(path, expected):
    """Whether a file appears; one that is expected may come from a process that was started in the background."""
    for _ in range(50 if expected else 1):
        if os.path.exists(path):
            return True
        time.sleep(0.1)
    return False


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    (folder / "hostile").mkdir(parents=True, exist_ok=True)
    if "--prove" in sys.argv:
        prove(folder / "hostile")
        return
    good(folder)
    for title, data, _ in hostile():
        (folder / "hostile" / title).write_bytes(data)


if __name__ == "__main__":
    main()
