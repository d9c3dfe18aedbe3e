"""PyTorch beside eosin: eager, channels-last, normalisation folded into convolutions, on the CPU or a CUDA device.

`EOSIN_TORCH_COMPILE=1` compiles the network with torch.compile (needs a C++ compiler on the CPU); `EOSIN_TORCH_TF32=0`
forbids TF32 on a CUDA device.
"""

import os
import time

from peer import Refused, Scorer, processor, serve


class Torch(Scorer):
    def load(self):
        job, index = self.job, self.job.cuda_index()
        start = time.perf_counter()
        import timm
        import torch

        import peer_network

        torch.set_num_threads(job.threads)
        device_name, backend, tf32 = self.opened(torch, index)
        open_s = time.perf_counter() - start
        start = time.perf_counter()
        made = peer_network.network(job).to(memory_format=torch.channels_last)
        self.scores = peer_network.Scores(job, made, peer_network.DTYPES[job.dtype]).eval().to(self.device)
        mode = "eager"
        if os.environ.get("EOSIN_TORCH_COMPILE") == "1":
            self.scores, mode = torch.compile(self.scores), "torch.compile"
        if index is not None:
            torch.cuda.synchronize(self.device)
        load_s = time.perf_counter() - start
        setting = [mode, "inference mode", "channels-last", "batch norm folded", f"network in {job.dtype}"]
        on_cuda = [tf32, "cudnn benchmark", "pinned tiles", f"{self.lanes} batches under way"]
        setting += [f"{job.threads} threads"] if index is None else on_cuda
        return {
            "program": f"torch {torch.__version__}",
            "device_name": device_name,
            "backend": backend,
            "setting": ", ".join([*setting, f"timm {timm.__version__}"]),
            "open_s": open_s,
            "load_s": load_s,
        }

    def opened(self, torch, index):
        """Opens the device; gives its name, what computes there, and whether products may be rounded to TF32."""
        self.torch = torch
        if index is None:
            self.device = torch.device("cpu")
            return processor(), "CPU, oneDNN" if torch.backends.mkldnn.is_available() else "CPU", ""
        if not torch.cuda.is_available() or index >= torch.cuda.device_count():
            raise Refused(f"torch {torch.__version__} finds no device {self.job.device}")
        allowed = os.environ.get("EOSIN_TORCH_TF32") != "0"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
        torch.backends.cudnn.benchmark = True
        self.device, self.lanes = torch.device("cuda", index), 2
        torch.cuda.set_device(self.device)
        torch.cuda.synchronize()
        tf32 = "TF32 allowed in f32" if allowed else "no TF32"
        backend = f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
        return torch.cuda.get_device_name(self.device), backend, tf32

    def prepare(self, tiles):
        made = self.torch.from_numpy(tiles)
        return made if self.device.type == "cpu" else made.pin_memory()

    def submit(self, tiles):
        with self.torch.inference_mode():
            scores = self.scores(tiles.to(self.device, non_blocking=True))
            if self.device.type == "cpu":
                return lambda: scores.numpy()
            host = self.torch.empty(scores.shape, dtype=scores.dtype, pin_memory=True)
            host.copy_(scores, non_blocking=True)
            there = self.torch.cuda.Event()
            there.record()

        def wait():
            there.synchronize()
            return host.numpy()

        return wait

    def device_bytes(self):
        on_cuda = getattr(self, "device", None) is not None and self.device.type == "cuda"
        return self.torch.cuda.max_memory_reserved(self.device) if on_cuda else None


if __name__ == "__main__":
    serve(Torch)
