"""A study with other dials, and the text of its file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from echodfkd.errors import MissingExtra
from echodfkd.study.search import Value, set_in
from echodfkd.study.settings import Study, study_from, study_table


def study_toml(study: Study) -> str:
    """The study as the text of a study file that tells every dial; MissingExtra without the extra `search`."""
    try:
        import tomli_w
    except ModuleNotFoundError:
        raise MissingExtra("Writing a study file", "search") from None
    return tomli_w.dumps(_without_none(study_table(study)))


def _without_none(value: Any) -> Any:
    """Nested values without keys that hold None, which TOML has no word for and `study_from` needs none."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def with_dials(study: Study, values: Mapping[str, Value]) -> Study:
    """One trial of the study's search: the study with dials set by dotted name; StudyError where it cannot be."""
    assert study.search is not None
    table = study_table(replace(study, search=None))
    for name, value in values.items():
        for one in (name, *study.search.dials[name].also):
            set_in(table, one, value)
    return study_from(table, "trial")
