"""Holds the programs beside eosin against plain timm: random networks, through the protocol, score by score.

python check.py [PEER.py ...] [--network NAME ...] [--python PYTHON]

Without names all peers are checked, with five networks. Needs torch, timm and safetensors itself; `--python` runs the peers.
Each network comes as timm has it and with batch normalisation folded by the rule of names below, which is not how the peers
find what to fold. The reference is timm's eager network in f64; bf16 is held against timm's in bf16, too. Also checked:
weights with a tensor too few or too many, requests and jobs that make no sense, and devices that do not exist are refused,
each in one line. Exits with 1 on any difference.
"""

import argparse
import copy
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
PEERS = ["peer_torch.py", "peer_onnxruntime.py", "peer_wsinfer.py"]
# timm's name, options of the same network in timm, activation.
NETWORKS = {
    "resnet18": ("resnet18", {}, "softmax"),
    "mobilenetv2_100": ("mobilenetv2_100", {}, "softmax"),
    "tf_mobilenetv2_100": ("mobilenetv2_100", {"pad_type": "same"}, "softmax"),
    "efficientnet_b0": ("efficientnet_b0", {}, "sigmoid"),
    "densenet121": ("densenet121", {}, "softmax"),
    "resnet34": ("resnet34", {}, "softmax"),
    "resnet50": ("resnet50", {}, "softmax"),
    "mobilenetv3_small_100": ("mobilenetv3_small_100", {}, "softmax"),
    "inception_v4": ("inception_v4", {}, "softmax"),
    "convnext_tiny": ("convnext_tiny", {}, "softmax"),
    "vit_small_patch16_224": ("vit_small_patch16_224", {"img_size": 96}, "softmax"),
}
# Those that are checked unless others are named: together they have everything that is particular to one of them.
USUAL = list(NETWORKS)[:5]
SIDE, TILES, CLASSES, TEMPERATURE = 96, 7, 4, 0.7
MEAN, STD = [0.7, 0.55, 0.65], [0.2, 0.25, 0.21]
# Of scores in f32, which lie between 0 and 1.
TOLERANCE = 1e-4
# How many times as far off as timm's own network in bf16 a peer may be: it rounds in another order, and folds before.
BF16_TIMES = 2


def random_network(name, tiles, seed=7):
    """timm's network with random weights, near enough to a trained one that scores of different tiles differ.

    Normalisation has the statistics of these tiles, and noise on them: without, signals fade or explode from layer to layer.
    Logits differ from tile to tile by 1.
    """
    base, options, _ = NETWORKS[name]
    network = timm.create_model(base, num_classes=CLASSES, **options).eval()
    draw = torch.Generator().manual_seed(seed)

    def noise(like):
        return torch.randn(like.shape, generator=draw)

    for key, value in network.state_dict().items():
        if key.endswith("bias"):
            value.copy_(0.1 * noise(value))
        elif value.dim() >= 2:
            value.copy_(noise(value) / math.sqrt(math.prod(value.shape[1:])))
        elif value.dim() == 1 and not key.endswith(("running_mean", "running_var")):
            value.copy_(1 + 0.1 * noise(value))
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        network(normalised(tiles).float())
    for norm in norms:
        norm.eval()
        norm.running_mean += 0.1 * noise(norm.running_mean) * norm.running_var.sqrt()
        norm.running_var *= 1 + 0.25 * noise(norm.running_var).abs()
    with torch.no_grad():
        last, logits = network.get_classifier(), network(normalised(tiles).float())
        last.bias.sub_(logits.mean(0)).div_(logits.std(0))
        last.weight.div_(logits.std(0)[:, None])
    return network


def normalised(tiles):
    """Tiles `[N, S, S, 3]` u8 as the network sees them, `[N, 3, S, S]` f64."""
    x = torch.from_numpy(tiles).double().permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(numbers, dtype=torch.float64).view(1, 3, 1, 1) for numbers in (MEAN, STD))
    return (x - mean) / std


def conv_of(norm, names):
    """The convolution before a normalisation, by timm's names; none where it stands alone."""
    parent, _, last = norm.rpartition(".")
    at = f"{parent}." if parent else ""
    block = [conv for conv in ("conv_pw", "conv_dw", "conv_pwl") if f"{at}{conv}.weight" in names]
    if f"{at}conv_pwl.weight" in names or f"{at}conv_dw.weight" in names:
        # A block that does not expand filters first.
        order = block if len(block) == 3 else ["conv_dw", "conv_pw"]
        return at + order[int(last[2:]) - 1]
    # A DenseNet's transition has its `norm` before its `conv`.
    if f"{at}conv.weight" in names and last != "norm":
        return f"{at}conv"
    if "conv_stem.weight" in names:
        return {"bn1": "conv_stem", "bn2": "conv_head"}[norm]
    if "features.conv0.weight" in names:
        return {"norm0": f"{at}conv0", "norm2": f"{at}conv1"}.get(last)
    return f"{at}0" if last == "1" else at + last.replace("bn", "conv")


def folded(state, epsilon):
    """Weights with batch normalisation folded into the convolutions before it, in f64."""
    state = {key: value.double() for key, value in state.items() if not key.endswith("num_batches_tracked")}
    for norm in [key.removesuffix(".running_var") for key in state if key.endswith(".running_var")]:
        parts = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, var = (state.pop(f"{norm}.{part}") for part in parts)
        scale = gamma / torch.sqrt(var + epsilon)
        conv = conv_of(norm, state)
        if conv is None:
            state[f"{norm}.weight"] = scale
        else:
            state[f"{conv}.weight"] *= scale.view(-1, 1, 1, 1)
        state[f"{conv or norm}.bias"] = beta - scale * mean
    return {key: value.float() for key, value in state.items()}


def reference(network, tiles, activation, dtype=torch.float64):
    with torch.no_grad():
        logits = copy.deepcopy(network).to(dtype)(normalised(tiles).to(dtype)).double() / TEMPERATURE
    return (torch.softmax(logits, 1) if activation == "softmax" else torch.sigmoid(logits)).numpy()


def job(folder, name, weights, fold, **other):
    usual = {
        "device": "cpu",
        "dtype": "f32",
        "threads": 2,
        "model": str(folder),
        "weights": str(weights),
        "timm_name": name,
        "folded": fold,
        "outputs": CLASSES,
        "activation": NETWORKS[name][2],
        "temperature": TEMPERATURE,
        "mean": MEAN,
        "std": STD,
        "input_px": SIDE,
        "um_per_px": 0.5,
        "tile_px": SIDE,
        "tiles": str(folder / "tiles"),
        "tile_count": TILES,
        "slide": str(folder / "slide.tif"),
        "mpp": None,
    }
    return usual | other


class Peer:
    """A running peer."""

    def __init__(self, python, script, first_line):
        # Another folder than the script's: it must find its modules wherever it is started.
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([python, str(script)], **pipes, text=True, cwd="/")
        self.write(first_line if isinstance(first_line, str) else json.dumps(first_line))

    def write(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, request):
        self.write(request if isinstance(request, str) else json.dumps(request))
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        rest, code = self.process.stdout.read(), self.process.wait(timeout=60)
        assert (rest, code) == ("", 0), f"expected a quiet end with 0, found {code} and {rest[:200]!r}"


FAULTS = []


def judge(holds, text):
    print(f"{'ok  ' if holds else 'FAIL'}  {text}", flush=True)
    if not holds:
        FAULTS.append(text)


def score(python, script, task, truth, limit, text):
    """A whole conversation; scores are held against the truth."""
    into = Path(task["model"]) / "scores"
    with Peer(python, script, task) as peer:
        opened = peer.ask({"do": "open"})
        if opened["said"] != "open":
            return judge(False, f"{text}: {opened}")
        first = peer.ask({"do": "first", "batch": 3})
        warm = peer.ask({"do": "warm", "batch": 3})
        timed = peer.ask({"do": "round", "batch": 3, "seconds": 0.1})
        done = peer.ask({"do": "outputs", "batch": 3, "into": str(into)})
        memory = peer.ask({"do": "memory"})
    found = np.fromfile(into, dtype="<f4").reshape(TILES, CLASSES)
    away = float(np.abs(found - truth).max())
    whole = timed["tiles"] % 3 == 0 and timed["tiles"] > 0 and timed["seconds"] > 0 and warm["warm_up_s"] > 0
    whole = whole and first["tiles"] == 3 and first["seconds"] > 0
    holds = done == {"said": "done"} and whole and memory["host_bytes"] > 0 and away <= limit
    judge(holds, f"{text}: {away:.1e} of {limit:.1e}")
    print(f"        {opened['program']}; {opened['backend']}; {opened['setting']}")


def refuses(python, script, task, text, requests=({"do": "open"},), words=()):
    with Peer(python, script, task) as peer:
        answers = [peer.ask(request) for request in requests]
    last = answers[-1]
    judge(last["said"] == "failed" and all(word in last["why"] for word in words), f"{text} is refused: {last.get('why', last)}")


def make_slide(path):
    """A slide of 0.5 um/px that is tissue all over; gives its side in pixels."""
    import tifffile

    side = 2048
    draw = np.random.default_rng(3)
    pixels = np.clip(np.array([200, 90, 160]) + draw.integers(-30, 31, (side, side, 1)), 0, 255).astype(np.uint8)
    options = {"tile": (256, 256), "photometric": "rgb", "resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, **options)
    return side


def check_line(python, script, task, text):
    side = make_slide(task["slide"])
    tile, step = task["tile_px"], task["tile_px"]
    expected = len(range(tile // 2, side, step)) ** 2
    with Peer(python, script, task) as peer:
        opened = peer.ask({"do": "open"})
        line = peer.ask({"do": "line", "batch": 8, "tiles": 100})
        timed = peer.ask({"do": "round", "batch": 8, "seconds": 1})
        memory = peer.ask({"do": "memory"})
    holds = line.get("tiles") == expected and line["seconds"] > 0 and timed["said"] == "failed" and memory["host_bytes"]
    judge(holds, f"{text}: {line}, expected {expected} tiles")
    print(f"        {opened.get('program')}; {opened.get('backend')}; {opened.get('setting')}")


def check(folder, python, script, name):
    draw = np.random.default_rng(1)
    tiles = draw.integers(0, 256, (TILES, SIDE // 8, SIDE // 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    tiles.tofile(folder / "tiles")
    network = random_network(name, tiles)
    epsilon = next((module.eps for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)), 0.0)
    state = network.state_dict().items()
    plain = {key: value.clone() for key, value in state if not key.endswith("num_batches_tracked")}
    files = {False: plain, True: folded(plain, epsilon)}
    truth = reference(network, tiles, NETWORKS[name][2])
    in_bf16 = reference(network, tiles, NETWORKS[name][2], torch.bfloat16)
    bf16_limit = BF16_TIMES * float(np.abs(in_bf16 - truth).max())
    if np.ptp(truth, axis=0).max() < 100 * TOLERANCE:
        judge(False, f"{name}: scores of the reference hardly depend on the tile")
    for fold, tensors in files.items():
        path = folder / "weights.safetensors"
        save_file(tensors, path)
        text = f"{script.stem} {name} {'folded' if fold else 'plain'}"
        if script.stem == "peer_wsinfer":
            check_line(python, script, job(folder, name, path, fold, activation="softmax"), text)
        else:
            score(python, script, job(folder, name, path, fold), truth, TOLERANCE, text)
            if script.stem == "peer_torch":
                rounded = job(folder, name, path, fold, dtype="bf16")
                score(python, script, rounded, truth, bf16_limit, f"{text} bf16")
        if name == "resnet18":
            usual = job(folder, name, path, fold, activation="softmax")
            lost = "layer2.0.conv1.bias" if fold else "layer2.0.bn1.running_mean"
            save_file({key: value for key, value in tensors.items() if key != lost}, path)
            refuses(python, script, usual, f"{text} without {lost}", words=("missing", lost))
            save_file(tensors | {"layer5.weight": torch.zeros(3)}, path)
            refuses(python, script, usual, f"{text} with layer5.weight", words=("left over", "layer5.weight"))
            save_file(tensors, path)
            refuses(python, script, usual | {"folded": not fold}, f"{text} taken for the other")
    return usual if name == "resnet18" else None


def check_refusals(python, script, usual):
    unknown = usual | {"timm_name": "squeezenet1_0"}
    refuses(python, script, unknown, f"{script.stem}: a network that timm has not", words=("squeezenet1_0",))
    refuses(python, script, usual | {"device": "vulkan:0"}, f"{script.stem}: vulkan", words=("vulkan:0",))
    refuses(python, script, usual | {"device": "cuda:99"}, f"{script.stem}: the hundredth CUDA device")
    refuses(python, script, usual | {"threads": 0}, f"{script.stem}: no threads", words=("threads",))
    refuses(python, script, {"device": "cpu"}, f"{script.stem}: a job without most fields", words=("missing",))
    refuses(python, script, "tiles, please", f"{script.stem}: a job that is no JSON")
    refuses(python, script, usual | {"weights": "/nowhere"}, f"{script.stem}: weights that are not there", words=("weights",))
    requests = [{"do": "open"}, {"do": "memory"}, {"do": "dance"}]
    refuses(python, script, usual, f"{script.stem}: an unknown request", requests, ("dance",))
    refuses(python, script, usual, f"{script.stem}: a batch of nothing", [{"do": "warm", "batch": 0}], ("batch",))
    refuses(python, script, usual, f"{script.stem}: warm before open", [{"do": "warm", "batch": 2}])


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("peers", nargs="*", default=PEERS, metavar="PEER.py")
    options.add_argument("--network", action="append", choices=NETWORKS)
    options.add_argument("--python", default=sys.executable)
    chosen = options.parse_args()
    for peer in chosen.peers:
        script = HERE / Path(peer).name
        for name in chosen.network or USUAL:
            with tempfile.TemporaryDirectory() as folder:
                if usual := check(Path(folder), chosen.python, script, name):
                    check_refusals(chosen.python, script, usual)
    print(f"{len(FAULTS)} faults" if FAULTS else "all agree")
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
