"""Tables of others, from JSON or TOML, as dataclasses of ours: their types are the rules."""

import json
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from echodfkd.errors import InputError

Kind = TypeVar("Kind")
CLOSED = ConfigDict(extra="forbid")
"""What a dataclass bears as `__pydantic_config__` to refuse keys that it does not know."""


def parsed(kind: type[Kind], table: Any) -> Kind:
    """The dataclass `kind` that a nested `table` describes; InputError names every key and value that is wrong."""
    try:
        return TypeAdapter(kind).validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        raise InputError(f"{'; '.join(map(fault, error.errors()))}.") from None


def fault(item: Any) -> str:
    """One line for one of pydantic's errors: place, rule, value got."""
    place = ".".join(str(part) for part in item["loc"] if part not in ("recurrent", "framewise"))
    if item["type"] == "missing":
        return f"missing key {place}"
    if item["type"] == "unexpected_keyword_argument":
        return f"unknown key {place}"
    if item["type"] == "value_error":  # a dataclass's own refusal, which names the value itself
        return str(item["ctx"]["error"]).rstrip(".")
    return f"{place}: {item['msg'][0].lower()}{item['msg'][1:]}, got {item['input']!r}"
