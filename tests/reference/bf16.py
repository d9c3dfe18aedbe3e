"""Writes tests/fixtures/bf16.json: how far PyTorch's bf16 is from the truth, for weights and tiles by formula.

For each network the error of PyTorch's bf16 on the CPU, as those use it who want it fast: autocast, channels last; the truth
is the same network in float64. The error is the length of the difference relative to the length of the logits, of which there
are a thousand for each tile: a few would say more of chance than of rounding. So would one draw of weights, as these networks
stand between forgetting their tile and exploding: each has weights of three sizes.

Needs torch, timm and torchvision; made with torch 2.15.0, timm 1.0.31, torchvision 0.29.2 on a processor with AVX512-BF16.
"""

import copy
import json

import timm
import torch
import torchvision

from formula import fill, tiles

TILES = 4
OUTPUTS = 1000
SIZES = [0.97, 1, 1.03]
# name of the test, library, name there, gain, side
NETWORKS = [
    ("resnet18", timm, "resnet18", 1.2, 224),
    ("resnet34", timm, "resnet34", 1.1, 224),
    ("resnet50", timm, "resnet50", 1.2, 224),
    ("mobilenetv2_100", timm, "mobilenetv2_100", 1.4, 224),
    ("mobilenetv3_small_100", timm, "mobilenetv3_small_100", 1.7, 224),
    ("efficientnet_b0", timm, "efficientnet_b0", 1.74, 224),
    ("densenet121", timm, "densenet121", 1.6, 224),
    ("squeezenet1_0", torchvision, "squeezenet1_0", 1.4, 224),
    ("shufflenet_v2_x1_0", torchvision, "shufflenet_v2_x1_0", 1.45, 224),
    ("inception_v4", timm, "inception_v4", 1.57, 299),
    ("convnext_tiny", timm, "convnext_tiny", 1.0, 224),
]


def made(library, name):
    if library is timm:
        return timm.create_model(name, num_classes=OUTPUTS).eval()
    return torchvision.models.get_model(name, num_classes=OUTPUTS).eval()


def row(name, library, known_as, gain, side):
    draws = [dict(gain=round(gain * size, 4), torch_bf16=error(library, known_as, gain * size, side)) for size in SIZES]
    print(f"{name:24} " + ", ".join(f"{draw['torch_bf16']:.2e}" for draw in draws))
    return dict(name=name, side=side, draws=draws)


def error(library, known_as, gain, side):
    torch.manual_seed(0)
    network = made(library, known_as)
    fill(network, round(gain, 4))
    seen = tiles(side, TILES)
    with torch.no_grad():
        truth = copy.deepcopy(network).double()(seen.double())
        fast = network.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = fast(seen.contiguous(memory_format=torch.channels_last)).double()
    return float(f"{float((found - truth).norm() / truth.norm()):.3g}")


made_of = dict(torch=torch.__version__, timm=timm.__version__, torchvision=torchvision.__version__)
networks = [row(*network) for network in NETWORKS]
with open("tests/fixtures/bf16.json", "w", encoding="utf-8") as file:
    file.write(json.dumps(dict(made_of=made_of, tiles=TILES, outputs=OUTPUTS, networks=networks), indent=1) + "\n")
