"""Files that nobody wrote so: whole ones of every kind that the house reads, mutated, and what reading them came to.

`python hostile.py FOLDER COUNT SEED` reads COUNT of them in this process, which may die of it. It prints a line of JSON
for each that was neither read nor refused in one line, then one of all: counts by kind, seconds, peak memory.
"""

import json
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from echodfkd import video
from echodfkd.data.findings import exclusion
from echodfkd.data.layouts import open_dataset
from echodfkd.errors import EchodfkdError
from echodfkd.scores.events_file import read_events
from echodfkd.scores.known_clips import read_patients
from echodfkd.scores.predictions import read_prediction
from echodfkd.student.card import read_card
from echodfkd.study.file import read_study
from echodfkd.tables import csv_text
from echodfkd.teachers.archive import read_masks
from echodfkd.teachers.onnx import OnnxTeacher
from echodfkd.teachers.settings import Input
from echodfkd.video.dicom.folder import is_list, listed_files

SECONDS, MEMORY = 60, 3 << 30
"""What one file may take, and the whole process: bytes of memory that are really used."""
DICOM = ("explicit", "deflated", "RLE", "JPEG baseline", "JPEG lossless", "JPEG-LS", "JPEG 2000")
HUGE = tuple(n.to_bytes(4, order) for n in (0, 1, 2**31 - 1, 2**31, 2**32 - 1) for order in ("little", "big"))
WORDS = (
    b"1e999",
    b"nan",
    b"-1",
    b"9" * 5000,
    b"\0",
    b"\xff\xfe",
    b'"',
    b"\n\n",
    b",,,,",
    b"[" * 3000,
    b"../../x",
    b"0",
)


@dataclass(frozen=True)
class Kind:
    """A kind of file: where it lies in the folder, and who reads it."""

    name: str
    place: str
    read: Callable[[Path], object]
    text: bool = False


def _film(path: Path) -> None:
    with video.open_video(path) as film:
        for _ in film:
            pass
        assert film.clock.rate > 0
    video.read(path)


def _disc(path: Path) -> None:
    if is_list(path):
        assert all(path.parent in one.parents for one in listed_files(path))


def _dataset(path: Path) -> None:
    dataset = open_dataset(path.parent)
    for row in dataset.clips:
        with suppress(EchodfkdError):
            dataset.truth(row.name)


def _graph(path: Path) -> None:
    teacher = OnnxTeacher(path, ("lv",), Input(size=8), threads=1)
    teacher(video.Clip("a", np.zeros((2, 8, 8), np.uint8)))


def _weights(path: Path) -> None:
    from echodfkd.files import sha256
    from echodfkd.student.checkpoint import load_network

    card = path.with_name("model.json")
    table = json.loads(card.read_text())
    table["files"][path.name] = sha256(path)  # the checksum must not be what refuses it
    card.write_text(json.dumps(table))
    load_network(path.parent)


KINDS = (
    Kind("AVI", "clip.avi", _film),
    Kind("MP4", "clip.mp4", _film),
    Kind("GIF", "clip.gif", _film),
    Kind("PNG", "still.png", _film),
    Kind("animated PNG", "film.png", _film),
    Kind("JPEG", "still.jpg", _film),
    Kind("NIfTI", "volume.nii", _film),
    Kind("NIfTI, packed", "volume.nii.gz", _film),
    *(Kind(f"DICOM, {name}", f"dicom/{name}", _film) for name in DICOM),
    Kind("DICOMDIR", "disc/DICOMDIR", _disc),
    Kind("list of clips", "set/FileList.csv", _dataset, text=True),
    Kind("tracings", "set/VolumeTracings.csv", _dataset, text=True),
    Kind("events", "events.csv", read_events, text=True),
    Kind("patients", "patients.csv", read_patients, text=True),
    Kind("findings", "curation.csv", exclusion, text=True),
    Kind("study", "study.toml", read_study, text=True),
    Kind("card", "model.json", lambda path: read_card(path.parent), text=True),
    Kind("measures", "a/measures.json", lambda path: read_prediction(path.parent), text=True),
    Kind("masks", "b/masks.npz", lambda path: read_prediction(path.parent)),
    Kind("mask archive", "a.seg.npz", read_masks),
    Kind("graph", "graph.onnx", _graph),
)
WEIGHTS = Kind("weights", "student/model.safetensors", _weights)
"""Needs torch, and a student in the folder."""


def _make_dicom(folder: Path) -> None:
    """A clip in every encoding, and a disc with one."""
    import made_dicom
    from pydicom import dcmread
    from pydicom.fileset import FileSet

    frames, regions = made_dicom.fan_frames(3, 60, 80), [made_dicom.region(4, 56, 4, 76)]
    for name in DICOM:
        made_dicom.save(folder / "dicom" / name, frames, name, SequenceOfUltrasoundRegions=regions)
    disc = FileSet()
    disc.add(dcmread(folder / "dicom" / DICOM[0]))
    disc.write(folder / "disc")


def make(folder: Path, study: Path, card: Path) -> None:
    """A whole file of every kind in `folder`; a study and a card that there are."""
    from onnx import TensorProto, helper, save
    from planted import beating_disc

    frames = beating_disc(np.arange(6) / 50)[:, ::3, ::3]
    for suffix in (".avi", ".mp4", ".gif"):
        video.write(folder / f"clip{suffix}", frames, 50)
    video.write(folder / "still.png", frames[:1])
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(folder / "film.png", save_all=True, append_images=pictures[1:], duration=20)
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures[0].save(folder / "still.jpg", exif=exif)
    for suffix in (".nii", ".nii.gz"):
        nibabel.save(nibabel.Nifti1Image(frames.T, np.eye(4)), folder / f"volume{suffix}")
    _make_dicom(folder)
    for name in ("set", "a", "b"):
        (folder / name).mkdir()
    row = {"FileName": "x", "EF": 60.5, "ESV": 40.1, "EDV": 101.3, "FrameHeight": 32, "FrameWidth": 32, "FPS": 50}
    (folder / "set/FileList.csv").write_text(csv_text([row | {"NumberOfFrames": 6, "Split": "TEST"}]))
    lines = [
        f"x.avi,{x},{y},{x + 9},{y + 1},{frame}" for frame in (1, 4) for x, y in [(4, 2), *((4, n) for n in range(20))]
    ]
    (folder / "set/VolumeTracings.csv").write_text("\n".join(["FileName,X1,Y1,X2,Y2,Frame", *lines]))
    (folder / "events.csv").write_text("FileName,ED,ES\na,1 9 20,5 14\nb,3,8\n")
    (folder / "patients.csv").write_text("FileName,Patient\na,p1\nb,p2\n")
    (folder / "curation.csv").write_text("FileName,reason,value,rule\na,static,0.1,none\n")
    (folder / "study.toml").write_bytes(study.read_bytes())
    (folder / "model.json").write_bytes(card.read_bytes())
    masks = (frames > 127).astype(np.uint8)
    for name in ("a", "b"):
        np.savez_compressed(folder / name / "masks.npz", masks=masks)
    (folder / "a/measures.json").write_text(json.dumps({"name": "a", "fps": 50.0, "times": [0, 1, 2, 3, 4, 5.5]}))
    np.savez_compressed(folder / "a.seg.npz", masks * 255)
    shape = ["n", 1, 8, 8]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("frames", "out")]
    parts = [
        helper.make_tensor(name, TensorProto.FLOAT, [1, 1, 1, 1], [value]) for name, value in (("w", 3.0), ("b", -1.0))
    ]
    nodes = [helper.make_node("Mul", ["frames", "w"], ["m"]), helper.make_node("Add", ["m", "b"], ["out"])]
    made = helper.make_graph(nodes, "g", values[:1], values[1:], parts)
    save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), folder / "graph.onnx")


def mutated(content: bytes, other: bytes, chance: random.Random, text: bool) -> bytes:
    """`content`, altered by chance: bits, length, pieces of itself and of another file, numbers of its header."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        size = len(data)
        if size < 8:
            break
        at = chance.randrange(min(size, chance.choice((64, 512, size))))
        way = chance.choice(["bits", "cut", "splice", "double", "drop", "number", "zeros"] + ["word"] * 4 * text)
        if way == "bits":
            for _ in range(chance.choice((1, 3, 20))):
                data[chance.randrange(at, size)] ^= 1 << chance.randrange(8)
        elif way == "cut":
            del data[chance.randrange(size) :]
        elif way == "splice":
            data[at:] = other[chance.randrange(len(other) + 1) :]
        elif way == "double":
            data[at:at] = data[at : at + chance.randrange(1, 400)]
        elif way == "drop":
            del data[at : at + chance.randrange(1, 400)]
        elif way == "number":
            data[at : at + 4] = chance.choice(HUGE)
        elif way == "zeros":
            stop = min(size, at + chance.randrange(1, 200))
            data[at:stop] = bytes(stop - at)
        else:
            data[at : at + chance.choice((0, 1, 3))] = chance.choice(WORDS)
    return bytes(data)


class TooLong(Exception):
    """A file took more than SECONDS."""


def _late(*_: object) -> None:
    raise TooLong


def outcome(kind: Kind, path: Path) -> str:
    """'read', 'refused', or what went wrong."""
    signal.alarm(SECONDS)
    try:
        kind.read(path)
        return "read"
    except EchodfkdError as error:
        return "refused" if str(error).strip() else "refused without a word"
    except TooLong:
        return f"more than {SECONDS} s"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)


def main(folder: Path, count: int, seed: int) -> None:
    """Reads `count` mutated files and says what came of it."""
    signal.signal(signal.SIGALRM, _late)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kinds = [*KINDS, *([WEIGHTS] if (folder / WEIGHTS.place).is_file() else [])]
    whole = {kind.name: (folder / kind.place).read_bytes() for kind in kinds}
    for kind in kinds:
        assert (found := outcome(kind, folder / kind.place)) == "read", (kind.name, found)
    before = sorted(str(path) for path in folder.rglob("*"))
    counts, slowest = {kind.name: Counter[str]() for kind in kinds}, (0.0, "")
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        kind = kinds[number % len(kinds)]
        path = folder / kind.place
        data = mutated(whole[kind.name], whole[chance.choice(kinds).name], chance, kind.text)
        path.write_bytes(data)
        print(json.dumps({"number": number, "kind": kind.name}), file=sys.stderr, flush=True)
        start = time.monotonic()
        found = outcome(kind, path)
        slowest = max(slowest, (time.monotonic() - start, f"{kind.name} {number}"))
        path.write_bytes(whole[kind.name])
        counts[kind.name][found if found in ("read", "refused") else "wrong"] += 1
        if found not in ("read", "refused"):
            print(json.dumps({"number": number, "kind": kind.name, "wrong": found[:300]}), flush=True)
    strange = sorted({str(path) for path in folder.rglob("*")} ^ set(before))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told = {"counts": counts, "slowest": slowest, "peak_bytes": peak, "strange_files": strange, "seed": seed}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    os._exit(0)
