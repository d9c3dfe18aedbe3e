"""Opens the DICOM files of a results folder, and holds what they say against WSInfer's table and the records.

bash open_dicom.sh RESULTS, or python open_dicom.py RESULTS EOSIN with the packages of open_dicom.txt and dciodvfy, dcentvfy
and dcmdump on the path.

Validators: an error fails, and so does a warning that ACCEPTED does not explain. Pixels are put in their places by two
readers, ours from the standard and highdicom's. `model-outputs-csv/ID.csv` is the truth where a cell is a tile; else what
the two files say of each other must fit. `ID.json` says what slide and model are; where a test made the files without one,
`predictions/ID.h5` alone. With records, files that are made again from the predictions must be the same bytes.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import h5py
import highdicom
import numpy as np
import pydicom

# Why a validator may say it all the same.
ACCEPTED = [
    # Type 2: it must be there and may be empty. Who the patient is, and when, is for the archive to say.
    r"Missing attribute or value that would be needed to build DICOMDIR - (Patient ID|Study Date|Study Time|Study ID)$",
    # PS3.3 C.8.32.2 has it for parametric maps; dciodvfy of 2022 knows the terms of other images only.
    r"Unrecognized defined term <QUANTITY> for value 4 of attribute <(Image|Frame) Type>$",
]
# Decimal text of at most 16 characters, and millimetres.
NANOMETRE = 1e-6
POSITIVE_FROM = np.float32(0.5)
EMPTY = ["PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "AccessionNumber"]
EMPTY += ["StudyID", "StudyDate", "StudyTime", "ContentCreatorName", "PatientOrientation", "PositionReferenceIndicator"]
SHARED = ["StudyInstanceUID", "FrameOfReferenceUID", "ContainerIdentifier", "PixelSpacing", "origin", "size"]


def run(*command):
    """What a program says on both streams, line by line."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return done.returncode, (done.stdout + done.stderr).splitlines()


def validate(path):
    """No errors, and no warning without a reason; the words of the programs."""
    explained = 0
    for program in ("dciodvfy", "dcentvfy"):
        code, lines = run(program, path)
        for line in lines:
            kind, _, text = line.partition(" - ")
            assert kind != "Error", f"{path.name}: {program}: {line}"
            if kind == "Warning":
                assert any(re.match(reason, text) for reason in ACCEPTED), f"{path.name}: {program}: {line}"
                explained += 1
        assert code == 0, f"{path.name}: {program} ends with {code}: {lines[-3:]}"
    code, lines = run("dcmdump", "--quote-nonascii", path)
    bad = [line for line in lines if re.match(r"[EFW]: ", line)]
    assert code == 0 and not bad, f"{path.name}: dcmdump ends with {code}: {bad[:3]}"
    return f"{explained} explained warnings and no other, {len(lines)} lines of dcmdump"


class Matrix:
    """The planes of one file, put together by the order and the places of its frames."""

    def __init__(self, path):
        self.data = data = pydicom.dcmread(path)
        self.size = (data.TotalPixelMatrixRows, data.TotalPixelMatrixColumns)
        shared = data.SharedFunctionalGroupsSequence[0]
        measures = shared.PixelMeasuresSequence[0]
        self.PixelSpacing = tuple(map(float, measures.PixelSpacing))
        assert self.PixelSpacing[0] == self.PixelSpacing[1] and float(measures.SliceThickness) == 0.004
        assert "PlaneOrientationSequence" not in shared and list(data.ImageOrientationSlide) == [1, 0, 0, 0, -1, 0]
        corner = data.TotalPixelMatrixOriginSequence[0]
        self.origin = (float(corner.XOffsetInSlideCoordinateSystem), float(corner.YOffsetInSlideCoordinateSystem))
        self.StudyInstanceUID, self.FrameOfReferenceUID = data.StudyInstanceUID, data.FrameOfReferenceUID
        self.ContainerIdentifier = data.ContainerIdentifier
        self.no_person()
        self.planes = self.put_together()

    def no_person(self):
        data = self.data
        assert all(data[name].is_empty for name in EMPTY), [name for name in EMPTY if not data[name].is_empty]
        assert {element.keyword for element in data if element.tag.group == 0x10} <= set(EMPTY)
        dates = {str(element.value) for element in data.iterall() if element.VR in ("DA", "DT") and not element.is_empty}
        assert dates == {"19000101"} and data.LongitudinalTemporalInformationModified == "REMOVED", dates
        assert data.ContentDescription == data.SeriesDescription == "research use only"

    def frames(self):
        """Pixels of all frames, [frames, rows, columns], without pydicom's decoders."""
        data, shape = self.data, (int(self.data.NumberOfFrames), self.data.Rows, self.data.Columns)
        if data.BitsAllocated == 1:
            bits = np.unpackbits(np.frombuffer(data.PixelData, np.uint8), bitorder="little")
            count = int(np.prod(shape))
            assert len(bits) == -(-count // 16) * 16 and not bits[count:].any()
            return bits[:count].reshape(shape)
        return np.frombuffer(data.FloatPixelData, "<f4").reshape(shape)

    def put_together(self):
        data, frames = self.data, self.frames()
        (rows, cols), high, wide = self.size, data.Rows, data.Columns
        corners = [(row, col) for row in range(0, rows, high) for col in range(0, cols, wide)]
        channels = len(frames) // len(corners)
        groups = data.PerFrameFunctionalGroupsSequence
        assert len(groups) == len(frames) == channels * len(corners), "frames do not fill the matrix"
        planes = np.zeros((channels, -(-rows // high) * high, -(-cols // wide) * wide), frames.dtype)
        for at, (group, frame) in enumerate(zip(groups, frames)):
            channel, (row, col) = at // len(corners), corners[at % len(corners)]
            place = group.PlanePositionSlideSequence[0]
            assert place.RowPositionInTotalImagePixelMatrix == row + 1
            assert place.ColumnPositionInTotalImagePixelMatrix == col + 1
            found = [float(place.XOffsetInSlideCoordinateSystem), float(place.YOffsetInSlideCoordinateSystem)]
            step = self.PixelSpacing[0]
            expected = [self.origin[0] + col * step, self.origin[1] - row * step]
            assert np.allclose(found, expected, rtol=0, atol=NANOMETRE), (found, expected)
            index = list(group.FrameContentSequence[0].DimensionIndexValues)
            assert index == [channel + 1, row // high + 1, col // wide + 1], index
            planes[channel, row : row + high, col : col + wide] = frame
        self.margin = np.concatenate([planes[:, rows:].ravel(), planes[:, :, cols:].ravel()])
        return planes[:, :rows, :cols]


def segmentation(path):
    """Segments by label, and the matrix that they are of."""
    matrix = Matrix(path)
    data = matrix.data
    kind = (data.SegmentationType, data.DimensionOrganizationType, data.SamplesPerPixel, data.PhotometricInterpretation)
    assert kind == ("BINARY", "TILED_FULL", 1, "MONOCHROME2") and data.Modality == "SEG"
    numbers = [segment.SegmentNumber for segment in data.SegmentSequence]
    assert numbers == list(range(1, len(matrix.planes) + 1)) and not matrix.margin.any()
    count = len(data.PerFrameFunctionalGroupsSequence) // len(numbers)
    for at, group in enumerate(data.PerFrameFunctionalGroupsSequence):
        assert group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == at // count + 1
    other = highdicom.seg.segread(path)
    found = other.get_total_pixel_matrix(combine_segments=False)
    assert np.array_equal(np.moveaxis(found, -1, 0), matrix.planes), "highdicom finds other pixels"
    labels = [segment.SegmentLabel for segment in data.SegmentSequence]
    assert labels[-1] == "failed" and [other.get_segment_description(n).segment_label for n in numbers] == labels
    return labels, matrix


def parametric_map(path):
    """Names of quantities with their units, and the matrix that they are of."""
    matrix = Matrix(path)
    data, planes = matrix.data, matrix.planes
    assert (data.DimensionOrganizationType, data.BitsAllocated) == ("TILED_SPARSE", 32)
    lowest = np.finfo(np.float32).min
    assert (data.FloatPixelPaddingValue, data.FloatPixelPaddingRangeLimit) == (lowest, lowest / 2)
    assert np.isfinite(planes).all() and (matrix.margin == lowest).all()
    count = len(data.PerFrameFunctionalGroupsSequence) // len(planes)
    names = []
    for at, group in enumerate(data.PerFrameFunctionalGroupsSequence):
        mapping = group.RealWorldValueMappingSequence[0]
        assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1.0, 0.0)
        unit = mapping.MeasurementUnitsCodeSequence[0]
        assert unit.CodingSchemeDesignator == "UCUM" and mapping.LUTLabel.startswith(f"{at // count + 1} ")
        plane = planes[at // count]
        scored = plane[plane > lowest / 2]
        low = mapping.DoubleFloatRealWorldValueFirstValueMapped
        high = mapping.DoubleFloatRealWorldValueLastValueMapped
        assert ((low <= scored) & (scored <= high)).all(), (mapping.LUTExplanation, low, high)
        if at % count == 0:
            names.append((mapping.LUTExplanation, unit.CodeValue))
    # As stored: its mapping to real-world values knows of no padding, and refuses it as out of their range.
    other = highdicom.imread(path)
    frames = other.get_frames(apply_real_world_transform=False, apply_voi_transform=False, dtype=np.float32)
    assert np.array_equal(frames, matrix.frames()), "highdicom finds other numbers"
    return names, matrix


def clean(name, most=64):
    return "".join(" " if letter == "\\" or not letter.isprintable() else letter for letter in name).strip()[:most].rstrip()


def decided(slide, classes, labels, segments, numbers, scored):
    """Segments are what the numbers decide: from a threshold on, or by the largest of classes."""
    largest = np.argmax(np.where(scored, numbers, -np.inf), axis=0)
    wanted, expected = [], []
    for at, (name, threshold) in enumerate(zip(classes, slide.thresholds)):
        least = POSITIVE_FROM if threshold is None and slide.meaning == "findings" else threshold
        if least is not None:
            expected.append(scored & (numbers[at] >= np.float32(least)))
        elif slide.meaning == "classes":
            expected.append(scored & (largest == at))
        else:
            continue
        wanted.append(name)
    if slide.meaning != "classes" or any(threshold is not None for threshold in slide.thresholds):
        wanted.append("scored")
        expected.append(scored)
    assert labels == [*wanted, "failed"], (labels, wanted)
    for label, found, expected in zip(labels, segments, expected):
        assert np.array_equal(found, expected), f"the segment {label} holds other cells than the numbers decide"


class Slide:
    """What slide, tiles and model are, from the stored predictions; the record must agree, where there is one."""

    def __init__(self, results, name):
        self.name = name
        with h5py.File(results / "predictions" / f"{name}.h5") as file:
            scores, plan = dict(file["predictions"].attrs), json.loads(file.attrs["plan"])
            self.model = file.attrs["model"]
        self.meaning, self.classes = json.loads(scores["meaning"]), json.loads(scores["class_names"])
        self.units = json.loads(scores["units"])
        (self.width, self.height), self.mpp = plan["slide_l0"], plan["mpp"]
        self.side, self.step = plan["side_l0"], plan["step_l0"]
        self.record = results / f"{name}.json"
        if self.record.is_file():
            record = json.loads(self.record.read_text(encoding="utf-8"))
            slide, model, grid = record["slide"], record["model"], record["grid"]
            assert (slide["id"], slide["width"], slide["height"], slide["mpp"]) == (name, self.width, self.height, self.mpp)
            assert (model["name"], model["scores"], model["classes"]) == (self.model, self.meaning, self.classes)
            assert (grid["side_l0"], grid["step_l0"]) == (self.side, self.step)
        made = results / "measurements" / f"{name}.json"
        settings = json.loads(made.read_text(encoding="utf-8"))["settings"] if made.is_file() else {"map": {"cells": {}}}
        asked, readings = settings["map"]["cells"], settings.get("readings") or [{}] * len(self.classes)
        self.thresholds = [reading.get("threshold") for reading in readings]
        self.cells = {key: value for key, value in asked.items() if value is not None}

    def grid(self, matrix):
        """Left, top and step of the cells in level-0 pixels, from millimetres; they cover the slide, none lies beyond it."""
        mm, cell_um = self.mpp / 1000, self.cells.get("cell_um")
        step, side = (round(cell_um / self.mpp),) * 2 if cell_um else (self.step, min(self.step, self.side))
        assert abs(matrix.PixelSpacing[0] - step * mm) < NANOMETRE, (matrix.PixelSpacing, step * mm)
        left, top = matrix.origin[0] / mm - side / 2, self.height - matrix.origin[1] / mm - side / 2
        corner = round(left), round(top)
        assert np.allclose((left, top), corner, rtol=0, atol=1e-3), (left, top)
        for start, length, count in zip(corner, (self.width, self.height), matrix.size[::-1]):
            assert -step < start <= 0 and count == -(-(length - start) // step), (start, length, count)
        return *corner, step


def against_table(path, corner, step, numbers, states):
    """Each cell is a tile of WSInfer's table, or has no tissue."""
    _, *lines = path.read_text(encoding="utf-8").splitlines()
    expected, expected_states = np.full(numbers.shape, np.nan, np.float32), np.zeros(states.shape, np.int64)
    for line in lines:
        x, y, width, _, *scores = line.split(",")
        (col, beside), (row, below) = (divmod(int(at) - start, step) for at, start in zip((x, y), corner))
        assert (beside, below, int(width)) == (0, 0, step) and not expected_states[row, col], line
        expected_states[row, col] = 1 if all(scores) else 2
        if all(scores):
            expected[:, row, col] = np.array(scores, np.float64).astype(np.float32)
    assert np.array_equal(states, expected_states), "other cells are scored or failed than tiles in the table"
    assert np.array_equal(numbers, expected, equal_nan=True), "numbers differ from the table"
    return f"equal to the {len(lines)} tiles of the table"


def check(results, slide):
    """Both files of a slide."""
    files = [results / "dicom" / f"{slide.name}{suffix}" for suffix in (".seg.dcm", ".pm.dcm")]
    for path in files:
        print(f"  {path.name}: {validate(path)}")
    code, lines = run("dcentvfy", *files)
    assert code == 0 and not lines, lines
    labels, decisions = segmentation(files[0])
    names, scores = parametric_map(files[1])
    for fact in SHARED:
        attribute = getattr(decisions, fact), getattr(scores, fact)
        assert attribute[0] == attribute[1], (fact, attribute)
    assert decisions.data.SOPInstanceUID != scores.data.SOPInstanceUID
    assert decisions.data.SeriesInstanceUID != scores.data.SeriesInstanceUID
    assert decisions.ContainerIdentifier == clean(slide.name)

    classes = [clean(text) for text in slide.classes]
    assert [text for text, _ in names] == (classes or ["scored"]), names
    if slide.meaning in ("classes", "findings"):
        assert {unit for _, unit in names} == {"{probability}"}, names
    else:
        # A unit is free text; what UCUM does not take between braces stands in the meaning of the code.
        for (_, code), unit in zip(names, slide.units):
            assert code == ("1" if unit is None else f"{{{unit}}}" if unit.isascii() and len(unit) < 15 else "{unit}"), code
    padding, limit = scores.data.FloatPixelPaddingValue, scores.data.FloatPixelPaddingRangeLimit
    states = np.where(scores.planes == padding, 0, np.where(scores.planes == limit, 2, 1))
    assert (states == states[0]).all(), "quantities have different states"
    states = states[0]
    numbers = np.where(states == 1, scores.planes, np.float32(np.nan))
    segments = decisions.planes.astype(bool)
    assert np.array_equal(segments[-1], states == 2), "failed cells differ"
    decided(slide, classes, labels, segments, numbers, states == 1)

    table = results / "model-outputs-csv" / f"{slide.name}.csv"
    *corner, step = slide.grid(scores)
    if slide.step == slide.side and not slide.cells:
        against = against_table(table, corner, step, numbers, states)
    else:
        against = "not held against a table, as a cell is no tile"
    rows, cols = scores.size
    frames = f"{decisions.data.NumberOfFrames} + {scores.data.NumberOfFrames} frames"
    words = ("without tissue", "scored", "failed")
    of_state = ", ".join(f"{(states == at).sum()} {word}" for at, word in enumerate(words))
    print(f"  {cols} x {rows} cells in {frames}: {of_state}; segments {labels}; quantities {names}; {against}")
    return files


def made_again(results, eosin, slides):
    """Files of maps need no slide: made twice from a copy of the predictions, they are what they were."""
    settings = {tuple(sorted(slide.cells.items())) for slide in slides}
    assert len(settings) == 1, f"expected maps of the same settings, found {settings}"
    flags = [part for key, value in settings.pop() for part in (f"--{key.replace('_', '-')}", str(value))]
    for name, threshold in zip(slides[0].classes, slides[0].thresholds):
        flags += [] if threshold is None else ["--threshold", f"{name}={threshold}"]
    flags += ["--formats", "dicom-seg,dicom-pm", "--replicates", "0", "--permutations", "0", "--overwrite", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "results"
        copy.mkdir()
        for slide in slides:
            shutil.copy(slide.record, copy)
        for part in ("predictions", "thumbnails"):
            shutil.copytree(results / part, copy / part)
        for time in ("first", "second"):
            code, lines = run(eosin, "map", copy, *flags)
            assert code == 0, lines
            for made in (copy / "dicom").iterdir():
                assert made.read_bytes() == (results / "dicom" / made.name).read_bytes(), f"{made.name} differs: {time}"
            assert len(list((copy / "dicom").iterdir())) == 2 * len(slides)
    return ", and the same bytes when made again twice"


def main(results, eosin):
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    print(f"pydicom {version('pydicom')}, highdicom {version('highdicom')}, {run('dcmdump', '--version')[1][0].strip('$ ')}")
    names = sorted(path.name.removesuffix(".seg.dcm") for path in (results / "dicom").glob("*.seg.dcm"))
    assert names, "expected segmentations in dicom, found none"
    slides = [Slide(results, name) for name in names]
    files = []
    for slide in slides:
        print(f"{slide.name}: {slide.model}, {slide.meaning}")
        files += check(results, slide)
    assert sorted(files) == sorted((results / "dicom").iterdir()), "a file without its other"
    recorded = [slide for slide in slides if slide.record.is_file()]
    again = made_again(results, eosin, recorded) if recorded else "; without records they cannot be made again"
    print(f"{len(files)} DICOM files are as they should be{again}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
