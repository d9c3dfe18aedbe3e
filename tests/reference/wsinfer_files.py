"""Holds the files that eosin writes beside its tables against those of WSInfer 0.6.1, with other readers than its own.

python wsinfer_files.py <results of eosin> <case of WSInfer: a folder of shared/parity/wsinfer> <name of the slide>

Written for Python 3.11, h5py 3 and Pillow 13. The results come from `eosin score --grid wsinfer` with the slide, the
configuration and the weights of the case. Says what differs and fails, or says what is equal.
"""

import sys
from pathlib import Path

import h5py
import numpy as np
from PIL import Image, ImageChops


def places(path):
    """Everything that a script can ask of the file."""
    with h5py.File(path) as file:
        coords = file["coords"]
        attributes = {name: (coords.attrs.get_id(name).dtype.str, coords.attrs[name].tolist()) for name in coords.attrs}
        shape = coords.attrs.get_id("patch_size").shape
        return list(file), coords.dtype.str, coords.compression, coords.compression_opts, shape, attributes, coords[:]


def main(results, case, slide):
    ours, theirs = places(results / f"patches/{slide}.h5"), places(case / f"{slide}.patches.h5")
    for a, b in zip(ours[:-1], theirs[:-1]):
        assert a == b, (a, b)
    assert np.array_equal(ours[-1], theirs[-1])
    print(f"{slide}.h5: {ours[:-1]} and {len(ours[-1])} places are equal")
    a, b = (Image.open(path).convert("RGB") for path in (results / f"masks/{slide}.jpg", case / f"{slide}.mask.jpg"))
    assert a.size == b.size, (a.size, b.size)
    difference = np.asarray(ImageChops.difference(a, b)).max(axis=2)
    # Lines are drawn by different rules, so their edges differ.
    share = (difference > 60).mean()
    assert share < 0.02, share
    print(f"{slide}.jpg: {a.size}, mean difference {difference.mean():.2f}, {share:.2%} of pixels differ by more than 60")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
