"""A student that starts from another model's weights: pre-training on some clips, fine-tuning on others."""

from pathlib import Path
from typing import Any

from echodfkd.distill.train import INPUT_SCALE
from echodfkd.errors import StudyError
from echodfkd.student.bundled import find_model
from echodfkd.student.card import WEIGHTS, read_card
from echodfkd.student.checkpoint import load_network
from echodfkd.student.network import AnyNetwork
from echodfkd.student.settings import Shape


def starting_network(model: str, shape: Shape) -> AnyNetwork:
    """The network of a model's folder or bundled name, to be taught further.

    Raises StudyError where it is of another shape or takes other grey levels, InputError where it cannot be read.
    """
    network, card = load_network(find_model(model))
    if card.network != shape:
        raise StudyError(
            f"training.start must have the student's shape, {shape}, but {model} is {card.network}. Give [student] the "
            "shape of that model, or start without."
        )
    if card.preprocessing.input_scale != INPUT_SCALE:
        raise StudyError(
            f"training.start must take grey levels times {INPUT_SCALE:.6f}, as students are taught here, but {model} "
            f"takes them times {card.preprocessing.input_scale:g}. Start without it, or let it be the teacher."
        )
    return network.train()


def start_table(folder: Path) -> dict[str, Any]:
    """The model in `folder` as a value: the SHA-256 of its weights, and whether it may have been taught on real clips.

    Only one whose card tells that all it was taught on was drawn has not.
    """
    card = read_card(folder)
    made = card.provenance.get("made_from", {})
    drawn_alone = made and "real" not in made and not made.get("start", {}).get("real", False)
    return {"weights": card.files[WEIGHTS], "real": not drawn_alone}
