"""Every stage that works clip by clip, on a few small clips, wherever an engine says."""

from contextlib import chdir
from pathlib import Path

from made_datasets import beats, traced, write_echonet

from echodfkd.commands.check import check
from echodfkd.commands.evaluate import evaluate
from echodfkd.commands.gather import gather_data
from echodfkd.commands.judge import judge
from echodfkd.commands.label import label
from echodfkd.commands.segment import segment_store
from echodfkd.commands.synth import synth
from echodfkd.data.settings import Data
from echodfkd.engine import Engine
from echodfkd.files import plain, write_json
from echodfkd.scores.robustness import RobustnessSettings, robustness, true_clips
from echodfkd.student.settings import NetworkSettings
from echodfkd.student.student import load_student
from echodfkd.study.settings import Clips, Split, Study, Teacher


def small_study(student: Path) -> Study:
    """Eight clips in shards of one, labelled by a model."""
    return Study(
        name="engines",
        clips=Clips(train=Split(4, 25), validation=Split(1, 25), test=Split(3, 30), shard=1),
        student=NetworkSettings(blocks=1, structures=("lv", "la")),
        teacher=Teacher("model", path=student),
    )


def small_films(folder: Path) -> Path:
    """A data set of three films in EchoNet's layout."""
    named = zip(("TRAIN", "VAL", "TEST"), beats(), strict=False)
    return write_echonet(
        folder, {f"heart{k}": traced(beat, f"heart{k}", split) for k, (split, beat) in enumerate(named)}
    )


def walked(place: Path, student: Path, films: Path, engine: Engine) -> dict[str, bytes]:
    """All that the stages write in `place`, each file's bytes by where it lies; told by a relative path."""
    place.mkdir(exist_ok=True)
    with chdir(place):
        _walk(Path("run"), student, films, engine)
    return content(place / "run")


def content(folder: Path) -> dict[str, bytes]:
    """The bytes of every file by where it lies, but for pages: they say when they were drawn."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (".lock", "index.html"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _walk(folder: Path, student: Path, films: Path, engine: Engine) -> None:
    study = small_study(student)
    clips = synth(study, folder / "clips", engine)
    label(study, clips, folder / "labels", engine=engine)
    gather_data([Data(films)], folder / "real", 4, 1, engine)
    check(films, folder / "checked", engine)
    segment_store(clips, student, folder / "masks", engine=engine)
    evaluate(folder / "masks", folder / "clips", folder / "scores", resamples=100, engine=engine)
    judge(folder / "clips", [folder / "masks"], folder / "judged", resamples=100, engine=engine)
    settings = RobustnessSettings(clips=2, frames=3, strengths={"blur": (1.0,)}, resamples=100)
    found = robustness(load_student(student), true_clips(clips, "test"), settings, engine=engine)
    write_json(folder / "robustness.json", plain(found))
