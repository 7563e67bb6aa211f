"""A student's card: everything but its weights, as a value and as `model.json`. No torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from echodfkd.clip import WORKING_SIZE
from echodfkd.errors import InputError, StudyError
from echodfkd.files import read_json, sha256
from echodfkd.student.familiar import of_table
from echodfkd.student.settings import NetworkSettings, Shape, parameter_count, shape_class

CARD = "model.json"
WEIGHTS = "model.safetensors"
GRAPH = "model.onnx"
FORMAT = "echodfkd student"
VERSION = 1
LONGEST_WARM_UP = 1000
"""Frames held and run before a clip's first at most: many beats, and still little memory. By choice."""
LATER = frozenset({"hindsight", "hindsight_zoom", "looks", "ejection", "ejection_interval", "familiar", "glance"})
"""Keys that cards of this version may lack: they came later, and their defaults say what a card without them meant."""
RESIZE = "pad to square and area-resample"
"""How frames reach the working size (echodfkd.resize.fit); the only way this version knows."""


@dataclass(frozen=True)
class Preprocessing:
    """How a frame becomes the network's input. Raises StudyError for values that no frame could pass."""

    size: int = WORKING_SIZE
    """Rows and columns of the square the student works at."""
    input_scale: float = 1 / 255
    """What grey levels 0..255 are multiplied by; the published reference takes them raw, 1.0."""
    resize: str = RESIZE
    """How frames are brought to the working size."""

    def __post_init__(self) -> None:
        if not _whole(self.size) or self.size < 1:
            raise StudyError(f"A working size is a whole number of pixels from 1 on, got {self.size!r}.")
        if not _number(self.input_scale) or not 0 < self.input_scale < float("inf"):
            raise StudyError(f"An input scale is a number above 0, got {self.input_scale!r}.")
        if self.resize != RESIZE:
            raise StudyError(f"This version resizes by '{RESIZE}' only, got {self.resize!r}. Install a newer echodfkd.")


@dataclass(frozen=True)
class Card:
    """What a student is, how it is to be run and where it comes from. Raises StudyError where a value is impossible."""

    network: Shape = field(default_factory=NetworkSettings)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    threshold: float = 0.5
    """Probability from which a pixel is inside, chosen on validation clips."""
    warm_up: int = 8
    """Reflected frames that run before a clip's first, whose masks are dropped."""
    largest_component: bool = False
    """Whether only the largest piece of each mask is kept when nobody says otherwise."""
    hindsight: bool = False
    """Whether whole clips get a second pass from their end, averaged with the first, when nobody says otherwise."""
    hindsight_zoom: float = 1.0
    """Zoom of the second pass: what is looked at in another size is mistaken otherwise, and the mean gains."""
    looks: tuple[float, ...] = ()
    """Zooms at which a clip of one frame is looked at besides the plain look; the masks are averaged."""
    ejection: tuple[float, float] = (1.0, 0.0)
    """Slope and offset (points) of the line from the ejection fraction by discs to the one that is told: outlines that
    are a little off at end systole tell all of them too high or too low. From patients with known ones, no weight."""
    ejection_interval: tuple[float, float] | None = None
    """How many doubts of the outline (`measure/doubt.py`) to both sides of an ejection fraction hold nine of ten known
    ones, in two passes and in one; None where that was never measured, and then no interval is told. As `ejection`."""
    familiar: Mapping[str, Any] | None = field(default=None, repr=False)
    """What its memory holds of drawn hearts, as JSON (`familiar.py`); None where nobody looked."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from, as JSON: study, seed, teacher, data, machine, versions. Free of patient names and paths."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every file beside the card, by name. Filled when the student is saved."""

    def __post_init__(self) -> None:
        if not _number(self.threshold) or not 0 < self.threshold < 1:
            raise StudyError(f"A threshold lies between 0 and 1, got {self.threshold!r}.")
        if not _whole(self.warm_up) or not 0 <= self.warm_up <= LONGEST_WARM_UP:
            raise StudyError(f"A warm-up is a number of frames from 0 to {LONGEST_WARM_UP}, got {self.warm_up!r}.")
        if len(self.ejection) != 2 or not all(_number(one) for one in self.ejection) or not 0 < self.ejection[0] < 2:
            raise StudyError(f"ejection is a slope between 0 and 2 and an offset in points, got {self.ejection!r}.")
        for name, zooms in (("looks", self.looks), ("hindsight_zoom", (self.hindsight_zoom,))):
            if not all(_number(one) and 0.5 <= one <= 2 for one in zooms):
                raise StudyError(f"{name}: a zoom lies between 0.5 and 2, got {getattr(self, name)!r}.")
        if self.familiar is not None:
            of_table(self.familiar)
        factors = self.ejection_interval
        if factors is not None and not (len(factors) == 2 and all(_number(one) and 0 < one < 100 for one in factors)):
            raise StudyError(f"ejection_interval is two factors between 0 and 100, or null, got {factors!r}.")
        for name in ("largest_component", "hindsight"):
            if not isinstance(getattr(self, name), bool):
                raise StudyError(f"{name} is true or false, got {getattr(self, name)!r}.")
        if self.hindsight and not self.network.remembers:
            raise StudyError(f"{self.network.name} has no memory: a second pass would say the same. Run it causally.")
        if self.preprocessing.size % self.network.divisor:
            raise StudyError(
                f"{self.network.name} needs a working size that is a multiple of {self.network.divisor}, "
                f"got {self.preprocessing.size}."
            )

    @property
    def interval_factor(self) -> float | None:
        """The one of `ejection_interval` for how this card says that the student is run."""
        return self.ejection_interval and self.ejection_interval[0 if self.hindsight else 1]

    @property
    def parameters(self) -> int:
        """Trainable parameters of the network."""
        return parameter_count(self.network)


def card_table(card: Card) -> dict[str, Any]:
    """The card as nested JSON-able values, format and version included."""
    return {"format": FORMAT, "version": VERSION, **asdict(card)}


def read_card(folder: Path) -> Card:
    """The card of the student in `folder`; the weights are not looked at.

    Raises InputError, naming the file, where it is missing, of an unknown version, or holds an impossible key or value.
    """
    path = folder / CARD
    if not path.is_file():
        raise InputError(
            f"No student in {folder}: it holds no {CARD}. Give the folder that `distill` or `import-reference` wrote."
        )
    return parsed_card(read_json(path), str(path))


def parsed_card(table: Any, place: str) -> Card:
    """The card that JSON-able values describe; InputError, naming their `place`, where they describe none."""
    try:
        return _card(table)
    except (StudyError, TypeError, AttributeError) as error:
        raise InputError(f"{place} is not a student's card: {error}") from None


def check_files(folder: Path, card: Card, needed: str | None = None) -> None:
    """Raises InputError where a file of the card is missing or altered, or where the card lists no file `needed`."""
    if needed is not None and needed not in card.files:
        raise InputError(f"The student in {folder} has no {needed}. Save it anew with one, or use another backend.")
    for name, expected in card.files.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path} is missing: the student is incomplete. Fetch or make it again.")
        if sha256(path) != expected:
            raise InputError(
                f"{path} does not have the checksum of its card: it is damaged or altered. Fetch or make it again."
            )


def _card(table: Any) -> Card:
    """The card that a parsed `model.json` describes; StudyError for what it may not hold."""
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise StudyError(f'it lacks "format": "{FORMAT}".')
    if table.get("version") != VERSION:
        raise StudyError(
            f"it has format version {table.get('version')!r}, this echodfkd reads {VERSION}. Install a newer."
        )
    values = _known(Card, {key: value for key, value in table.items() if key not in ("format", "version")})
    shape = shape_class(values["network"])
    network = _known(shape, values["network"], "network.")
    network["structures"] = tuple(network["structures"])
    values["network"] = shape(**network)
    values["preprocessing"] = Preprocessing(**_known(Preprocessing, values["preprocessing"], "preprocessing."))
    values["ejection"] = tuple(values.get("ejection", Card.ejection))
    values["looks"] = tuple(values.get("looks", ()))
    values["ejection_interval"] = values.get("ejection_interval") and tuple(values["ejection_interval"])
    _check_names(values["files"])
    return Card(**values)


def _known(kind: type, table: dict[str, Any], place: str = "") -> dict[str, Any]:
    """A copy of `table`, which must hold the fields of the dataclass `kind` (those of LATER apart) and nothing else."""
    names = {item.name for item in fields(kind)}
    unknown, missing = sorted(set(table) - names), sorted(names - set(table) - LATER)
    if unknown:
        raise StudyError(f"unknown key {', '.join(place + name for name in unknown)}.")
    if missing:
        raise StudyError(f"missing key {', '.join(place + name for name in missing)}.")
    return dict(table)


def _check_names(files: Mapping[str, str]) -> None:
    """StudyError unless the weights are listed and every name is one that a student may have: none leads elsewhere."""
    if not isinstance(files, dict) or not all(isinstance(digest, str) for digest in files.values()):
        raise StudyError("files must give the SHA-256 of each file by its name.")
    strange = sorted(set(files) - {WEIGHTS, GRAPH})
    if strange or WEIGHTS not in files:
        raise StudyError(f"files must list {WEIGHTS} and may list {GRAPH}, got {', '.join(sorted(files)) or 'none'}.")


def _whole(value: Any) -> bool:
    """Whether `value` is an integer and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    """Whether `value` is a real number and no truth value."""
    return _whole(value) or isinstance(value, float)
