"""WSInfer 0.6.1 beside eosin: the whole command `wsinfer run` on the slide, with a TorchScript model of the same weights.

WSInfer finds tissue and cuts tiles by itself and takes no tiles from others, so it answers `line` alone. What it writes goes
into a temporary folder. WSInfer asks for its zoo's registry when it is imported; it gets an empty one, so that no network is
needed and none is timed.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from peer import Program, Refused, peak_bytes, processor, serve

BACKEND = "openslide"


class WsInfer(Program):
    peak = None

    def open(self):
        job, index = self.job, self.job.cuda_index()
        if job.dtype != "f32":
            raise Refused(f"WSInfer computes in f32, found {job.dtype}")
        usual = "softmax" if job.outputs > 1 else "sigmoid"
        if job.activation != usual:
            raise Refused(f"WSInfer takes the {usual} of {job.outputs} outputs, found {job.activation}")
        if job.mpp is not None:
            raise Refused("WSInfer takes um/px from the slide alone, and this one does not state it")
        versions = {name: version(name) for name in ("wsinfer", "torch", "openslide-python")}
        start = time.perf_counter()
        import torch

        import peer_network

        if index is not None and index >= torch.cuda.device_count():
            raise Refused(f"torch {torch.__version__} finds no device {job.device}")
        device_name = processor() if index is None else torch.cuda.get_device_name(index)
        open_s = time.perf_counter() - start
        start = time.perf_counter()
        self.folder = tempfile.TemporaryDirectory()
        made = peer_network.network(job, fold=False)
        scripted = torch.jit.script(peer_network.Logits(made, job.temperature).eval())
        scripted.save(str(self.path("model.pt")))
        self.path("config.json").write_text(json.dumps(configuration(job)))
        self.path("slides").mkdir()
        slide = Path(job.slide).resolve()
        self.path("slides").joinpath(slide.name).symlink_to(slide)
        self.workers = min(job.threads, 8)
        setting = [f"wsinfer run --num-workers {self.workers} --speedup"]
        setting += [f"backend {BACKEND} {versions['openslide-python']}"]
        setting += [f"torch {versions['torch']} with {job.threads} threads", "TorchScript", "network in f32"]
        return {
            "said": "open",
            "program": f"wsinfer {versions['wsinfer']}",
            "device_name": device_name,
            "backend": "torch CPU" if index is None else f"torch CUDA {torch.version.cuda}",
            "setting": ", ".join([*setting, "registry of its zoo left out"]),
            "open_s": open_s,
            "load_s": time.perf_counter() - start,
        }

    def path(self, name):
        if not hasattr(self, "folder"):
            raise Refused("expected open before anything else")
        return Path(self.folder.name) / name

    def line(self, batch, tiles):
        """All tiles that WSInfer finds; how many were asked for changes nothing."""
        del tiles
        slide = next(self.path("slides").iterdir())
        index = self.job.cuda_index()
        device = {"WSINFER_FORCE_CPU": "1"} if index is None else {"CUDA_VISIBLE_DEVICES": str(index)}
        with tempfile.TemporaryDirectory(dir=self.folder.name) as out:
            peak = Path(out) / "peak"
            command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), "--wsinfer", str(peak)]
            command += ["--backend", BACKEND, "run", "--wsi-dir", str(slide.parent), "--results-dir", out]
            command += ["--batch-size", str(batch)]
            command += ["--config", str(self.path("config.json")), "--model-path", str(self.path("model.pt"))]
            command += ["--num-workers", str(self.workers), "--speedup"]
            start = time.perf_counter()
            done = subprocess.run(
                command,
                env={**os.environ, **device, "OMP_NUM_THREADS": str(self.job.threads)},
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            seconds = time.perf_counter() - start
            table = Path(out) / "model-outputs-csv" / f"{slide.stem}.csv"
            if done.returncode != 0 or not table.exists():
                print(done.stderr, file=sys.stderr)
                last = done.stderr.strip().splitlines()[-1:] or ["no message"]
                raise Refused(f"wsinfer run wrote no table: {last[0][:400]}")
            with table.open(newline="") as file:
                found = sum(1 for _ in csv.reader(file)) - 1
            self.peak = max(self.peak or 0, int(peak.read_text()))
        nothing = {"read_s": 0.0, "decode_s": 0.0, "assemble_s": 0.0, "aggregate_s": 0.0}
        return {"said": "line", "tiles": found, "seconds": seconds, "workers": self.workers, **nothing}

    def memory(self):
        """That of the process of `wsinfer run`, without those of its workers."""
        return {"said": "memory", "host_bytes": self.peak, "device_bytes": None}


def configuration(job):
    """WSInfer's description of the model."""
    normalise = {"mean": job.mean, "std": job.std}
    return {
        "spec_version": "1.0",
        "architecture": job.timm_name,
        "num_classes": job.outputs,
        "class_names": [f"class{at}" for at in range(job.outputs)],
        "patch_size_pixels": job.tile_px,
        "spacing_um_px": job.um_per_px,
        "transform": [
            {"name": "Resize", "arguments": {"size": job.input_px}},
            {"name": "ToTensor"},
            {"name": "Normalize", "arguments": normalise},
        ],
    }


def run(peak, arguments):
    """WSInfer's own command, without its zoo; its memory goes into a file at the end."""
    import wsinfer_zoo.client

    wsinfer_zoo.client.load_registry = lambda *_, **__: wsinfer_zoo.client.ModelRegistry(models={})
    from wsinfer.cli.cli import cli

    try:
        cli.main(arguments, prog_name="wsinfer")
    finally:
        Path(peak).write_text(str(peak_bytes() or 0))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--wsinfer"]:
        run(sys.argv[2], sys.argv[3:])
    else:
        serve(WsInfer)
