"""The verb `export`: a model as one graph file that says of itself how it is to be run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import WORKING_SIZE, Clip
from echodfkd.errors import InputError
from echodfkd.files import writing
from echodfkd.measure.overlap import dice
from echodfkd.resize import fit
from echodfkd.student.card import WEIGHTS, Card, card_table
from echodfkd.student.checkpoint import load_network
from echodfkd.student.export import export_onnx
from echodfkd.student.folded import foldable
from echodfkd.student.int8 import int8_graph
from echodfkd.student.network import AnyNetwork
from echodfkd.student.steppers import OnnxStepper, TorchStepper
from echodfkd.student.student import Student
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe

DRAWN, FRAMES = 8, 24
"""Clips, and frames of each, that are drawn to see how far gates reach, and as many others to see what it costs."""
FAITHFUL = 0.95
"""The least mean Dice between masks in whole numbers and those of the network. By choice."""


@dataclass(frozen=True)
class Exported:
    """A graph file, and the mean Dice between its masks of drawn clips and the network's; None where it is exact."""

    path: Path
    card: Card
    agreement: float | None = None
    unmeasured: bool = False
    """Whether interval and memory of drawn hearts were left out, as nobody measured them of this graph."""


def export(model: Path, out: Path, *, int8: bool = False, size: int | None = None) -> Exported:
    """Writes the model in that folder as the ONNX graph `out`: its step, with states in and out, for any batch.

    The graph's metadata hold its `card` (JSON), `structures`, `threshold` and `size`; `load_student` reads it as it
    reads a folder. `size` is another working size than the card's. With `int8` the recurrent convolutions compute in
    whole numbers. Raises InputError where the model cannot be exported so, or the graph is not faithful to it.
    """
    if out.suffix.lower() != ".onnx":
        raise InputError(f"A graph is a file that ends in .onnx, got {out}.")
    network, card = load_network(model)
    had = card.familiar is not None or card.ejection_interval is not None
    if (size or card.preprocessing.size) != card.preprocessing.size or int8 != _in_whole_numbers(card):
        card = replace(card, familiar=None, ejection_interval=None)  # nobody measured them of this graph
    unmeasured = had and card.familiar is None and card.ejection_interval is None
    card = replace(card, preprocessing=replace(card.preprocessing, size=size or card.preprocessing.size))
    card = replace(card, files={WEIGHTS: card.files[WEIGHTS]}, provenance=_said(card.provenance, int8))
    agreement = None
    with writing(out) as beside:
        if not int8:
            export_onnx(network, card, beside)
        else:
            agreement = whole_numbers(network, card, beside)
        _describe(beside, card)
    return Exported(out, card, agreement, unmeasured)


def _in_whole_numbers(card: Card) -> bool:
    """Whether the graph that the card was measured with convolves in whole numbers."""
    return bool(card.provenance.get("published", {}).get("whole_numbers", False))


def _said(provenance: Mapping[str, Any], int8: bool) -> dict[str, Any]:
    """Where a model comes from, with how its graph computes where it was published."""
    published = provenance.get("published")
    return {**provenance, **({"published": {**published, "whole_numbers": int8}} if published else {})}


def whole_numbers(network: AnyNetwork, card: Card, path: Path) -> float:
    """Writes the step in whole numbers; its mean Dice with the network.

    InputError where that is below FAITHFUL, and for a network that has no such graph.
    """
    import onnx

    scale, size = card.preprocessing.input_scale, card.preprocessing.size
    if not foldable(network, size):
        raise InputError(
            f"{card.network.name} at {size} pixels has no graph in whole numbers: they are for "
            'recurrent networks with skip = "none", two blocks or more and at least 3 x 3 cells in the last.'
        )
    frames = np.stack([fit(clip, size) for clip in _drawn(0)])
    onnx.save(int8_graph(network, scale, frames), path)
    steppers = OnnxStepper(path), TorchStepper(network, scale)
    scores = []
    for clip in _drawn(1):
        one, other = (Student(card, stepper)(Clip("drawn", clip)) >= card.threshold for stepper in steppers)
        scores.append(dice(one, other).mean())
    agreement = float(np.mean(scores))
    if not agreement >= FAITHFUL:
        raise InputError(
            f"In whole numbers {card.network.name} is not itself: Dice {agreement:.3f} with its own masks of drawn "
            f"clips, less than {FAITHFUL}. Export it without --int8."
        )
    return agreement


def _drawn(seed: int) -> NDArray[np.uint8]:
    """Drawn clips (clip, time, height, width)."""
    recipes = [draw_recipe(Conditions(), seed, number, FRAMES) for number in range(DRAWN)]
    return np.asarray(generate(recipes, WORKING_SIZE, "cpu").frames)


def _describe(path: Path, card: Card) -> None:
    """Puts the card, and what a reader wants first, into the graph's metadata."""
    import onnx

    model = onnx.load(path)
    told = {
        "card": json.dumps(card_table(card), sort_keys=True),
        "structures": ",".join(card.network.structures),
        "threshold": repr(card.threshold),
        "size": str(card.preprocessing.size),
    }
    onnx.helper.set_model_props(model, told)
    path.write_bytes(model.SerializeToString(deterministic=True))
