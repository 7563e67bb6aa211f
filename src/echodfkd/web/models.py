"""The models that a server offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from echodfkd.errors import InputError
from echodfkd.student.bundled import BUNDLED, find_model, installed
from echodfkd.student.card import GRAPH, read_card
from echodfkd.student.student import load_student


@dataclass(frozen=True)
class Model:
    """A model that segments the left ventricle here."""

    path: Path
    about: str
    structures: tuple[str, ...]


def offered(names: Sequence[str]) -> dict[str, Model]:
    """Models by name: those named, or all bundled ones that run here. InputError where one cannot be used."""
    if not names:
        torch = find_spec("torch") is not None
        found = {name: path for name, path in installed().items() if torch or GRAPH in read_card(path).files}
        return {name: Model(path, BUNDLED[name], read_card(path).network.structures) for name, path in found.items()}
    models: dict[str, Model] = {}
    for name in names:
        path, card = find_model(name), load_student(find_model(name)).card
        if "lv" not in card.network.structures:
            raise InputError(
                f"{name} segments {', '.join(card.network.structures)}; `serve` measures the left ventricle."
            )
        short = name if name in BUNDLED else path.stem
        if short in models:
            raise InputError(f"Two models are called {short}. Rename one's folder.")
        models[short] = Model(path, BUNDLED.get(name, card.network.name), card.network.structures)
    return models
