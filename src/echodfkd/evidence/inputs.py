"""What `judge` is given: clips in files and data sets, with what is known of them."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from echodfkd import video
from echodfkd.clip import Clip
from echodfkd.data.dataset import Dataset, KnownClip
from echodfkd.data.layouts import open_dataset
from echodfkd.errors import InputError, LabelsError, one_line

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Given:
    """A clip that can be read, and its truth where there is one."""

    name: str
    read: Callable[[], Clip]
    truth: Callable[[], KnownClip | None]


def given_clips(paths: Sequence[Path], split: str | None = None) -> list[Given]:
    """The clips in films and data sets, of these one `split` alone where it is named; InputError for a name twice.

    A film has no truth; a data set has it where it knows the left ventricle.
    """
    found: list[Given] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"No such clip, folder or data set: {path}")
        found += _of_dataset(open_dataset(path), split) if path.is_dir() else [_of_file(path)]
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"Two clips are named {twice}: predictions could not be told apart. Judge them one by one.")
    return found


def _of_file(path: Path) -> Given:
    return Given(video.clip_name(path), lambda: video.read(path), lambda: None)


def _of_dataset(dataset: Dataset, split: str | None) -> Iterator[Given]:
    """The clips of a data set that can be used; with their truth where it knows the left ventricle."""
    for row in dataset.clips if split is None else dataset.split(split):
        yield Given(row.name, lambda name=row.name: dataset.read(name), lambda name=row.name: _truth(dataset, name))  # type: ignore[misc]


def _truth(dataset: Dataset, name: str) -> KnownClip | None:
    if "lv" not in dataset.structures:
        return None
    row = dataset.row(name)
    if "lv" not in row.facts.get("known", ("lv",)):
        return None
    try:
        truth = dataset.truth(name)
    except LabelsError as error:  # judged without them, as clips without labels are
        log.warning(one_line(error))
        return None
    length, fraction = truth.length or row.frames, row.ejection_fraction
    return replace(truth, length=length, fps=row.fps, ejection_fraction=fraction)
