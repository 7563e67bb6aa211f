"""What an image-text judge says of masks and clips: how well masks fit, where the valve closes, what clips show.

It is asked in the words of a prompts file. Where truth is known, what its answers are worth stands beside them.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.data.dataset import KnownClip
from echodfkd.engine import one_torch_thread
from echodfkd.evidence.words.echoclip import Judge, Precision, load_judge, unknown_words_warning
from echodfkd.evidence.words.mask_quality import (
    MOST_FRAMES,
    calibration_rows,
    calibration_scores,
    combined,
    mask_rows,
    mask_scores,
)
from echodfkd.evidence.words.phases import clip_curve, events_csv, phase_row, phase_scores, valve_events
from echodfkd.evidence.words.prompts import Prompts, clip_row, clips_csv, ranked_names, read_prompts
from echodfkd.files import plain, write_text
from echodfkd.measure.beats import Events
from echodfkd.measure.shape import MaskClip
from echodfkd.scores.frame_distance import Reference
from echodfkd.stats.intervals import bootstrap, paired_difference

Row = dict[str, Any]
EXAMPLES = 3
"""Clips whose area and valve curves are drawn."""
SMALL = 20_000_000
"""Weights below which a judge runs on one thread. By choice: the stand-in has some 3 million, EchoCLIP 151."""
ENDS = 3
"""Clips named at each end of a ranking."""
SPOILT_CLIPS = 12
"""Clips on which the judge is tried on masks spoilt on purpose, at most. By choice."""
EVIDENCE = {"judge": "combined", "judge.wall": "wall", "judge.cavity": "cavity"}
"""The judge's scores as evidence beside the other kinds, by name."""


@dataclass(frozen=True)
class Asking:
    """Dials of `ImageText`."""

    frames: int | None = MOST_FRAMES  # of every clip, evenly spread, on which masks are judged; None: all
    valve: bool = True  # whether every frame of the clips is asked about the mitral valve
    seed: int = 0  # of masks spoilt on purpose and of the bootstrap
    resamples: int = 1000


@dataclass
class ImageText:
    """An image-text judge at work: clips go in one by one, with the masks of every segmenter; then ask for `found`."""

    judge: Judge
    prompts: Prompts = field(default_factory=read_prompts)
    asking: Asking = field(default_factory=Asking)
    rows: list[Row] = field(default_factory=list)
    clips: list[Row] = field(default_factory=list)
    true: list[tuple[str, NDArray[np.uint8], MaskClip]] = field(default_factory=list)
    valve: dict[str, Events] = field(default_factory=dict)
    beats: list[tuple[Row, Reference]] = field(default_factory=list)
    examples: list[Row] = field(default_factory=list)
    fractions: list[tuple[float, float]] = field(default_factory=list)

    def look(self, clip: Clip, masks: Mapping[str, MaskClip], known: KnownClip | None = None) -> None:
        """Judges one clip's masks, (time, height, width) bool by segmenter, `known` being what is known of it.

        Where some frames alone are labelled the masks are judged on these, so that true Dice can stand beside.
        """
        with self._threads():
            self._look(clip, masks, known)

    def _look(self, clip: Clip, masks: Mapping[str, MaskClip], known: KnownClip | None) -> None:
        frames = np.array(clip.frames)  # a store's are mapped and cannot be written to, which torch dislikes
        truth = None if known is None else known.whole("lv", len(frames))
        at = np.arange(len(frames)) if known is None or truth is not None else np.array(known.frames, np.intp)
        true = truth if known is None or truth is not None else known.of("lv")
        for name, inside in masks.items():
            asked = (self.judge, self.prompts, name, clip.name, frames[at], inside[at], true)
            self.rows += mask_rows(*asked, most=self.asking.frames)
        row = clip_row(self.judge, self.prompts, clip.name, frames, most=self.asking.frames)
        self.clips.append(row)
        if known is not None and known.ejection_fraction is not None and "EF_ranked" in row:
            self.fractions.append((row["EF_ranked"], known.ejection_fraction))
        if truth is not None and len(self.true) < SPOILT_CLIPS:
            self.true.append((clip.name, frames, truth))
        if self.asking.valve and len(frames) > 1:
            self._look_at_valve(clip, masks, truth, None if known is None else reference_of(known))

    @property
    def unknown_words(self) -> str:
        """One line naming the wordings that the judge was never taught; empty where it knows them all."""
        prompts = self.prompts
        return unknown_words_warning(self.judge, {**prompts.masks, **prompts.valve, **prompts.curation})

    def found(self) -> dict[str, Any]:
        """Everything said, as plain numbers: `judge`, its `warning`, the wordings `asked`, `unknown_words`; `masks`,
        `calibration` and `phases`, None where they cannot be had.

        `masks` is of the clips that every segmenter has, `masks_lacking` counts the others. `ejection` is the ranked
        prompts' ejection fraction against the known one, beside the mean of the other clips'. `ranked` has for every
        prompt about whole clips those that it fits best and least. `examples` are clips with their area curve, the
        valve's curve and the known events.
        """
        seed, resamples = self.asking.seed, self.asking.resamples
        common = self._common()
        rows = [row for row in self.rows if row["name"] in common]
        spoilt = None
        if self.true:
            with self._threads():
                tried = (self.judge, self.prompts, self.true)
                spoilt = calibration_rows(*tried, seed=seed, most=self.asking.frames)
        return {
            "judge": self.judge.name,
            "warning": self.judge.warning,
            "asked": self.prompts.asked(),
            "unknown_words": self.unknown_words,
            "masks": mask_scores(rows, seed=seed, resamples=resamples) if common else None,
            "masks_lacking": len({row["name"] for row in self.rows}) - len(common),
            "calibration": None if spoilt is None else calibration_scores(spoilt, seed=seed, resamples=resamples),
            "phases": self._phases(),
            "ejection": self._ejection(),
            "ranked": {prompt: self._ends(prompt) for prompt in self.prompts.curation},
            "examples": plain(self.examples),
        }

    def _ejection(self) -> dict[str, Any] | None:
        """Mean absolute errors in points, paired; None where fewer than three clips' fractions are known."""
        if len(self.fractions) < 3:
            return None
        said, true = np.array(self.fractions).T
        mean = (true.sum() - true) / (len(true) - 1)  # of the other clips
        errors = np.abs(said - true), np.abs(mean - true)
        seed, resamples = self.asking.seed, self.asking.resamples
        alone = (asdict(bootstrap(each, seed=seed, resamples=resamples)) for each in errors)
        found = dict(zip(("ranked", "mean_of_others"), alone, strict=True))
        found["difference"] = asdict(paired_difference(*errors, seed=seed, resamples=resamples))
        said_plainly: dict[str, Any] = plain(found)
        return said_plainly

    def _ends(self, prompt: str) -> dict[str, list[str]]:
        """The clips that a prompt fits best and least, at most three of each."""
        names = ranked_names(self.clips, prompt)
        count = min(ENDS, len(names) // 2)
        return {"best": names[:count], "least": names[::-1][:count]}

    def _threads(self) -> AbstractContextManager[None]:
        """One thread for a small model on the processor; as many as torch takes for a large one."""
        small = self.judge.parameters < SMALL and self.judge.device == "cpu"
        return one_torch_thread() if small else nullcontext()

    def _phases(self) -> dict[str, Any] | None:
        """The beat scores of the valve; None where no clip's events are known."""
        if not self.beats:
            return None
        rows, references = [row for row, _ in self.beats], [reference for _, reference in self.beats]
        return phase_scores(rows, references, seed=self.asking.seed, resamples=self.asking.resamples)

    def evidence(self) -> dict[tuple[str, str], Row]:
        """The judge's mean scores of every (segmenter, clip), by the names of EVIDENCE."""
        grouped: dict[tuple[str, str], list[Row]] = {}
        for row in combined(self.rows):
            grouped.setdefault((row["model"], row["name"]), []).append(row)
        return {
            key: {name: float(np.mean([row[score] for row in rows])) for name, score in EVIDENCE.items()}
            for key, rows in grouped.items()
        }

    def write(self, out: Path) -> None:
        """`prompts.csv`, a line per clip with its likeness to every prompt, and `valve_events.csv` in `out`."""
        write_text(out / "prompts.csv", clips_csv(self.clips))
        if self.valve:
            write_text(out / "valve_events.csv", events_csv(self.valve))

    def _common(self) -> set[str]:
        """The clips that every segmenter has masks of: means of other clips cannot be compared."""
        of: dict[str, set[str]] = {}
        for row in self.rows:
            of.setdefault(row["model"], set()).add(row["name"])
        return set.intersection(*of.values()) if of else set()

    def _look_at_valve(
        self, clip: Clip, masks: Mapping[str, MaskClip], truth: MaskClip | None, reference: Reference | None
    ) -> None:
        """The valve's curve and events; their scores where the clip's own events are known."""
        curve = clip_curve(self.judge, self.prompts, np.array(clip.frames))
        self.valve[clip.name] = valve_events(curve, clip.fps)
        if reference is not None:
            self.beats.append((phase_row(clip.name, curve, reference), reference))
        if len(self.examples) < EXAMPLES:
            shown = truth if truth is not None else next(iter(masks.values()))
            events = {} if reference is None else {"ed_frames": reference.ed_frames, "es_frames": reference.es_frames}
            curves = {"area": shown.sum(axis=(1, 2)), "curve": curve}
            of = "the true masks" if truth is not None else f"masks of {next(iter(masks))}"
            self.examples.append({"name": clip.name, "of": of, "fps": clip.fps, **curves, **events})


def reference_of(known: KnownClip) -> Reference | None:
    """What is known of a clip's beats; None where nothing is, or nobody could find it in the clip."""
    if known.length is None or known.one_contraction or not (known.ed_frames or known.es_frames):
        return None
    return Reference(known.length, known.fps, known.ed_frames, known.es_frames, known.every_beat)


def asked(
    judge: str | None,
    prompts: Path | None = None,
    asking: Asking | None = None,
    *,
    cache: Path | None = None,
    device: str | None = None,
    precision: Precision = "float32",
) -> ImageText | None:
    """The image-text judge of that name ready for clips; None without a name. `cache` is a folder for embeddings.

    The prompts file is read in any case: InputError where it is none, or where the judge cannot be had.
    """
    read = read_prompts(prompts)
    if not judge:
        return None
    return ImageText(load_judge(judge, cache=cache, device=device, precision=precision), read, asking or Asking())
