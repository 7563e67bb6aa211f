"""A student that starts from another model's weights: pre-training on some clips, fine-tuning on others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from echodfkd.distill.train import INPUT_SCALE
from echodfkd.errors import StudyError
from echodfkd.student.bundled import find_model
from echodfkd.student.card import WEIGHTS, Card, read_card
from echodfkd.student.checkpoint import load_network
from echodfkd.student.network import AnyNetwork, Network, seeded_network
from echodfkd.student.settings import NetworkSettings, Shape


def starting_network(
    models: Sequence[str], shape: Shape, seed: int, hold: bool = False, initialisation: str = "torch"
) -> AnyNetwork:
    """The network of a model's folder or bundled name, to be taught further; of several the mean of their weights.

    Students that went on from one another are near enough for their mean to be as good as any of them, and steadier
    (Wortsman et al., Model soups, ICML 2022). A glance is taken where all models have one of that shape, and left out
    where `shape` has none. Otherwise its weights are drawn from the seed by the `initialisation`; with `hold` they
    alone are taught. Raises StudyError where a model is of another shape or takes other grey levels, and where there is
    nothing to teach, InputError where one cannot be read.
    """
    begun = seeded_network(shape, seed, initialisation)
    mean = starting_weights(models, shape)
    if hold:
        if not isinstance(begun, Network) or begun.state_dict().keys() == mean.keys():
            raise StudyError(
                f"training.hold teaches a glance that training.start lacks, but {models[0]} has all of {shape.name}. "
                "Leave out training.hold, or give student.glance another size."
            )
        begun.hold()
    begun.load_state_dict({**begun.state_dict(), **mean})
    return begun.train()


def pulled_back(network: AnyNetwork, began: Mapping[str, Tensor], share: float) -> AnyNetwork:
    """The taught `network` (eval mode), its weights moved by that `share` of the way back to where they `began`.

    So are the means and variances of its normalisations. What has no start, a glance drawn anew, stays as it is.
    """
    taught = network.state_dict()
    moved = {name: taught[name].lerp(value, share) for name, value in began.items() if value.is_floating_point()}
    network.load_state_dict({**taught, **moved})
    return network.eval()


def starting_weights(models: Sequence[str], shape: Shape) -> dict[str, Tensor]:
    """The mean of the models' weights, by name, their glances' too where all have one of that shape."""
    networks = [_starting(model, shape) for model in models]
    states = [network.state_dict() for network in networks]
    glance = all(network.settings == shape for network in networks)
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if value.is_floating_point() else value
        for name, value in states[0].items()
        if glance or not name.startswith("glance.")
    }


def _starting(model: str, shape: Shape) -> AnyNetwork:
    """One of them."""
    network, card = load_network(find_model(model))
    if _without_glance(card.network) != _without_glance(shape):
        raise StudyError(
            f"training.start and mean_with must have the student's shape, {shape}, but {model} is {card.network}. "
            "Give [student] the shape of that model, or start without. The glance alone may differ."
        )
    if card.preprocessing.input_scale != INPUT_SCALE:
        raise StudyError(
            f"training.start and mean_with must take grey levels times {INPUT_SCALE:.6f}, as students are taught here, "
            f"but {model} takes them times {card.preprocessing.input_scale:g}. Start without it, or let it be the "
            "teacher."
        )
    return network


def _without_glance(shape: Shape) -> Shape:
    return replace(shape, glance=0) if isinstance(shape, NetworkSettings) else shape


def start_table(folder: Path, *others: Path) -> dict[str, Any]:
    """Models in folders as a value: the SHA-256 of their weights, and whether any may have been taught on real clips.

    Only one whose card tells that all it was taught on was drawn has not.
    """
    cards = [read_card(one) for one in (folder, *others)]
    told = {"weights": cards[0].files[WEIGHTS], "real": not all(map(_drawn_alone, cards))}
    return told | ({"mean_with": [card.files[WEIGHTS] for card in cards[1:]]} if others else {})


def _drawn_alone(card: Card) -> bool:
    made = card.provenance.get("made_from", {})
    return bool(made) and "real" not in made and not made.get("start", {}).get("real", False)
