"""A study's TOML file, whose relative paths start where it lies."""

import tomllib
from dataclasses import replace
from pathlib import Path

from echodfkd.data.settings import Data
from echodfkd.errors import StudyError
from echodfkd.student.bundled import BUNDLED
from echodfkd.study.settings import LabelFree, Study, study_from
from echodfkd.teachers.settings import Teacher


def read_study(path: Path) -> Study:
    """The study in a TOML file; StudyError naming the file and every fault in it."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"No such study: {path}. Studies of this repository lie in studies/.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"{path} is not readable TOML: {error}") from None
    study = study_from(table, str(path))
    return replace(
        study,
        teacher=_placed(study.teacher, path.parent),
        data=tuple(_placed_data(one, path.parent) for one in study.data),
        training=replace(
            study.training,
            start=_placed_start(study.training.start, path.parent),
            mean_with=tuple(str(_placed_start(one, path.parent)) for one in study.training.mean_with),
        ),
        label_free=_placed_models(study.label_free, path.parent),
    )


def _placed(teacher: Teacher, folder: Path) -> Teacher:
    """The teacher with every relative path in it starting at `folder`."""
    path = None if teacher.path is None else _at(teacher.path, folder)
    return replace(teacher, path=path, of=tuple(_placed(one, folder) for one in teacher.of))


def _placed_data(data: Data, folder: Path) -> Data:
    """The data set with relative paths starting at `folder`."""
    return replace(
        data, path=_at(data.path, folder), exclude=None if data.exclude is None else _at(data.exclude, folder)
    )


def _placed_start(start: str | None, folder: Path) -> str | None:
    """Where a student starts: a bundled name as it is, a path as one that starts at `folder`."""
    return start if start is None or start in BUNDLED else str(_at(Path(start), folder))


def _placed_models(settings: LabelFree | None, folder: Path) -> LabelFree | None:
    """The other models with relative paths starting at `folder`."""
    if settings is None:
        return None
    return replace(settings, rivals=tuple(str(_placed_start(model, folder)) for model in settings.rivals))


def _at(path: Path, folder: Path) -> Path:
    """An absolute path as it is, a relative one from `folder` on."""
    return path if path.is_absolute() else (folder / path).resolve()
