"""Imports point down: the layout that CONTRIBUTING.md draws is the one the code has."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "echodfkd"
BOTTOM = {"errors", "files", "clip", "resize", "engine", "vision"}
WORKSHOPS = {"synthetic", "data", "teachers", "student", "evaluate"}
MAY_IMPORT = (
    dict.fromkeys(BOTTOM, BOTTOM)
    | dict.fromkeys(WORKSHOPS, BOTTOM)
    | {
        "teachers": BOTTOM | {"student"},
        "distill": BOTTOM | {"data", "student"},
        "report": BOTTOM | {"evaluate", "data", "student"},
        "config": BOTTOM | {"synthetic", "data", "teachers", "student", "distill"},
        "fresh": BOTTOM | {"synthetic", "teachers", "distill", "config"},
        "labelling": BOTTOM | {"data", "teachers", "evaluate", "config"},
        "runs": BOTTOM | {"student"},
        "robustness": BOTTOM | {"student", "evaluate"},
        "labels": BOTTOM | {"data", "evaluate"},
        "judging": BOTTOM | {"data", "evaluate", "report", "labels"},
        "sizes": BOTTOM | {"evaluate", "report", "student"},
        "image_text": BOTTOM | {"evaluate"},
        "label_free": BOTTOM | {"synthetic", "data", "evaluate", "report", "image_text"},
        "rivals": BOTTOM
        | {"config", "data", "distill", "evaluate", "everyday", "image_text", "label_free", "report", "student"},
        "checking": BOTTOM | {"data", "report"},
        "everyday": BOTTOM | {"data", "student", "evaluate", "report"},
        "pipeline": BOTTOM
        | WORKSHOPS
        | {"distill", "report", "config", "fresh", "labelling", "labels", "runs"}
        | {"everyday", "judging", "rivals", "robustness", "sizes"},
    }
)
FILES = sorted(SOURCE.rglob("*.py"))


def place(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The folders and top-level modules of the package that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("echodfkd"):
            below = (node.module or "").split(".")[1:]
            names |= {below[0]} if below else {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path):
    here = place(path)
    if here in ("cli", "__main__", "__init__"):
        return
    assert imported(path) - {here} <= MAY_IMPORT[here]
