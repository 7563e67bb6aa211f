"""What an image-text judge says of masks and clips: how well masks fit, where the valve closes, what clips show.

It is asked in the words of a prompts file. Where truth is known, what its answers are worth stands beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.evaluate.beats import Events
from echodfkd.evaluate.echoclip import Judge
from echodfkd.evaluate.frame_distance import Reference
from echodfkd.evaluate.mask_quality import (
    MOST_FRAMES,
    calibration_rows,
    calibration_scores,
    combined,
    mask_rows,
    mask_scores,
)
from echodfkd.evaluate.phases import clip_curve, events_csv, phase_row, phase_scores, valve_events
from echodfkd.evaluate.prompts import Prompts, clip_row, clips_csv, read_prompts
from echodfkd.evaluate.scorecard import plain
from echodfkd.evaluate.shape import MaskClip
from echodfkd.files import write_text

Row = dict[str, Any]
EXAMPLES = 3
"""Clips whose area and valve curves are drawn."""
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

    def look(
        self,
        clip: Clip,
        masks: Mapping[str, MaskClip],
        truth: MaskClip | None = None,
        reference: Reference | None = None,
    ) -> None:
        """Judges one clip's masks, (time, height, width) bool by segmenter.

        `truth` are the true masks where every frame has one, `reference` all its events where they are known.
        """
        frames = np.array(clip.frames)  # a store's are mapped and cannot be written to, which torch dislikes
        for name, inside in masks.items():
            found = mask_rows(self.judge, self.prompts, name, clip.name, frames, inside, truth, most=self.asking.frames)
            self.rows += found
        self.clips.append(clip_row(self.judge, self.prompts, clip.name, frames, most=self.asking.frames))
        if truth is not None and len(self.true) < SPOILT_CLIPS:
            self.true.append((clip.name, frames, truth))
        if self.asking.valve and len(frames) > 1:
            self._look_at_valve(clip, masks, truth, reference)

    def found(self) -> dict[str, Any]:
        """Everything said, as plain numbers: `judge`, `masks`, `calibration`, `phases` (None where not to be had).

        `examples` are clips with their area curve, the valve's curve and the known events.
        """
        drawn = {"seed": self.asking.seed, "resamples": self.asking.resamples}
        spoilt = (
            calibration_rows(self.judge, self.prompts, self.true, seed=self.asking.seed, most=self.asking.frames)
            if self.true
            else None
        )
        return {
            "judge": self.judge.name,
            "masks": mask_scores(self.rows, **drawn) if self._same_frames() else None,
            "calibration": None if spoilt is None else calibration_scores(spoilt, **drawn),
            "phases": self._phases(),
            "examples": plain(self.examples),
        }

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

    def _same_frames(self) -> bool:
        """Whether every segmenter has masks of every clip: only then are their means of the same frames."""
        by_model: dict[str, set[tuple[str, int]]] = {}
        for row in self.rows:
            by_model.setdefault(row["model"], set()).add((row["name"], row["frame"]))
        return bool(by_model) and all(frames == next(iter(by_model.values())) for frames in by_model.values())

    def _look_at_valve(
        self, clip: Clip, masks: Mapping[str, MaskClip], truth: MaskClip | None, reference: Reference | None
    ) -> None:
        """The valve's curve and events; their scores where the clip's own events are known."""
        curve = clip_curve(self.judge, self.prompts, np.array(clip.frames))
        self.valve[clip.name] = valve_events(curve, clip.fps)
        if reference is not None and reference.complete:
            self.beats.append((phase_row(clip.name, curve, reference), reference))
        if len(self.examples) < EXAMPLES:
            shown = truth if truth is not None else next(iter(masks.values()))
            events = {} if reference is None else {"ed_frames": reference.ed_frames, "es_frames": reference.es_frames}
            curves = {"area": shown.sum(axis=(1, 2)), "curve": curve}
            self.examples.append({"name": clip.name, "fps": clip.fps, **curves, **events})
