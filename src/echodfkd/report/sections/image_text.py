"""An image-text judge's section: masks, trust in its verdicts, and ED and ES by the mitral valve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from echodfkd.errors import InputError
from echodfkd.evidence.words.echoclip import NEVER_A_PATIENT
from echodfkd.measure.beats import check_rate
from echodfkd.report.draw.figures import BLUE, INK, ORANGE, SOFT, png_bytes, tidy
from echodfkd.report.numbers import NONE, count, interval
from echodfkd.report.page import Picture, Section, Table

Row = Mapping[str, Any]
Asked = Mapping[str, Sequence[str]]
STANDIN = "standin"
ASKED = {
    "wall": ("WALL",),
    "left_ventricle": ("LEFT VENTRICLE",),
    "nothing": ("NOTHING",),
    "closed": ("THE MITRAL VALVE IS CLOSED",),
    "open": ("THE MITRAL VALVE IS OPEN",),
}
"""The paper's words, by prompt."""
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
    """One clip for `phase_figure`: its area curve and the judge's f, both (time,), and the reference's ED and ES.

    `of` tells whose masks the area is of, as in "the true masks" or "masks of b4".
    """

    name: str
    area: ArrayLike
    curve: ArrayLike
    fps: float | None = None
    ed_frames: tuple[int, ...] = ()
    es_frames: tuple[int, ...] = ()
    of: str = ""


def section(
    judge: str,
    *,
    masks: Row | None = None,
    calibration: Row | None = None,
    phases: Row | None = None,
    examples: Sequence[Phase] = (),
    asked: Asked | None = None,
    warning: str | None = None,
) -> Section | None:
    """The section of one judge by name; None where it judged nothing.

    `masks` is what `mask_quality.mask_scores` gives, `calibration` what `calibration_scores` gives, `phases` what
    `phases.phase_scores` gives; each may be absent. `asked` are the wordings of each prompt about masks and valve, as
    `Prompts.asked` gives them, None being the paper's. `warning` is what `Judge.warning` says; None warns of the
    bundled stand-in by its name.
    """
    if masks is None and calibration is None and phases is None:
        return None
    said = {**ASKED, **(asked or {})}
    tables = [
        *([models_table(masks, said)] if masks else []),
        *([rank_table(masks, said)] if masks and masks["rank"] else []),
        *([pairs_table(masks)] if masks and masks["pairs"] else []),
        *([calibration_table(calibration)] if calibration else []),
        *([phases_table(phases, said)] if phases else []),
        *([chance_table(phases)] if phases and phases.get("nearer_than_chance") else []),
    ]
    told = NEVER_A_PATIENT if judge == STANDIN else ""
    return Section(
        "Judged by an image-text model",
        text=words(judge, masks),
        warning=told if warning is None else warning,
        tables=tuple(tables),
        pictures=tuple(_pictures(masks, examples)),
    )


def words(judge: str, masks: Row | None) -> tuple[str, ...]:
    """What was asked, and how far to trust the answers."""
    text = [
        f"Judge: {judge}. It compares frames with words and sees no label (the paper's sections 3.8 and 3.9). Every "
        "score is larger for better masks; the scale means nothing beyond this comparison."
    ]
    if masks is not None and _alone(masks):
        text.append(
            "One segmenter alone was judged: there is nothing to compare it with, so it has no combined score, and its "
            "wall and cavity say nothing by themselves. Judge another one beside it."
        )
    if masks is not None and masks["rank"] is None and not any("dice" in one for one in masks["models"].values()):
        text.append("The true overlap is not known here, so nothing on this page says how far to trust the judge.")
    return tuple(text)


def score_words(asked: Asked) -> dict[str, str]:
    """What each score is, in the words that the judge was asked."""
    wall, cavity, nothing = (_quoted(asked[name]) for name in ("wall", "left_ventricle", "nothing"))
    return {
        "wall": f"wall: blackened under the mask, {wall}",
        "cavity": f"cavity: blackened under the enlarged mask, {cavity} less {nothing}",
        "combined": "combined: the lower of both as z-scores",
    }


def _quoted(wordings: Sequence[str]) -> str:
    """The wordings of one prompt in quotation marks, several joined: their mean stands for it."""
    return " / ".join(f"“{text}”" for text in wordings)


def _alone(masks: Row) -> bool:
    return len(masks["models"]) == 1 and not masks.get("scale", {}).get("given", False)


def _pool(masks: Row) -> str:
    """What the z-scores are of, and what follows."""
    if masks.get("scale", {}).get("given", False):
        return "The z-scores are of a given scale, so the combined score does not depend on who else is judged here."
    return (
        f"The z-scores are over all {masks['n']['frames']} frames of all {len(masks['models'])} segmenters here: with "
        "others beside them, the combined scores and the clips needed by them are others."
    )


def models_table(masks: Row, asked: Asked = ASKED) -> Table:
    """A row per segmenter, the one of the highest combined score first."""
    known, alone = any("dice" in scores for scores in masks["models"].values()), _alone(masks)
    ordered = sorted(masks["models"].items(), key=lambda item: 0 if alone else -item[1]["combined"]["value"])
    rows = tuple(
        (
            name,
            *((interval(scores["dice"], 3),) if known else ()),
            *(NONE if alone and key == "combined" else interval(scores[key], 3) for key in SHORT),
            count(scores["wall"]),
        )
        for name, scores in ordered
    )
    columns = ("segmenter", *(("true Dice",) if known else ()), *SHORT.values(), "clips")
    last = "One segmenter alone has no combined score." if alone else _pool(masks)
    return Table("Masks as the judge sees them", columns, rows, ". ".join(score_words(asked).values()) + f". {last}")


def rank_table(masks: Row, asked: Asked = ASKED) -> Table:
    """Spearman's correlation of each score with the true Dice."""
    rows = tuple(
        (told, interval(masks["rank"]["per_frame"][key], 2), interval(masks["rank"]["per_model"][key], 2))
        for key, told in score_words(asked).items()
    )
    n = masks["n"]
    note = f"{len(masks['models'])} segmenters, {n['clips']} clips. Intervals are for other clips alone."
    return Table("Rank correlation with true Dice", ("score", "over frames", "over segmenters"), rows, note)


def pairs_table(masks: Row) -> Table:
    """For every two segmenters the clips after which the combined score tells them apart."""
    known = all(pair["dice"] is not None for pair in masks["pairs"])
    by = (lambda pair: pair["dice"]["value"]) if known else (lambda pair: pair["combined"]["difference"]["value"])
    rows = tuple(
        (
            f"{pair['better']} over {pair['worse']}",
            *((interval(pair["dice"], 3),) if known else ()),
            interval(pair["combined"]["difference"], 2),
            _needed(pair["combined"]),
        )
        for pair in sorted(masks["pairs"], key=by, reverse=True)
    )
    order = "the right order" if known else "this order again"
    note = f"Clips: (1.645 sd / mean)² of the paired differences, for {order} in 95 of 100 draws; a normal mean. "
    if not known:
        note += "The order is the judge's: nothing here says that it is that of the true overlap. "
    first = ("better over worse by true Dice", "Dice apart") if known else ("higher over lower by the judge",)
    columns = (*first, "combined score apart", "clips needed")
    return Table("How many clips tell two segmenters apart", columns, rows, note + _pool(masks))


def _needed(found: Row) -> str:
    if found["right"] is False:
        return "wrong order here"
    return NONE if found["clips_needed"] is None else f"{found['clips_needed']:,}"


def calibration_table(calibration: Row) -> Table:
    """How often the judge prefers good masks to spoilt ones."""
    rows = tuple(
        (
            KINDS.get(kind, kind),
            *(interval(scores[key], 3) for key in SHORT),
            interval(calibration["paired"][kind]["combined"], 3),
        )
        for kind, scores in calibration["auc"].items()
    )
    n = calibration["n"]
    note = (
        "AUC: the chance that a good mask scores above a spoilt one; a blind judge has 0.5. "
        f"{n['clips']} clips, {n['frames']} frames. Wall alone cannot see that a mask is too small. "
        "Combined: z-scores over the good masks alone, whatever else is tried."
    )
    return Table("Good masks against spoilt ones", ("spoilt", *SHORT.values(), "combined, same frame"), rows, note)


def phases_table(phases: Row, asked: Asked = ASKED) -> Table:
    """ED and ES by the valve, beside curves that saw no image."""
    rows = tuple(
        (
            name,
            *(interval(scores[phase]["penalised_ms"], 0) for phase in ("ed", "es")),
            *(interval(scores[phase]["bias_ms"], 0) for phase in ("ed", "es")),
            *(f"{scores[p]['matched']} / {scores[p]['missed']} / {scores[p]['extra']}" for p in ("ed", "es")),
            *(interval(scores[phase]["afd"], 1) for phase in ("ed", "es")),
        )
        for name, scores in {"mitral valve, by the judge": phases, **phases["by_chance"]}.items()
    )
    columns = ("curve", "ED, ms", "ES, ms", "ED bias, ms", "ES bias, ms", "ED found / missed / extra", "ES")
    drawn = f", the mean of {phases['draws']} draws for every clip" if "draws" in phases else ""
    note = (
        f"{_quoted(asked['closed'])} less {_quoted(asked['open'])}, summed over time, linear trend removed. One to "
        f"one, missed and extra events counting as the whole tolerance; the other curves saw no image{drawn}. aFD is "
        f"the paper's average frame distance. {_gamed(phases)}"
    )
    return Table("ED and ES by the mitral valve", (*columns, "ED aFD, frames", "ES aFD"), rows, note, frozenset({0}))


def _gamed(phases: Row) -> str:
    """Which curves that saw no image come nearer than the judge by the paper's aFD, and why."""
    ahead = {
        phase.upper(): [name for name, scores in phases["by_chance"].items() if _less(scores, phases, phase)]
        for phase in ("ed", "es")
    }
    told = [f"{' and '.join(names)} at {phase}" for phase, names in ahead.items() if names]
    if not told:
        return "It picks the beat by the reference."
    return (
        f"By it the judge loses to what saw no image ({', '.join(told)}): it picks the beat by the reference, and a "
        "curve that jumps has an extremum near any frame."
    )


def _less(null: Row, phases: Row, phase: str) -> bool:
    first, second = null[phase]["afd"], phases[phase]["afd"]
    return first is not None and second is not None and first["value"] < second["value"]


def chance_table(phases: Row) -> Table:
    """How much nearer than each curve that saw no image the judge comes on the same clips."""
    rows = tuple(
        (
            name,
            *(interval(found[phase]["penalised_ms"], 0) for phase in ("ed", "es")),
            *(interval(found[phase]["afd"], 1) for phase in ("ed", "es")),
        )
        for name, found in phases["nearer_than_chance"].items()
    )
    columns = ("curve that saw no image", "ED, ms", "ES, ms", "ED aFD, frames", "ES aFD, frames")
    note = (
        "Its distance less the judge's, paired by clip: above 0 the judge comes nearer, below 0 the curve that saw "
        f"nothing does. The mean of {phases['draws']} draws for every clip, so that no lucky draw decides."
    )
    return Table("Nearer than by chance, on the same clips", columns, rows, note)


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
            if scores[key] is None:
                continue
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
        axes.set_title(f"{one.name}: area of {one.of}" if one.of else one.name, fontsize=9, color=INK, loc="left")
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
        whose = sorted({one.of for one in examples if one.of})
        area = f"Area of {' or '.join(whose) or 'the masks'}"
        caption = f"{area} and the summed valve signal, upside down, each from 0 to 1 (the paper's Figure 5)."
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
