"""How much worse the first frames are, for each way to meet a clip's start."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echodfkd.errors import InputError
from echodfkd.report.draw.figures import BLUE, GREEN, ORANGE, SOFT, drawn, tidy
from echodfkd.report.numbers import count, interval
from echodfkd.report.page import Section, Table
from echodfkd.scores.records import FirstFrames, Start
from echodfkd.stats.intervals import Interval

LOOKS = ((BLUE, "-"), ("#56b4e9", "--"), (ORANGE, "-"), (GREEN, "--"))
"""Colour and line of each variant, in their order: the second often lies on the first."""
BASELINE = "constant mask"
TABLE_FRAMES = (0, 1, 2, 4, 8)
"""Frames that the table tells."""


def section(found: FirstFrames | None) -> Section | None:
    """`robustness.first_frame_scores` in words, table and figure; None where it was not run."""
    if found is None:
        return None
    some = next(iter(found.variants.values()))
    cures = (
        "These masks are judged as they are."
        if found.warm_up is None
        else f"The cures named there are the largest piece alone, and a warm-up: here the first {found.warm_up} "
        "frames are run into the network backwards before the clip begins."
    )
    text = (
        "A network that remembers starts from nothing and has to find the heart first (the paper's supplement, 6). "
        f"{cures}",
        f"Settled means that from this frame on no mean is more than {some.tolerance:g} below the clips' own mean "
        f"after frame {some.frames - 1}. What a constant mask shows comes from the clips, not from a network.",
    )
    band = f"the band is the 95 % interval of: {next(iter(found.variants))}"
    words = f"Dice on the first frames, a line for each way to meet a clip's start; {band}"
    return Section(
        "The first frames", text, tables=(first_table(found),), pictures=(drawn(first_figure(found), words),)
    )


def first_table(found: FirstFrames) -> Table:
    """A line per variant: Dice on some of the first frames and later, the first frame's gap, and when it settled."""
    some = next(iter(found.variants.values()))
    places, less = [place for place in TABLE_FRAMES if place < some.frames], found.frame_0_less_causal
    lines = tuple(
        (
            name,
            *(interval(one.by_frame[place], 3) for place in places),
            interval(one.later, 3),
            interval(one.gap[0], 3),
            *((interval(less[name], 3),) if less else ()),
            _settled(one),
            count(one.later),
        )
        for name, one in found.variants.items()
    )
    frames = (f"frame {place}" for place in places)
    head = (
        "",
        *frames,
        f"from frame {some.frames} on",
        "frame 0 less later",
        *(("frame 0 less causal",) if less else ()),
        "settled at frame",
        "clips",
    )
    note = f"{found.n.clips} clips, {found.n.frames} frames. Differences are within a clip."
    return Table("Dice on the first frames", head, lines, note)


def first_figure(found: FirstFrames) -> Figure:
    """Mean Dice over the frame number, a panel for the variants and one for their gaps to the later mean."""
    if not found.variants:
        raise InputError("A figure of first frames needs at least one variant, got none.")
    figure = Figure(figsize=(9.2, 3.5), layout="constrained")
    dice, gap = figure.subplots(1, 2)
    students = {name: one for name, one in found.variants.items() if name != BASELINE}
    for place, ((name, one), look) in enumerate(zip(students.items(), cycle(LOOKS), strict=False)):
        _line(dice, one.by_frame, look, name, band=place == 0)
        _line(gap, one.gap, look, name, band=place == 0)
    if BASELINE in found.variants:
        _line(gap, found.variants[BASELINE].gap, (SOFT, "-"), BASELINE)
    some = next(iter(found.variants.values()))
    gap.axhline(-some.tolerance, color=SOFT, lw=1, ls=":")
    for axes, label in ((dice, "Dice"), (gap, "Dice less the clip's later mean")):
        tidy(axes)
        axes.set(xlabel="frame", ylabel=label, xlim=(0, some.frames - 1))
    handles, labels = gap.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8.5, ncols=len(labels), loc="outside lower center")
    return figure


def _line(axes: Axes, points: Sequence[Interval | None], look: tuple[str, str], label: str, band: bool = False) -> None:
    """A mean over the frame number, its intervals as a band if asked; frames that no clip has are left out."""
    known = [(place, one) for place, one in enumerate(points) if one is not None]
    ends = [(place, one.low, one.high) for place, one in known if one.low is not None]
    places, values = [place for place, _ in known], [one.value for _, one in known]
    axes.plot(places, values, look[1], color=look[0], lw=1.8, label=label)
    if ends and band:
        axes.fill_between(*np.array(ends).T, color=look[0], alpha=0.15, lw=0)


def _settled(found: Start) -> str:
    """The frame with its interval; the number of frames looked at means after all of them."""
    one, frames = found.settled, found.frames
    known = [end for end in (one.value, one.low, one.high) if end is not None]
    words = [f"{end:.0f}" if end < frames else f"after {frames - 1}" for end in known]
    return words[0] if len(words) == 1 else f"{words[0]} ({words[1]} to {words[2]})"
