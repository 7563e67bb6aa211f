"""An image-text judge's section: masks, trust in its verdicts, and ED and ES by the mitral valve."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from echodfkd.errors import InputError
from echodfkd.evidence.records import (
    Calibration,
    CurveScores,
    Example,
    ImageTextScores,
    MaskScores,
    Pair,
    ScoreGap,
    ValveScores,
)
from echodfkd.evidence.shown import follows, real_hearts
from echodfkd.evidence.words.mask_quality import SCORES
from echodfkd.measure.beats import check_rate
from echodfkd.report.draw.figures import BLUE, INK, ORANGE, SOFT, png_bytes, tidy
from echodfkd.report.numbers import NONE, count, interval
from echodfkd.report.page import Picture, Section, Table
from echodfkd.scores.frame_distance import PHASES
from echodfkd.stats.intervals import Interval

KINDS = {
    "shrunk": "shrunk by 4 pixels of 112",
    "grown": "grown by 4 pixels of 112",
    "shifted": "shifted by 8 pixels of 112",
    "swapped": "another clip's masks",
    "empty": "no mask",
}


def section(said: ImageTextScores) -> Section | None:
    """The section of one judge; None where it judged neither masks nor beats."""
    masks, phases, tables = said.masks, said.phases, []
    if masks is not None:
        tables.append(models_table(masks, said))
        if masks.pairs is not None:
            tables.append(pairs_table(masks, masks.pairs))
    if said.calibration is not None:
        tables.append(calibration_table(said.calibration))
    if phases is not None:
        tables.append(phases_table(phases, said))
        if phases.nearer_than_chance:
            tables.append(chance_table(phases))
    if not tables:
        return None
    return Section(
        "Judged by an image-text model",
        text=words(said),
        warning=" ".join(filter(None, (said.warning, said.unknown_words))),
        tables=tuple(tables),
        pictures=(phase_picture(said.examples),) if said.examples else (),
    )


def words(said: ImageTextScores) -> tuple[str, ...]:
    """How the judge was asked, and how far to trust its answers."""
    text = [
        f"{_real_words(said.judge)}Judge: {said.judge}. "
        "It compares frames with words and sees no label (the paper's sections 3.8 and 3.9). "
        "Every score is larger for better masks; the scale means nothing beyond this comparison."
    ]
    masks = said.masks
    if masks is not None and _alone(masks):
        text.append(
            "One segmenter alone was judged: there is nothing to compare it with, so it has no combined score, and its "
            "wall and cavity say nothing by themselves. Judge another one beside it."
        )
    if masks is not None and masks.rank is None and not _known(masks):
        text.append("The true overlap is not known here, so nothing on this page says how far to trust the judge.")
    return tuple(text)


def _real_words(judge: str) -> str:
    """How far that judge followed true Dice on real hearts, where it was measured; a sentence with its space."""
    real = real_hearts()
    if judge != real.judge:
        return ""
    found = interval(real.followed("judge"), 2)
    worth = "follows" if follows("judge") else "does not follow"
    return f"It {worth} true Dice on real hearts: rank correlation {found} on {real.clips} clips. "


def _quoted(said: ImageTextScores, prompt: str) -> str:
    """The wordings of one prompt in quotation marks, several joined: their mean stands for it."""
    return " / ".join(f"“{text}”" for text in said.asked.get(prompt, ()))


def _alone(masks: MaskScores) -> bool:
    return len(masks.models) == 1 and not masks.scale.given


def _known(masks: MaskScores) -> bool:
    """Whether the true Dice is known."""
    return any("dice" in scores for scores in masks.models.values())


def _pool(masks: MaskScores) -> str:
    """What the z-scores are of, and what follows."""
    if masks.scale.given:
        return "The z-scores are of a given scale, so the combined score does not depend on who else is judged here."
    return (
        f"The z-scores are over all {masks.n.frames} frames of all {len(masks.models)} segmenters here: with "
        "others beside them, the combined scores and the clips needed by them are others."
    )


def models_table(masks: MaskScores, said: ImageTextScores) -> Table:
    """A row per segmenter, the one of the highest combined score first."""
    order = sorted(masks.models, key=lambda name: -_value(masks.models[name]["combined"]))
    columns = ("dice", *SCORES) if _known(masks) else SCORES
    rows = tuple(
        (name, *(interval(masks.models[name][key], 3) for key in columns), count(masks.models[name]["wall"]))
        for name in order
    )
    last = "One segmenter alone has no combined score." if _alone(masks) else _pool(masks)
    wall, cavity, nothing = (_quoted(said, name) for name in ("wall", "left_ventricle", "nothing"))
    note = (
        f"wall: blackened under the mask, {wall}. cavity: blackened under the enlarged mask, {cavity} less {nothing}. "
        f"combined: the lower of both as z-scores. {last}"
    )
    names = ("true Dice" if key == "dice" else key for key in columns)
    return Table("Masks as the judge sees them", ("segmenter", *names, "clips"), rows, note)


def pairs_table(masks: MaskScores, pairs: Sequence[Pair]) -> Table:
    """For every two segmenters the clips after which the combined score tells them apart."""
    known = all(pair.dice is not None for pair in pairs)
    rows = tuple(
        (
            f"{pair.better} over {pair.worse}",
            *((interval(pair.dice, 3),) if known else ()),
            interval(pair.combined.difference, 2),
            _clips_needed(pair.combined),
        )
        for pair in sorted(pairs, key=lambda pair: -_value(pair.dice or pair.combined.difference))
    )
    order = "the right order" if known else "this order again"
    note = f"Clips: (1.645 sd / mean)² of the paired differences, for {order} in 95 of 100 draws; a normal mean. "
    if not known:
        note += "The order is the judge's: nothing here says that it is that of the true overlap. "
    first = ("better over worse by true Dice", "Dice apart") if known else ("higher over lower by the judge",)
    columns = (*first, "combined score apart", "clips needed")
    return Table("How many clips tell two segmenters apart", columns, rows, note + _pool(masks))


def _value(found: Interval | None) -> float:
    return 0.0 if found is None else found.value


def _clips_needed(found: ScoreGap) -> str:
    if found.right is False:
        return "wrong order here"
    return NONE if found.clips_needed is None else f"{found.clips_needed:,}"


def calibration_table(calibration: Calibration) -> Table:
    """How often the judge prefers good masks to spoilt ones."""
    rows = tuple(
        (
            KINDS.get(kind, kind),
            *(interval(scores[key], 3) for key in SCORES),
            interval(calibration.paired[kind]["combined"], 3),
        )
        for kind, scores in calibration.auc.items()
    )
    note = (
        "AUC: the chance that a good mask scores above a spoilt one; a blind judge has 0.5. "
        f"{calibration.n.clips} clips, {calibration.n.frames} frames. Wall alone cannot see that a mask is too small. "
        "Combined: z-scores over the good masks alone, whatever else is tried."
    )
    return Table("Good masks against spoilt ones", ("spoilt", *SCORES, "combined, same frame"), rows, note)


def phases_table(phases: ValveScores, said: ImageTextScores) -> Table:
    """ED and ES by the valve, beside curves that saw no image."""
    curves: dict[str, CurveScores] = {"mitral valve, by the judge": phases, **phases.by_chance}
    rows = []
    for name, curve in curves.items():
        both = [curve.of(phase) for phase in PHASES]
        row = [name, *(interval(one.penalised_ms, 0) for one in both), *(interval(one.bias_ms, 0) for one in both)]
        row += [f"{one.matched} / {one.missed} / {one.extra}" for one in both]
        rows.append((*row, *(interval(one.afd, 1) for one in both)))
    distances = ("ED, ms", "ES, ms", "ED bias, ms", "ES bias, ms")
    columns = ("curve", *distances, "ED found / missed / extra", "ES", "ED aFD, frames", "ES aFD")
    note = (
        f"{_quoted(said, 'closed')} less {_quoted(said, 'open')}, summed over time, linear trend removed. One to "
        "one, missed and extra events counting as the whole tolerance; the other curves saw no image, the mean of "
        f"{phases.draws} draws for every clip. aFD is the paper's average frame distance. {_afd_words(phases)}"
    )
    return Table("ED and ES by the mitral valve", columns, tuple(rows), note, frozenset({0}))


def _afd_words(phases: ValveScores) -> str:
    """Which curves that saw no image come nearer than the judge by the paper's aFD, and why."""
    ahead = []
    for phase in PHASES:
        own = phases.of(phase).afd
        afds = {name: null.of(phase).afd for name, null in phases.by_chance.items()}
        names = [name for name, one in afds.items() if one is not None and own is not None and one.value < own.value]
        if names:
            ahead.append(f"{' and '.join(names)} at {phase.upper()}")
    if not ahead:
        return "It picks the beat by the reference."
    return (
        f"By it the judge loses to what saw no image ({', '.join(ahead)}): it picks the beat by the reference, and a "
        "curve that jumps has an extremum near any frame."
    )


def chance_table(phases: ValveScores) -> Table:
    """How much nearer than each curve that saw no image the judge comes on the same clips."""
    rows = tuple(
        (
            name,
            *(interval(found[phase]["penalised_ms"], 0) for phase in PHASES),
            *(interval(found[phase]["afd"], 1) for phase in PHASES),
        )
        for name, found in phases.nearer_than_chance.items()
    )
    columns = ("curve that saw no image", "ED, ms", "ES, ms", "ED aFD, frames", "ES aFD, frames")
    note = (
        "Its distance less the judge's, paired by clip: above 0 the judge comes nearer, below 0 the curve that saw "
        f"nothing does. The mean of {phases.draws} draws for every clip, so that no lucky draw decides."
    )
    return Table("Nearer than by chance, on the same clips", columns, rows, note)


def phase_figure(examples: Sequence[Example]) -> Figure:
    """Area and the judge's f of some clips over time, each from 0 to 1, f upside down: the paper's Figure 5."""
    if not examples:
        raise InputError("A figure of phases needs at least one clip, got none.")
    figure = Figure(figsize=(8.4, 0.5 + 1.7 * len(examples)), layout="constrained")
    for axes, one in zip(figure.subplots(len(examples), 1, squeeze=False)[:, 0], examples, strict=True):
        tidy(axes)
        time = np.arange(len(np.asarray(one.area))) / check_rate(one.fps)
        for phase, frames, style in (("ED", one.ed_frames, "-"), ("ES", one.es_frames, ":")):
            for place, at in enumerate(time[list(frames or ())]):
                axes.axvline(at, color=SOFT, lw=1.1, ls=style, label=None if place else f"{phase}, reference")
        axes.plot(time, _unit(one.area), color=BLUE, lw=1.7, label="area of the masks")
        axes.plot(time, _unit(-np.asarray(one.curve, float)), color=ORANGE, lw=1.7, label="−f: the mitral valve")
        axes.set_title(f"{one.name}: area of {one.of}", fontsize=9, color=INK, loc="left")
        axes.set(yticks=(0, 1), ylabel="0 to 1")
    axes.set_xlabel("time, s")
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.32))
    return figure


def phase_picture(examples: Sequence[Example]) -> Picture:
    """`phase_figure` as a picture of a page."""
    whose = " or ".join(sorted({one.of for one in examples}))
    caption = f"Area of {whose} and the summed valve signal, upside down, each from 0 to 1 (the paper's Figure 5)."
    return Picture(png_bytes(phase_figure(examples)), "Area curves and the valve's signal over time", caption, 820)


def _unit(values: ArrayLike) -> np.ndarray:
    curve = np.asarray(values, float)
    span = np.ptp(curve)
    return (curve - curve.min()) / (span if span > 0 else 1)
