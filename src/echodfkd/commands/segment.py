"""The verb `segment`: clips of any format in, masks, measures and overlays out, in bounded memory."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.engine import HERE, Engine
from echodfkd.errors import InputError, MissingExtra, OccupiedError
from echodfkd.files import filling, holding, make_folder, read_json, remove_parts, write_json, write_text
from echodfkd.lapses import is_blank
from echodfkd.measure.beats import Events
from echodfkd.measure.doubt import Grades, grades
from echodfkd.measure.measures import Measures, measures
from echodfkd.measure.record import Record, model_words, record, summary, summary_row
from echodfkd.measure.view import look_of
from echodfkd.store.place import Place
from echodfkd.store.store import Store
from echodfkd.student.spool import Spool, Stack
from echodfkd.student.steppers import Frame, FrameMasks
from echodfkd.student.student import Student, identity, load_student, whole
from echodfkd.video import dicom, file_source, write
from echodfkd.video import name as name_of
from echodfkd.video.container import is_dicom
from echodfkd.video.inputs import clip_files, refusal
from echodfkd.video.source import Source, clip_source

LONGEST = 235
"""Bytes of a clip's name: files are written under 20 more, of 255 that a name may have."""
CLIP_FILES = ("masks.npz", "measures.json", "overlay.mp4", "curve.png", "segmentation.dcm")
"""What a clip's folder holds, by contract."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Segmentation(Measures):
    """One clip's masks, and the measures of its left ventricle."""

    masks: Mapping[str, NDArray[np.bool_]]
    """(time, height, width) at the clip's own size, by structure."""
    record: Record


@dataclass(frozen=True)
class Segmented:
    """What came of one clip: its measures, or why it was not done; the `number`th of `count` clips."""

    name: str
    number: int
    count: int
    measures: Record | None = None
    refusal: str = ""


@dataclass(frozen=True)
class _Task:
    """A clip to be segmented, the `number`th of `count`; `first` is the first of all that bears its name."""

    path: Path
    name: str
    first: Path
    number: int
    count: int


@dataclass(frozen=True)
class _Job:
    """Segments one clip after another into `out`, here or in other processes; each loads the student once a `call`."""

    model: Path
    options: tuple[tuple[str, Any], ...]
    out: Path
    overlay: bool = False
    show_all: bool = False
    seg: bool = False
    call: str = field(default_factory=lambda: uuid4().hex)

    @property
    def student(self) -> Student:
        """The model with the options."""
        return _student(self)

    def __call__(self, task: _Task) -> Segmented:
        """What came of the clip."""
        path, folder = task.path, self.out / task.name
        one = Segmented(task.name, task.number, task.count)
        try:
            _check_place(path, folder, task.first)
            if self.seg and not is_dicom(path):
                raise InputError(f"{path} is no DICOM file, to which a SEG could refer. Leave --seg out.")
            source, seg_of = file_source(path), path if self.seg else None
            shown: dict[str, Any] = {"overlay": self.overlay, "show_all": self.show_all}
            return replace(one, measures=segment_clip(source, self.student, folder, seg_of=seg_of, **shown))
        except (InputError, MissingExtra, OccupiedError) as error:  # this clip's alone; a full disk is everybody's
            return replace(one, refusal=refusal(path, task.number, task.count, error))


@lru_cache(maxsize=1)
def _student(job: _Job) -> Student:
    return load_student(job.model, **dict(job.options))


def _lost(task: _Task) -> Segmented:
    """What is said of a clip that ended its process."""
    name = "This DICOM clip" if is_dicom(task.path) else task.path
    error = InputError(f"{name}: the process that segmented it was ended from outside, twice (out of memory?).")
    told = refusal(task.path, task.number, task.count, error)
    return Segmented(task.name, task.number, task.count, refusal=told)


def segment(
    inputs: Sequence[Path],
    model: Path,
    out: Path,
    *,
    overlay: bool = False,
    show_all: bool = False,
    seg: bool = False,
    largest_component: bool | None = None,
    warm_up: int | None = None,
    hindsight: bool | None = None,
    engine: Engine = HERE,
    done: Callable[[Segmented], None] | None = None,
) -> list[Segmented]:
    """Segments every clip of `inputs` (files, or folders of them) into `out`; what came of each, in their order.

    Several clips are segmented side by side where the `engine` says, one thread each; where it does not say in how many
    processes, in no more than half as many as there are clips, as one takes a while to start. `done` hears of each
    clip, in order, as soon as it is through. A clip that fails, even one that ends its process, gets a row in
    `summary.csv`, which also keeps the rows of clips that lie in `out` from earlier calls; the others are still done.
    Raises InputError where the model is damaged or no clip is given, OutputError where `out` cannot be written.
    """
    options = {"largest_component": largest_component, "warm_up": warm_up, "hindsight": hindsight}
    job = _Job(model, tuple(options.items()), out, overlay, show_all, seg)
    _check_ventricle(job.student)
    paths = clip_files(inputs)
    names = [name_of(path) for path in paths]
    first = dict(zip(reversed(names), reversed(paths), strict=True))
    tasks = [
        _Task(path, name, first[name], number, len(paths))
        for number, (path, name) in enumerate(zip(paths, names, strict=True), start=1)
    ]
    found: list[Segmented] = []
    with holding(out):
        remove_parts(out)
        try:
            for one in engine.in_order(job, tasks, worth=len(tasks) // 2, lost=_lost):
                found.append(one)
                if done is not None:
                    done(one)
        finally:
            remove_parts(out)
        rows = [_row(one) for one in found]
        write_text(out / "summary.csv", summary([*rows, *_earlier_rows(out, {row["FileName"] for row in rows})]))
    return found


def segmentation(clip: Clip | Path | str, model: Student | Path | str | None = None) -> Segmentation:
    """The masks of one clip (a value or a file) by a model (loaded, its folder or a bundled name), and what they say.

    The same as the command writes; but all in memory: for long clips use the command, or `Student.stream`. Raises
    InputError where the file or the model is not what it should be.
    """
    source = clip_source(clip) if isinstance(clip, Clip) else file_source(Path(clip))
    student = model if isinstance(model, Student) else load_student(model)
    _check_ventricle(student)
    cut, graded = (np.stack(one)[:: student.direction] for one in zip(*_cut_masks(source, student, []), strict=True))
    masks = dict(zip(student.structures, np.moveaxis(cut, 1, 0), strict=True))
    said = measured(source, masks["lv"], student, graded=graded)
    told = record(source.name, said, student, source)
    same = (getattr(said, one.name) for one in fields(Measures))
    return Segmentation(*same, masks=masks, record=told)


def measured(
    source: Source,
    ventricle: NDArray[np.bool_],
    student: Student,
    *,
    graded: Grades | None = None,
    marked: Events | None = None,
) -> Measures:
    """What masks and grades (time, height, width) of the ventricle say, by the source's clock and the model's card.

    Without grades there is no interval; `marked` events take the place of those found in the area curve.
    """
    return measures(
        ventricle,
        source.clock,
        source.spacing,
        frames=source.frames(),
        line=student.card.ejection,
        part=source.part,
        grades=graded,
        factor=student.card.interval_factor,
        marked=marked,
        look=look_of(student, source.spacing, source.part),
    )


def segment_store(
    clips: Store, student_folder: Path, out: Path, names: Sequence[str] | None = None, engine: Engine = HERE
) -> None:
    """A student's masks and measures of the clips of those names in `out`, None being the test clips.

    They lie there as `segment` lays them out; what is done is kept.
    """
    job = _Job(student_folder, (), out)
    identity_now, missing = identity(job.student), []
    make_folder(out)
    remove_parts(out)
    for name in [entry.name for entry in clips.split("test")] if names is None else names:
        measures = out / name / "measures.json"
        if not measures.is_file() or read_json(measures).get("model") != identity_now:
            missing.append(name)
    engine.for_each(partial(_segment_stored, clips.place, job), missing, "segment", worth=len(missing) // 2)


def _segment_stored(place: Place, job: _Job, name: str) -> None:
    """The masks and measures of one clip of the store in `place`."""
    segment_clip(clip_source(_store(place, job.call).clip(name)), job.student, job.out / name)


@lru_cache(maxsize=1)
def _store(place: Place, call: str) -> Store:
    return Store(place)


def _row(one: Segmented) -> dict[str, Any]:
    """A clip's row of `summary.csv`."""
    if one.measures is None:
        return {"FileName": one.name, "verdict": "not done", "reasons": one.refusal}
    return summary_row(one.measures)


def _earlier_rows(out: Path, now: set[str]) -> list[dict[str, Any]]:
    """The summary's rows of clips that earlier calls left in `out`, but for those of `now`."""
    rows = []
    for path in sorted(out.glob("*/measures.json")):
        if path.parent.name not in now:
            with suppress(InputError, KeyError, TypeError):  # somebody else's file of that name
                rows.append(summary_row(read_json(path)))
    return rows


def _check_ventricle(student: Student) -> None:
    """InputError for a model without a left ventricle."""
    if "lv" not in student.structures:
        raise InputError(
            f"This model segments {', '.join(student.structures)}; `segment` measures the left ventricle (lv)."
        )


def _check_place(path: Path, folder: Path, first: Path) -> None:
    """InputError where `folder` is another clip's, cannot be a clip's folder, or holds the clip itself."""
    if first is not path:
        both = "the same DICOM clip twice?" if is_dicom(path) else f"{first} and {path}."
        raise InputError(f"Two inputs are named {folder.name}: {both} Segment them into two folders.")
    if folder.name in (".", "..", "summary.csv"):
        raise InputError(f"{path}: no folder can bear the name of this clip. Rename the file.")
    if (length := len(os.fsencode(folder.name))) > LONGEST:
        raise InputError(f"A clip's name may have {LONGEST} bytes, got one of {length}: {path}. Rename the file.")
    if folder.resolve() in path.resolve().parents:
        told = "This clip" if is_dicom(path) else path
        raise InputError(f"{told} lies in the folder that its results would replace. Choose another --out.")


class Watch:
    """Hears of a clip while `segment_clip` works on it. This one does nothing; say what you want to hear."""

    def early(self, masks: NDArray[np.bool_]) -> None:
        """The next frame's masks (structure, height, width) by the first of two passes, from the first frame on."""

    def sure(self, masks: NDArray[np.bool_]) -> None:
        """The next frame's masks as they stay, in the student's `direction`."""

    def measured(self, found: Measures) -> None:
        """What all of them say."""


def segment_clip(
    source: Source,
    student: Student,
    folder: Path,
    *,
    overlay: bool = False,
    show_all: bool = False,
    seg_of: Path | None = None,
    watch: Watch | None = None,
) -> Record:
    """One clip's masks and measures, written as `folder`'s files all or nothing; the measures.

    `masks.npz` holds the left ventricle under `masks` and other structures under their names, uint8 {0, 1}
    (time, height, width) at the clip's own size. Memory does not grow with the clip: masks go to disk frame by frame,
    and so does, with hindsight, what the second pass needs of the first. `show_all` draws on frames with what lies
    beside the fan; `seg_of` is the DICOM file that a SEG shall refer to.
    """
    _check_ventricle(student)
    watch = watch or Watch()
    with filling(folder, CLIP_FILES) as here:
        masks, graded = _stream_masks(source, student, here, watch)
        found = measured(source, masks["lv"].view(np.bool_), student, graded=graded)
        watch.measured(found)
        told = record(source.name, found, student, source)
        write_results(here, masks, told)
        if seg_of is not None and any(mask.any() for mask in masks.values()):
            dicom.write_segmentation(here / "segmentation.dcm", seg_of, masks, model_words(told))
        if overlay:
            write_overlay(here, source, masks, found, show_all)
        for raw in here.glob("*.raw"):
            raw.unlink()
    return told


def write_results(folder: Path, masks: Mapping[str, NDArray[np.uint8]], told: Record) -> None:
    """`masks.npz` and `measures.json` of one clip in `folder`.

    `masks` are uint8 {0, 1} (time, height, width) by structure, `told` is what `record` said of them.
    """
    arrays: dict[str, Any] = {"masks" if name == "lv" else name: array for name, array in masks.items()}
    np.savez_compressed(folder / "masks.npz", **arrays)
    write_json(folder / "measures.json", told)


def _cut_masks(source: Source, student: Student, kept: Stack) -> Iterator[tuple[NDArray[np.bool_], Grades]]:
    """Masks (structure, height, width) in the student's direction, cut at its threshold, and the ventricle's grades.

    Those of a frame that shows nothing are empty. `kept`: as there.
    """
    ventricle, blank = student.structures.index("lv"), list[bool]()

    def noted() -> Iterator[Frame]:
        """The frames, of which those that show nothing are noted."""
        for frame in source.frames():
            blank.append(is_blank(frame[source.part or ...]))
            yield frame

    for number, probabilities in enumerate(student.masks_in_turn(noted(), kept, source.spacing, source.part)):
        if blank[number if student.direction == 1 else -1 - number]:
            probabilities = np.zeros_like(probabilities)  # whatever the network sees there
        yield student.cut(probabilities), grades(probabilities[ventricle], student.threshold)


class _Heard:
    """A Stack whose watch hears of what is put on it: the masks of the first of two passes."""

    def __init__(self, kept: Stack, watch: Watch, source: Source, student: Student):
        self._kept, self._watch, self._source, self._student = kept, watch, source, student

    def __len__(self) -> int:
        return len(self._kept)

    def append(self, pair: tuple[Frame, FrameMasks], /) -> None:
        """Puts a pair on top."""
        self._kept.append(pair)
        known = np.zeros_like(pair[1]) if is_blank(pair[0]) else pair[1]
        own = whole(known, self._source.size, self._source.spacing, self._source.part)
        self._watch.early(self._student.cut(own))

    def pop(self) -> tuple[Frame, FrameMasks]:
        """Takes the pair on top."""
        return self._kept.pop()


def _stream_masks(
    source: Source, student: Student, folder: Path, watch: Watch
) -> tuple[dict[str, NDArray[np.uint8]], Grades]:
    """Masks of every structure, cut at the student's threshold, and the ventricle's grades.

    They are memory-mapped files in `folder`, uint8; masks are {0, 1}.
    """
    paths = {name: folder / f"{name}.raw" for name in (*student.structures, "grades")}
    count = 0
    with ExitStack() as stack:
        files = [stack.enter_context(open(path, "wb")) for path in paths.values()]
        kept: Stack = Spool(stack.enter_context(TemporaryFile(dir=folder)))
        if type(watch) is not Watch:  # at a frame's own size the early masks cost a third of its time
            kept = _Heard(kept, watch, source, student)
        for masks, graded in _cut_masks(source, student, kept):
            watch.sure(masks)
            for file, mask in zip(files, (*masks, graded), strict=True):
                file.write(mask.tobytes())
            count += 1
    arrays = {name: np.memmap(path, np.uint8, "r", shape=(count, *source.size)) for name, path in paths.items()}
    ordered = {name: array[:: student.direction] for name, array in arrays.items()}
    return ordered, ordered.pop("grades")


def write_overlay(
    folder: Path,
    source: Source,
    masks: Mapping[str, NDArray[np.uint8]],
    found: Measures,
    show_all: bool = False,
    note: str = "",
) -> None:
    """`overlay.mp4` and `curve.png` of one clip in `folder`, with a `note` on both; `masks` as in `write_results`.

    `show_all` as in `segment_clip`.
    """
    from echodfkd.report.draw.figures import area_figure, png_bytes
    from echodfkd.report.draw.overlay import overlay_frames

    area, events = found.area, found.events
    by_frame = ({name: array[n].view(np.bool_) for name, array in masks.items()} for n in range(found.frames))
    frames = source.uncut() if show_all and source.uncut is not None else source.frames()
    pictures = overlay_frames(frames, by_frame, area, events, note=note)
    write(folder / "overlay.mp4", pictures, events.fps, found.clock.times)
    title = f"{source.name} ({note})" if note else source.name
    (folder / "curve.png").write_bytes(png_bytes(area_figure(area, events, title=title)))
