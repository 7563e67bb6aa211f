"""The house stands as it is drawn: imports point down, a verb is a file, and no room prints."""

import ast
from pathlib import Path

import pytest
import typer

from echodfkd import cli

SOURCE = Path(__file__).parents[1] / "src" / "echodfkd"
FLOORS = (
    {"__main__"},
    {"cli"},
    {"pipeline", "web"},
    {"commands"},
    {"report"},
    {"evidence"},
    {"scores", "study"},
    {"distill", "teachers", "measure", "data"},
    {"synthetic", "student", "video", "store", "stats"},
    {
        "clip",
        "clock",
        "errors",
        "files",
        "file_kinds",
        "lapses",
        "limits",
        "names",
        "pieces",
        "tables",
        "parsed",
        "resize",
        "engine",
        "vision",
    },
)
"""From the roof to the ground. A room knows those below it and none beside it; the ground knows itself."""
FACE = {"load_model", "read_clip", "segment", "evaluate", "judge", "generate"}
"""What people call on the package itself: a room of such a name would hide the function."""
FILES = sorted(SOURCE.rglob("*.py"))
EVERY_FILE = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))


def room(path: Path) -> str:
    """The folder or top-level module that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[tuple[str, ...]]:
    """What a file imports of the package, anywhere in it, as parts below the package: modules, or names in them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "echodfkd":
            found |= {(*(node.module or "").split(".")[1:], alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {tuple(one.name.split(".")[1:]) for one in node.names if one.name.startswith("echodfkd.")}
    return found


def module(parts: tuple[str, ...]) -> Path | None:
    """The file that the parts of an import lead to; None for the package itself."""
    for count in (len(parts), len(parts) - 1):
        place = SOURCE.joinpath(*parts[:count])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if count and path.is_file():
                return path
    return None


def verbs(app: typer.Typer) -> list[str]:
    """The words after `echodfkd`, as the command itself has them."""
    alone = [one.name or one.callback.__name__ for one in app.registered_commands]
    return [name.replace("-", "_") for name in (*alone, *(group.name for group in app.registered_groups))]


def test_every_room_has_its_floor():
    rooms = {room(path) for path in FILES} - {"__init__"}
    assert rooms == set().union(*FLOORS)


@EVERY_FILE
def test_imports_point_down(path):
    here = room(path)
    if here == "__init__":
        return
    floor = next(number for number, rooms in enumerate(FLOORS) if here in rooms)
    below = set().union(*FLOORS[floor + 1 :]) | (FLOORS[-1] if here in FLOORS[-1] else set())
    known = {parts[0] for parts in imported(path) if parts[0] not in ("__version__", here)}
    assert known <= below


def test_no_modules_import_each_other_in_a_circle():
    knows = {path: {module(parts) for parts in imported(path)} - {None, path} for path in FILES}
    free: set[Path] = set()
    while ready := {path for path, others in knows.items() if path not in free and others <= free}:
        free |= ready
    assert not [str(path.relative_to(SOURCE)) for path in FILES if path not in free]


@EVERY_FILE
def test_only_the_command_prints(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    prints = any(isinstance(call, ast.Name) and call.id == "print" for call in calls)
    assert path.name == "cli.py" or not prints


def test_a_verb_is_a_file_of_its_name():
    files = {path.stem for path in (SOURCE / "commands").glob("*.py")} - {"__init__"}
    assert files == set(verbs(cli.app)) - {"run", "serve"}  # `run` is the pipeline, `serve` the page
    assert (SOURCE / "web" / "serve.py").is_file()


def test_no_room_hides_a_function_of_the_public_face():
    assert not {path.name.removesuffix(".py") for path in SOURCE.iterdir()} & FACE


def test_tests_lie_where_their_rooms_lie():
    here = Path(__file__).parent
    rooms = {room(path) for path in FILES if path.parent != SOURCE}
    others = {"helpers", "benchmarks", "docs", "studies"}
    assert {path.name for path in here.iterdir() if path.is_dir() and path.name != "__pycache__"} <= rooms | others
