"""A small data set in EchoNet-Dynamic's layout, to be spoilt, and masks of its clips that are the truth."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from echodfkd.data import tracing
from echodfkd.video import write

SIZE, FRAMES, ED, ES = 64, 30, 3, 20
COLUMNS = ("FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split")
NAMES = ("A1", "B2", "C3", "D4")
FRACTIONS = dict(zip(NAMES, (60.0, 55.0, 35.5, 70.0), strict=True))


def ellipse(radius: float, tilt: float = 0.3) -> np.ndarray:
    """Segments (21, 4) of a tilted ellipse, twice as long as wide: the long axis, then 20 chords."""
    along = np.array([np.sin(tilt), np.cos(tilt)])
    heights = np.linspace(-0.98, 0.98, 20) * 1.6 * radius
    half = radius * np.sqrt(1 - (heights / (1.6 * radius)) ** 2)[:, None] * np.array([along[1], -along[0]])
    middle = SIZE / 2 + heights[:, None] * along
    axis = np.concatenate([middle[0], middle[-1]])
    return np.concatenate([axis[None], np.concatenate([middle - half, middle + half], axis=1)])


DRAWN = {ED: ellipse(16), ES: ellipse(11)}


@cache
def masks() -> np.ndarray:
    """Masks (time, height, width) bool that are the truth on the two traced frames of every clip."""
    inside = {frame: tracing.mask(drawn, SIZE, SIZE).astype(bool) for frame, drawn in DRAWN.items()}
    return np.stack([inside[ED if abs(n - ED) < abs(n - ES) else ES] for n in range(FRAMES)])


def row(name: str, **cells: object) -> dict[str, object]:
    """A whole row of the list; the clip is one to test on."""
    fraction = FRACTIONS.get(name, 50.0)
    told = (name, fraction, 100 - fraction, 100, SIZE, SIZE, 50, FRAMES, "TEST")
    return dict(zip(COLUMNS, told, strict=True)) | cells


def text(rows: list[dict[str, object]], separator: str = ",", comma: bool = False) -> str:
    """The list as a table; with `comma` before decimals, as a German Excel writes them."""
    lines = [separator.join(rows[0]), *(separator.join(map(str, one.values())) for one in rows)]
    told = "\r\n".join(lines) + "\r\n"
    return told.replace(".", ",") if comma else told


def tracings(drawn: dict[str, dict[int, np.ndarray]]) -> str:
    """VolumeTracings.csv of segments by clip and frame; names with their suffix, as published."""
    lines = ["FileName,X1,Y1,X2,Y2,Frame"]
    for name, frames in drawn.items():
        for frame, segments in frames.items():
            lines += [f"{name}.avi,{','.join(f'{value:.6f}' for value in one)},{frame}" for one in segments]
    return "\n".join(lines) + "\n"


def write_list(folder: Path, rows: list[dict[str, object]] | None = None, **spoilt: dict[int, np.ndarray]) -> Path:
    """The data set of those rows, or of NAMES, their films and their tracings, or `spoilt` ones."""
    rows = [row(name) for name in NAMES] if rows is None else rows
    (folder / "Videos").mkdir(parents=True)
    (folder / "FileList.csv").write_text(text(rows), encoding="utf-8")
    (folder / "VolumeTracings.csv").write_text(tracings({name: spoilt.get(name, DRAWN) for name in NAMES}))
    for name in NAMES:
        (folder / "Videos" / f"{name}.avi").write_bytes(film())
    return folder


@cache
def film() -> bytes:
    """An AVI of noise, as a file holds it."""
    frames = np.random.default_rng(0).integers(0, 255, (FRAMES, SIZE, SIZE), np.uint8)
    with TemporaryDirectory() as folder:
        write(Path(folder, "film.avi"), frames, 50)
        return Path(folder, "film.avi").read_bytes()


def write_predictions(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    """Perfect masks of clips in `segment`'s layout."""
    for name in names:
        (folder / name).mkdir(parents=True)
        np.savez_compressed(folder / name / "masks.npz", masks=masks().astype(np.uint8))
    return folder
