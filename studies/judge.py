"""Teaches the stand-in for EchoCLIP: pictures of simulated hearts, captions whose truth is known, open_clip's network.

    python studies/judge.py studies/judge.toml --out RUN [--workers N] [--threads N]

Every batch is drawn while the network learns and is never seen again; it depends on the study and its number alone. Cut
off, the same command goes on from the last checkpoint. RUN/judge is the model: open_clip loads it by
`local-dir:RUN/judge`, without a line of ours.

Beside it the image tower learns where things are: from its features a map of every structure and of the leaflets, open
and closed, is read off. Without it the tower sees black regions well and valves, which are a pixel thick, not at all.
The maps' weights are not part of the model.

The loss is the sigmoid loss of image-text pairs (Zhai et al. 2023) with targets from 0 to 1: the simulator knows of
every picture how true every caption is, or that it is unknown, and such pairs do not count.
"""

import argparse
import os
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captions import (
    FRACTIONS,
    STATEMENTS,
    Sight,
    Statement,
    fraction_statement,
    stacked,
    truth,
)
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import echodfkd.vision  # noqa: F401  before open_clip is imported
from echodfkd.clip import STRUCTURES, WORKING_SIZE
from echodfkd.engine import begin
from echodfkd.errors import EchodfkdError, StudyError
from echodfkd.evidence.words.mask_quality import margin_px
from echodfkd.files import make_folder, write_json, writing
from echodfkd.synthetic.annotator import ANNOTATORS
from echodfkd.synthetic.beat import cycle
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.heart import heart
from echodfkd.synthetic.recipe import ClipRecipe, Conditions, draw_recipe

CONDITIONS = Conditions(
    ejection_fraction=(10, 80), heart_rate=(45, 130), fps=(10, 20), quality=(0.0, 1.0), arrhythmia=0.1
)
"""The full ranges; few frames a second, so that a handful of them are spread over the beat."""
FIRST_NUMBER = 5_000_000
"""Clips are numbered from here on, beyond those of every other study."""

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 64,
        "vision_cfg": {"image_size": WORKING_SIZE, "layers": [1, 2, 2, 1], "width": 16, "patch_size": None},
        "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 28, "heads": 2, "layers": 2},
        "init_logit_scale": 2.3,
        "init_logit_bias": 0.0,
    },
    "preprocess_cfg": {
        "mean": [0.2, 0.2, 0.2],
        "std": [0.25, 0.25, 0.25],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    },
}
"""What open_clip builds the network from: a small ResNet with attention pooling, a small transformer for the text."""
CONFIG_FILE, WEIGHTS_FILE = "open_clip_config.json", "open_clip_model.safetensors"

GRID = 28
"""Rows and columns of the maps: the tower's features after its first stage."""
MAPS = (*STRUCTURES, "open leaflets", "closed leaflets")
MAP_CHANNELS = 48

Picture = NDArray[np.uint8]
Batch = tuple[Picture, dict[str, NDArray[np.float64]], NDArray[np.uint8]]
Region = NDArray[np.bool_]
OTHER_CHAMBERS = ("rv", "la", "ra")


@dataclass(frozen=True)
class Pictures:
    """What a batch is drawn from."""

    clips: int = 16
    frames: int = 4
    """Of each clip."""
    views: int = 2
    """Pictures of each frame, each blackened and spoilt anew."""


@dataclass(frozen=True)
class Training:
    """How long and how fast."""

    steps: int = 5000
    learning_rate: float = 2e-3
    """The highest; it rises over `warm_up` steps and falls to nothing by a cosine."""
    warm_up: int = 200
    weight_decay: float = 0.05
    average: float = 0.998
    """Share of the old in the running average of the weights, which is what is kept."""
    fractions: int = 8
    """Ejection fractions named in the captions of a step."""
    maps: float = 4.0
    """Weight of the maps' loss beside the captions'."""
    keep_every: int = 250
    """Steps from one checkpoint to the next."""


@dataclass(frozen=True)
class JudgeStudy:
    """Everything that sets a training."""

    name: str
    seed: int
    pictures: Pictures = field(default_factory=Pictures)
    training: Training = field(default_factory=Training)


def read_study(path: Path) -> JudgeStudy:
    """The study in a TOML file; StudyError where a key is unknown or missing."""
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        groups = {
            "pictures": Pictures(**values.pop("pictures", {})),
            "training": Training(**values.pop("training", {})),
        }
        return JudgeStudy(**values, **groups)
    except TypeError as error:
        raise StudyError(f"{path}: {error}") from None


# --- pictures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batches(Dataset[Batch]):
    """Batch k: pictures (n, height, width), what is to be seen on them, name to (n,), and maps (n, map, GRID, GRID)."""

    study: JudgeStudy
    conditions: Conditions = CONDITIONS
    first: int = FIRST_NUMBER

    def __len__(self) -> int:
        return self.study.training.steps

    def __getitem__(self, index: int) -> Batch:
        study, chance = self.study, np.random.default_rng([self.study.seed, self.first, index])
        numbers = range(self.first + index * study.pictures.clips, self.first + (index + 1) * study.pictures.clips)
        recipes = [draw_recipe(self.conditions, study.seed, n, study.pictures.frames) for n in numbers]
        made = generate(recipes, WORKING_SIZE, annotator=ANNOTATORS[index % len(ANNOTATORS)])
        views, other = [], made.masks[-1, 0, 0] > 0
        for recipe, frames, masks, known in zip(recipes, made.frames, made.masks > 0, made.truths, strict=True):
            maps = maps_of(recipe, masks, known.valve_opening)
            for number, frame in enumerate(frames):
                shown = heart_sight(recipe, known.valve_opening[number], known.ejection_fraction)
                scene = Scene(frame, masks[number], shown, other, maps[number])
                views.extend(scene.view(chance, self.fields) for _ in range(study.pictures.views))
            other = masks[0, 0]
        pictures, sights, shown_maps = zip(*views, strict=True)
        return np.stack(pictures), stacked(sights), np.stack(shown_maps)

    @cached_property
    def fields(self) -> NDArray[np.float32]:
        """(field, height, width) smooth noise of deviation 1: how masks go astray."""
        chance = np.random.default_rng(self.study.seed)
        white = chance.standard_normal((96, WORKING_SIZE, WORKING_SIZE)).astype(np.float32)
        smooth = [ndimage.gaussian_filter(w, 4 + 10 * k / 96, mode="wrap") for k, w in enumerate(white)]
        return np.stack([s / s.std() for s in smooth])


def maps_of(recipe: ClipRecipe, masks: Region, opening: Sequence[float]) -> NDArray[np.uint8]:
    """(time, map, GRID, GRID) of one clip: the share of each cell a structure takes, 0..255, and where leaflets are."""
    side = WORKING_SIZE // GRID
    cells = masks.reshape(*masks.shape[:2], GRID, side, GRID, side).mean(axis=(3, 5))
    # (time, leaflet, point, 2)
    shapes = heart(recipe.anatomy, recipe.tracing, cycle(recipe.rhythm, len(masks))).leaflets
    between = np.linspace(0, 1, 6)[:, None, None, None, None]
    points = (shapes[:, :, :-1] + between * np.diff(shapes, axis=2)).swapaxes(0, 1)
    places = np.clip(np.floor(points * GRID), 0, GRID - 1).astype(int)
    maps = np.zeros((len(masks), len(MAPS), GRID, GRID), np.uint8)
    maps[:, : len(STRUCTURES)] = np.rint(255 * cells)
    for number, wide in enumerate(opening):
        x, y = places[number].reshape(-1, 2).T
        if wide > 0.3 or wide == 0:
            maps[number, -2 if wide > 0.3 else -1, y, x] = 255
    return maps


def heart_sight(recipe: ClipRecipe, opening: float, fraction: float) -> Sight:
    """What is to be seen of a heart on an untouched frame."""
    ill = {name: float(name in recipe.pathology) for name in ("foreshortened", "dilated", "hypertrophic", "small")}
    return Sight(
        heart=1.0,
        opening=opening,
        ejection_fraction=fraction,
        quality=recipe.quality,
        atrium_mm=recipe.anatomy.la_width,
        ventricle_mm=recipe.anatomy.rv_width,
        **ill,
    )


@dataclass(frozen=True)
class Scene:
    """A frame, its masks (structure, height, width), what is to be seen, another heart's left ventricle, and maps."""

    frame: Picture
    masks: Region
    sight: Sight
    other: Region
    maps: NDArray[np.uint8]

    @cached_property
    def margin(self) -> float:
        """Pixels around the ventricle."""
        return margin_px(self.frame.shape)

    @cached_property
    def depth(self) -> NDArray[np.float32]:
        """(height, width) pixels inside the ventricle's contour, negative outside."""
        return signed_depth(self.masks[0])

    def view(
        self, chance: np.random.Generator, fields: NDArray[np.float32]
    ) -> tuple[Picture, Sight, NDArray[np.uint8]]:
        """A picture of the frame, what is to be seen on it, and where; what is under a black region counts as well."""
        picture = spoilt(self.frame, chance)
        kind = chance.random()
        if kind < 0.45:
            return picture, self.blackened(np.zeros_like(self.other), self.sight), self.maps
        if kind < 0.5 or not self.masks[0].any():
            return heartless(picture, chance), NO_HEART, np.zeros_like(self.maps)
        black = self._region(chance, fields)
        if chance.random() < 0.5 and black.any():
            black = ndimage.distance_transform_edt(~black) <= self.margin
        hidden = replace(Sight(1.0), quality=self.sight.quality)
        return np.where(black, np.uint8(0), picture), self.blackened(black, hidden), self.maps

    def _region(self, chance: np.random.Generator, fields: NDArray[np.float32]) -> Region:
        """A mask as good and bad segmenters draw them."""
        kind, depth = chance.random(), self.depth
        noise = fields[chance.integers(len(fields))] * chance.choice([-1, 1])
        noise = np.roll(noise, chance.integers(0, WORKING_SIZE, 2), (0, 1))
        if kind < 0.1:
            return depth > 0
        if kind < 0.5:
            amplitude, offset = 4 * chance.random(), 1.5 * chance.standard_normal()
            return moved(depth, 1.5 * chance.standard_normal(2)) + amplitude * noise > offset
        if kind < 0.7:
            return depth + chance.random() * noise > chance.uniform(-8, 8)
        if kind < 0.84:
            angle, reach = 2 * np.pi * chance.random(), chance.uniform(3, 22)
            return moved(depth, reach * np.array([np.cos(angle), np.sin(angle)])) > 0
        if kind < 0.92:
            return self.masks[STRUCTURES.index(OTHER_CHAMBERS[chance.integers(3)])]
        return self.other

    def blackened(self, black: Region, sight: Sight) -> Sight:
        """`sight` with what the black region hides."""
        whole, rim = self.depth >= -self.margin, (self.depth >= -self.margin) & (self.depth < 0)
        chambers = {
            f"{name}_black": fit(black, self.masks[STRUCTURES.index(name)]) if black.any() else 0.0
            for name in OTHER_CHAMBERS
        }
        return replace(
            sight, lv_black=fit(black, whole), rim_seen=1 - (black & rim).sum() / max(rim.sum(), 1), **chambers
        )


NO_HEART = Sight(0.0, lv_black=0.0, rim_seen=0.0, rv_black=0.0, la_black=0.0, ra_black=0.0)


def signed_depth(region: Region) -> NDArray[np.float32]:
    """(height, width) pixels from each pixel to the region's border: positive inside, negative outside."""
    if not region.any():
        return np.full(region.shape, -1e3, np.float32)
    inside, outside = ndimage.distance_transform_edt(region), ndimage.distance_transform_edt(~region)
    return (inside - outside).astype(np.float32)


def moved(depth: NDArray[np.float32], by: NDArray[np.float64]) -> NDArray[np.float32]:
    """`depth` moved by whole pixels (down, right); what comes in is far outside."""
    down, right = (int(v) for v in np.rint(by))
    padded = np.pad(depth, ((max(down, 0), max(-down, 0)), (max(right, 0), max(-right, 0))), constant_values=-1e3)
    height, width = depth.shape
    return padded[max(-down, 0) :, max(-right, 0) :][:height, :width]


def fit(region: Region, other: Region) -> float:
    """Dice of two regions; 0 where both are empty."""
    total = region.sum() + other.sum()
    return float(2 * (region & other).sum() / total) if total else 0.0


def spoilt(frame: Picture, chance: np.random.Generator) -> Picture:
    """The frame as other machines and films would show it: gain, curve, blur, size, noise, marks, JPEG."""
    ramp = np.arange(256) / 255
    table = 255 * np.clip(ramp ** chance.uniform(0.7, 1.45) * chance.uniform(0.7, 1.3), 0, 1)
    picture = table.astype(np.float32)[frame]
    if chance.random() < 0.2:
        picture = ndimage.gaussian_filter(picture, chance.uniform(0.3, 0.9))
    if chance.random() < 0.15:
        small = int(WORKING_SIZE * chance.uniform(0.6, 0.95))
        coarse = Image.fromarray(picture).resize((small, small), Image.Resampling.BILINEAR)
        picture = np.asarray(coarse.resize((WORKING_SIZE, WORKING_SIZE), Image.Resampling.BICUBIC))
    if chance.random() < 0.3:
        noise = chance.standard_normal(picture.shape, dtype=np.float32)
        picture = picture + (picture > 4) * noise * np.float32(chance.uniform(1, 10))
    shown = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if chance.random() < 0.2:
        shown = marked(shown, chance)
    return compressed(shown, int(chance.integers(40, 95))) if chance.random() < 0.3 else shown


def marked(picture: Picture, chance: np.random.Generator) -> Picture:
    """The picture with something like letters in a corner."""
    height, width = int(chance.integers(4, 9)), int(chance.integers(8, 24))
    top = int(chance.choice([1, WORKING_SIZE - height - 1]))
    left = int(chance.choice([1, WORKING_SIZE - width - 1]))
    shown = picture.copy()
    shown[top : top + height, left : left + width] = 200 * (chance.random((height, width)) < 0.4)
    return shown


def compressed(picture: Picture, quality: int) -> Picture:
    """The picture after a JPEG of that quality."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def heartless(picture: Picture, chance: np.random.Generator) -> Picture:
    """A picture of the same machine on which there is no heart: black, noise, upside down, or its sector in shreds."""
    kind = chance.integers(4)
    if kind == 0:
        return np.full_like(picture, chance.integers(0, 40))
    if kind == 1:
        return chance.integers(0, chance.integers(30, 256), picture.shape).astype(np.uint8)
    if kind == 2:
        return picture[::-1, ::-1].copy()
    tiles = picture.reshape(7, 16, 7, 16).swapaxes(1, 2).reshape(49, 16, 16)
    shuffled = tiles[chance.permutation(49)].reshape(7, 7, 16, 16).swapaxes(1, 2).reshape(picture.shape)
    return np.where(picture > 0, shuffled, np.uint8(0))


# --- network ----------------------------------------------------------------------------------------------------------


def network() -> torch.nn.Module:
    """The network of CONFIG, by open_clip, with random weights."""
    from open_clip.model import CLIP

    return CLIP(**CONFIG["model_cfg"])


def captions_of(study: JudgeStudy, step: int) -> tuple[list[Statement], list[str]]:
    """The statements of a step, each in one of its wordings: all topics, the first wording every other time."""
    chance = np.random.default_rng([study.seed, 7, step])
    named = chance.choice(FRACTIONS, study.training.fractions, replace=False)
    statements = [*STATEMENTS.values(), *(fraction_statement(int(percent)) for percent in named)]
    return statements, [s.wordings[max(0, int(chance.integers(-1, len(s.wordings))))] for s in statements]


def normalised(pictures: NDArray[np.uint8]) -> Tensor:
    """(n, 3, height, width) as the network takes them."""
    mean, std = CONFIG["preprocess_cfg"]["mean"][0], CONFIG["preprocess_cfg"]["std"][0]
    grey = (torch.from_numpy(pictures).float().div_(255).sub_(mean).div_(std))[:, None]
    return grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


class Maps(torch.nn.Module):
    """Maps (n, map, GRID, GRID) as logits from the features of the image tower's first three stages."""

    def __init__(self) -> None:
        super().__init__()
        width = CONFIG["model_cfg"]["vision_cfg"]["width"]
        self.ways = torch.nn.ModuleList(torch.nn.Conv2d(4 * width * 2**k, MAP_CHANNELS, 1) for k in range(3))
        self.out = torch.nn.Conv2d(MAP_CHANNELS, len(MAPS), 3, padding=1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """From (n, channels, rows, columns) of each stage."""
        grown = [
            torch.nn.functional.interpolate(way(f), (GRID, GRID), mode="nearest")
            for way, f in zip(self.ways, features, strict=True)
        ]
        return self.out(torch.relu(sum(grown)))  # type: ignore[arg-type]


def seen(model: Any, maps: Maps, pictures: NDArray[np.uint8], texts: Tensor) -> tuple[Tensor, Tensor]:
    """(picture, text) cosine similarities and the logits of the maps."""
    tower, stages = model.visual, []
    with torch.autocast("cpu", torch.bfloat16):
        features = tower.stem(normalised(pictures))
        for stage in (tower.layer1, tower.layer2, tower.layer3):
            features = stage(features)
            stages.append(features)
        images = tower.attnpool(tower.layer4(features))
        found = maps(stages)
    images = torch.nn.functional.normalize(images.float(), dim=-1)
    return images @ torch.nn.functional.normalize(model.encode_text(texts), dim=-1).T, found.float()


def loss_of(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean binary cross entropy over the known pairs (target not NaN), weighted by statement."""
    known = ~target.isnan()
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, target.nan_to_num(0.5), reduction="none")
    share = known * weights
    return (each * share).sum() / share.sum()


def map_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Mean binary cross entropy of the maps; leaflets, which are rare, weigh more."""
    weights = torch.ones(len(MAPS), 1, 1)
    weights[len(STRUCTURES) :] = 3.0
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, target, weight=weights)


def rate(training: Training, step: int) -> float:
    """The learning rate of a step as a share of the highest."""
    if step < training.warm_up:
        return (step + 1) / training.warm_up
    return 0.5 * (1 + float(np.cos(np.pi * (step - training.warm_up) / (training.steps - training.warm_up))))


def coming(batches: Batches, start: int, workers: int) -> Iterator[Any]:
    """The batches from `start` on, drawn by processes of their own."""
    return iter(
        DataLoader(
            batches,
            batch_size=None,
            sampler=range(start, len(batches)),
            num_workers=workers,
            collate_fn=_as_it_is,
            worker_init_fn=partial(_begin, os.getpid()),
            multiprocessing_context="spawn" if workers else None,
            prefetch_factor=4 if workers else None,
        )
    )


def _begin(parent: int, _: int) -> None:
    begin(parent)


def _as_it_is(batch: Any) -> Any:
    return batch


def train(study: JudgeStudy, out: Path, workers: int) -> Path:
    """The folder of the model taught by `study`; goes on from the checkpoint in `out` where there is one."""
    from open_clip.tokenizer import SimpleTokenizer

    torch.manual_seed(study.seed)
    model: Any = network().to(memory_format=torch.channels_last).train()
    tokens = SimpleTokenizer(context_length=CONFIG["model_cfg"]["text_cfg"]["context_length"])
    maps = Maps().to(memory_format=torch.channels_last)
    learned = [*model.parameters(), *maps.parameters()]
    decayed, rest = [p for p in learned if p.ndim >= 2], [p for p in learned if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": study.training.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=study.training.learning_rate, betas=(0.9, 0.98))
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    checkpoint, start = out / "checkpoint.pt", 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        maps.load_state_dict(state["maps"])
        optimizer.load_state_dict(state["optimizer"])
        kept, start = state["kept"], state["step"]
    running, log = None, out / "log.csv"
    for step, (pictures, sights, places) in enumerate(coming(Batches(study), start, workers), start):
        statements, words = captions_of(study, step)
        target = torch.from_numpy(truth(statements, sights)).float()
        weights = torch.tensor([statement.weight for statement in statements])
        for group in optimizer.param_groups:
            group["lr"] = study.training.learning_rate * rate(study.training, step)
        alike, found = seen(model, maps, pictures, tokens(words))
        told = loss_of(alike * model.logit_scale.exp() + model.logit_bias, target, weights)
        where = map_loss(found, torch.from_numpy(places).float() / 255)
        loss = told + study.training.maps * where
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        share = min(study.training.average, (step + 1) / (step + 10))
        for name, value in model.state_dict().items():
            kept[name] = torch.lerp(value, kept[name], share) if value.is_floating_point() else value.clone()
        losses = np.array([told.item(), where.item()])
        running = losses if running is None else 0.98 * running + 0.02 * losses
        if (step + 1) % 50 == 0:
            with open(log, "a", encoding="utf-8") as file:
                file.write(f"{step + 1},{running[0]:.5f},{running[1]:.5f},{model.logit_scale.exp().item():.2f}\n")
        if (step + 1) % study.training.keep_every == 0 or step + 1 == study.training.steps:
            with writing(checkpoint) as beside:
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "kept": kept}
                torch.save(state | {"maps": maps.state_dict(), "step": step + 1}, beside)
            save(kept, out / "judge", taught(study, tokens))
    return out / "judge"


def taught(study: JudgeStudy, tokens: Any) -> Tensor:
    """(vocabulary,) bool: the tokens of the captions, which alone were learned."""
    words = [w for s in (*STATEMENTS.values(), *map(fraction_statement, FRACTIONS)) for w in s.wordings]
    known = torch.zeros(CONFIG["model_cfg"]["text_cfg"]["vocab_size"], dtype=torch.bool)
    known[tokens(words).unique()] = True
    return known


def save(weights: dict[str, Tensor], folder: Path, known: Tensor) -> None:
    """The weights in half precision and the configuration as open_clip loads them; words never learned are zeros."""
    from safetensors.torch import save_file

    half = {n: (v.half() if v.is_floating_point() else v).contiguous().clone() for n, v in weights.items()}
    half["token_embedding.weight"][~known] = 0
    make_folder(folder)
    with writing(folder / WEIGHTS_FILE) as beside:
        save_file(half, beside)
    write_json(folder / CONFIG_FILE, CONFIG)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    parser.add_argument("--threads", type=int, default=1, help="threads that learn")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    try:
        study = read_study(chosen.study)
        write_json(make_folder(chosen.out) / "study.json", asdict(study))
        print(train(study, chosen.out, chosen.workers))
    except EchodfkdError as error:
        sys.exit(f"judge: {error}")


if __name__ == "__main__":
    main()
