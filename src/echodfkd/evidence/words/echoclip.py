"""An image-text judge: how similar frames are to words, by EchoCLIP or any model that open_clip loads.

    judge = load_judge("standin")
    judge.similarities(frames, {"wall": ("WALL",), "nothing": ("NOTHING", "THERE IS NOTHING")})

torch and open_clip are imported when a judge is loaded, never before.
"""

import hashlib
import json
import logging
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Frames, check_frames
from echodfkd.engine import resolve_precision
from echodfkd.errors import InputError, MissingExtra, one_line
from echodfkd.files import sha256, writing

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
HUB_FILES = ("open_clip*", "*.json", "*.txt", "*.model")
"""What is fetched of a model on the hub: configuration, weights, tokenizer."""
CACHE_BYTES = 2**30
"""Kept in a cache when a judge is loaded: files used longest ago go."""
BATCH = 64
"""Frames, or texts, that go through the network at a time, so that memory does not grow with the clip."""
Precision = Literal["float32", "bfloat16", "auto"]
Embeddings = NDArray[np.float32]  # (n, dimension), each of length 1
Wordings = Sequence[str]


class Judge:
    """How similar pictures and words are, by one model. Make it with `load_judge`.

    `transform` turns a picture of Pillow's into the tensor that the model wants; `cache` is a folder for embeddings of
    frames. Their file's name is the SHA-256 of the model's identity and of the frames: what was computed by other
    weights, another precision or on other pixels is never found.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        tokenizer: Any,
        transform: Callable[[Any], Any],
        *,
        device: str = "cpu",
        precision: Precision = "float32",
        cache: Path | None = None,
        card: Mapping[str, Any] | None = None,
    ):
        """`card` is what the card beside the weights says, None where there is none."""
        self.name, self.device, self.cache, self.card = name, device, cache, card or {}
        self.precision = resolve_precision(precision)
        self._model, self._tokenizer, self._transform = model, tokenizer, transform
        self._texts: dict[tuple[str, ...], Embeddings] = {}

    @property
    def parameters(self) -> int:
        """How many weights the model has."""
        return sum(value.numel() for value in self._model.parameters())

    @cached_property
    def identity(self) -> str:
        """SHA-256 of everything that sets an embedding: weights, preprocessing and precision."""
        digest = hashlib.sha256(f"{self._model.visual.preprocess_cfg} {self.precision}".encode())
        for name, value in self._model.state_dict().items():
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def warning(self) -> str:
        """What must stand beside everything it says: that it has never seen a patient, if so its card says; or ""."""
        if self.name == "standin" or self.card.get("name") == "standin":
            return NEVER_A_PATIENT
        return NEVER_A_PATIENT_EITHER if self.card.get("patients") is False else ""

    def unknown_words(self, prompts: Mapping[str, Wordings]) -> dict[str, tuple[str, ...]]:
        """By wording its words that the model was never taught: a token of theirs has nothing but zeros as embedding.

        Only wordings with such words are in it. A model whose tokens' embeddings are not to be found knows all words;
        so does one that was taught on a whole language, whether it understands them or not.
        """
        holders: tuple[Any, ...] = (self._model, getattr(self._model, "text", None))
        table = next((one.token_embedding for one in holders if hasattr(one, "token_embedding")), None)
        if table is None:
            return {}
        untaught = np.flatnonzero(~table.weight.detach().cpu().numpy().any(axis=1))
        wordings = dict.fromkeys(text for several in prompts.values() for text in several)
        words = {
            text: tuple(word for word in text.split() if np.isin(self._tokenizer([word]).numpy(), untaught).any())
            for text in wordings
        }
        return {text: unknown for text, unknown in words.items() if unknown}

    def image_embeddings(self, frames: Frames) -> Embeddings:
        """(time, dimension) unit vectors of frames (time, height, width) uint8, from the cache where it has them."""
        check_frames(frames)
        if self.cache is None:
            return self._embedded(frames)
        key = hashlib.sha256(f"{self.identity} {frames.shape} ".encode() + np.ascontiguousarray(frames).tobytes())
        path = self.cache / f"{key.hexdigest()}.npy"
        found = _kept(path, len(frames))
        if found is None:
            found = self._embedded(frames)
            with writing(path) as part:
                np.save(part, found, allow_pickle=False)
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
        """The frames through the image tower, BATCH at a time."""
        import torch
        from PIL import Image

        half = torch.autocast(torch.device(self.device).type, torch.bfloat16)
        parts = []
        for start in range(0, len(frames), BATCH):
            pictures = torch.stack([self._transform(Image.fromarray(one)) for one in frames[start : start + BATCH]])
            pictures = pictures.to(self.device).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode(), half if self.precision == "bfloat16" else nullcontext():
                parts.append(_unit(self._model.encode_image(pictures)))
        return np.concatenate(parts)

    def _encoded_texts(self, prompts: Sequence[tuple[str, ...]]) -> Embeddings:
        """The text tower runs in float32: a prompt is encoded once, and scores hang on small differences."""
        import torch

        flat = [text for several in prompts for text in several]
        with torch.inference_mode():
            parts = [
                _unit(self._model.encode_text(self._tokenizer(flat[start : start + BATCH]).to(self.device)))
                for start in range(0, len(flat), BATCH)
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
    cache: Path | None = None,
) -> Judge:
    """The judge of that name: `standin` (bundled), `echoclip`, `hf-hub:OWNER/MODEL` or `local-dir:FOLDER`.

    A folder holds `open_clip_config.json` and its weights. `device` None is the GPU where there is one; `precision`
    `auto` is bfloat16 where the machine multiplies it natively. `cache` is a folder for embeddings, brought down to
    CACHE_BYTES first.

    Raises MissingExtra without open_clip; InputError where name, folder or weights are not to be had.
    """
    where = KNOWN.get(name, name)
    if not where.startswith(SCHEMES):
        raise InputError(
            f"No judge {name}: give {', '.join(KNOWN)}, hf-hub:OWNER/MODEL or local-dir:FOLDER, a folder with "
            "open_clip_config.json and weights."
        )
    if precision not in get_args(Precision):
        raise InputError(f"A judge needs a precision of {', '.join(get_args(Precision))}, got {precision}.")
    if find_spec("open_clip") is None or find_spec("torch") is None:
        raise MissingExtra("An image-text judge (other evidence works without one: --judge none)", "echoclip")
    import torch

    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    scheme, place = where.split(":", 1)
    with _quiet():
        folder = _fetched(name, place) if scheme == "hf-hub" else Path(place)
        model, transform, tokenizer = _loaded(name, folder)
    model = model.eval().to(chosen).to(memory_format=torch.channels_last)
    if cache is not None:
        _trim(cache)
    return Judge(name, model, tokenizer, transform, device=chosen, precision=precision, cache=cache, card=_card(folder))


def unknown_words_warning(judge: Judge, prompts: Mapping[str, Wordings]) -> str:
    """One line naming the wordings with words that the judge was never taught, or ""."""
    if not (unknown := judge.unknown_words(prompts)):
        return ""
    named = ", ".join(f"{text!r} ({', '.join(words)})" for text, words in list(unknown.items())[:5])
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    return (
        f"{judge.name} was never taught some of the words it is asked about: {named}{more}. To it such words "
        "are all the same, and what it says of them means nothing."
    )


def _fetched(name: str, repository: str) -> Path:
    """The folder on this machine of a model on the hub; InputError in one line where it is not to be had."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, etag_timeout=HUB_SECONDS, allow_patterns=list(HUB_FILES)))
    except Exception as error:  # network, rights, names: their errors share no ancestor
        raise InputError(
            f"The weights of {name} could not be fetched ({_short(error)}). EchoCLIP lies at "
            f"{PAGE}: read its licence there, log in with `hf auth login`, or give a folder: local-dir:FOLDER. "
            "`standin` needs none of this."
        ) from None


def _loaded(name: str, folder: Path) -> tuple[Any, Any, Any]:
    """open_clip's model, transform and tokenizer of a folder; InputError in one line whatever went wrong on the way."""
    import echodfkd.vision  # noqa: F401  before open_clip is imported

    if name in KNOWN and not folder.is_dir():
        raise InputError(f"The bundled judge {name} is not in this installation. Give another: local-dir:FOLDER.")
    weights = [path for suffix in ("safetensors", "bin", "pt", "pth") for path in folder.glob(f"*.{suffix}")]
    if not (folder / "open_clip_config.json").is_file() or not weights:
        raise InputError(f"{folder} holds no judge: open_clip_config.json and weights beside it are needed.")
    import open_clip

    try:
        model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
        return model, transform, open_clip.get_tokenizer(f"local-dir:{folder}")
    except Exception as error:  # format, architecture: their errors share no ancestor
        raise InputError(f"{folder} is not a model that open_clip loads: {_short(error)}") from None


def _short(error: Exception) -> str:
    """An error in one line that is not long."""
    return textwrap.shorten(f"{type(error).__name__}: {one_line(error)}", 200, placeholder=" ...")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a line in the log from those who load weights."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)


def _card(folder: Path) -> dict[str, Any]:
    """What card.json beside a folder's weights says, or the bundled card for a copy of its weights; {} without."""
    for source in (folder, STANDIN):
        try:
            found = json.loads((source / CARD_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        weights = found.get("weights_sha256") if isinstance(found, dict) else None
        if source == folder or any(sha256(path) == weights for path in folder.glob("*.safetensors")):
            return found if isinstance(found, dict) else {}
    return {}


def _kept(path: Path, frames: int) -> Embeddings | None:
    """The unit vectors of that many frames in a file; None where there are none. A file that is used is touched."""
    try:
        found = np.load(path, allow_pickle=False)
        path.touch()
    except (OSError, ValueError, EOFError):
        return None
    if not isinstance(found, np.ndarray) or found.dtype != np.float32 or found.ndim != 2 or len(found) != frames:
        return None
    return found if np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3) else None


def _trim(cache: Path) -> None:
    """Removes what was used longest ago beyond CACHE_BYTES in a folder of embeddings."""
    try:
        known = sorted(((path.stat(), path) for path in cache.glob("*.npy")), key=lambda item: -item[0].st_mtime)
    except FileNotFoundError:  # another process removes them at the same time
        return
    sizes = np.cumsum([stat.st_size for stat, _ in known])
    for (_, path), total in zip(known, sizes, strict=True):
        if total > CACHE_BYTES:
            path.unlink(missing_ok=True)


def _unit(vectors: Any) -> Embeddings:
    import torch

    unit: Embeddings = torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()
    return unit
