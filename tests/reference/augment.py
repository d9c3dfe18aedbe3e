"""Writes tests/fixtures/augment.json: what other programs make of tiles that are warped, blurred and recoloured.

Needs numpy, scipy, pillow, scikit-image, torchstain, tifffile and HistomicsTK's three files of colour conversion; made
with numpy 2.4.6, scipy 1.17.1, pillow 13.0.0, scikit-image 0.26.0, torchstain 1.4.1, tifffile 2026.3.3 and HistomicsTK at
68547c3392a83de005a1c6d6b67faaef007b17c0.

    python augment.py SHARED HISTOMICSTK

SHARED is the folder of shared data, HISTOMICSTK a folder with rgb_to_lab.py, lab_to_rgb.py and lab_mean_std.py of
histomicstk/preprocessing/color_conversion.

Conventions of others that are turned into ours: torchstain adds 1 to a byte before the logarithm, so it is given bytes
less 1, at least 0, its white is set to 255, and it sees tissue alone; HistomicsTK's l is that of bytes, ours of bytes / 255.
"""

import json
import math
import sys
import types
from pathlib import Path

import numpy as np
import scipy.ndimage as ndimage
import tifffile
from PIL import Image
from skimage.color import hed2rgb, rgb2hed
from torchstain.numpy.normalizers import NumpyMacenkoNormalizer

SHARED, HISTOMICSTK = Path(sys.argv[1]), Path(sys.argv[2])
TILES = ["LYM-AATTSRNN", "MUS-AACVWIEK", "NORM-AAAWMSFI", "STR-AACRYYNQ", "TUM-AACHEHDV"]


def histomicstk():
    package = types.ModuleType("htk")
    package.__path__ = [str(HISTOMICSTK)]
    sys.modules["htk"] = package
    from htk.lab_mean_std import lab_mean_std
    from htk.lab_to_rgb import lab_to_rgb
    from htk.rgb_to_lab import rgb_to_lab

    return lab_mean_std, rgb_to_lab, lab_to_rgb


lab_mean_std, rgb_to_lab, lab_to_rgb = histomicstk()


def formula(side):
    return (np.arange(side * side * 3) * 31 % 251).astype(np.uint8).reshape(side, side, 3)


def stain(name):
    tile = tifffile.imread(SHARED / f"data/tiles/nct_sample9/{name}.tif")
    dense = np.all(-np.log(np.maximum(tile, 1) / 255) >= 0.15, axis=2)
    tissue = tile[dense][:, None, :]
    floored = np.maximum(tissue.astype(int), 1) - 1
    macenko = NumpyMacenkoNormalizer()
    normalised, _, _ = macenko.normalize(floored, Io=255, stains=False)
    macenko.fit(floored, Io=255)
    mean, std = lab_mean_std(tissue)
    mean, std = np.asarray(mean), np.asarray(std)
    target_mean, target_std = [8.74108109, -0.12440419, 0.0444982], [0.6135447, 0.10989545, 0.0286032]
    reinhard = lab_to_rgb((rgb_to_lab(tissue) - mean) / std * target_std + target_mean)
    picked = np.linspace(0, len(tissue) - 1, 12).astype(int)
    return {
        "tissue_px": len(tissue),
        "stains": macenko.HERef.T.tolist(),
        "amounts": macenko.maxCRef.tolist(),
        "lab_mean": [mean[0] - math.sqrt(3) * math.log(255), *mean[1:]],
        "lab_std": std.tolist(),
        "pixels": tissue[picked, 0].tolist(),
        "macenko": normalised[picked, 0].tolist(),
        "reinhard": np.clip(reinhard[picked, 0], 0, 255).tolist(),
    }


def jitter():
    stains = np.array([[0.05, 0.02, 0.01], [0.02, 0.06, 0.004], [0.1, 0.04, 0.002], [0.03, 0.03, 0.03]])
    pixels = np.round(hed2rgb(stains[None])[0] * 255).astype(np.uint8)
    changed = hed2rgb(rgb2hed(pixels[None]) * [1.15, 0.9, 1.05])[0] * 255
    return {"factors": [1.15, 0.9, 1.05], "pixels": pixels.tolist(), "changed": changed.tolist()}


def warp():
    tile, radians, scale, (dx, dy) = formula(9), 0.4, 1.2, (3.5, -10.0)
    v, u = np.mgrid[0:7, 0:7] - 3.0
    sine, cosine = math.sin(radians) / scale, math.cos(radians) / scale
    places = [4 - sine * u + cosine * v - dy, 4 + cosine * u + sine * v - dx]
    planes = [ndimage.map_coordinates(tile[..., c].astype(float), places, order=1, mode="mirror") for c in range(3)]
    return {"radians": radians, "scale": scale, "shift_px": [dx, dy], "out": np.stack(planes, -1).ravel().tolist()}


def turn():
    # PIL turns anticlockwise. Corners differ: it does not mirror.
    turned = np.asarray(Image.fromarray(formula(33)).rotate(-30, Image.Resampling.BILINEAR))
    return {"degrees": 30, "middle": turned[12:21, 12:21].ravel().tolist()}


def blur(sigma):
    tile, radius = formula(9).astype(float), math.ceil(3 * sigma)
    out = ndimage.gaussian_filter(tile, sigma, mode="mirror", radius=radius, axes=(0, 1))
    return {"sigma": sigma, "out": out.ravel().tolist()}


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return round(float(value), 6) if isinstance(value, float) else value


result = {
    "stain": {name: stain(name) for name in TILES},
    "jitter": jitter(),
    "warp": warp(),
    "turn": turn(),
    "blur": [blur(sigma) for sigma in (0.5, 1.0, 2.3, 4.0)],
}
target = Path(__file__).parent.parent / "fixtures/augment.json"
target.write_text(json.dumps(rounded(result), separators=(",", ":")) + "\n")
