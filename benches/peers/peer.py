"""What all programs beside eosin have in common: the job, the requests of `eosin bench`, and the answers.

README.md beside this file states the protocol. Invariant: standard output carries answers alone; what libraries print goes
to standard error, and what cannot be done is said with a reason.
"""

import itertools
import json
import math
import os
import sys
import time
import traceback
from collections import deque
from dataclasses import dataclass, fields
from pathlib import Path


class Refused(Exception):
    """What cannot be done, in words for whoever asked."""


@dataclass(frozen=True)
class Job:
    """What is to be measured: the fields of `Job` in eosin's src/bench/protocol.rs, under the same names."""

    device: str
    dtype: str
    threads: int
    model: str
    weights: str
    timm_name: str
    folded: bool
    outputs: int
    activation: str
    temperature: float
    mean: list
    std: list
    input_px: int
    um_per_px: float
    tile_px: int
    tiles: str
    tile_count: int
    slide: str
    mpp: float | None

    @staticmethod
    def read(line):
        given = parsed(line)
        names = {field.name for field in fields(Job)}
        if wrong := sorted(names ^ given.keys()):
            missing = [name for name in wrong if name in names]
            raise Refused(f"expected the fields of a job, found missing {missing} and unknown {sorted(set(wrong) - names)}")
        job = Job(**given)
        for name in ("device", "dtype", "model", "weights", "timm_name", "activation", "tiles", "slide"):
            expect(isinstance(given[name], str), f"job: {name}", "text", given[name])
        for name in ("threads", "outputs", "input_px", "tile_px", "tile_count"):
            expect(is_count(given[name]), f"job: {name}", "a whole number above 0", given[name])
        for name in ("temperature", "um_per_px"):
            expect(is_number(given[name]) and given[name] > 0, f"job: {name}", "a number above 0", given[name])
        for name in ("mean", "std"):
            three = isinstance(given[name], list) and len(given[name]) == 3 and all(map(is_number, given[name]))
            expect(three, f"job: {name}", "three numbers", given[name])
        expect(all(std > 0 for std in job.std), "job: std", "numbers above 0", job.std)
        expect(isinstance(job.folded, bool), "job: folded", "true or false", job.folded)
        expect(job.mpp is None or is_number(job.mpp), "job: mpp", "a number or null", job.mpp)
        expect(job.dtype in ("f32", "f16", "bf16"), "job: dtype", "f32, f16 or bf16", job.dtype)
        known = ("softmax", "sigmoid", "none")
        expect(job.activation in known, "job: activation", "softmax, sigmoid or none", job.activation)
        return job

    def cuda_index(self):
        """The number of the CUDA device; none for the CPU."""
        if self.device == "cpu":
            return None
        kind, _, index = self.device.partition(":")
        if kind == "cuda" and (index or "0").isdecimal():
            return int(index or 0)
        raise Refused(f"expected the device cpu, cuda or cuda:N, found {self.device}: this program knows no other")

    def read_tiles(self):
        """The tiles, `[N, S, S, 3]` u8."""
        import numpy as np

        tiles = np.fromfile(self.tiles, dtype=np.uint8)
        shape = (self.tile_count, self.input_px, self.input_px, 3)
        expect(tiles.size == math.prod(shape), "file of tiles", f"{math.prod(shape)} bytes", tiles.size)
        return tiles.reshape(shape)


class Program:
    """A program: what it does not define is answered with `failed`."""

    def __init__(self, job):
        self.job = job

    def memory(self):
        return {"said": "memory", "host_bytes": peak_bytes(), "device_bytes": self.device_bytes()}

    def device_bytes(self):
        """The most memory reserved on the device; none where that is the host's."""
        return None


class Scorer(Program):
    """A program that scores tiles from memory.

    It defines `load`, which gives the answer to `open`, and `submit`, which starts to score a batch and gives a function
    that waits for the scores, f32 `[N, K]`.
    """

    # Batches that are under way at once.
    lanes = 1

    def __init__(self, job):
        super().__init__(job)
        self.tiles = None
        self.batches = (0, [])

    def open(self):
        answer = {"said": "open", **self.load()}
        self.tiles = self.job.read_tiles()
        return answer

    def prepare(self, tiles):
        """Gives tiles in memory the form that `submit` takes; it is done once, before any time is taken."""
        return tiles

    def batches_of(self, batch):
        """All tiles in batches of one size; the last is filled up from the first tile on."""
        import numpy as np

        if self.tiles is None:
            raise Refused("expected open before anything else")
        if self.batches[0] != batch:
            self.batches = (0, [])
            made = []
            for start in range(0, len(self.tiles), batch):
                part = self.tiles[start : start + batch]
                if len(part) < batch:
                    part = self.tiles[np.arange(start, start + batch) % len(self.tiles)]
                made.append(self.prepare(part))
            self.batches = (batch, made)
        return self.batches[1]

    def first(self, batch):
        tiles = self.batches_of(batch)[0]
        start = time.perf_counter()
        self.submit(tiles)()
        return {"said": "round", "tiles": batch, "seconds": time.perf_counter() - start}

    def warm(self, batch):
        times = []
        for tiles in itertools.islice(itertools.cycle(self.batches_of(batch)), 1, 10):
            start = time.perf_counter()
            self.submit(tiles)()
            times.append(time.perf_counter() - start)
            if len(times) >= 2 and abs(times[-1] - times[-2]) <= 0.1 * times[-2]:
                break
        return {"said": "warm", "warm_up_s": sum(times)}

    def round(self, batch, seconds):
        batches = itertools.cycle(self.batches_of(batch))
        under_way, tiles = deque(), 0
        start = time.perf_counter()
        while not tiles or time.perf_counter() - start < seconds:
            under_way.append(self.submit(next(batches)))
            if len(under_way) == self.lanes:
                under_way.popleft()()
                tiles += batch
        for wait in under_way:
            wait()
            tiles += batch
        return {"said": "round", "tiles": tiles, "seconds": time.perf_counter() - start}

    def outputs(self, batch, into):
        import numpy as np

        scores = np.concatenate([self.submit(tiles)() for tiles in self.batches_of(batch)])[: len(self.tiles)]
        expect(scores.shape[1:] == (self.job.outputs,), "scores of a tile", self.job.outputs, scores.shape[1:])
        scores.astype("<f4").tofile(into)
        return {"said": "done"}


# Requests and the fields they come with.
REQUESTS = {
    "open": (),
    "first": ("batch",),
    "warm": ("batch",),
    "round": ("batch", "seconds"),
    "outputs": ("batch", "into"),
    "line": ("batch", "tiles"),
    "stages": ("batch", "seconds"),
    "memory": (),
}
VALID = {
    "batch": (lambda value: is_count(value), "a whole number above 0"),
    "tiles": (lambda value: is_count(value), "a whole number above 0"),
    "seconds": (lambda value: is_number(value) and value >= 0, "a number of at least 0"),
    "into": (lambda value: isinstance(value, str), "a path"),
}


def serve(program):
    """Reads a job, makes a `program` of it, and answers requests until the input ends."""
    sys.stdin.reconfigure(encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    line = sys.stdin.readline()
    if not line.strip():
        return
    subject, trouble = None, None
    try:
        subject = program(Job.read(line))
    except Exception as error:
        trouble = reason(error)
    for line in sys.stdin:
        if line.strip():
            answer = answered(subject, line) if subject else failed(trouble)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def answered(program, line):
    try:
        request = parsed(line)
        name = request.pop("do", None)
        expect(isinstance(name, str) and name in REQUESTS, "request", f"one of {', '.join(REQUESTS)}", name)
        expect(set(request) == set(REQUESTS[name]), f"fields of {name}", sorted(REQUESTS[name]), sorted(request))
        for field, value in request.items():
            valid, wanted = VALID[field]
            expect(valid(value), f"{name}: {field}", wanted, value)
        method = getattr(program, name, None)
        if method is None:
            raise Refused(f"this program does not answer {name}")
        return method(**request)
    except Exception as error:
        return failed(reason(error))


def failed(why):
    return {"said": "failed", "why": why}


def reason(error):
    """Why something failed, in one line; where it was not foreseen, where it happened goes to standard error."""
    if isinstance(error, Refused):
        return str(error)
    traceback.print_exception(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "can't allocate memory" in str(error):
        return "out of memory"
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name} is missing: install what benches/peers/requirements-*.txt name"
    # Of files without their paths: answers go into records that are handed on.
    text = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:400]}"


def parsed(line):
    try:
        given = json.loads(line)
    except ValueError as error:
        raise Refused(f"expected a line of JSON, found {line.strip()[:80]!r}: {error}") from None
    expect(isinstance(given, dict), "line", "a JSON object", given)
    return given


def expect(holds, what, wanted, found):
    if not holds:
        raise Refused(f"{what}: expected {wanted}, found {found!r}")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def peak_bytes():
    """The most memory that this process has held at once; none where the system does not say.

    Linux takes the peak of whatever started a process into its `ru_maxrss`, so the process's own count is asked first.
    """
    try:
        status = Path("/proc/self/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def processor():
    """The processor as it names itself."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
