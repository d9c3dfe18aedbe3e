"""Forward pass of the folded ImageNet MobileNetV2 in plain numpy, float64: the numbers in tests/integration/architectures.rs.

python mobilenetv2_coral.py <shared>/data/models/mobilenetv2_1_0_imagenet_f16.safetensors
Written for Python 3.11 and numpy 2; depends on nothing else and shares no code with the program.
"""

import json
import struct
import sys

import numpy as np


def read_safetensors(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F16"
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], "<f2").reshape(entry["shape"]).astype(np.float64)
    return tensors


def same_padding(size, kernel, stride):
    """TensorFlow's SAME: as many outputs as ceil(size / stride), the odd pixel at the end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def convolve(x, weight, bias, stride):
    """x [C, H, W]; a weight [O, 1, k, k] with O = C is depthwise."""
    outputs, inner, kernel, _ = weight.shape
    depthwise = inner == 1 and outputs == x.shape[0]
    height, width = (-(-side // stride) for side in x.shape[1:])
    x = np.pad(x, [(0, 0)] + [same_padding(side, kernel, stride) for side in x.shape[1:]])
    out = np.zeros((outputs, height, width))
    for i in range(kernel):
        for j in range(kernel):
            seen = x[:, i : i + stride * height : stride, j : j + stride * width : stride]
            if depthwise:
                out += weight[:, 0, i, j, None, None] * seen
            else:
                out += np.tensordot(weight[:, :, i, j], seen, 1)
    return out + bias[:, None, None]


def relu6(x):
    return np.clip(x, 0, 6)


def forward(w, x):
    layer = iter(range(52))

    def conv(x, stride=1, suffix=""):
        name = f"conv{next(layer):02}{suffix}"
        return convolve(x, w[f"{name}.weight"], w[f"{name}.bias"], stride)

    x = relu6(conv(x, 2))
    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, channels, blocks, first_stride in stages:
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            shortcut = x if stride == 1 and x.shape[0] == channels else 0
            if expansion != 1:
                x = relu6(conv(x))
            x = conv(relu6(conv(x, stride, "_dw"))) + shortcut
    features = relu6(conv(x)).mean((1, 2))
    return features, w["classifier.weight"] @ features + w["classifier.bias"]


def tile(side):
    """The first tile of the formula in parity/architectures/README.md."""
    c, h, w = np.meshgrid(np.arange(3), np.arange(side), np.arange(side), indexing="ij")
    return (np.sin(0.05 * h * (c + 1)) * np.cos(0.07 * w)).astype(np.float32).astype(np.float64)


if __name__ == "__main__":
    weights = read_safetensors(sys.argv[1])
    for side in (224, 97):  # an odd side pads differently
        features, logits = forward(weights, tile(side))
        print(f"side {side}: logits 0 to 7 {np.round(logits[:8], 5).tolist()}")
        print(f"  largest {[(int(k), round(float(logits[k]), 5)) for k in np.argsort(-logits)[:5]]}")
        print(f"  sum of squares {np.sum(logits**2):.4f}, mean feature {features.mean():.6f}")
