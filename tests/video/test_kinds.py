"""What a kind of file needs: a reader and a row."""

import subprocess
import sys

import numpy as np
import pytest

from echodfkd.file_kinds import DICOM, KINDS, NIFTI
from echodfkd.video.container import suffix_of

READER = """
from contextlib import contextmanager
import numpy as np
from echodfkd.video.source import Video

@contextmanager
def opened(path, kind):
    data = np.frombuffer(path.read_bytes()[4:], np.uint8).reshape(-1, 32, 32)
    yield Video(path, 32, 32, 25.0, iter(data))
"""
CALL = """
import sys
sys.path.insert(0, {folder!r})
from echodfkd import file_kinds as kinds
kinds.KINDS.append(kinds.Kind("RAW", (".raw8",), lambda head: head[:4] == b"RAW8", "rawreader:opened"))
import echodfkd
from echodfkd.video.inputs import clip_files
from pathlib import Path
[path] = clip_files([Path({folder!r})])
clip = echodfkd.read_clip(path)
print(clip.name, clip.frames.shape, clip.fps, int(clip.frames.sum()))
"""


def test_a_new_kind_is_its_reader_and_its_row(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    (tmp_path / "heart.raw8").write_bytes(b"RAW8" + frames.tobytes())
    (tmp_path / "rawreader.py").write_text(READER)
    told = subprocess.run(
        [sys.executable, "-c", CALL.format(folder=str(tmp_path))], capture_output=True, text=True, check=False
    )
    assert told.stdout.split("\n")[0] == f"heart (3, 32, 32) 25.0 {frames.sum()}", told.stderr


def test_no_two_kinds_share_a_suffix():
    suffixes = [suffix for kind in KINDS for suffix in kind.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"RIFF\0\0\0\0AVI LIST", ".avi"),
        (b"\0\0\0\x18ftypisom", ".mp4"),
        (b"\x1f\x8b\x08", NIFTI.suffixes[1]),
        ((348).to_bytes(4, "big"), NIFTI.suffixes[0]),
        (bytes(128) + b"DICM", DICOM.suffixes[0]),
        (b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_a_beginning_tells_the_suffix(head, suffix):
    assert suffix_of(head) == suffix
