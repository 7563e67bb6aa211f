"""`echodfkd --help` is instant because it never imports torch, and every verb explains itself."""

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.core import TyperGroup as Group
from typer.main import get_command

from echodfkd.cli import app

HEAVY = ("torch", "lightning", "onnxruntime", "matplotlib", "scipy", "av", "skimage", "optuna", "ray")


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {line.partition(".")[0] for line in result.stdout.splitlines()}


def test_nothing_heavy_is_imported_before_it_is_needed():
    assert modules_after("import echodfkd.cli").isdisjoint(HEAVY)


def verbs(group: Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every verb and of every group of verbs, from the command itself; none for the whole."""
    yield words
    for name, one in group.commands.items():
        yield from verbs(one, (*words, name)) if isinstance(one, Group) else [(*words, name)]


@pytest.mark.parametrize("words", verbs(get_command(app)), ids=" ".join)
def test_every_verb_explains_itself(words, echodfkd):
    code, told, complaint = echodfkd(*words, "--help")
    assert (code, complaint) == (0, "") and "Usage" in told


def test_a_library_that_sets_logging_up_does_not_double_a_line(echodfkd, capsys):
    theirs = logging.StreamHandler()
    logging.getLogger().addHandler(theirs)
    try:
        echodfkd("models")
        logging.getLogger("echodfkd.scores").warning("odd")
    finally:
        logging.getLogger().removeHandler(theirs)
    assert capsys.readouterr().err == "echodfkd: odd\n"
