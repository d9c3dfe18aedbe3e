"""Weights with timm's names into a timm network that takes tiles as bytes and gives scores.

Invariant: every tensor of the file is used once, and every tensor of the network comes from it. Batch normalisation that
follows a convolution is folded into it, whether the file comes so or not.
"""

from pathlib import Path

import timm
import torch
from safetensors.torch import load_file
from timm.layers import BatchNormAct2d
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from peer import Refused

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def network(job, fold=True):
    """The network of a job with its weights, f32, on the CPU; with `fold` off, normalisation stays where the file has it."""
    made = empty(job)
    pairs = normalised_convolutions(made, job.input_px)
    if job.folded:
        for conv, norm in pairs:
            conv.bias = nn.Parameter(torch.zeros(conv.out_channels))
            replace(made, norm, what_follows(norm))
    load(made, job)
    if fold and not job.folded:
        for conv, norm in pairs:
            # In f64, as eosin does: the fold itself then costs no digits.
            replace(made, conv, fuse_conv_bn_eval(conv.double(), norm.double()).float())
            replace(made, norm, what_follows(norm))
    return made.requires_grad_(False)


def empty(job):
    """The network without its weights.

    `tf_` before a name that timm has only without it is the same network with TensorFlow's padding.
    """
    name, options = job.timm_name, {}
    if name.startswith("tf_") and not timm.is_model(name):
        name, options = name.removeprefix("tf_"), {"pad_type": "same"}
    if not timm.is_model(name):
        raise Refused(f"timm {timm.__version__} has no network {job.timm_name}")
    if name.startswith("vit_"):
        options["img_size"] = job.input_px
    return timm.create_model(name, pretrained=False, num_classes=job.outputs, **options).eval()


def normalised_convolutions(made, side):
    """Pairs of a convolution and the batch normalisation that takes its output and nothing else.

    They are found by running a tile: neither names nor the order of layers tell, since a DenseNet normalises what it has
    joined or pooled.
    """
    outputs, pairs = {}, []

    def after_convolution(conv, _, output):
        # The output is kept, so that no other tensor gets its identity.
        outputs[id(output)] = (conv, output)

    def before_norm(norm, inputs):
        if found := outputs.get(id(inputs[0])):
            pairs.append((found[0], norm))

    hooks = []
    for module in made.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(after_convolution))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(before_norm))
    with torch.inference_mode():
        made(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return pairs


def what_follows(norm):
    """What a normalisation does besides: timm's may hold an activation."""
    parts = [norm.drop, norm.act] if isinstance(norm, BatchNormAct2d) else []
    parts = [part for part in parts if not isinstance(part, nn.Identity)]
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts) if parts else nn.Identity()


def replace(made, old, new):
    path = next(name for name, module in made.named_modules() if module is old)
    parent, _, name = path.rpartition(".")
    setattr(made.get_submodule(parent), name, new)


def load(made, job):
    """Gives the network its weights.

    Raises Refused when a tensor is missing, is left over, or has another shape or type.
    """
    wanted = {name: tensor for name, tensor in made.state_dict().items() if not name.endswith("num_batches_tracked")}
    if job.folded:
        # What follows no convolution came out of the fold as a factor and a summand: no mean, no variance, nothing added.
        for path, norm in made.named_modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.eps = 0.0
                del wanted[f"{path}.running_mean"], wanted[f"{path}.running_var"]
    if not Path(job.weights).is_file():
        raise Refused("expected a file of weights, found none")
    given = {name: tensor for name, tensor in load_file(job.weights).items() if not name.endswith("num_batches_tracked")}
    wrong = {
        "missing": [name for name in wanted if name not in given],
        "left over": [name for name in given if name not in wanted],
        "of another shape": [name for name in wanted if name in given and given[name].shape != wanted[name].shape],
        "not f32": [name for name, tensor in given.items() if tensor.dtype != torch.float32],
    }
    found = "; ".join(f"{what}: {some(names)}" for what, names in wrong.items() if names)
    if found:
        raise Refused(f"weights do not fit {job.timm_name}: {found}")
    made.load_state_dict(given, strict=False)


def some(names):
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


class Logits(nn.Module):
    """What stands before the activation: outputs divided by the temperature."""

    def __init__(self, made, temperature: float):
        super().__init__()
        self.network = made
        self.temperature = temperature

    def forward(self, tiles):
        return self.network(tiles) / self.temperature


class Scores(nn.Module):
    """Tiles `[N, S, S, 3]` u8 into scores `[N, K]` f32; the network computes in `dtype`, all else in f32."""

    def __init__(self, job, made, dtype=torch.float32):
        super().__init__()
        self.network, self.dtype, self.temperature = made.to(dtype), dtype, job.temperature
        self.activation = job.activation
        mean, std = (torch.tensor(numbers, dtype=torch.float64).view(1, 3, 1, 1) for numbers in (job.mean, job.std))
        self.register_buffer("factor", (1 / (255 * std)).float())
        self.register_buffer("summand", (-mean / std).float())

    def forward(self, tiles):
        # Bytes of a tile lie channel by channel already, so that this makes a channels-last image without a copy.
        image = torch.addcmul(self.summand, tiles.permute(0, 3, 1, 2).float(), self.factor)
        logits = self.network(image.to(self.dtype)).float() / self.temperature
        if self.activation == "softmax":
            return torch.softmax(logits, 1)
        return torch.sigmoid(logits) if self.activation == "sigmoid" else logits
