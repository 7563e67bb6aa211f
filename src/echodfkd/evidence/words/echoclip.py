"""An image-text judge: how similar frames are to words, by EchoCLIP or any model that open_clip loads.

    judge = load_judge("standin")
    judge.similarities(frames, {"wall": ("WALL",), "nothing": ("NOTHING", "THERE IS NOTHING")})

torch and open_clip are imported when a judge is loaded, never before.
"""

import filecmp
import hashlib
import json
import logging
import os
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Frames, check_frames
from echodfkd.engine import resolve_precision
from echodfkd.errors import InputError, MissingExtra, one_line
from echodfkd.files import writing

STANDIN = Path(__file__).parent / "judges" / "standin"
"""The bundled judge's folder, in open_clip's own format, with its card README.md."""
KNOWN = {"standin": f"local-dir:{STANDIN}", "echoclip": "hf-hub:mkaichristensen/echo-clip"}
"""Judges by short name: the bundled one, and EchoCLIP (Christensen et al. 2024) on the hub."""
SCHEMES = ("hf-hub:", "local-dir:")
PAGE = "https://huggingface.co/mkaichristensen/echo-clip"
NEVER_A_PATIENT = (
    "The judge has never seen a patient. It is the bundled stand-in: it was taught on simulated hearts, and what a "
    "black region means, which EchoCLIP never was. Its figures say nothing about EchoCLIP's."
)
"""What must stand beside whatever the bundled judge says, or a copy of it."""
NEVER_A_PATIENT_EITHER = "The judge has never seen a patient, as the card beside its weights says."
CARD_FILE = "card.json"
HUB_SECONDS = 5.0
"""How long the hub may take to answer at all before it counts as not to be reached."""
Precision = Literal["float32", "bfloat16", "auto"]
Embeddings = NDArray[np.float32]  # (n, dimension), each of length 1
Wordings = Sequence[str]


@dataclass(frozen=True)
class Preprocessing:
    """How a model wants its pictures, as its own configuration says."""

    size: int
    """Rows and columns."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Of red, green and blue, for grey levels 0..1."""
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    """`shortest`: the shorter side to `size`, then the middle; `squash`: both sides to it, whatever the shape."""


@dataclass
class EmbeddingCache:
    """Embeddings of pictures kept in `folder`, one .npy for each array of frames that was asked for.

    The name is the SHA-256 of the model's identity and of the frames' bytes and shape: what was computed by other
    weights, another precision or on other pixels is never found. Files are written beside and renamed. Beyond `limit`
    bytes the files used longest ago go, a sixteenth of the limit at once: the folder is listed again after as much was
    written, or when the limit may be reached, not at every file. Several processes at once may exceed the limit by a
    sixteenth each.
    """

    folder: Path
    limit: int = 2**30
    _room: float = field(default=0, init=False, repr=False, compare=False)  # bytes to write until the next look

    def get(self, key: str) -> Embeddings | None:
        """The array kept under `key`, whatever its shape; None where there is none that can be read."""
        path = self._path(key)
        try:
            found = np.load(path, allow_pickle=False)
            os.utime(path)
        except (OSError, ValueError, EOFError):
            return None
        return found if isinstance(found, np.ndarray) else None

    def put(self, key: str, embeddings: Embeddings) -> None:
        """Keeps `embeddings` under `key`."""
        with writing(self._path(key)) as beside:
            np.save(beside, embeddings, allow_pickle=False)
        self._room -= embeddings.nbytes + 128  # with the header
        if self._room < 0:
            self._room = self._shrunk()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npy"

    def _shrunk(self) -> float:
        """The bytes that may be written until the next look, once the files used longest ago are gone."""
        known = []
        for path in self.folder.glob("[0-9a-f]*.npy"):
            try:
                known.append((path.stat(), path))
            except FileNotFoundError:  # another process removed it
                continue
        total, slack = sum(stat.st_size for stat, _ in known), self.limit / 16
        if total > self.limit:
            for stat, path in sorted(known, key=lambda item: item[0].st_mtime):
                if total <= self.limit - slack:
                    break
                path.unlink(missing_ok=True)
                total -= stat.st_size
        return min(slack, self.limit - total)


class Judge:
    """How similar pictures and words are, by one model. Make it with `load_judge`."""

    def __init__(
        self,
        name: str,
        model: Any,
        tokenizer: Any,
        preprocessing: Preprocessing,
        *,
        device: str = "cpu",
        precision: Precision = "float32",
        batch: int = 64,
        cache: EmbeddingCache | None = None,
        card: Mapping[str, Any] | None = None,
    ):
        """`card` is what the card beside the weights says, None where there is none."""
        self.name, self.preprocessing, self.device, self.batch, self.cache = name, preprocessing, device, batch, cache
        self.card = card
        self.precision = resolve_precision(precision)
        self._model, self._tokenizer = model, tokenizer
        self._texts: dict[tuple[str, ...], Embeddings] = {}

    @property
    def parameters(self) -> int:
        """How many weights the model has."""
        return sum(value.numel() for value in self._model.parameters())

    @cached_property
    def identity(self) -> str:
        """SHA-256 of everything that sets an embedding: weights, preprocessing and precision."""
        digest = hashlib.sha256(json.dumps([asdict(self.preprocessing), self.precision]).encode())
        for name, value in self._model.state_dict().items():
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def warning(self) -> str:
        """What must stand beside everything it says: that it has never seen a patient, if so its card says; or ""."""
        card = self.card or {}
        if self.name == "standin" or card.get("name") == "standin":
            return NEVER_A_PATIENT
        return NEVER_A_PATIENT_EITHER if card.get("patients") is False else ""

    @cached_property
    def dimension(self) -> int:
        """Numbers in an embedding."""
        return int(self.text_embeddings([("heart",)]).shape[1])

    def unknown_words(self, prompts: Mapping[str, Wordings]) -> dict[str, tuple[str, ...]]:
        """By wording its words that the model was never taught: a token of theirs has nothing but zeros as embedding.

        Only wordings with such words are in it. A model whose tokens' embeddings are not to be found knows all words;
        so does one that was taught on a whole language, whether it understands them or not.
        """
        untaught = self._untaught_tokens
        if not len(untaught):
            return {}
        wordings = dict.fromkeys(text for several in prompts.values() for text in several)
        words = {text: tuple(word for word in text.split() if self._holds(word, untaught)) for text in wordings}
        return {text: unknown for text, unknown in words.items() if unknown}

    @cached_property
    def _untaught_tokens(self) -> NDArray[np.int64]:
        """The numbers of the tokens whose embedding is zero."""
        table = getattr(self._model, "token_embedding", None)
        table = table or getattr(getattr(self._model, "text", None), "token_embedding", None)
        if table is None:
            return np.zeros(0, np.int64)
        zero: NDArray[np.int64] = np.flatnonzero(~table.weight.detach().cpu().numpy().any(axis=1))
        return zero

    def _holds(self, word: str, tokens: NDArray[np.int64]) -> bool:
        return bool(np.isin(self._tokenizer([word]).numpy(), tokens).any())

    def image_embeddings(self, frames: Frames) -> Embeddings:
        """(time, dimension) unit vectors of grey frames (time, height, width) uint8, from the cache where it has them.

        `batch` frames at a time go through the network, so that memory does not grow with the clip.
        """
        check_frames(frames)
        key = hashlib.sha256(f"{self.identity} {frames.shape} ".encode()) if self.cache else None
        if key is None or self.cache is None:
            return self._embedded(frames)
        key.update(np.ascontiguousarray(frames).tobytes())
        found = self.cache.get(key.hexdigest())
        if found is None or not _usable(found, (len(frames), self.dimension)):
            found = self._embedded(frames)
            self.cache.put(key.hexdigest(), found)
        return found

    def text_embeddings(self, wordings: Sequence[Wordings]) -> Embeddings:
        """(prompt, dimension) unit vectors: of each prompt the mean over its wordings, brought back to length 1."""
        known = [tuple(several) for several in wordings]
        if not all(known) or any(not text.strip() for several in known for text in several):
            raise InputError("Every prompt needs at least one wording, and no wording may be empty.")
        if missing := [several for several in dict.fromkeys(known) if several not in self._texts]:
            self._texts |= dict(zip(missing, self._encoded_texts(missing), strict=True))
        return np.stack([self._texts[several] for several in known])

    def similarities(self, frames: Frames, prompts: Mapping[str, Wordings]) -> dict[str, NDArray[np.float32]]:
        """Cosine similarity (time,) of each frame to each prompt, by the prompts' names."""
        texts = self.text_embeddings(list(prompts.values()))
        values = self.image_embeddings(frames) @ texts.T
        return dict(zip(prompts, values.T, strict=True))

    def _embedded(self, frames: Frames) -> Embeddings:
        parts = [self._pass(frames[start : start + self.batch]) for start in range(0, len(frames), self.batch)]
        return np.concatenate(parts)

    def _pass(self, frames: Frames) -> Embeddings:
        """One batch through the image tower."""
        import torch

        layout = torch.channels_last
        pictures = pixels(frames, self.preprocessing).to(self.device).contiguous(memory_format=layout)
        half = torch.autocast(torch.device(self.device).type, torch.bfloat16)
        with torch.inference_mode(), half if self.precision == "bfloat16" else nullcontext():
            return _unit(self._model.encode_image(pictures))

    def _encoded_texts(self, prompts: Sequence[tuple[str, ...]]) -> Embeddings:
        """The text tower runs in float32: a prompt is encoded once, and scores hang on small differences."""
        import torch

        flat = [text for several in prompts for text in several]
        with torch.inference_mode():
            parts = [
                _unit(self._model.encode_text(self._tokenizer(flat[start : start + self.batch]).to(self.device)))
                for start in range(0, len(flat), self.batch)
            ]
        ends = np.cumsum([len(several) for several in prompts])[:-1]
        means = np.stack([group.mean(axis=0) for group in np.split(np.concatenate(parts), ends)])
        unit: Embeddings = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit


def load_judge(
    name: str = "standin",
    *,
    device: str | None = None,
    precision: Precision = "float32",
    batch: int = 64,
    cache: Path | EmbeddingCache | None = None,
) -> Judge:
    """The judge of that name: `standin` (bundled), `echoclip`, `hf-hub:OWNER/MODEL` or `local-dir:FOLDER`.

    A folder holds `open_clip_config.json` and its weights. `device` None is the GPU where there is one; `precision`
    `auto` is bfloat16 where the machine multiplies it natively. `cache` is a folder for embeddings.

    Raises MissingExtra without open_clip; InputError where name, folder or weights are not to be had.
    """
    where = KNOWN.get(name, name)
    if not where.startswith(SCHEMES):
        raise InputError(
            f"No judge {name}: give {', '.join(KNOWN)}, hf-hub:OWNER/MODEL or local-dir:FOLDER, a folder with "
            "open_clip_config.json and weights."
        )
    if precision not in get_args(Precision) or batch < 1:
        raise InputError(f"A judge needs a precision of {', '.join(get_args(Precision))} and a batch of 1 or more.")
    if find_spec("open_clip") is None or find_spec("torch") is None:
        raise MissingExtra("An image-text judge (other evidence works without one: --judge none)", "echoclip")
    import torch

    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    model, tokenizer = _loaded(name, where)
    model = model.eval().to(chosen).to(memory_format=torch.channels_last)
    kept = EmbeddingCache(cache) if isinstance(cache, Path) else cache
    dials: dict[str, Any] = {"device": chosen, "precision": precision, "batch": batch, "cache": kept}
    return Judge(name, model, tokenizer, _preprocessing(model), card=_card(where), **dials)


def unknown_words_warning(judge: Judge, prompts: Mapping[str, Wordings]) -> str:
    """One line naming the wordings with words that the judge was never taught, or ""."""
    if not (unknown := judge.unknown_words(prompts)):
        return ""
    told = [f"{text!r} ({', '.join(words)})" for text, words in list(unknown.items())[:5]]
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    return (
        f"{judge.name} was never taught some of the words it is asked about: {', '.join(told)}{more}. To it such words "
        "are all the same, and what it says of them means nothing."
    )


def pixels(frames: Frames, preprocessing: Preprocessing) -> Any:
    """Grey frames (time, height, width) uint8 as the tensor (time, 3, size, size) that open_clip's transform makes.

    Exactly that, without its detour over colours: they are equal, so one is resized, by the same Pillow.
    """
    import torch
    from PIL import Image

    p = preprocessing
    height, width = frames.shape[1:]
    if p.resize_mode == "squash":
        target = (p.size, p.size)
    else:
        short = min(height, width)
        target = (p.size * height // short, p.size * width // short)
    if target != (height, width):
        way = Image.Resampling.BILINEAR if p.interpolation == "bilinear" else Image.Resampling.BICUBIC
        frames = np.stack([np.asarray(Image.fromarray(frame).resize(target[::-1], way)) for frame in frames])
    top, left = (round((side - p.size) / 2) for side in target)
    square = np.ascontiguousarray(frames[:, None, top : top + p.size, left : left + p.size])
    grey = torch.from_numpy(square).float() / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (p.mean, p.std))
    return (grey - mean) / std


def _loaded(name: str, where: str) -> tuple[Any, Any]:
    """open_clip's model and tokenizer; InputError in one line whatever went wrong on the way."""
    import echodfkd.vision  # noqa: F401  before open_clip is imported

    scheme, place = where.split(":", 1)
    if scheme == "local-dir":
        _check_folder(name, Path(place))
    import open_clip

    unreached = _unreached() if scheme == "hf-hub" else ""
    try:
        with _quiet(offline=bool(unreached)):
            model = open_clip.create_model(where, require_pretrained=True)
            return model, open_clip.get_tokenizer(where)
    except Exception as error:  # hub, network, format: their errors share no ancestor
        reason = textwrap.shorten(f"{type(error).__name__}: {one_line(error)}", 200, placeholder=" ...")
        if scheme == "hf-hub":
            raise InputError(
                f"The weights of {name} could not be fetched ({unreached or reason}). EchoCLIP lies at "
                f"{PAGE}: read its licence there, log in with `hf auth login`, or give a folder: local-dir:FOLDER. "
                "`standin` needs none of this."
            ) from None
        raise InputError(f"{place} is not a model that open_clip loads: {reason}") from None


def _unreached() -> str:
    """Why the hub does not answer within HUB_SECONDS, in a few words, or "": any answer will do, a refusal too."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set and they are not kept on this machine"
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=HUB_SECONDS).close()
    except urllib.error.HTTPError:
        return ""
    except (OSError, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        told = getattr(cause, "strerror", None) or str(cause)
        return textwrap.shorten(f"{constants.ENDPOINT} was not reached: {one_line(Exception(told))}", 200)
    return ""


@contextmanager
def _quiet(offline: bool) -> Iterator[None]:
    """Without a line in the log from those who load weights, and with what is kept on this machine alone if `offline`.

    They ask an unreachable hub six times, half a minute long, before they look at what is kept.
    """
    from huggingface_hub import constants

    kept, level = constants.HF_HUB_OFFLINE, logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    constants.HF_HUB_OFFLINE = kept or offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = kept
        logging.disable(level)


def _card(where: str) -> dict[str, Any] | None:
    """What card.json beside a folder's weights says, or the bundled card for a copy of its weights; None without."""
    scheme, place = where.split(":", 1)
    if scheme != "local-dir":
        return None
    folder = Path(place)
    for source in (folder, *([STANDIN] if _is_copy(folder) else [])):
        try:
            found = json.loads((source / CARD_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return found
    return None


def _is_copy(folder: Path) -> bool:
    """Whether a folder holds the bundled judge's weights, whatever their file is called."""
    own = next(STANDIN.glob("*.safetensors"), None)
    return own is not None and any(filecmp.cmp(own, path, shallow=False) for path in folder.glob("*.safetensors"))


def _check_folder(name: str, folder: Path) -> None:
    """InputError where a judge's folder lacks configuration or weights."""
    if name in KNOWN and not folder.is_dir():
        raise InputError(f"The bundled judge {name} is not in this installation. Give another: local-dir:FOLDER.")
    weights = [path for pattern in ("*.safetensors", "*.bin", "*.pt", "*.pth") for path in folder.glob(pattern)]
    if not (folder / "open_clip_config.json").is_file() or not weights:
        raise InputError(f"{folder} holds no judge: open_clip_config.json and weights beside it are needed.")


def _preprocessing(model: Any) -> Preprocessing:
    """What the model's configuration asks for; InputError where `pixels` does not do it."""
    asked: Mapping[str, Any] = model.visual.preprocess_cfg
    size = asked["size"] if isinstance(asked["size"], int) else tuple(asked["size"])
    if not isinstance(size, int) and len(set(size)) == 1:
        size = size[0]
    if not isinstance(size, int) or asked["resize_mode"] not in ("shortest", "squash"):
        raise InputError(f"Judges look at squares, resized by `shortest` or `squash`; this one asks for {dict(asked)}.")
    interpolation = "bilinear" if asked["interpolation"] == "bilinear" else "bicubic"
    return Preprocessing(size, tuple(asked["mean"]), tuple(asked["std"]), interpolation, asked["resize_mode"])


def _usable(found: NDArray[Any], shape: tuple[int, int]) -> bool:
    """Whether what was kept are finite unit vectors of that shape, as embeddings are."""
    if found.shape != shape or found.dtype != np.float32:
        return False
    return bool(np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3))


def _unit(vectors: Any) -> Embeddings:
    import torch

    unit: Embeddings = torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()
    return unit
