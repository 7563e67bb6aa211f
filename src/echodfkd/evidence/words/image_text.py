"""What an image-text judge says of masks and clips: how well masks fit, where the valve closes, what clips show.

It is asked in the words of a prompts file. Where truth is known, what its answers are worth stands beside them.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.data.dataset import KnownClip
from echodfkd.engine import one_torch_thread
from echodfkd.errors import InputError
from echodfkd.evidence.records import Example, FractionErrors, ImageTextScores, RankedClips, Scale
from echodfkd.evidence.words.echoclip import Judge, Precision, load_judge, unknown_words_warning
from echodfkd.evidence.words.mask_quality import (
    MOST_FRAMES,
    MaskFit,
    calibration_fits,
    calibration_scores,
    combined,
    mask_fit,
    mask_scores,
    scale_of,
)
from echodfkd.evidence.words.phases import Row, clip_curve, events_csv, phase_row, phase_scores, valve_events
from echodfkd.evidence.words.prompts import (
    ClipSimilarity,
    Prompts,
    clip_similarity,
    ranked_names,
    read_prompts,
    similarities_csv,
)
from echodfkd.files import write_text
from echodfkd.measure.beats import Events
from echodfkd.measure.shape import MaskClip
from echodfkd.scores.frame_distance import Reference
from echodfkd.stats.intervals import bootstrap, paired_difference

EXAMPLES = 3
"""Clips whose area and valve curves are drawn."""
SMALL = 20_000_000
"""Weights below which a judge runs on one thread. By choice: the stand-in has some 3 million, EchoCLIP 151."""
ENDS = 3
"""Clips named at each end of a ranking."""
SPOILT_CLIPS = 12
"""Clips on which the judge is tried on masks spoilt on purpose, at most. By choice."""


@dataclass
class ImageText:
    """An image-text judge at work: clips go in one by one, with the masks of every segmenter; then ask for `scores`.

    `frames` of every clip, evenly spread, are those on which masks are judged, None being all; `seed` is that of masks
    spoilt on purpose and of the bootstrap. Every frame of a clip is asked about the mitral valve.
    """

    judge: Judge
    prompts: Prompts = field(default_factory=read_prompts)
    frames: int | None = MOST_FRAMES
    seed: int = 0
    resamples: int = 1000
    fits: list[MaskFit] = field(default_factory=list)
    clips: list[ClipSimilarity] = field(default_factory=list)
    true: list[tuple[str, NDArray[np.uint8], MaskClip]] = field(default_factory=list)
    valve: dict[str, Events] = field(default_factory=dict)
    beats: list[tuple[Row, Reference]] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    fractions: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames < 1:
            raise InputError(f"A judge must see at least one frame of every clip, got {self.frames}.")

    def look(self, clip: Clip, masks: Mapping[str, MaskClip], known: KnownClip | None = None) -> None:
        """Judges one clip's masks, (time, height, width) bool by segmenter, `known` being what is known of it.

        Where some frames alone are labelled the masks are judged on these, so that true Dice can stand beside.
        """
        frames = np.array(clip.frames)  # a store's are mapped and cannot be written to, which torch dislikes
        truth = None if known is None else known.whole("lv", len(frames))
        at = np.arange(len(frames)) if known is None or truth is not None else np.array(known.frames, np.intp)
        true = truth if known is None or truth is not None else known.of("lv")
        judge, prompts, most = self.judge, self.prompts, self.frames
        with self._threads():
            for model, inside in masks.items():
                self.fits.append(mask_fit(judge, prompts, model, clip.name, frames[at], inside[at], true, most=most))
            self.clips.append(clip_similarity(judge, prompts, clip.name, frames, most=most))
            if len(frames) > 1:
                self._look_at_valve(clip, masks, truth, None if known is None else reference_of(known))
        fraction = self.clips[-1].ejection_fraction
        if known is not None and known.ejection_fraction is not None and fraction is not None:
            self.fractions.append((fraction, known.ejection_fraction))
        if truth is not None and len(self.true) < SPOILT_CLIPS:
            self.true.append((clip.name, frames, truth))

    @property
    def unknown_words(self) -> str:
        """One line naming the wordings that the judge was never taught; empty where it knows them all."""
        prompts = self.prompts
        return unknown_words_warning(self.judge, {**prompts.masks, **prompts.valve, **prompts.curation})

    def scores(self) -> ImageTextScores:
        """Everything said; `masks` is of the clips that every segmenter has, `masks_lacking` counts the others."""
        seed, resamples, common = self.seed, self.resamples, self._common()
        fits = [fit for fit in self.fits if fit.name in common]
        with self._threads():
            spoilt = calibration_fits(self.judge, self.prompts, self.true, seed=seed, most=self.frames)
        rows, references = [row for row, _ in self.beats], [reference for _, reference in self.beats]
        return ImageTextScores(
            judge=self.judge.name,
            warning=self.judge.warning,
            asked={**self.prompts.masks, **self.prompts.valve},
            unknown_words=self.unknown_words,
            masks=mask_scores(fits, seed=seed, resamples=resamples) if fits else None,
            masks_lacking=len({fit.name for fit in self.fits}) - len(common),
            calibration=calibration_scores(spoilt, seed=seed, resamples=resamples) if spoilt else None,
            phases=phase_scores(rows, references, seed=seed, resamples=resamples) if rows else None,
            ejection=self._fraction_errors(),
            ranked={prompt: self._ranked_clips(prompt) for prompt in self.prompts.curation},
            examples=tuple(self.examples),
        )

    def evidence(self) -> dict[tuple[str, str], dict[str, float | None]]:
        """The judge's mean scores of every (segmenter, clip) as evidence beside the other kinds, by name."""
        return fit_evidence(self.fits, scale_of(self.fits)) if self.fits else {}

    def write(self, out: Path) -> None:
        """`prompts.csv`, a line per clip with its similarity to every prompt, and `valve_events.csv` in `out`."""
        write_text(out / "prompts.csv", similarities_csv(self.clips))
        if self.valve:
            write_text(out / "valve_events.csv", events_csv(self.valve))

    def _fraction_errors(self) -> FractionErrors | None:
        """Mean absolute errors in points, paired; None where fewer than three clips' fractions are known."""
        if len(self.fractions) < 3:
            return None
        said, true = np.array(self.fractions).T
        mean = (true.sum() - true) / (len(true) - 1)  # of the other clips
        errors, boot = (np.abs(said - true), np.abs(mean - true)), partial(bootstrap, seed=self.seed)
        ranked, of_mean = (boot(each, resamples=self.resamples) for each in errors)
        return FractionErrors(ranked, of_mean, paired_difference(*errors, seed=self.seed, resamples=self.resamples))

    def _ranked_clips(self, prompt: str) -> RankedClips:
        """The clips that a prompt fits best and least, at most three of each."""
        names = ranked_names(self.clips, prompt)
        count = min(ENDS, len(names) // 2)
        return RankedClips(tuple(names[:count]), tuple(names[::-1][:count]))

    def _threads(self) -> AbstractContextManager[None]:
        """One thread for a small model on the processor; as many as torch takes for a large one."""
        small = self.judge.parameters < SMALL and self.judge.device == "cpu"
        return one_torch_thread() if small else nullcontext()

    def _common(self) -> set[str]:
        """The clips that every segmenter has masks of: means of other clips cannot be compared."""
        of = [{fit.name for fit in self.fits if fit.model == model} for model in {fit.model for fit in self.fits}]
        return set.intersection(*of) if of else set()

    def _look_at_valve(
        self, clip: Clip, masks: Mapping[str, MaskClip], truth: MaskClip | None, reference: Reference | None
    ) -> None:
        """The valve's curve and events; their scores where the clip's own events are known."""
        curve = clip_curve(self.judge, self.prompts, np.array(clip.frames))
        self.valve[clip.name] = valve_events(curve, clip.clock)
        if reference is not None:
            self.beats.append((phase_row(curve, reference), reference))
        if len(self.examples) < EXAMPLES:
            segmenter, shown = next(iter(masks.items()))
            of, shown = (f"masks of {segmenter}", shown) if truth is None else ("the true masks", truth)
            events = () if reference is None else (reference.ed_frames, reference.es_frames)
            area = shown.sum(axis=(1, 2)).tolist()
            self.examples.append(Example(clip.name, of, clip.fps, tuple(area), tuple(curve.tolist()), *events))


def fit_evidence(fits: Iterable[MaskFit], scale: Scale) -> dict[tuple[str, str], dict[str, float | None]]:
    """Mean scores of every (segmenter, clip) by the names of evidence, z-scores on that scale."""
    return {
        (fit.model, fit.name): {
            "judge": float(combined(fit, scale).mean()),
            "judge.wall": float(fit.wall.mean()),
            "judge.cavity": float(fit.cavity.mean()),
        }
        for fit in fits
    }


def reference_of(known: KnownClip) -> Reference | None:
    """What is known of a clip's beats; None where nothing is, or nobody could find it in the clip."""
    if known.length is None or known.one_contraction or not (known.ed_frames or known.es_frames):
        return None
    return Reference(known.length, known.fps, known.ed_frames, known.es_frames, known.every_beat)


def load_image_text(
    judge: str | None,
    prompts: Path | None = None,
    *,
    frames: int | None = MOST_FRAMES,
    seed: int = 0,
    resamples: int = 1000,
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
    return ImageText(load_judge(judge, cache=cache, device=device, precision=precision), read, frames, seed, resamples)
