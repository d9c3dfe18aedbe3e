"""Runs WSInfer 0.6.1 on real slides with settings beyond its defaults: the tables in tests/fixtures/wsinfer.

python wsinfer_cases.py <shared> <folder for the tables> [CASE...]

Written for Python 3.11 with wsinfer 0.6.1 (zarr below 3), openslide-python 1.4.7 with OpenSlide 4.0.1, torch 2.15, timm
1.0.31 and safetensors. Works without a network: WSInfer asks for its zoo's registry when it is imported, and gets an
empty one. `shared` holds data/wsi (slides) and parity/models (weights).

A case with a model is a whole `wsinfer run` on the CPU. One without is WSInfer's own function for the places of tiles,
whose settings are those of the flags: no network, so many settings cost little.

A table is WSInfer's own, probabilities cut to six decimals. Of a large one only every n-th row keeps its probabilities;
all rows keep their boxes.
"""

import contextlib
import csv
import gzip
import io
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["WSINFER_FORCE_CPU"] = "1"
CMU, CRC = "CMU-1-Small-Region.svs", "CRC01_HE_dev.tif"
# Rows that keep their probabilities, at most.
SCORED = 120


def case(name, slide, tile, spacing, model=None, resize=224, overlap=0.0, classes=2, **seg):
    return {
        "name": name,
        "slide": slide,
        "tile_px": tile,
        "spacing_um_px": spacing,
        "model": model,
        "classes": classes,
        "resize": resize,
        "overlap": overlap,
        "seg": seg,
    }


CASES = [
    # CMU has 0.499 um/px and one level, CRC 1.3 um/px and levels of 2.6, 5.2, 10.4 and 20.8 um/px.
    case("overlap_half", CMU, 224, 0.5, "resnet18", overlap=0.5),
    case("overlap_quarter", CRC, 224, 5.2, "mobilenetv2_100", overlap=0.25),
    # 0.67 * 225 = 150.75; the side comes from 224 * 0.501 / 0.499.
    case("overlap_third", CMU, 224, 0.501, "mobilenetv2_100", overlap=0.33),
    case("overlap_negative", CMU, 96, 1.0, "resnet18", overlap=-0.5, resize=96),
    case("breast_350px_0.25um", CMU, 350, 0.25, "resnet18"),
    case("pcam_96px_1um", CMU, 96, 1.0, "resnet18", resize=96),
    case("prostate_175px_0.5um", CMU, 175, 0.5, "mobilenetv2_100"),
    case("lymphocytes_100px_0.5um", CMU, 100, 0.5, "mobilenetv2_100"),
    # With one class WSInfer takes the sigmoid; the head is the second row of the model's.
    case("one_class", CMU, 224, 0.5, "resnet18", classes=1),
    case("between_levels", CRC, 224, 3.7, "resnet18"),
    # 675 * 0.65 / 1.3 = 337.5 and 677 * 0.65 / 1.3 = 338.5: Python rounds both to 338.
    case("side_half_up", CRC, 675, 0.65),
    case("side_half_down", CRC, 677, 0.65),
    # Sides 329 and 331: the halves 164.5 and 165.5 become 164 and 166.
    case("centre_half_down", CRC, 329, 1.3),
    case("centre_half_up", CRC, 331, 1.3),
    # Side 334: steps of 250.5 (to 250) and 283.9.
    case("step_half", CRC, 334, 1.3, overlap=0.25),
    case("step_of_15_percent", CRC, 334, 1.3, overlap=0.15),
    case("gaps", CRC, 350, 2.0, overlap=-1.7),
    case("dense_overlap", CRC, 350, 4.0, overlap=0.85),
    case(
        "seg_all",
        CRC,
        224,
        3.7,
        "resnet18",
        thumbsize=[1000, 700],
        median_filter_size=11,
        binary_threshold=20,
        closing_kernel_size=9,
        min_object_size_um2=90000.0,
        min_hole_size_um2=10000.0,
    ),
    case("seg_thumb_small", CRC, 224, 1.3, thumbsize=[300, 4000]),
    case("seg_thumb_level_0", CMU, 64, 0.5, thumbsize=[4000, 4000]),
    # A hole of the very size that is filled: 109 pixels.
    case("seg_hole_of_the_very_size", CRC, 64, 2.551, overlap=-1.0, thumbsize=[1024, 1024], median_filter_size=3, binary_threshold=3, closing_kernel_size=7, min_object_size_um2=5000.0),
    case("seg_rough", CRC, 140, 1.3, median_filter_size=3, closing_kernel_size=1, min_object_size_um2=0.0, min_hole_size_um2=0.0),
    case("seg_rough_strict", CMU, 40, 0.499, median_filter_size=3, binary_threshold=60, closing_kernel_size=2, min_object_size_um2=100.0, min_hole_size_um2=100.0),
    case("seg_no_holes", CRC, 300, 1.3, min_hole_size_um2=1e9),
    case("seg_large_objects", CRC, 200, 1.3, min_object_size_um2=4e6),
    case("seg_high_threshold", CRC, 100, 1.3, binary_threshold=90, closing_kernel_size=15),
]


def without_registry():
    """WSInfer without its zoo."""
    import wsinfer_zoo.client

    wsinfer_zoo.client.load_registry = lambda *_, **__: wsinfer_zoo.client.ModelRegistry(models={})


def config(case):
    resize = [{"name": "Resize", "arguments": {"size": case["resize"]}}]
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    normalise = [{"name": "ToTensor"}, {"name": "Normalize", "arguments": {"mean": mean, "std": std}}]
    return {
        "spec_version": "1.0",
        "architecture": case["model"],
        "num_classes": case["classes"],
        "class_names": names(case),
        "patch_size_pixels": case["tile_px"],
        "spacing_um_px": case["spacing_um_px"],
        "transform": resize + normalise,
    }


def names(case):
    return ["class0", "class1"][-case["classes"] :]


def torchscript(shared, name, classes, path):
    import timm
    import torch
    from safetensors.torch import load_file

    weights = load_file(shared / "parity/models" / name / "model.safetensors")
    if classes == 1:
        weights.update({key: weights[key][1:].clone() for key in ("fc.weight", "fc.bias")})
    network = timm.create_model(name, num_classes=classes)
    network.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in weights.items()})
    torch.jit.script(network.eval()).save(str(path))


def run(shared, case, folder):
    """A whole run; gives the rows of its table."""
    slides, out = folder / "slides", folder / "out"
    slides.mkdir()
    (slides / case["slide"]).symlink_to(shared / "data/wsi" / case["slide"])
    (folder / "config.json").write_text(json.dumps(config(case)))
    torchscript(shared, case["model"], case["classes"], folder / "model.pt")
    arguments = ["--backend", "openslide", "run", "-i", slides, "-o", out, "-c", folder / "config.json"]
    arguments += ["-p", folder / "model.pt", "-n", 2, "--patch-overlap-ratio", case["overlap"]]
    for name, value in case["seg"].items():
        arguments += [f"--seg-{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    from wsinfer.cli.cli import cli

    with contextlib.redirect_stdout(io.StringIO()):
        cli.main([str(argument) for argument in arguments], standalone_mode=False)
    table = out / "model-outputs-csv" / Path(case["slide"]).with_suffix(".csv").name
    return list(csv.reader(table.open()))[1:]


def places(shared, case, folder):
    """The places of the tiles, by WSInfer's own function."""
    import h5py
    from wsinfer.patchlib import segment_and_patch_one_slide

    seg = {key: tuple(value) if isinstance(value, list) else value for key, value in case["seg"].items()}
    path = shared / "data/wsi" / case["slide"]
    segment_and_patch_one_slide(path, folder, case["tile_px"], case["spacing_um_px"], overlap=case["overlap"], **seg)
    with h5py.File(folder / "patches" / path.with_suffix(".h5").name) as file:
        side = int(file["coords"].attrs["patch_size"])
        return [[int(x), int(y), side, side, "", ""] for x, y in file["coords"]]


def main(shared, out, wanted):
    without_registry()
    for case in CASES:
        if wanted and case["name"] not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows = (run if case["model"] else places)(shared, case, Path(folder))
        thin = -(-len(rows) // SCORED)
        for index, row in enumerate(rows):
            row[4:] = [f"{float(score):.6f}" if score and index % thin == 0 else "" for score in row[4:]]
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerows([["minx", "miny", "width", "height", *(f"prob_{name}" for name in names(case))], *rows])
        (out / f"{case['name']}.csv.gz").write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
        print(case["name"], len(rows), "tiles of", rows[0][2], "px")
    (out / "cases.json").write_text(json.dumps(CASES, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]), sys.argv[3:])
