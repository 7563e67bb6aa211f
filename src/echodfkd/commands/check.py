"""The verb `check`: what is missing, corrupt or odd in a data set."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd import video
from echodfkd.data.curate import (
    FilmFacts,
    film_facts,
    film_findings,
    outline_findings,
    phase_findings,
    volume_findings,
)
from echodfkd.data.dataset import Dataset
from echodfkd.data.findings import REASONS, Finding, merged, write_curation
from echodfkd.data.folders import Stored
from echodfkd.data.layouts import layout_of, open_dataset
from echodfkd.engine import HERE, Engine, progress
from echodfkd.errors import InputError, one_line
from echodfkd.files import make_folder, writing
from echodfkd.store.place import Place, place_of

CURATION = "curation.csv"
CLIPS_PER_PROCESS = 100
"""Clips to look at for which another process is started: one needs a second to begin, in which many are decoded."""
SHOWN = ("blank", "static", "frozen", "saturated")
"""Reasons that a picture shows; the first EXAMPLES clips of each are drawn."""
EXAMPLES = 4
UNUSABLE = ("undecodable", "traced-frame", "labels")
"""Reasons for which a clip that its tables describe well cannot be used, once its files were looked at."""


@dataclass(frozen=True)
class Check:
    """What a check found: the data set, the facts of every film that decodes, by name, and one finding per reason.

    `unusable` are those of the data set's clips whose files turned out not to be.
    """

    dataset: Dataset
    films: dict[str, FilmFacts]
    findings: tuple[Finding, ...]
    unusable: frozenset[str] = frozenset()

    @property
    def clips(self) -> int:
        """How many names were met: listed, and not listed but there."""
        return len(self.dataset.names)

    @property
    def counts(self) -> dict[str, int]:
        """Clips by reason, in the order of REASONS."""
        found = Counter(finding.reason for finding in self.findings)
        return {reason: found[reason] for reason in REASONS if found[reason]}


def check(folder: Place | Path | str, out: Path, engine: Engine = HERE) -> Check:
    """Everything that is wrong with the data set in `folder`; `out` receives `curation.csv` and the figures.

    Every listed clip is decoded once, frame by frame, whether it can be used or not, where the `engine` says.
    InputError where there is no data set.
    """
    if place_of(folder).path is None or isinstance(dataset := open_dataset(folder), Stored):
        raise InputError(f"{folder} is a store: its checksums tell what is wrong with it. `check` is for films.")
    films: dict[str, FilmFacts] = {}
    findings: list[Finding] = []
    make_folder(out)
    names = list(dataset.listed)
    looked = engine.in_order(partial(_looked, dataset), names, worth=len(names) // CLIPS_PER_PROCESS)
    for name, (facts, found_there) in zip(names, progress(looked, "check", len(names)), strict=True):
        findings += found_there
        if facts is not None:
            films[name] = facts
    unusable = frozenset(one.name for one in findings if one.reason in UNUSABLE)
    found = Check(dataset, films, tuple(merged([*dataset.faults, *findings])), unusable)
    write_curation(out / CURATION, found.findings)
    _draw(found, out)
    return found


def _looked(dataset: Dataset, name: str) -> tuple[FilmFacts | None, list[Finding]]:
    """One clip's facts, None where it does not decode, and what is wrong with it beyond its tables."""
    films: dict[str, FilmFacts] = {}
    findings = list(_clip_findings(dataset, name, films))
    return films.get(name), findings


def _clip_findings(dataset: Dataset, name: str, films: dict[str, FilmFacts]) -> Iterator[Finding]:
    """What is wrong with one clip beyond its tables; its facts go into `films` where it decodes."""
    row, path = dataset.listed[name], dataset.file(name)
    yield from volume_findings(row)
    facts = None
    if path.is_file():
        try:
            with video.open_video(path) as film:
                facts = film_facts(film, film.fps)
                films[name] = facts = replace(facts, fps=film.clock.fps, clock=film.clock)
        except InputError as error:
            yield Finding(name, "undecodable", one_line(error).replace(str(path), path.name))
    height = facts.height if facts else row.height
    width = facts.width if facts else row.width
    if height and width:
        for outline in dataset.outlines(name):
            yield from outline_findings(name, outline, height, width)
    if facts is None:
        return
    yield from film_findings(row, facts)
    phases = dataset.phases(name)
    if name in dataset.left_out or phases is None:
        return
    odd = phase_findings(name, phases, facts.frames, row.fps or facts.fps)
    yield from odd
    if not any(one.reason == "traced-frame" for one in odd):
        yield from _mask_findings(dataset, name)


def _mask_findings(dataset: Dataset, name: str) -> Iterator[Finding]:
    """Whether labels can be read and fit their clip."""
    try:
        dataset.check_labels(name)
    except InputError as error:
        yield Finding(name, "labels", one_line(error).replace(f"{dataset.file(name).parent}/", ""))


def _draw(found: Check, out: Path) -> None:
    """`distributions.png`, `findings.png` and, where there is something to show, `examples.png`."""
    from echodfkd.report.draw.curation import distributions_figure, findings_figure
    from echodfkd.report.draw.figures import gallery_figure, png_bytes

    figures = {"findings": findings_figure(found.counts, found.clips)}
    if found.films:
        sizes = Counter(f"{film.height} x {film.width}" for film in found.films.values())
        frames = [film.frames for film in found.films.values()]
        figures["distributions"] = distributions_figure(_rates(found), frames, sizes)
    if cells := [cell for reason in SHOWN if (cell := _examples(found, reason))]:
        figures["examples"] = gallery_figure(cells)
    for name, figure in figures.items():
        with writing(out / f"{name}.png") as part:
            part.write_bytes(png_bytes(figure))


def _examples(found: Check, reason: str) -> list[tuple[str, NDArray[np.uint8]]]:
    """Captions and middle frames of the first clips found for a reason."""
    names = [one.name for one in found.findings if one.reason == reason][:EXAMPLES]
    return [(f"{reason}: {name}", _middle_frame(found.dataset.file(name), found.films[name])) for name in names]


def _middle_frame(path: Path, film: FilmFacts) -> NDArray[np.uint8]:
    with video.open_video(path) as frames:
        return next(islice(frames, film.frames // 2, None))


def _rates(found: Check) -> list[float]:
    """The known frame rates (Hz): the list's, else the film's."""
    known = (found.dataset.listed[name].fps or film.fps for name, film in found.films.items())
    return [rate for rate in known if rate]


def summary(found: Check, out: Path) -> str:
    """The check as lines for a terminal."""
    dataset, films = found.dataset, found.films
    usable, rates = [row for row in dataset.clips if row.name not in found.unusable], _rates(found)
    splits = ", ".join(f"{split} {count}" for split, count in sorted(Counter(row.split for row in usable).items()))
    labels = f"labels of {', '.join(dataset.structures)}" if dataset.structures else "no labels"
    lines = [f"{layout_of(dataset)}: {found.clips} clips, {len(usable)} usable ({splits or 'none'}), {labels}"]
    if films:
        lengths = [film.frames for film in films.values()]
        sizes = Counter(f"{film.height} x {film.width}" for film in films.values()).most_common(3)
        told = ", ".join(f"{size} ({count})" for size, count in sizes)
        lines.append(f"Frame rate, Hz: {_span(rates)}; unknown for {len(films) - len(rates)}")
        lines.append(f"Frames: {_span(lengths)}")
        lines.append(f"Size, height x width: {told}")
    first = {one.reason: one for one in reversed(found.findings)}
    for reason, count in found.counts.items():
        lines.append(
            f"  {reason:18}{count:7}  {REASONS[reason]} The first is {first[reason].name}: {first[reason].value}"
        )
    odd = len({finding.name for finding in found.findings})
    lines.append(f"{odd} of {found.clips} clips have findings, listed in {out / CURATION}")
    return "\n".join(lines)


def _span(values: list[float] | list[int]) -> str:
    """Least, median and most."""
    return f"{min(values):g} to {max(values):g}, median {np.median(values):g}" if values else "none"
