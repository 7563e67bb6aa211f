"""`echodfkd --help` is instant because it never imports torch, and every verb explains itself."""

import logging
import subprocess
import sys

import pytest

HEAVY = ("torch", "lightning", "onnxruntime", "matplotlib", "scipy", "av", "skimage")


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {line.partition(".")[0] for line in result.stdout.splitlines()}


def test_nothing_heavy_is_imported_before_it_is_needed():
    assert modules_after("import echodfkd.cli").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "verb",
    [
        "",
        "run",
        "synth",
        "gather",
        "label",
        "distill",
        "segment",
        "evaluate",
        "check",
        "report",
        "models",
        "import-reference",
        "export",
        "bench",
    ],
)
def test_every_verb_explains_itself(verb):
    words = [sys.executable, "-m", "echodfkd", *verb.split(), "--help"]
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode == 0
    assert "Usage" in result.stdout and result.stderr == ""


def test_a_library_that_sets_logging_up_does_not_double_a_line(echodfkd, capsys):
    theirs = logging.StreamHandler()
    logging.getLogger().addHandler(theirs)
    try:
        echodfkd("models")
        logging.getLogger("echodfkd.scores").warning("odd")
    finally:
        logging.getLogger().removeHandler(theirs)
    assert capsys.readouterr().err == "echodfkd: odd\n"
