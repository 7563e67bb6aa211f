"""A student on disk: a folder of `model.json` (card), `model.safetensors` (weights) and `model.onnx` (step).

Reading the card needs no torch, the graph is for segmenting without it, and nothing is ever unpickled.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echodfkd.errors import InputError, MissingExtra
from echodfkd.files import filling, sha256, write_json
from echodfkd.student.card import CARD, GRAPH, WEIGHTS, Card, Preprocessing, card_table, check_files, read_card

if TYPE_CHECKING:
    from echodfkd.student.network import AnyNetwork

__all__ = ["Card", "Preprocessing", "load_network", "read_card", "save"]


def save(folder: Path, network: "AnyNetwork", card: Card, *, onnx: bool = False) -> Card:
    """Writes the student as `folder`, all or nothing, and returns its card with the checksums filled in.

    The folder is the student's alone: what an older one held is replaced as a whole, and stays untouched where writing
    fails. With `onnx`, the step's graph is exported too, so that the student runs without torch. Raises InputError
    where the card describes another network or the graph is not faithful, OutputError where the folder cannot be
    written, MissingExtra without safetensors.
    """
    if network.settings != card.network:
        raise InputError(
            f"The card describes {card.network}, the network is {network.settings}: save the two that belong together."
        )
    with filling(folder, (CARD, WEIGHTS, GRAPH)) as here:
        _write_weights(here / WEIGHTS, network)
        if onnx:
            from echodfkd.student.export import export_onnx

            export_onnx(network, card, here / GRAPH)
        complete = replace(card, files={path.name: sha256(path) for path in sorted(here.iterdir())})
        write_json(here / CARD, card_table(complete))
    return complete


def load_network(folder: Path) -> tuple["AnyNetwork", Card]:
    """The network in evaluation mode on the CPU, float32, and its card.

    Raises InputError where the card is unknown, a file is missing or altered, or the weights do not fit the card.
    """
    card = read_card(folder)
    check_files(folder, card, needed=WEIGHTS)
    from echodfkd.student.network import build

    network = build(card.network)
    try:
        network.load_state_dict(_safetensors().load_file(folder / WEIGHTS))
    except Exception as error:  # both libraries have kinds of their own; the file is as it was saved
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder / WEIGHTS} does not hold the weights of {card.network.name}: {reason}") from None
    return network.eval(), card


def _write_weights(path: Path, network: "AnyNetwork") -> None:
    """Weights and running statistics as safetensors, contiguous and on the CPU: equal networks give equal bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    path.write_bytes(_safetensors().save(tensors))  # its save_file would make a file that only its owner can read


def _safetensors() -> Any:
    """safetensors' torch functions; MissingExtra where they are not installed."""
    try:
        import safetensors.torch
    except ImportError:
        raise MissingExtra("Reading and writing a student's weights", "study") from None
    return safetensors.torch
