"""An image-text judge's section: masks, trust in its verdicts, and ED and ES by the mitral valve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from echodfkd.errors import InputError
from echodfkd.evaluate.beats import check_rate
from echodfkd.report.figures import BLUE, INK, ORANGE, SOFT, png_bytes, tidy
from echodfkd.report.page import Picture, Section, Table
from echodfkd.report.words import NONE, count, interval

Row = Mapping[str, Any]
STANDIN = "standin"
WARNING = (
    "The judge has never seen a patient. It is the bundled stand-in: it was taught on simulated hearts, and what a "
    "black region means, which EchoCLIP never was. Its figures say nothing about EchoCLIP's."
)
SCORES = {
    "wall": "wall: blackened under the mask, “WALL”",
    "cavity": "cavity: blackened under the enlarged mask, “LEFT VENTRICLE” less “NOTHING”",
    "combined": "combined: the lower of both as z-scores",
}
SHORT = {"wall": "wall", "cavity": "cavity", "combined": "combined"}
KINDS = {
    "shrunk": "shrunk by 4 pixels of 112",
    "grown": "grown by 4 pixels of 112",
    "shifted": "shifted by 8 pixels of 112",
    "swapped": "another clip's masks",
    "empty": "no mask",
}


@dataclass(frozen=True)
class Phase:
    """One clip for `phase_figure`: its area curve and the judge's f, both (time,), and the reference's ED and ES."""

    name: str
    area: ArrayLike
    curve: ArrayLike
    fps: float | None = None
    ed_frames: tuple[int, ...] = ()
    es_frames: tuple[int, ...] = ()


def section(
    judge: str,
    *,
    masks: Row | None = None,
    calibration: Row | None = None,
    phases: Row | None = None,
    examples: Sequence[Phase] = (),
) -> Section | None:
    """The section of one judge by name; None where it judged nothing.

    `masks` is what `mask_quality.mask_scores` gives, `calibration` what `calibration_scores` gives, `phases` what
    `phases.phase_scores` gives; each may be absent.
    """
    if masks is None and calibration is None and phases is None:
        return None
    tables = [
        *([models_table(masks)] if masks else []),
        *([rank_table(masks)] if masks and masks["rank"] else []),
        *([pairs_table(masks)] if masks and masks["pairs"] else []),
        *([calibration_table(calibration)] if calibration else []),
        *([phases_table(phases)] if phases else []),
    ]
    return Section(
        "Judged by an image-text model",
        text=words(judge, masks),
        warning=WARNING if judge == STANDIN else "",
        tables=tuple(tables),
        pictures=tuple(_pictures(masks, examples)),
    )


def words(judge: str, masks: Row | None) -> tuple[str, ...]:
    """What was asked, and how far to trust the answers."""
    text = [
        f"Judge: {judge}. It compares frames with words and sees no label (the paper's sections 3.8 and 3.9). Every "
        "score is larger for better masks; the scale means nothing beyond this comparison."
    ]
    if masks is not None and masks["rank"] is None:
        text.append("The true overlap is not known here, so nothing on this page says how far to trust the judge.")
    return tuple(text)


def models_table(masks: Row) -> Table:
    """A row per segmenter, the one of the highest combined score first."""
    known = any("dice" in scores for scores in masks["models"].values())
    ordered = sorted(masks["models"].items(), key=lambda item: -item[1]["combined"]["value"])
    rows = tuple(
        (
            name,
            *((interval(scores["dice"], 3),) if known else ()),
            *(interval(scores[key], 3) for key in SCORES),
            count(scores["combined"]),
        )
        for name, scores in ordered
    )
    columns = ("segmenter", *(("true Dice",) if known else ()), *SHORT.values(), "clips")
    note = ". ".join(SCORES.values()) + f", over all {masks['n']['frames']} frames of every segmenter."
    return Table("Masks as the judge sees them", columns, rows, note)


def rank_table(masks: Row) -> Table:
    """Spearman's correlation of each score with the true Dice."""
    rows = tuple(
        (told, interval(masks["rank"]["per_frame"][key], 2), interval(masks["rank"]["per_model"][key], 2))
        for key, told in SCORES.items()
    )
    n = masks["n"]
    note = f"{len(masks['models'])} segmenters, {n['clips']} clips. Intervals are for other clips alone."
    return Table("Rank correlation with true Dice", ("score", "over frames", "over segmenters"), rows, note)


def pairs_table(masks: Row) -> Table:
    """For every two segmenters the clips after which the combined score has them in the right order."""
    rows = tuple(
        (
            f"{pair['better']} over {pair['worse']}",
            interval(pair["dice"], 3),
            interval(pair["combined"]["difference"], 2),
            _needed(pair["combined"]),
        )
        for pair in sorted(masks["pairs"], key=lambda pair: -pair["dice"]["value"])
    )
    note = "Clips: (1.645 sd / mean)² of the paired differences, for the right order in 95 of 100 draws; a normal mean."
    columns = ("better over worse by true Dice", "Dice apart", "combined score apart", "clips needed")
    return Table("How many clips tell two segmenters apart", columns, rows, note)


def _needed(found: Row) -> str:
    if not found["right"]:
        return "wrong order here"
    return NONE if found["clips_needed"] is None else f"{found['clips_needed']:,}"


def calibration_table(calibration: Row) -> Table:
    """How often the judge prefers good masks to spoilt ones."""
    rows = tuple(
        (
            KINDS.get(kind, kind),
            *(interval(scores[key], 3) for key in SCORES),
            interval(calibration["paired"][kind]["combined"], 3),
        )
        for kind, scores in calibration["auc"].items()
    )
    n = calibration["n"]
    note = (
        "AUC: the chance that a good mask scores above a spoilt one; a blind judge has 0.5. "
        f"{n['clips']} clips, {n['frames']} frames. Wall alone cannot see that a mask is too small."
    )
    return Table("Good masks against spoilt ones", ("spoilt", *SHORT.values(), "combined, same frame"), rows, note)


def phases_table(phases: Row) -> Table:
    """ED and ES by the valve, beside curves that saw no image."""
    rows = tuple(
        (
            name,
            *(interval(scores[phase]["penalised_ms"], 0) for phase in ("ed", "es")),
            *(interval(scores[phase]["bias_ms"], 0) for phase in ("ed", "es")),
            *(f"{scores[p]['matched']} / {scores[p]['missed']} / {scores[p]['extra']}" for p in ("ed", "es")),
        )
        for name, scores in {"mitral valve, by the judge": phases, **phases["by_chance"]}.items()
    )
    columns = ("curve", "ED, ms", "ES, ms", "ED bias, ms", "ES bias, ms", "ED found / missed / extra", "ES")
    note = (
        "“THE MITRAL VALVE IS CLOSED” less “OPEN”, summed over time, linear trend removed. One to one, missed and "
        "extra events counting as the whole tolerance; the other curves saw no image."
    )
    return Table("ED and ES by the mitral valve", columns, rows, note, frozenset({0}))


def rank_figure(masks: Row) -> Figure:
    """The judge's score of each segmenter against its true Dice, with intervals, one panel per score."""
    models = {name: scores for name, scores in masks["models"].items() if "dice" in scores}
    if not models:
        raise InputError("Scores against true Dice need segmenters whose true Dice is known.")
    figure = Figure(figsize=(9.6, 3.5), layout="constrained")
    panels = figure.subplots(1, len(SHORT))
    for axes, (key, label) in zip(panels, SHORT.items(), strict=True):
        tidy(axes)
        for number, (name, scores) in enumerate(models.items()):
            x, y = scores["dice"], scores[key]
            colour = f"C{number}"
            axes.errorbar(x["value"], y["value"], xerr=_ends(x), yerr=_ends(y), fmt="o", color=colour, ms=5, label=name)
        axes.set(xlabel="true Dice", title=_rank_title(masks, key, label))
        axes.title.set_fontsize(10)
    panels[0].set_ylabel("the judge's score")
    drawn = panels[0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=min(4, len(models)), frameon=False)
    return figure


def phase_figure(examples: Sequence[Phase]) -> Figure:
    """Area and the judge's f of some clips over time, each from 0 to 1, f upside down: the paper's Figure 5."""
    if not examples:
        raise InputError("A figure of phases needs at least one clip, got none.")
    figure = Figure(figsize=(8.4, 0.5 + 1.7 * len(examples)), layout="constrained")
    for axes, one in zip(figure.subplots(len(examples), 1, squeeze=False)[:, 0], examples, strict=True):
        tidy(axes)
        time = np.arange(len(np.asarray(one.area))) / check_rate(one.fps)
        for phase, frames, style in (("ED", one.ed_frames, "-"), ("ES", one.es_frames, ":")):
            for number, frame in enumerate(frames):
                axes.axvline(
                    time[frame], color=SOFT, lw=1.1, ls=style, label=f"{phase}, reference" if not number else None
                )
        axes.plot(time, _unit(one.area), color=BLUE, lw=1.7, label="area of the masks")
        axes.plot(time, _unit(-np.asarray(one.curve, float)), color=ORANGE, lw=1.7, label="−f: the mitral valve")
        axes.set_title(one.name, fontsize=9, color=INK, loc="left")
        axes.set(yticks=(0, 1), ylabel="0 to 1")
    axes.set_xlabel("time, s")
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.32))
    return figure


def _pictures(masks: Row | None, examples: Sequence[Phase]) -> list[Picture]:
    pictures = []
    if masks is not None and masks["rank"]:
        alt = "Scatter of the judge's scores against true Dice, a point per segmenter"
        caption = "What the judge says of each segmenter against its true Dice; 95 % intervals by clip."
        pictures.append(Picture(png_bytes(rank_figure(masks)), alt, caption, 900))
    if examples:
        alt = "Area curves and the valve's signal over time"
        caption = "Area of the masks and the summed valve signal, upside down, each from 0 to 1 (the paper's Figure 5)."
        pictures.append(Picture(png_bytes(phase_figure(examples)), alt, caption, 820))
    return pictures


def _rank_title(masks: Row, key: str, label: str) -> str:
    if not masks["rank"]:
        return label
    found = masks["rank"]["per_model"][key]
    return f"{label}: rank correlation {NONE if found['value'] is None else format(found['value'], '.2f')}"


def _ends(found: Row) -> list[list[float]] | None:
    """Distances of the interval's ends as matplotlib wants them; None where there is no interval."""
    if found["low"] is None:
        return None
    value = found["value"]
    return [[max(0.0, value - found["low"])], [max(0.0, found["high"] - value)]]


def _unit(values: ArrayLike) -> np.ndarray:
    curve = np.asarray(values, float)
    span = np.ptp(curve)
    return (curve - curve.min()) / (span if span > 0 else 1)
