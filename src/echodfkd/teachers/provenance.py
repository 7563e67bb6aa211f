"""A teacher as a value that says what it is, not where it lies: what labels, students and archives carry."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from echodfkd.files import sha256
from echodfkd.student.card import WEIGHTS, read_card
from echodfkd.teachers.archive import archive_content
from echodfkd.teachers.python import source
from echodfkd.teachers.settings import Teacher


def teacher_table(teacher: Teacher, structures: tuple[str, ...], seeds: bool = False) -> dict[str, Any]:
    """JSON-able values that tell one teacher of `structures` from another, wherever its files lie.

    Masks, models, checkpoints and graphs are named by SHA-256. What is at its default is left out. The seed of noise,
    with which its flips could be taken back, is only in there with `seeds`.
    """
    table: dict[str, Any] = {"kind": teacher.kind, "structures": list(structures)}
    if content := _content(teacher):
        table[teacher.kind] = content
    for name in ("truth", "threshold", "partial", "about"):
        if value := getattr(teacher, name):
            table[name] = value
    if teacher.input:
        table["input"] = asdict(teacher.input)
    if teacher.noise:
        table["noise"] = asdict(teacher.noise)
        if not seeds:
            del table["noise"]["seed"]
    if teacher.of:
        table["fusion"] = teacher.fusion
        table["of"] = [teacher_table(one, one.structures, seeds) | {"weight": one.weight} for one in teacher.of]
    return table


def _content(teacher: Teacher) -> str | None:
    """What a teacher's files hold, as a SHA-256; a class's name, and those of its source and what it is made from."""
    folder = teacher.folder
    if teacher.kind == "python":
        return " ".join(filter(None, (teacher.name, _digest(source(teacher.name or "")), _digest(folder))))
    if folder is None:
        return None
    if teacher.kind == "archive":
        return archive_content(folder)
    return read_card(folder).files[WEIGHTS] if teacher.kind == "model" else _digest(folder)


def _digest(path: Path | None) -> str | None:
    """SHA-256 of a file; None for anything else."""
    return sha256(path) if path is not None and path.is_file() else None
