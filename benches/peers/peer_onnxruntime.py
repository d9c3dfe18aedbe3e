"""ONNX Runtime beside eosin: one graph from bytes to scores, in f32, on the CPU or a CUDA device.

The graph is exported by PyTorch in a process of its own, so that this one holds ONNX Runtime and numpy alone.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peer import Job, Refused, Scorer, processor, serve

OPSET = 20


class OnnxRuntime(Scorer):
    def load(self):
        job, index = self.job, self.job.cuda_index()
        if job.dtype != "f32" and (index is None or job.dtype != "f16"):
            where = "CPU" if index is None else "CUDA"
            raise Refused(f"ONNX Runtime's {where} provider runs no such network in {job.dtype}")
        start = time.perf_counter()
        import onnxruntime as ort

        provider = "CPUExecutionProvider" if index is None else "CUDAExecutionProvider"
        if provider not in ort.get_available_providers():
            raise Refused(f"onnxruntime {ort.__version__} has no {provider}: CUDA needs the package onnxruntime-gpu")
        open_s = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as folder:
            graph = Path(folder) / "scores.onnx"
            begun = time.perf_counter()
            exported_by = export(job, graph)
            aside_s = time.perf_counter() - begun
            start = time.perf_counter()
            options = ort.SessionOptions()
            options.intra_op_num_threads = job.threads
            options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
            chosen = provider if index is None else (provider, {"device_id": index})
            self.session = ort.InferenceSession(str(graph), options, providers=[chosen])
            load_s = time.perf_counter() - start
        if provider not in self.session.get_providers():
            raise Refused(f"onnxruntime {ort.__version__} could not start {provider}: its CUDA or cuDNN is missing")
        setting = [f"{job.threads} threads", "sequential", "all graph optimisations", f"network in {job.dtype}"]
        setting += ["u8 NHWC input, normalisation and scores in the graph", "batch norm folded"]
        return {
            "program": f"onnxruntime {ort.__version__}",
            "device_name": processor() if index is None else f"CUDA device {index}",
            "backend": provider,
            "setting": ", ".join([*setting, f"opset {OPSET}", f"exported by {exported_by}, time not counted"]),
            "open_s": open_s,
            "load_s": load_s,
            "aside_s": aside_s,
        }

    def submit(self, tiles):
        scores = self.session.run(["scores"], {"tiles": tiles})[0]
        return lambda: scores


def export(job, path):
    """Writes the graph of a job; gives what exported it."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), "--export", str(path)]
    line = json.dumps(dataclasses.asdict(job))
    done = subprocess.run(command, input=line, capture_output=True, text=True, encoding="utf-8")
    answer = done.stdout.strip().splitlines()[-1:]
    if done.returncode != 0 or not answer:
        print(done.stderr, file=sys.stderr)
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Refused(f"export to ONNX failed: {last[0][:400]}")
    said = json.loads(answer[0])
    if "why" in said:
        raise Refused(said["why"])
    return said["exported_by"]


def exporting(path):
    """The process that exports: a job on standard input, what exported it or why it cannot be on standard output."""
    job = Job.read(sys.stdin.readline())
    try:
        import timm
        import torch

        import peer_network

        scores = peer_network.Scores(job, peer_network.network(job), peer_network.DTYPES[job.dtype]).eval()
        # Two tiles: with one, the exporter takes the number of tiles for a constant.
        tiles = torch.zeros(2, job.input_px, job.input_px, 3, dtype=torch.uint8)
        torch.onnx.export(
            scores,
            (tiles,),
            str(path),
            dynamo=True,
            opset_version=OPSET,
            input_names=["tiles"],
            output_names=["scores"],
            dynamic_shapes={"tiles": {0: torch.export.Dim("batch")}},
        )
        print("\n" + json.dumps({"exported_by": f"torch {torch.__version__} and timm {timm.__version__}"}))
    except Refused as error:
        print("\n" + json.dumps({"why": str(error)}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--export"]:
        exporting(sys.argv[2])
    else:
        serve(OnnxRuntime)
