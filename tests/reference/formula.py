"""Weights and tiles by formula, as `tests/integration/formula.rs` has them: a 64-bit hash of name and index gives each value.

The rule stands in `parity/architectures/README.md` of the shared folder.
"""

import math

import numpy as np
import torch

MASK = (1 << 64) - 1


def fnv1a64(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniform(name, count):
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a64(name)) + np.arange(count, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**24 - 0.5


def kind(name, shape):
    last = name.split(".")[-1]
    if "num_batches_tracked" in name:
        return "zero"
    if last in ("pos_embed", "cls_token", "running_mean", "bias", "reg_token", "class_token", "pos_embedding",
                "position_embeddings", "in_proj_bias", "mask_token"):
        return "small"
    if last == "running_var":
        return "var"
    return "weight" if len([side for side in shape if side > 1]) >= 2 else "norm"


def value(name, shape, gain):
    u = uniform(name, math.prod(shape))
    fan_in = math.prod(shape[1:])
    made = {
        "zero": lambda: 0 * u,
        "small": lambda: 0.2 * u,
        "var": lambda: 1 + 0.5 * (u + 0.5),
        "weight": lambda: u * math.sqrt(12 / fan_in) * gain,
        "norm": lambda: 1 + 0.2 * u,
    }[kind(name, shape)]()
    return made.astype(np.float32).reshape(shape)


def fill(network, gain):
    """Gives a network its weights; shows what they are: name, shape and kind of each tensor."""
    state = network.state_dict()
    weights = {key: torch.tensor(value(key, tuple(tensor.shape), gain)).to(tensor.dtype) for key, tensor in state.items()}
    network.load_state_dict(weights)
    return [[key, list(tensor.shape), kind(key, tensor.shape)] for key, tensor in state.items()]


def tiles(side, count=2):
    h = np.arange(side).reshape(1, 1, -1, 1)
    w = np.arange(side).reshape(1, 1, 1, -1)
    c = np.arange(3).reshape(1, -1, 1, 1)
    n = np.arange(count).reshape(-1, 1, 1, 1)
    return torch.tensor((np.sin(0.05 * h * (c + 1)) * np.cos(0.07 * w) + 0.1 * n).astype(np.float32))
