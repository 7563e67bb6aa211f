"""The models that come with the package, by name. No torch."""

from pathlib import Path

from echodfkd.errors import InputError
from echodfkd.student.card import CARD

ROOT = Path(__file__).parent / "weights"
"""Where they lie: a folder each, as `checkpoint.save` writes it, with its model card README.md."""
README = "README.md"
DEFAULT = "b4"
"""The one that `segment` takes when none is named."""
BUNDLED = {
    "b4": "the paper's headline student B4,1, with a glance",
    "b3": "a small student B3,1, of a seventh of b4's weights",
    "teacher": "the frame-wise teacher of both, every structure",
}
"""Every bundled model and what it is."""


def find_model(model: str | Path | None = None) -> Path:
    """The folder, or the graph that `export` wrote, of a model given as such or by a bundled name; None is the DEFAULT.

    A folder with a card wins over a name. Raises InputError where there is neither, or where the named model's files
    are not in this installation.
    """
    if model is not None:
        folder = Path(model)
        if folder.suffix == ".onnx" and folder.is_file():
            return folder
        if (folder / CARD).is_file() or (folder.is_dir() and str(model) not in BUNDLED):
            return folder
    name = DEFAULT if model is None else str(model)
    if name not in BUNDLED:
        raise InputError(
            f"No model {name}: it is no folder, and the bundled models are {', '.join(BUNDLED)}. "
            "Give a folder that `distill` or `import-reference` wrote."
        )
    if not (ROOT / name / CARD).is_file():
        raise InputError(f"The bundled model {name} is not in this installation. Give a model's folder: --model DIR.")
    return ROOT / name


def installed() -> dict[str, Path]:
    """Folders by name of the bundled models whose files are in this installation, in the order of BUNDLED."""
    return {name: ROOT / name for name in BUNDLED if (ROOT / name / CARD).is_file()}
