"""Overlap with the truth and the distance between outlines, each beside what a constant mask gets."""

from collections.abc import Sequence

from echodfkd.report.draw.figures import dice_figure, drawn
from echodfkd.report.numbers import count, interval
from echodfkd.report.page import Section, Table
from echodfkd.scores.metrics import METRICS, Row, placeless
from echodfkd.scores.records import Boundary, Overlap, Scorecard

PHASES = {"overall": "mean of labelled frames", "ed": "end-diastole", "es": "end-systole"}
OVERLAP_NOTE = (
    "Means are over frames within a clip, then over clips: every clip weighs the same. Pooled takes the pixels of all "
    "labelled frames as one image: large ventricles and long clips weigh more. Two empty masks score 1. "
    "The constant mask holds the pixels inside on at least half of the training frames."
)
BOUNDARY_TEXT = (
    "HD95 is the larger of the two directed 95th percentiles of the distances between the outlines' pixels (as in "
    "Metrics Reloaded and MONAI; medpy's HD95 takes one percentile of both directions together). The mean surface "
    "distance is the mean over the pixels of both outlines (ASSD). Means are over frames, then over clips."
)


def section(scores: Scorecard, rows: Sequence[Row] = (), baseline: Sequence[Row] = ()) -> Section:
    """Dice, IoU and boundary distances of a scorecard; with the rows of `score_clip` also a figure.

    `baseline` holds the constant mask's rows.
    """
    tables = [overlap_table(scores)]
    if scores.boundary is not None:
        tables.append(boundary_table(scores))
    if scores.more:
        tables.append(more_table(scores))
    return Section(
        "Overlap with the truth",
        () if scores.boundary is None else (BOUNDARY_TEXT,),
        tables=tuple(tables),
        pictures=(drawn(dice_figure(rows, baseline), "Dice of every clip, sorted"),) if rows else (),
    )


def overlap_table(scores: Scorecard) -> Table:
    """Dice and IoU, per-frame means overall and per phase, and pooled, beside the constant mask's Dice."""
    constant = scores.constant_mask or Overlap()
    rows = tuple(
        (
            label,
            interval(scores.dice.of(key), 3),
            interval(scores.iou.of(key), 3),
            interval(constant.dice.of(key), 3),
            count(scores.dice.of(key)),
        )
        for key, label in {**PHASES, "pooled": "all pixels pooled"}.items()
    )
    return Table("Dice and IoU", ("", "Dice", "IoU", "Dice of a constant mask", "clips"), rows, OVERLAP_NOTE)


def boundary_table(scores: Scorecard) -> Table:
    """HD95 and mean surface distance in pixels, and in mm where known, beside the constant mask's HD95."""
    found = scores.boundary or Boundary()
    constant = (scores.constant_mask or Overlap()).boundary or Boundary()
    columns = {"hd95": "HD95, pixels", "surface_distance": "mean surface distance, pixels"}
    if found.hd95_mm.overall:
        columns |= {"hd95_mm": "HD95, mm", "surface_distance_mm": "mean surface distance, mm"}
    rows = [
        (
            label,
            *(interval(found.of(name).of(key), 2) for name in columns),
            interval(constant.hd95.of(key), 2),
            count(found.hd95.of(key)),
        )
        for key, label in PHASES.items()
    ]
    dashes = ("-",) * (len(columns) - 1)
    own, other = (interval(one.hd95_penalised, 2) for one in (found, constant))
    rows.append(("missing masks penalised", own, *dashes, other, count(found.hd95_penalised)))
    head = ("", *columns.values(), "HD95 of a constant mask, pixels", "clips")
    return Table("Distance between the outlines", head, tuple(rows), _missing(found))


def more_table(scores: Scorecard) -> Table:
    """The metrics that stand in no other table."""
    found = [(metric, metric.found(scores)) for metric in placeless(METRICS)]
    rows = tuple((metric.label, interval(one, metric.digits), count(one)) for metric, one in found)
    return Table("Other scores", ("", "mean over clips", "clips"), rows)


def _missing(found: Boundary) -> str:
    """What happened to frames on which one mask alone is empty, in words."""
    empty = found.one_empty
    if not empty:
        return "No labelled frame had one mask alone empty; two empty masks lie 0 apart."
    return (
        f"{empty} labelled frames had one mask alone empty and so no distance: they are in no row but the penalised "
        "one, where they count as the image's diagonal. Two empty masks lie 0 apart."
    )
