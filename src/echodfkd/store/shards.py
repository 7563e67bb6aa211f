"""One shard of a store on disk: the names of its files, arrays in and out, and values as JSON holds them."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.files import sha256
from echodfkd.store.place import Place

Bytes = NDArray[np.uint8]


def array_name(shard: int, kind: str) -> str:
    """The file of one shard's frames or masks."""
    return f"shard-{shard:05d}.{kind}.npy"


def marker_name(shard: int) -> str:
    """The file that says a shard is complete."""
    return f"shard-{shard:05d}.json"


def check_array(kind: str, array: Bytes | None, shape: tuple[int, ...]) -> None:
    """InputError unless `array` is what the store holds: uint8 of that shape, or None where it holds none."""
    got = f"{array.dtype} {array.shape}" if array is not None else "none"
    wanted = f"uint8 {shape}" if shape else "none"
    if got != wanted:
        raise InputError(f"The {kind} of this shard must be {wanted}, by its entries and the store's size; got {got}.")


def write_array(place: Place, name: str, array: Bytes) -> str:
    """Writes a plain `.npy`, all or nothing; its SHA-256."""
    with place.writing(name) as part:
        with open(part, "wb") as file:
            np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
        return sha256(part)


def mapped(place: Place, name: str, shape: tuple[int, ...]) -> Bytes:
    """A read-only view of a `.npy` on disk; InputError where it is missing, cut, or of another shape."""
    path = place.near(name)
    try:
        array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError):
        array = np.empty(0, np.uint8)
    if array.dtype != np.uint8 or array.shape != shape:
        raise InputError(
            f"{place.at(name)} is damaged or missing: it should hold uint8 {shape}. Run the stage that writes it again."
        )
    return array


def as_json(value: Any, what: str) -> Any:
    """`value` as it will be read back (tuples become lists); InputError for what JSON cannot hold."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(f"The {what} must be plain numbers, strings, lists and dicts, no NaN: {error}.") from None
