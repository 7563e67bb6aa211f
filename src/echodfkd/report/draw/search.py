"""Figures of a search: its history, and its trials across all dials. Records in, a matplotlib Figure out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from echodfkd.report.draw.figures import BLUE, INK, ORANGE, SOFT, tidy
from echodfkd.study.search_record import Trial

PLATE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
"""Behind words that lines cross."""


def history_figure(trials: Sequence[Trial]) -> Figure:
    """Dice on validation clips of every trial that was taught to its end, by number, and the best so far."""
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    done = [one for one in trials if one.dice is not None]
    numbers, dice = [one.number for one in done], np.array([one.dice for one in done], float)
    axes.step(numbers, np.maximum.accumulate(dice), where="post", color=ORANGE, lw=1.4, label="best so far")
    axes.plot(numbers, dice, "o", color=BLUE, ms=4, label="taught to the end")
    if ended := [one.number for one in trials if one.state == "pruned"]:
        axes.plot(ended, np.full(len(ended), dice.min()), "x", color=SOFT, ms=5, label="ended early (at the bottom)")
    axes.set(xlabel="trial", ylabel="Dice, validation clips")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def parallel_figure(trials: Sequence[Trial], dials: Sequence[str]) -> Figure:
    """Every trial that was taught to its end as a line across its dials; the darker, the better its Dice."""
    done = sorted((one for one in trials if one.dice is not None), key=lambda one: one.dice or 0.0)
    figure = Figure(figsize=(max(5.4, 1.5 * (len(dials) + 1)), 4.0), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    columns = [_placed([one.values[name] for one in done]) for name in dials]
    dice = np.array([one.dice for one in done], float)
    places = np.stack([*(column for column, _ in columns), _share(dice)])
    for rank, line in enumerate(places.T):
        best, share = rank == len(done) - 1, (rank + 1) / len(done)
        axes.plot(line, color=ORANGE if best else BLUE, alpha=1 if best else 0.15 + 0.6 * share, lw=2 if best else 1.2)
    for at, (_, ticks) in enumerate([*columns, (dice, [(0.0, f"{dice.min():.3f}"), (1.0, f"{dice.max():.3f}")])]):
        for height, word in ticks:
            axes.text(at + 0.03, height, word, fontsize=8, color=INK, va="center", bbox=PLATE)
    axes.set_xticks(range(len(dials) + 1), [*(name.replace(".", ".\n", 1) for name in dials), "Dice"])
    axes.set_yticks([])
    return figure


def _placed(values: Sequence[Any]) -> tuple[NDArray[np.float64], list[tuple[float, str]]]:
    """Where values lie from 0 to 1, and words for some places: numbers by size, in logarithms where they span decades.

    Others lie evenly in their order.
    """
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = np.array(values, float)
        in_decades = numbers.min() > 0 and numbers.max() / numbers.min() > 20
        ends = {0.0: numbers.min(), 1.0: numbers.max()}
        ticks = [(place, f"{value:.3g}") for place, value in ends.items()]
        return _share(np.log(numbers) if in_decades else numbers), ticks[: 1 + (numbers.min() < numbers.max())]
    words = sorted({str(value) for value in values})
    heights = _share(np.arange(len(words), dtype=float))
    by_word = dict(zip(words, heights, strict=True))
    return np.array([by_word[str(value)] for value in values]), [(float(by_word[word]), word) for word in words]


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values brought to 0..1; a half where all are the same."""
    span = np.ptp(values)
    return (values - values.min()) / span if span else np.full(len(values), 0.5)
