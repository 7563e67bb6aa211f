"""What is taken home of clips: what `segment --overlay --seg` writes, a summary of one page, all of it as a zip."""

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from echodfkd.commands.segment import measured, write_overlay
from echodfkd.errors import InputError, MissingExtra
from echodfkd.files import read_json, writing
from echodfkd.measure.beats import Events
from echodfkd.measure.measures import Measures
from echodfkd.measure.record import Record, model_words, summary, summary_row
from echodfkd.student.student import Student
from echodfkd.video import dicom
from echodfkd.video.source import Source
from echodfkd.web.correct import NOTE, Masks, results
from echodfkd.web.kept import kept_source
from echodfkd.web.summary import summary_page

FILES = ("masks.npz", "measures.json", "overlay.mp4", "curve.png", "segmentation.dcm", "summary.html")
"""What a clip's folder in the zip holds; the SEG only of a DICOM clip."""
TABLE = "summary.csv"


@dataclass(frozen=True)
class Taken:
    """A clip to be taken home: what it is called, its folder, the model that made its masks, its DICOM file."""

    label: str
    folder: Path
    student: Student
    seg_of: Path | None = None


def packed(clips: Sequence[Taken], out: Path, what: str) -> None:
    """The file `what` of the first clip as `out`: one of FILES, or TABLE; or with "zip" all of all clips."""
    with TemporaryDirectory(dir=out.parent) as place, writing(out) as part:
        here = Path(place)
        if what == TABLE:
            part.write_text(_table(clips), encoding="utf-8")
        elif what in FILES:
            _write(clips[0], here, (what,))
            if not (here / what).is_file():
                raise InputError(f"There is no {what} of this clip.")
            part.write_bytes((here / what).read_bytes())
        else:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(TABLE, _table(clips))
                for clip, folder in zip(clips, folders([clip.label for clip in clips]), strict=True):
                    inside = here / str(len(list(here.iterdir())))
                    inside.mkdir()
                    _write(clip, inside, FILES)
                    for path in sorted(inside.iterdir()):
                        archive.write(path, f"{folder}/{path.name}")


def folders(labels: Sequence[str]) -> list[str]:
    """A name for each clip's folder in the zip: plain letters, none twice, in whatever case."""
    taken: list[str] = []
    for number, label in enumerate(labels, start=1):
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", label).strip("._-")[:60] or "clip"
        while plain.lower() in map(str.lower, taken):
            plain = f"{plain}-{number}"
        taken.append(plain)
    return taken


def _table(clips: Sequence[Taken]) -> str:
    """`summary.csv`."""
    return summary([summary_row(read_json(results(clip.folder)[0] / "measures.json")) for clip in clips])


def _write(clip: Taken, here: Path, wanted: Sequence[str]) -> None:
    """The wanted files of one clip, in `here`."""
    there, masks = results(clip.folder)
    record = read_json(there / "measures.json")
    corrected, source = record.get("corrected"), kept_source(clip.folder)
    if "measures.json" in wanted:
        (here / "measures.json").write_bytes((there / "measures.json").read_bytes())
    if "masks.npz" in wanted:
        _write_masks(here / "masks.npz", masks, record)
    if {"overlay.mp4", "curve.png", "summary.html"} & set(wanted):
        found = _measures(clip, masks, record)
        write_overlay(here, source, masks, found, note=NOTE if corrected else "")
        if "summary.html" in wanted:
            overlay, curve = ((here / name).read_bytes() for name in ("overlay.mp4", "curve.png"))
            page = summary_page(record, found, overlay, curve, _poster(source, masks, found))
            (here / "summary.html").write_text(page, encoding="utf-8")
    if "segmentation.dcm" in wanted and clip.seg_of is not None:
        _write_seg(here / "segmentation.dcm", clip.seg_of, masks, record, len(wanted) == 1)


def _poster(source: Source, masks: Masks, found: Measures) -> bytes:
    """A PNG of the first ED with its outline, or of the first frame."""
    from echodfkd.report.draw.figures import picture_png
    from echodfkd.report.draw.overlay import overlay_frame

    at = found.ed_frames[0] if found.ed_frames else 0
    frame = next(islice(source.frames(), at, None))
    return picture_png(overlay_frame(frame, {name: mask[at].view(np.bool_) for name, mask in masks.items()}))


def _measures(clip: Taken, masks: Masks, record: Record) -> Measures:
    """What the masks say, with the events that somebody marked."""
    source, marked = kept_source(clip.folder), None
    if record.get("corrected", {}).get("events"):
        clock = source.clock
        events = tuple(record["ed_frames"]), tuple(record["es_frames"])
        marked = Events(*events, clock.rate, clock.fps is None, clock=clock)
    return measured(source, masks["lv"].view(np.bool_), clip.student, marked=marked)


def _write_masks(path: Path, masks: Masks, record: Record) -> None:
    """The arrays as `segment` writes them, with `corrected` (frame,), the frames whose outline was drawn by hand."""
    arrays = {"masks" if name == "lv" else name: array for name, array in masks.items()}
    if record.get("corrected"):
        arrays["corrected"] = np.array(record["corrected"]["outlines"], np.int64)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def _write_seg(path: Path, seg_of: Path, masks: Masks, record: Record, alone: bool) -> None:
    """The masks as DICOM SEG; beside other files it may lack, where the clip has not what a SEG refers to."""
    try:
        dicom.write_segmentation(path, seg_of, masks, model_words(record), bool(record.get("corrected")))
    except (InputError, MissingExtra):
        if alone:
            raise
