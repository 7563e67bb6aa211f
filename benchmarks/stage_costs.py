"""What every stage costs per clip on this machine: the processor's seconds, and bytes on disk.

python benchmarks/stage_costs.py [--clips 8] [--frames 50]

Each stage works on so many clips and on twice as many, in one process on one thread; the difference is the cost of the
clips alone, without imports and models loaded. The processor's time and not the clock's, as the machine may be shared.
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import torch

from echodfkd.commands.check import check
from echodfkd.commands.evaluate import evaluate
from echodfkd.commands.gather import gather_data
from echodfkd.commands.judge import judge
from echodfkd.commands.label import label
from echodfkd.commands.segment import segment_store
from echodfkd.commands.synth import synth
from echodfkd.data.settings import Data
from echodfkd.distill.settings import Training
from echodfkd.distill.train import train
from echodfkd.engine import Engine, processor
from echodfkd.store.store import Store
from echodfkd.student.bundled import find_model
from echodfkd.student.settings import NetworkSettings
from echodfkd.study.settings import Clips, Split, Study, Teacher
from echodfkd.video import write

ONE = Engine(processes=1)
Measure = Callable[[Path, int], Path | None]


def main() -> None:
    """Prints a line of JSON for every stage: seconds and bytes per clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8, help="and twice as many")
    parser.add_argument("--frames", type=int, default=50, help="of each clip, at least 25")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps({"processor": processor(), "clips": asked.clips, "frames": asked.frames}), flush=True)
    with TemporaryDirectory() as folder:
        for name, seconds, size in costs(Path(folder), asked.clips, asked.frames):
            told = {"stage": name, "seconds per clip": round(seconds, 4), "bytes per clip": round(size)}
            print(json.dumps(told), flush=True)


def costs(folder: Path, clips: int, frames: int) -> list[tuple[str, float, float]]:
    """Every stage's name, the processor's seconds and the bytes on disk, per clip."""
    found = []
    for name, measure in stages(frames).items():
        spent, sizes = [], []
        for number in (1, clips, 2 * clips):  # the first loads what all need
            start = process_time()
            out = measure(folder / str(number), number)
            spent.append(process_time() - start)
            sizes.append(0 if out is None else sum(path.stat().st_size for path in out.rglob("*") if path.is_file()))
        found.append((name, (spent[2] - spent[1]) / clips, (sizes[2] - sizes[1]) / clips))
    return found


def stages(frames: int) -> dict[str, Measure]:
    """How every stage is run on `number` test clips in a folder; later ones read what earlier ones wrote."""

    def study(number: int, kind: Teacher | None = None, train: int = 1) -> Study:
        splits = {"train": Split(train, 25), "validation": Split(1, 25), "test": Split(number, frames)}
        student = NetworkSettings(structures=("lv",))
        return Study("costs", Clips(**splits, structures=("lv",)), teacher=kind or Teacher(), student=student)

    def drawn(here: Path, number: int) -> Path:
        return synth(study(number), here / "clips", ONE).folder

    def labelled(here: Path, number: int) -> Path:
        by = study(number, Teacher("model", name="teacher"))
        return label(by, Store(here / "clips"), here / "labels", engine=ONE).folder

    def drawn_windows(here: Path, number: int) -> Path:
        return synth(study(1, train=number), here / "windows", ONE).folder

    def taught(here: Path, number: int) -> None:
        """A window of every clip, two in a batch."""
        windows = Store(here / "windows")
        settings = Training(window=25, size=64, batch=2, epochs=1, patience=0, precision="float32")
        train(windows, windows, study(1).student, settings, 0, here / "training")

    def segmented(here: Path, number: int) -> Path:
        segment_store(Store(here / "clips"), find_model("b4"), here / "masks", engine=ONE)
        return here / "masks"

    def scored(here: Path, number: int) -> Path:
        evaluate(here / "masks", here / "clips", here / "scores", resamples=100, page=False, engine=ONE)
        return here / "scores"

    def judged(here: Path, number: int) -> Path:
        judge([here / "clips"], [here / "masks"], here / "judged", split="test", resamples=100, engine=ONE)
        return here / "judged"

    def filmed(here: Path, number: int) -> Path:
        clips = Store(here / "clips")
        for entry in clips.split("test"):
            write(here / "films" / f"{entry.name}.avi", iter(clips.frames(entry.name)), entry.fps or 50)
        return here / "films"

    def checked(here: Path, number: int) -> Path:
        check(here / "films", here / "checked", ONE)
        return here / "checked"

    def gathered(here: Path, number: int) -> Path:
        return gather_data([Data(here / "films", train=("test",), validation=())], here / "real", 25, engine=ONE).folder

    return {
        "synth": drawn,
        "label (bundled teacher)": labelled,
        "synth, windows of 25 frames": drawn_windows,
        "distill, one epoch (B4,1 at 64 x 64, windows of 25)": taught,
        "segment (b4)": segmented,
        "evaluate": scored,
        "judge (one segmenter)": judged,
        "films written (AVI)": filmed,
        "check": checked,
        "gather": gathered,
    }


if __name__ == "__main__":
    main()
