"""The verb `label`: a teacher's masks of every clip, as a store to teach from and an archive that may be shared."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from echodfkd.clip import Clip, Segmenter, to_bytes
from echodfkd.engine import HERE, Engine, progress
from echodfkd.errors import InputError, OccupiedError
from echodfkd.files import is_part, make_folder, remove_parts, sha256, write_bytes
from echodfkd.measure.overlap import dice
from echodfkd.store.place import Place, place_of
from echodfkd.store.store import AGREEMENT, KNOWN, Entry, Store, StoreWriter
from echodfkd.study.settings import Study
from echodfkd.tables import csv_text
from echodfkd.teachers import known, load_teacher
from echodfkd.teachers.archive import SUFFIX, write_masks
from echodfkd.teachers.fusion import Vote
from echodfkd.teachers.manifest import LICENCE, MANIFEST, Listed, Manifest, frames_digest, write_manifest
from echodfkd.teachers.provenance import teacher_table
from echodfkd.teachers.settings import FUSION

COLUMNS = ("FileName", "split", "structure", "first", "second", "dice")


FRAMES_PER_PROCESS = 1000
"""Frames to label for which another process is started: one needs seconds to begin and load its teacher."""


def label(
    study: Study,
    clips: Store,
    out: Place | Path | str,
    archive: Path | None = None,
    licence: Path | None = None,
    engine: Engine = HERE,
) -> Store:
    """The study's teacher's masks of every clip of `clips`, as a store of masks in `out`; finished shards are kept.

    Shards are labelled where the `engine` says, with a teacher for each process. Where there are several teachers,
    `agreement.csv` in there says how far they agree. With `archive`, that folder receives the masks too, and the text
    file `licence`, as `write_archive` does. Raises InputError where one of the student's structures is known in none of
    the clips, and they are taught on. Nothing is labelled where the archive or its licence is refused.
    """
    terms = None if licence is None else _text(licence)
    place = place_of(out)
    if archive is not None:
        _check_place(archive, [entry.name for entry in clips.entries], place)
    shards = [clips.entries[k : k + study.clips.shard] for k in range(0, len(clips.entries), study.clips.shard)]
    job = _Job(study, clips, place, shards)
    teacher, _ = job.teacher
    with place.holding():
        writer = job.writer()
        missing = writer.missing(len(shards))
        engine.for_each(job, missing, "label", worth=_worth(study, [shards[number] for number in missing]))
        labels = writer.finish(len(shards))
        if study.training.real_share < 1 or any(entry.split == "train" for entry in labels.entries):
            _check_known(labels)  # with real clips alone nobody learns from drawn ones, which an archive may not know
        if any(AGREEMENT in entry.facts for entry in labels.entries):
            place.write_text("agreement.csv", agreement_csv(labels))
    if archive is not None:
        write_archive(study, clips, labels, archive, teacher.threshold, terms)
    return labels


def write_archive(
    study: Study, clips: Store, labels: Store, folder: Path, threshold: float = 0.5, terms: bytes | None = None
) -> None:
    """The masks of `labels` in `folder`: one `<clip name>.seg.npz` each, and last the manifest that speaks for them.

    `threshold` is the teacher's; `terms` go with them as LICENCE.txt. The manifest names the clips by checksum, and
    the teacher without paths and without the seed of its noise. Raises OccupiedError where there is anything else in
    the folder, such as masks of other clips.
    """
    names = {f"{entry.name}{SUFFIX}": entry.name for entry in labels.entries}
    _check_place(folder, list(names.values()), labels.place)
    make_folder(folder)
    remove_parts(folder)
    for name in (MANIFEST, LICENCE):
        (folder / name).unlink(missing_ok=True)
    listed = {}
    for file, name in progress(list(names.items()), "archive"):
        write_masks(folder / file, np.asarray(labels.masks(name)))
        listed[name] = Listed(frames_digest(clips.frames(name)), sha256(folder / file), labels.known(name))
    files = {}
    if terms is not None:
        write_bytes(folder / LICENCE, terms)
        files[LICENCE] = sha256(folder / LICENCE)
    teacher = teacher_table(study.teacher, study.student.structures)
    write_manifest(folder, Manifest(labels.structures, threshold, teacher, listed, files))


def manifest_digest(archive: Path) -> tuple[Path, str]:
    """The manifest that speaks for an archive, and its SHA-256."""
    return archive / MANIFEST, sha256(archive / MANIFEST)


def agreement(votes: Sequence[Vote]) -> list[dict[str, Any]]:
    """The mean Dice over a clip's frames of every two teachers that know a structure, each cut at its own threshold."""
    rows = []
    for first, second in combinations(votes, 2):
        for name in (name for name in first.masks if name in second.masks):
            value = float(dice(first.inside(name), second.inside(name)).mean())
            pair = {"first": first.member.name, "second": second.member.name}
            rows.append({"structure": name, **pair, "dice": round(value, 4)})
    return rows


def agreement_csv(labels: Store) -> str:
    """How far the teachers of a store of labels agree: a row per clip, structure and pair of teachers."""
    return csv_text(
        (
            {"FileName": entry.name, "split": entry.split, **row}
            for entry in labels.entries
            for row in entry.facts.get(AGREEMENT, ())
        ),
        COLUMNS,
    )


@dataclass(frozen=True)
class _Job:
    """Labels one shard after another, here or in other processes; each loads the teacher once a `call`."""

    study: Study = field(compare=False)
    clips: Store = field(compare=False)
    place: Place = field(compare=False)
    shards: Sequence[Sequence[Entry]] = field(compare=False)
    call: str = field(default_factory=lambda: uuid4().hex)

    @property
    def teacher(self) -> "tuple[Segmenter, _Agreement]":
        """The teacher, and what is heard of several."""
        return _teacher(self)

    def writer(self) -> StoreWriter:
        """The writer of the labels; it refuses a place of others."""
        told = teacher_table(self.study.teacher, self.study.student.structures, seeds=True)
        settings = {"teacher": told, "clips": self.clips.content}
        return StoreWriter(self.place, tuple(self.teacher[0].structures), self.clips.size, settings, with_frames=False)

    def __call__(self, number: int) -> None:
        """Labels and writes one shard, unless whoever was taken for dead has."""
        writer, structures, entries = self.writer(), self.study.student.structures, self.shards[number]
        if writer.has(number):
            return
        teacher, agreed = self.teacher
        whole = [self.clips.clip(entry) for entry in entries]
        masks = [to_bytes(teacher(clip)) for clip in whole]
        facts = [_facts(known(teacher, clip), structures, agreed.rows.pop(clip.name, None)) for clip in whole]
        plain = [Entry(e.name, e.split, e.frames, e.fps, fact) for e, fact in zip(entries, facts, strict=True)]
        writer.write(number, plain, None, np.concatenate(masks))


@lru_cache(maxsize=1)
def _teacher(job: _Job) -> "tuple[Segmenter, _Agreement]":
    agreed = _Agreement()
    return load_teacher(job.study.teacher, job.clips, job.study.student.structures, agreed.hear), agreed


def _worth(study: Study, shards: Sequence[Sequence[Entry]]) -> int:
    """How many processes labelling is worth: one for masks that are merely copied, and for a teacher on a GPU."""
    if all(one.kind in ("truth", "archive", FUSION) for one in study.teacher.each()) or _gpu():
        return 1
    return 1 + sum(entry.frames for shard in shards for entry in shard) // FRAMES_PER_PROCESS


def _gpu() -> bool:
    """Whether there is one, as far as torch knows, where it is installed."""
    if find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


class _Agreement:
    """How far the teachers agree on each clip, noted clip by clip."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def hear(self, clip: Clip, votes: Sequence[Vote]) -> None:
        """Notes how far the votes of a clip agree."""
        self.rows[clip.name] = agreement(votes)


def _facts(there: Sequence[str], structures: Sequence[str], rows: list[dict[str, Any]] | None) -> dict[str, Any]:
    """What a labelled clip says of itself: what is known, unless it is all, and how far its teachers agree."""
    facts: dict[str, Any] = {} if len(there) == len(structures) else {KNOWN: list(there)}
    return facts | {AGREEMENT: rows} if rows else facts


def _check_known(labels: Store) -> None:
    """InputError where a structure is known in none of the clips: a student could not learn it."""
    there = {name for entry in labels.entries for name in labels.known(entry.name)}
    if missing := [name for name in labels.structures if name not in there]:
        raise InputError(
            f"The teacher knows {', '.join(missing)} in none of the {len(labels.entries)} clips. Add a teacher that "
            "does, or take it out of student.structures."
        )


def _check_place(archive: Path, names: Sequence[str], labels: Place) -> None:
    """OccupiedError where an archive's folder holds, or would hold, anything that is not to be shared."""
    if labels.path is not None and labels.path.resolve().is_relative_to(archive.resolve()):
        raise OccupiedError(
            f"{labels} stays with you and would lie in the archive {archive}. Choose another --archive."
        )
    ours = {MANIFEST, LICENCE, *(f"{name}{SUFFIX}" for name in names)}
    there = archive.iterdir() if archive.is_dir() else ()
    if strange := sorted(path.name for path in there if path.name not in ours and not is_part(path)):
        raise OccupiedError(f"{archive} holds {strange[0]}, which is none of these clips'. Choose another --archive.")


def _text(path: Path) -> bytes:
    """A text file as it is. InputError where it cannot be read as UTF-8."""
    try:
        content = path.read_bytes()
        content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a readable text file: {error}") from None
    return content
