"""Opens every file of a results folder in the programs that it is for, and holds its values against WSInfer's table.

bash open_exports.sh RESULTS, or python open_exports.py RESULTS with the packages of open_exports.txt.

`model-outputs-csv/ID.csv` is the truth: the other files of a slide are views of it. The map is made again from it by the
rule of the documents: tiles speak through a Gaussian window of a quarter of their side, and a cell is the mean over all
scored tiles that reach into it, weighed by the integrals of their windows over it; it has tissue where a tile holds its
centre or, if it is larger than the step between tiles, where tiles cover half of it. Files that a run did not ask for are left out and counted. Says what was opened with what, and fails at the first
difference.
"""

import contextlib
import gzip
import json
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import anndata
import h5py
import jsonschema
import numpy as np
import ome_types
import ome_zarr_models
import openslide
import pandas as pd
import pyarrow.parquet
import shapely
import spatialdata
import tifffile
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from scipy.special import erf

# Means of single precision that were added up in another order.
MEAN = 2e-6
STATES = {"no tissue": 0, "scored": 1, "failed": 2}

POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
RINGS = {"type": "array", "items": {"type": "array", "items": POSITION, "minItems": 4}, "minItems": 1}
# QuPath 0.8, PathObjectTypeAdapters.java: a classification that is an object needs its colour; measurements are numbers.
QUPATH = {
    "type": "object",
    "required": ["type", "features"],
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "geometry", "properties"],
                "properties": {
                    "type": {"const": "Feature"},
                    "id": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
                    "geometry": {
                        "type": "object",
                        "required": ["type", "coordinates"],
                        "oneOf": [
                            {"properties": {"type": {"const": "Polygon"}, "coordinates": RINGS}},
                            {
                                "properties": {
                                    "type": {"const": "MultiPolygon"},
                                    "coordinates": {"type": "array", "items": RINGS, "minItems": 1},
                                }
                            },
                        ],
                    },
                    "properties": {
                        "type": "object",
                        "required": ["objectType"],
                        "properties": {
                            "objectType": {"enum": ["tile", "annotation", "detection"]},
                            "name": {"type": "string"},
                            "isLocked": {"type": "boolean"},
                            "classification": {
                                "type": "object",
                                "required": ["name", "color"],
                                "properties": {
                                    "name": {"type": "string", "minLength": 1},
                                    "color": {
                                        "type": "array",
                                        "items": {"type": "integer", "minimum": 0, "maximum": 255},
                                        "minItems": 3,
                                        "maxItems": 3,
                                    },
                                },
                            },
                            "measurements": {"type": "object", "additionalProperties": {"type": "number"}},
                            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                        },
                    },
                },
            },
        },
    },
}


class Truth:
    """WSInfer's table of one slide, the size of the slide, and what its map was asked to be."""

    def __init__(self, path):
        results, name = path.parents[1], path.name.removesuffix(".csv")
        table = pd.read_csv(path, dtype=np.float64)
        self.corners = table[["minx", "miny"]].to_numpy().astype(np.int64)
        self.side = int(table["width"].iloc[0]) if len(table) else None
        self.heads = list(table.columns[4:])
        self.names = [head.split("_", 1)[1] for head in self.heads]
        self.scores = table[self.heads].to_numpy().astype(np.float32)
        self.lost = np.isnan(self.scores).any(axis=1)
        self.decides = all(head.startswith("prob_") for head in self.heads)
        with h5py.File(results / "predictions" / f"{name}.h5") as file:
            plan = json.loads(file.attrs["plan"])
            self.slide, self.step = plan["slide_l0"], plan["step_l0"]
        made = results / "measurements" / f"{name}.json"
        settings = json.loads(made.read_text(encoding="utf-8"))["settings"] if made.is_file() else {"map": {"cells": {}}}
        cells = settings["map"]["cells"]
        readings = settings.get("readings") or [{}] * len(self.names)
        self.thresholds = [reading.get("threshold") for reading in readings]
        assert cells.get("smooth_um") is None, "expected a map that is not smoothed, which the table does not tell"
        self.cells_of_tiles = cells.get("cell_um") is None

    def windows(self, corner, start, step, side, count, length):
        """Along one direction: the cells that a tile may reach, its window's integral over each, and whose centre it has."""
        cells = np.arange(count)[max(0, (corner - start) // step) : max(0, (corner + self.side - start) // step + 1)]
        edges = start + step * cells, start + step * cells + side
        scale = 0.25 * self.side * 2**0.5
        up_to = [erf((edge.clip(corner, corner + self.side) - corner - self.side / 2) / scale) for edge in edges]
        # Doubled coordinates keep centres whole.
        centres = np.maximum(edges[0], 0) + np.minimum(edges[1], length)
        return cells, up_to[1] - up_to[0], (2 * corner <= centres) & (centres < 2 * (corner + self.side))

    def grid(self, origin, step, cols, rows):
        """Scores [K, rows, cols] and states of the map, made anew."""
        sums, weights = np.zeros((len(self.names), rows, cols)), np.zeros((rows, cols))
        states = np.zeros((rows, cols), np.int64)
        wide = not self.cells_of_tiles and step > self.step
        side = min(step, self.side or step) if self.cells_of_tiles else step
        for corner, row, lost in zip(self.corners, self.scores, self.lost):
            of_axes = zip(corner, origin, (cols, rows), self.slide)
            (x, over_x, has_x), (y, over_y, has_y) = (
                self.windows(at, start, step, side, count, length) for at, start, count, length in of_axes
            )
            at = np.ix_(y, x)
            # Scored is 1 and failed 2, and one scored tile is enough.
            here, held = states[at], np.outer(has_y, has_x)
            states[at] = np.where(held, np.where((here == 1) | (not lost), 1, 2), here)
            if not lost:
                weight = np.outer(over_y, over_x)
                weights[at] += weight
                sums[(slice(None), *at)] += row[:, None, None] * weight
        if wide:
            states = self.covered(origin, step, cols, rows)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(states == 1, sums / weights, np.nan).astype(np.float32), states


    def covered(self, origin, step, cols, rows):
        """States of cells that are larger than the step between tiles, by the areas that tiles cover of them."""
        ground = max(self.side or 1, self.step)
        before = (ground - (self.side or 1)) // 2
        share = min(1.0, (self.step / (self.side or 1)) ** 2)
        edges = [
            np.clip(start + step * np.arange(count + 1), 0, length)
            for start, count, length in zip(origin, (cols, rows), self.slide)
        ]
        planned, scored, largest = np.zeros((3, rows, cols))
        reached, reached_by_scored = np.zeros((2, rows, cols), bool)

        def over(axis, start, side):
            return np.clip(np.minimum(edges[axis][1:], start + side) - np.maximum(edges[axis][:-1], start), 0, None)

        for (x, y), lost in zip(self.corners, self.lost):
            area = np.outer(over(1, y - before, ground), over(0, x - before, ground))
            touched = np.outer(over(1, y, self.side), over(0, x, self.side)) > 0
            planned += area
            largest = np.maximum(largest, area)
            reached |= touched
            if not lost:
                scored += area
                reached_by_scored |= touched
        whole = np.outer(np.diff(edges[1]), np.diff(edges[0]))
        tissue = reached & (2 * np.maximum(planned * share, largest) >= whole)
        return np.where(tissue, np.where(reached_by_scored & (2 * scored >= planned), 1, 2), 0)


def same(found, expected, what, tolerance=0.0):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, (what, found.shape, expected.shape)
    if expected.dtype.kind == "f":
        assert np.array_equal(np.isnan(found), np.isnan(expected)), (what, "other places are NaN")
        off = np.nan_to_num(np.abs(found.astype(np.float64) - expected)).max(initial=0.0)
        assert off <= tolerance * max(1.0, np.nan_to_num(np.abs(expected)).max(initial=0.0)), (what, off)
    else:
        assert np.array_equal(found, expected), what


def halved(scores, counts):
    """The next level: means over scored cells, weighted by how many each place has."""
    rows, cols = ((side + 1) // 2 * 2 for side in counts.shape)
    counts = np.pad(counts, ((0, rows - counts.shape[0]), (0, cols - counts.shape[1])))
    sums = np.zeros((len(scores), rows, cols))
    sums[:, : scores.shape[1], : scores.shape[2]] = np.nan_to_num(scores)
    blocks = lambda plane: plane.reshape(*plane.shape[:-2], rows // 2, 2, cols // 2, 2).sum(axis=(-3, -1))
    total = blocks(counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, blocks(sums * counts) / total, np.nan), total


def predictions_h5(path, truth):
    with h5py.File(path) as file:
        scores, coords = file["predictions"], file["coords"]
        assert (scores.dtype, coords.dtype) == (np.float32, np.int64)
        same(coords[:], truth.corners, "coords")
        same(scores[:], np.where(truth.lost[:, None], np.float32(np.nan), truth.scores), "predictions")
        names, units = json.loads(scores.attrs["class_names"]), json.loads(scores.attrs["units"])
        assert [name if unit is None else f"{name} [{unit}]" for name, unit in zip(names, units)] == truth.names
        plan = json.loads(file.attrs["plan"])
        assert truth.side in (None, plan["side_l0"]) and file.attrs["model"]
        return f"h5py {version('h5py')}: {scores.shape} and the plan"


def ome_tiff(path, truth):
    with tifffile.TiffFile(path) as file:
        assert file.is_ome and len(file.series) == 2, file.series
        image, states = file.series
        ome = ome_types.from_xml(file.ome_metadata, validate=True)
        facts = dict(ome.structured_annotations.map_annotations[0].value.items())
        origin = np.array([int(facts["origin_x_l0"]), int(facts["origin_y_l0"])])
        cell, mpp = int(facts["cell_side_l0"]), float(facts["um_per_px_l0"])
        pixels = ome.images[0].pixels
        assert (pixels.physical_size_x, pixels.physical_size_x_unit.value) == (cell * mpp, "µm")
        assert [channel.name for channel in pixels.channels] == truth.names
        assert (pixels.planes[0].position_x, pixels.planes[0].position_y) == tuple(origin * mpp)
        planes = image.asarray().reshape(len(truth.names), *states.shape)
        scores, expected = truth.grid(origin, cell, states.shape[1], states.shape[0])
        same(planes, scores, "scores", MEAN)
        same(states.asarray(), expected, "states")
        counts = (expected == 1).astype(np.int64)
        for level in image.levels[1:]:
            scores, counts = halved(scores, counts)
            same(level.asarray().reshape(scores.shape), scores, "a level", MEAN)
        text = f"tifffile {version('tifffile')} and ome-types {version('ome-types')}: {planes.shape}, "
        text += f"{len(image.levels)} levels, BigTIFF: {file.is_bigtiff}"
    with contextlib.suppress(openslide.OpenSlideError):
        with openslide.OpenSlide(path) as slide:
            text += f"; openslide {openslide.__library_version__}: {slide.level_dimensions}"
    return text


def ome_zarr(path, truth):
    root = zarr.open_group(path, mode="r", zarr_format=3)
    kind = type(ome_zarr_models.open_ome_zarr(root, version="0.5")).__name__
    facts = root.attrs["eosin"]
    origin, cell, mpp = np.array(facts["origin_l0"]), facts["cell_side_l0"], facts["um_per_px_l0"]
    names = [channel["label"] for channel in root.attrs["ome"]["omero"]["channels"]]
    assert names == truth.names
    base, states = root["0"][:], root["labels/state/0"][:]
    scores, expected = truth.grid(origin, cell, base.shape[2], base.shape[1])
    same(base, scores, "scores", MEAN)
    same(states, expected, "states")
    if truth.decides:
        decided = root["labels/decided/0"][:]
        plain = np.nan_to_num(base, nan=-1.0)
        largest = np.argmax(plain, axis=0)
        best = largest + 1
        if any(threshold is not None for threshold in truth.thresholds):
            # A class is present from its threshold on, or where it is the largest; of those present the largest decides.
            present = [
                largest == at if threshold is None else plain[at] >= np.float32(threshold)
                for at, threshold in enumerate(truth.thresholds)
            ]
            best = np.argmax(np.where(present, plain, -1.0), axis=0) + 1
            best = np.where(np.any(present, axis=0), best, 0)
        elif len(names) == 1:
            best = np.where(np.nan_to_num(base[0]) >= 0.5, 1, 0)
        same(decided, np.where(states == 1, best, 0), "decided")
    counts = (expected == 1).astype(np.int64)
    datasets = root.attrs["ome"]["multiscales"][0]["datasets"]
    for level, dataset in enumerate(datasets):
        scale, place = (t.get("scale", t.get("translation")) for t in dataset["coordinateTransformations"])
        side = 2**level * cell
        assert np.allclose(scale, [1, side * mpp, side * mpp], rtol=1e-12)
        assert np.allclose(place[:0:-1], (origin + (side - 1) / 2) * mpp, rtol=1e-12)
        if level > 0:
            scores, counts = halved(scores, counts)
            same(root[dataset["path"]][:], scores, "a level", MEAN)
    for label in root["labels"].attrs["ome"]["labels"]:
        kind += f", {type(ome_zarr_models.open_ome_zarr(root[f'labels/{label}'], version='0.5')).__name__}"
    assert kind.startswith("Image, ImageLabel"), kind
    nodes = list(Reader(parse_url(path, mode="r"))())
    assert nodes[0].data[0].shape == base.shape and len(nodes[0].data) == len(datasets)
    return f"zarr {version('zarr')}, {kind} of ome-zarr-models {version('ome-zarr-models')} and ome-zarr {version('ome-zarr')}: {base.shape}"


def anndata_zarr(path, truth):
    table = anndata.read_zarr(path)
    of_tiles(table, truth)
    return f"anndata {version('anndata')}: {table.shape}, {list(table.obs.columns)}"


def of_tiles(table, truth):
    """What a table of tiles by classes says."""
    same(table.X, np.where(truth.lost[:, None], np.float32(np.nan), truth.scores), "X")
    assert table.obs["state"].astype(str).tolist() == ["failed" if lost else "scored" for lost in truth.lost]
    assert table.obs["instance_id"].tolist() == list(range(len(truth.lost)))
    assert table.obs_names.is_unique and set(table.obs["region"]) <= {table.uns["spatialdata_attrs"]["region"]}
    assert [name.split(" [")[0] for name in truth.names] == [name.split(" [")[0] for name in table.var_names]
    side = truth.side or 0
    same(table.obsm["spatial"], truth.corners + side / 2, "places")
    assert table.uns["um_per_px_l0"] > 0 and truth.side in (None, int(table.uns["tile_side_l0"]))


def spatialdata_zarr(path, truth):
    data = spatialdata.read_zarr(path)
    if not len(truth.lost):
        assert not list(data.gen_elements()), "a slide without tissue has elements"
        return f"spatialdata {version('spatialdata')}: an empty object"
    table, shapes = data.tables["table"], data.shapes["tiles"]
    of_tiles(table, truth)
    boxes = shapes.geometry.bounds.to_numpy().reshape(-1, 4)
    same(boxes, np.hstack([truth.corners, truth.corners + (truth.side or 0)]).astype(np.float64), "squares")
    _, joined = spatialdata.join_spatialelement_table(data, spatial_element_names="tiles", table_name="table")
    assert joined.n_obs == len(truth.lost), "rows without a square"
    return f"spatialdata {version('spatialdata')}: {len(shapes)} squares, a table of {table.shape}"


def parquet(path, truth):
    file = pyarrow.parquet.ParquetFile(path)
    table = file.read()
    assert table.column_names[7:] == truth.heads
    kinds = [str(field.type) for field in table.schema]
    assert kinds == ["int64", "int64", "int32", "double", "double", "double", "string"] + ["float"] * len(truth.heads), kinds
    facts = {key.decode(): value.decode() for key, value in file.schema_arrow.metadata.items()}
    columns = table.to_pydict()
    tiles(columns, truth, float(facts["um_per_px_l0"]))
    same([table.column(head).null_count for head in truth.heads], [truth.lost.sum()] * len(truth.heads), "nulls")
    return f"pyarrow {version('pyarrow')}: {table.shape}, {file.metadata.created_by}, {facts['note']}"


def tiles_csv(path, truth):
    table = pd.read_csv(path, float_precision="round_trip")
    assert list(table.columns[7:]) == truth.heads
    mpp = table["side_um"].iloc[0] / truth.side if truth.side else 1.0
    tiles(table.to_dict("list"), truth, mpp)
    return f"pandas {version('pandas')}: {table.shape}"


def local(path, truth):
    """Gi* of each class, made anew from the table of tiles where these are the cells: Ord and Getis 1995."""
    table = pd.read_csv(path, float_precision="round_trip")
    if truth.side is not None and truth.step >= truth.side:
        by_place = {tuple(corner): row for corner, row in zip(truth.corners.tolist(), truth.scores.astype(np.float64))}
        for name, rows in table.groupby("class"):
            at, places = truth.names.index(name), list(zip(rows["x_l0"].tolist(), rows["y_l0"].tolist()))
            values = {place: by_place[place][at] for place in places}
            same(rows["score"], np.array([values[place] for place in places]), "score")
            every = np.array(list(values.values()))
            n, mean, spread = len(every), every.mean(), every.std()
            steps = [(dx * truth.step, dy * truth.step) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
            for (x, y), found in zip(places, rows["gi_star_z"]):
                near = [values[x + dx, y + dy] for dx, dy in steps if (x + dx, y + dy) in values]
                count = len(near)
                off = spread * ((n * count - count**2) / (n - 1)) ** 0.5 if n > 1 else 0.0
                if off > 0.0:
                    expected = (sum(near) - count * mean) / off
                    assert abs(found - expected) <= 1e-6 * max(1.0, abs(expected)), (name, x, y, found, expected)
    return f"pandas {version('pandas')}: {table.shape}"


def tiles(columns, truth, mpp):
    """What both tables of tiles say."""
    same(np.array([columns["x_l0"], columns["y_l0"]], np.int64).T, truth.corners, "corners")
    assert columns["state"] == ["failed" if lost else "scored" for lost in truth.lost]
    centres = np.array([columns["x_um"], columns["y_um"]], np.float64).T
    same(centres, (truth.corners + (truth.side or 0) / 2) * mpp, "centres", 1e-12)
    scores = np.array([columns[head] for head in truth.heads], np.float64).T.astype(np.float32)
    expected = np.where(truth.lost[:, None], np.float32(np.nan), truth.scores)
    same(scores.reshape(expected.shape), expected, "scores")


def geojson(path, truth):
    read = gzip.open if path.suffix == ".gz" else open
    with read(path, "rt", encoding="utf-8") as file:
        collection = json.load(file, parse_constant=lambda word: sys.exit(f"{path.name}: {word} is no JSON"))
    jsonschema.Draft202012Validator(QUPATH).validate(collection)
    features = collection["features"]
    ids = [feature["id"] for feature in features if "id" in feature]
    assert len(set(ids)) == len(ids), "ids come twice"
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    bad = [shapely.is_valid_reason(shape) for shape in shapes if not shape.is_valid or shape.is_empty]
    assert not bad, bad[:3]
    if "model-outputs-geojson" in path.parts:
        boxes = np.array([shape.bounds for shape in shapes], np.float64).reshape(-1, 4)
        same(boxes[:, :2].astype(np.int64), truth.corners, "corners")
        for feature, row, lost in zip(features, truth.scores, truth.lost):
            found = feature["properties"].get("measurements")
            assert (found is None) if lost else ([np.float32(found[head]) for head in truth.heads] == list(row))
    return f"jsonschema {version('jsonschema')} and shapely {version('shapely')}: {len(features)} features"


# Folder, what follows the slide's id, and what opens the file.
KINDS = [
    ("predictions", ".h5", predictions_h5),
    ("ome-tiff", ".ome.tif", ome_tiff),
    ("ome-zarr", ".ome.zarr", ome_zarr),
    ("anndata", ".zarr", anndata_zarr),
    ("spatialdata", ".zarr", spatialdata_zarr),
    ("tiles", ".parquet", parquet),
    ("tiles", ".csv", tiles_csv),
    ("local", ".csv", local),
    ("model-outputs-geojson", ".geojson", geojson),
    ("regions", ".geojson.gz", geojson),
]


def main(results):
    tables = sorted((results / "model-outputs-csv").glob("*.csv"))
    assert tables, "expected tables in model-outputs-csv, found none"
    opened, absent = 0, 0
    for table in tables:
        slide, truth = table.name.removesuffix(".csv"), Truth(table)
        print(f"{slide}: {len(truth.lost)} tiles, {truth.lost.sum()} lost, {truth.heads}")
        for folder, suffix, check in KINDS:
            path = results / folder / f"{slide}{suffix}"
            if path.exists():
                print(f"  {folder}/*{suffix}: {check(path, truth)}")
                opened += 1
            else:
                absent += 1
    print(f"{opened} files are as they should be; {absent} were not written by this run", flush=True)
    if (results / "dicom").is_dir():
        # In its own environment: what checks DICOM is not from Python's index alone.
        subprocess.run(["bash", Path(__file__).with_name("open_dicom.sh"), results], check=True)


if __name__ == "__main__":
    # What the programs say about each other is not about these files.
    for kind in (DeprecationWarning, FutureWarning):
        warnings.simplefilter("ignore", kind)
    main(Path(sys.argv[1]))
