"""A checkpoint of the paper's published code as a student of ours: same network, same masks."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from echodfkd.clip import WORKING_SIZE
from echodfkd.errors import InputError, StudyError
from echodfkd.files import sha256
from echodfkd.student.card import Card, Preprocessing
from echodfkd.student.checkpoint import save
from echodfkd.student.network import Network
from echodfkd.student.settings import NetworkSettings

INPUT_SCALE = 1.0
"""The published code feeds grey levels 0..255 as they are."""

_LSTM = re.compile(r"model\.conv_lstm_blocks\.(\d+)\.conv_lstm_layers\.(\d+)\.(cell\.conv|layer)\.(\w+)")
_DECODER = re.compile(r"model\.conv_lstm_upsampling\.(\d+)\.conv_lstm_layers\.([12])\.layer\.(\w+)")
_HEAD = re.compile(r"model\.output_layer\.layer\.(\w+)")


def import_reference(path: Path, folder: Path, threshold: float = 0.5, *, warm_up: int = 8, onnx: bool = True) -> Card:
    """Writes the student in the Lightning checkpoint `path` as `folder`; its card.

    The shape is read off the weights; `threshold` has to be said, as the published code cuts its masks at several.
    Raises InputError where the file is missing, needs unpickling, or holds anything but such a network.
    """
    weights = read_state_dict(path)
    network = reference_network(weights)
    preprocessing = Preprocessing(size=WORKING_SIZE, input_scale=INPUT_SCALE)
    provenance = {"imported from": "a Lightning checkpoint of the paper's published code", "sha256": sha256(path)}
    card = Card(network.settings, preprocessing, threshold, warm_up, provenance=provenance)
    return save(folder, network, card, onnx=onnx)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors under `state_dict` of a Lightning checkpoint, or of a bare state_dict; nothing else is unpickled.

    Raises InputError where the file is missing, is no checkpoint, or holds Python objects that loading would run.
    """
    if not path.is_file():
        raise InputError(f"No such checkpoint: {path}")
    try:
        with warnings.catch_warnings():  # torch's remarks on the pickle's version say nothing to who is refused anyway
            warnings.simplefilter("ignore")
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise InputError(
            f"{path} is no checkpoint or holds Python objects, which unpickling would run: it is not opened. "
            "Where you trust it, re-save its weights alone: c = torch.load(path, weights_only=False); "
            "torch.save({'state_dict': c['state_dict']}, 'weights.ckpt')."
        ) from None
    except Exception as error:  # whatever the bytes of a file that is no checkpoint lead torch's reader into
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"{path} is not a readable torch checkpoint ({reason}).") from None
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    named = isinstance(weights, dict) and all(isinstance(key, str) for key in weights)
    if not weights or not named or not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError(f"{path} holds no state_dict, tensors by their names, as a checkpoint does.")
    return dict(weights)


def reference_network(weights: Mapping[str, Tensor]) -> Network:
    """The network of a published state_dict, in evaluation mode; its shape is read off keys and shapes.

    Raises InputError naming the keys or shapes that do not fit.
    """
    settings = _settings(weights)
    order = _decoder_order(weights, settings)
    renamed = {_new_key(key, order): value for key, value in weights.items()}
    network = Network(settings)
    expected = network.state_dict()
    missing = sorted(set(expected) - set(renamed))
    strange = [key for key in weights if _new_key(key, order) not in expected]
    wrong = [key for key in expected if key in renamed and renamed[key].shape != expected[key].shape]
    for fault, keys in (("unknown keys", strange), ("no value for", missing), ("other shapes for", wrong)):
        if keys:
            listed = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
            raise InputError(f"The checkpoint is not a {settings.name} of the published code: {fault} {listed}.")
    network.load_state_dict(renamed)
    return network.eval()


def _settings(weights: Mapping[str, Tensor]) -> NetworkSettings:
    """The shape that the keys and the head tell: highest block, highest layer pair, head's inputs and outputs."""
    places = [match for match in map(_LSTM.fullmatch, weights) if match]
    head = weights.get("model.output_layer.layer.weight")
    if not places or head is None or head.ndim != 4:
        raise InputError(
            "The checkpoint is not of the published code: it lacks model.conv_lstm_blocks.* or model.output_layer.*, "
            f"its first key is {min(weights)}."
        )
    if head.shape[0] != 1:
        raise InputError(f"The published code has one output, the left ventricle; this checkpoint has {head.shape[0]}.")
    blocks = 1 + max(int(match[1]) for match in places)
    layers = 1 + max(int(match[2]) for match in places) // 2
    try:
        return NetworkSettings(blocks=blocks, layers=layers, filters=head.shape[1])
    except StudyError as error:
        raise InputError(f"The checkpoint holds a network that the published code does not make: {error}") from None


def _decoder_order(weights: Mapping[str, Tensor], settings: NetworkSettings) -> dict[int, int]:
    """Which of our decoder levels (deepest first) each published one is, told by its channels."""
    widths = {settings.channels(level): place for place, level in enumerate(reversed(range(settings.blocks - 1)))}
    order: dict[int, int] = {}
    for key, value in weights.items():
        match = _DECODER.fullmatch(key)
        if match and match[2] == "1" and match[3] == "weight":
            if value.shape[0] not in widths:
                raise InputError(
                    f"{key} gives {value.shape[0]} channels, the decoder of a {settings.name} has {list(widths)}."
                )
            order[int(match[1])] = widths[value.shape[0]]
    if sorted(order.values()) != list(range(settings.blocks - 1)):
        raise InputError(
            f"A {settings.name} has one decoder level for each of {list(widths)} channels, got {len(order)}."
        )
    return order


def _new_key(key: str, order: Mapping[int, int]) -> str:
    """Our name for a published key; a key that is none of them comes back as it is."""
    if match := _LSTM.fullmatch(key):
        block, place, kind, leaf = match.groups()
        if (kind == "layer") == (int(place) % 2 == 1):  # ConvLSTM at even places, normalisation at odd ones
            return f"encoder.{block}.{int(place) // 2}.{'norm' if kind == 'layer' else 'lstm.conv'}.{leaf}"
    elif (match := _DECODER.fullmatch(key)) and int(match[1]) in order:
        return f"decoder.{order[int(match[1])]}.{'conv' if match[2] == '1' else 'norm'}.{match[3]}"
    elif match := _HEAD.fullmatch(key):
        return f"head.{match[1]}"
    return key
