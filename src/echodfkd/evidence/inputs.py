"""What `judge` is given: clips in files and data sets, with what is known of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from echodfkd import video
from echodfkd.clip import Clip
from echodfkd.data.dataset import Dataset, KnownClip
from echodfkd.data.layouts import open_dataset
from echodfkd.errors import InputError, one_line
from echodfkd.store.place import Place, place_of
from echodfkd.video.inputs import clip_files

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GivenClip:
    """A clip by name, and where it lies: its own file, or the data set that has it."""

    name: str
    source: Path | Dataset

    def read(self) -> Clip:
        """The clip itself."""
        return video.read(self.source) if isinstance(self.source, Path) else self.source.read(self.name)

    def truth(self) -> KnownClip | None:
        """What is known of the clip; None for a file, and where the data set does not know its left ventricle."""
        if isinstance(self.source, Path) or "lv" not in self.source.structures:
            return None
        row = self.source.row(self.name)
        if "lv" not in row.facts.get("known", ("lv",)):
            return None
        try:
            truth = self.source.truth(self.name)
        except InputError as error:  # judged without them, as clips without labels are
            log.warning(one_line(error))
            return None
        length, fraction = truth.length or row.frames, row.ejection_fraction
        return replace(truth, length=length, fps=row.fps, ejection_fraction=fraction)


def given_clips(given: Sequence[Place | Path | str], split: str | None = None) -> list[GivenClip]:
    """The clips in files and data sets, of these one `split` alone where it is named; InputError for a name twice."""
    found: list[GivenClip] = []
    for one in given:
        path = place_of(one).path
        if path is not None and not path.exists():
            raise InputError(f"No such clip, folder or data set: {path}")
        if path is None or path.is_dir():
            dataset = open_dataset(one)
            for line in dataset.fault_lines():
                log.warning(line)
            rows = dataset.clips if split is None else dataset.split(split)
            found += [GivenClip(row.name, dataset) for row in rows]
        else:  # several where it is a DICOMDIR
            found += [GivenClip(video.name(file), file) for file in clip_files([path])]
    names = [clip.name for clip in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"Two clips are named {twice}: predictions could not be told apart. Judge them one by one.")
    return found
