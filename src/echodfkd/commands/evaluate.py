"""The verb `evaluate`: anybody's masks against any labels the house reads."""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np

from echodfkd.data.findings import Exclusion, Finding, fault_lines, write_curation
from echodfkd.data.layouts import layout_of
from echodfkd.engine import HERE, Engine
from echodfkd.errors import InputError, one_line
from echodfkd.files import make_folder, plain, write_bytes, write_json, write_text
from echodfkd.measure.ejection import cardiobench_csv
from echodfkd.names import of_clips
from echodfkd.report.draw.figures import png_bytes
from echodfkd.report.draw.gallery import Shown, clip_gallery
from echodfkd.report.pages.evaluation import report_evaluation
from echodfkd.scores.bounds import round_differences, rounds_bounds
from echodfkd.scores.clip_row import Row, reference
from echodfkd.scores.concentration import concentration
from echodfkd.scores.events_file import MarkedEvents, read_events, reference_of
from echodfkd.scores.first_frames import FRAMES, first_frames
from echodfkd.scores.frame_distance import PHASES
from echodfkd.scores.frame_rate import rate_scores
from echodfkd.scores.known_clips import KnownClips, constant_of, known_clips, read_patients
from echodfkd.scores.paired import paired_scores
from echodfkd.scores.predictions import Model, read_model
from echodfkd.scores.records import Counts, Excluded, FirstFrames, RoundsClips, Scorecard, Scores, StartCounts
from echodfkd.scores.scorecard import patient_groups, scorecard
from echodfkd.scores.scored_clips import Marks, ScoredClips, first_size, predicted_clips, scored_clips, seen
from echodfkd.scores.strata import strata
from echodfkd.store.place import Place, place_of
from echodfkd.tables import csv_text

log = logging.getLogger(__name__)
FINDINGS = "findings.csv"
"""What is wrong with clips of the data set, as `check` writes it."""
Draws = dict[str, int]
"""`seed` and `resamples` of every interval."""
WORST = 6
"""Clips in the picture of the worst."""


def evaluate(
    predictions: Path | str,
    labels: Place | Path | str,
    out: Path | str,
    *,
    split: str = "test",
    resamples: int = 2000,
    seed: int = 0,
    exclude: Exclusion | None = None,
    against: Path | None = None,
    events: Path | None = None,
    second_round: Path | None = None,
    patients: Path | None = None,
    page: bool = True,
    engine: Engine = HERE,
) -> Scores:
    """Scores of the masks in `predictions` (as `segment` writes them) against the clips of `split`; the scorecard.

    `out` receives `scores.json`, `clips.csv` (one row per clip), `constant_mask.csv` (the baseline's rows),
    `cardiobench.csv`, `worst.png` and, with `page`, `index.html`. Clips without a prediction, whose labels cannot be
    read, or of a size that the constant mask does not have, are counted, never dropped silently; what is wrong with the
    data set's clips stands in `findings.csv`. With `exclude` the scorecard is that of all clips as ever, and under
    `clean` the one without the excluded stands beside. `against` is a second folder of predictions, compared clip by
    clip. `events` is a table (FileName, ED, ES) by which beats are judged in place of the data set's own,
    `second_round` another annotation of the same, which tells how far one may be off. `patients` (FileName, Patient)
    makes intervals by patient. Clips are scored where the `engine` says. Raises InputError where nothing matches or a
    file is not what it should be.
    """
    predictions, labels, out = Path(predictions), place_of(labels), Path(out)
    known, where = known_clips(labels, split), f"split '{split}' of {labels}"
    folders = predicted_clips(predictions, known, where)
    model = read_model(next(iter(folders.values())))
    others = [name for name, folder in folders.items() if not _same_model(read_model(folder), model)]
    _tell("masks of another model than the first clip's", others)
    marks = _marks(events, patients, folders, where)
    again = _second_round(marks.events, second_round)
    spared: Mapping[str, tuple[str, ...]] = {}
    if exclude is not None:
        exclude = exclude.of(known.dataset.names, str(labels))
        spared = exclude.clips
        _excluded(list(folders), exclude)
    constant, training_clips = constant_of(known, first_size(known, folders, spared))
    judged = scored_clips(known, folders, marks, constant, spared, engine)
    inside = None if marks.events is None else _inside(marks.events, judged.beyond)
    faults = _faults(known, judged)
    draws = {"seed": seed, "resamples": resamples}
    whole = _card(known, judged, {}, draws)
    counts = replace(whole.n, split=split, training_clips=training_clips)
    scores = Scores(
        **vars(whole) | {"n": _not_scored(counts, known, folders, judged, events)},
        labels=layout_of(known.dataset),
        model=model,
        frame_rate=rate_scores(judged.rows, **draws),
        concentration=concentration(judged.rows, **draws),
        strata=strata(judged.rows, **draws),
        first_frames=_first_frames(judged, draws),
    )
    if inside is not None and again is not None:
        scores = _with_rounds(scores, inside, again, judged.rows, seed)
    if against is not None:
        other = scored_clips(known, predicted_clips(against, known, where), marks, None, spared, engine)
        first, second = _told_apart(predictions, against)
        scores = replace(
            scores, paired=replace(paired_scores(judged.rows, other.rows, **draws), first=first, second=second)
        )
    rows = judged.rows
    if exclude is not None:
        excluded = _excluded([row["name"] for row in rows], exclude)
        scores = replace(scores, excluded=excluded, clean=_card(known, judged, spared, draws))
        rows = [row | {"excluded": "; ".join(spared.get(row["name"], ()))} for row in rows]
    _write(out, scores, rows, judged.baseline, faults)
    _show_worst(known, folders, rows, out / "worst.png")
    if page:
        report_evaluation(out)
    return scores


def _same_model(one: Model | None, other: Model | None) -> bool:
    """Whether nothing that both say of themselves differs: earlier versions said less."""
    return bool(one) == bool(other) and all(
        value == (other or {}).get(key, value) for key, value in (one or {}).items()
    )


def _marks(events: Path | None, patients: Path | None, clips: Collection[str], where: str) -> Marks:
    """What the tables tell of the clips of `where`; a warning on those whose patient is not known."""
    marks = Marks(
        events=None if events is None else of_clips(read_events(events), clips, events.name, where),
        patients=None if patients is None else of_clips(read_patients(patients), clips, patients.name, where),
    )
    if marks.patients is not None:
        alone = [name for name in clips if name not in marks.patients]
        _tell("clips of no patient that is known count as one's own", alone)
    return marks


def _faults(known: KnownClips, judged: ScoredClips) -> list[Finding]:
    """What is wrong with clips of the data set, each reason told in a line."""
    unreadable = [Finding(name, "labels", told) for name, told in judged.unreadable.items()]
    faults = [*known.dataset.faults, *unreadable]
    for line in fault_lines(faults, {*known.dataset.left_out, *judged.unreadable}):
        log.warning(line)
    return faults


def _card(known: KnownClips, judged: ScoredClips, without: Collection[str], draws: Draws) -> Scorecard:
    """The scorecard of the clips, but for some."""
    chosen = [row["name"] not in without for row in judged.rows]
    return scorecard(
        list(compress(judged.rows, chosen)),
        baseline=[row for row in judged.baseline if row["name"] not in without],
        references=list(compress(judged.references, chosen)),
        training_ef=known.training_ef,
        **draws,
    )


def _tell(what: str, clips: Sequence[str]) -> None:
    """A warning on some clips, where there are any: how many, and the first."""
    if clips:
        log.warning("%s: %d, the first %s", what, len(clips), clips[0])


def _inside(events: Mapping[str, MarkedEvents], beyond: Mapping[str, str]) -> Mapping[str, MarkedEvents]:
    """The events of clips with none `beyond` their ends, a warning on the others; InputError where none is left."""
    if events and beyond.keys() >= events.keys():
        raise InputError(next(iter(beyond.values())))
    _tell("clips with a marked event that is none of their frames, judged without", list(beyond.values()))
    return {name: marked for name, marked in events.items() if name not in beyond}


def _told_apart(first: Path, second: Path) -> tuple[str, str]:
    """The folders' names, with those of the folders above them where they are the same: two runs have both `masks`."""
    one, other = first.resolve().parts, second.resolve().parts
    count = next((k for k in range(1, max(len(one), len(other))) if one[-k:] != other[-k:]), 1)
    return "/".join(one[-count:]), "/".join(other[-count:])


def _write(out: Path, scores: Scores, rows: list[Row], baseline: list[Row], faults: list[Finding]) -> None:
    """The scores and tables in `out`; what other scores left there and these have not is removed."""
    make_folder(out)
    for left in ("constant_mask.csv", "worst.png", FINDINGS):
        (out / left).unlink(missing_ok=True)
    write_text(out / "clips.csv", csv_text(rows))
    write_text(out / "cardiobench.csv", cardiobench_csv(rows))
    if baseline:
        write_text(out / "constant_mask.csv", csv_text(baseline))
    if faults:
        write_curation(out / FINDINGS, faults)
    write_json(out / "scores.json", plain(scores))


def _not_scored(
    counts: Counts, known: KnownClips, folders: Mapping[str, Path], judged: ScoredClips, events: Path | None
) -> Counts:
    """The counts with those of clips that were not scored, by why, and of those that were, without mask or event."""
    if events is not None:
        counts = replace(counts, events_from=events.name, without_events=sum(not seen(row) for row in judged.rows))
    return replace(
        counts,
        without_prediction=len(known.rows) - len(folders),
        left_out=len(known.dataset.left_out),
        unreadable=len(judged.unreadable),
        unknown=known.unknown,
        without_constant_mask=len(judged.rows) - len(judged.baseline),
    )


def _first_frames(judged: ScoredClips, draws: Draws) -> FirstFrames | None:
    """Dice of the first frames, of the masks as they are and of the constant mask; None where too few are labelled."""
    curves = {"as given": judged.frame_dice, "largest piece": judged.piece_dice}
    if len(judged.constant_dice) == len(judged.rows):
        curves["constant mask"] = judged.constant_dice
    labelled = [int(np.isfinite(curve).sum()) for curve in judged.frame_dice]
    if max(labelled) <= FRAMES or not any(np.isfinite(curve[FRAMES:]).any() for curve in judged.frame_dice):
        return None
    groups = patient_groups(judged.rows)
    counts = StartCounts(len(judged.rows), sum(labelled))
    return FirstFrames(
        counts, None, {name: first_frames(each, groups=groups, **draws) for name, each in curves.items()}
    )


def _second_round(
    first: Mapping[str, MarkedEvents] | None, second_round: Path | None
) -> Mapping[str, MarkedEvents] | None:
    """The second round of annotation; None without one. InputError where there is no first to compare it with."""
    if second_round is None:
        return None
    if first is None:
        raise InputError("A second round of annotation (--second-round) goes with a first one: --events FILE.csv.")
    return read_events(second_round)


def _with_rounds(
    scores: Scores,
    first: Mapping[str, MarkedEvents],
    second: Mapping[str, MarkedEvents],
    rows: Sequence[Row],
    seed: int,
) -> Scores:
    """The scores with `rounds`: the noise of the frame choice by phase, from the clips that both rounds marked alike.

    `rounds_clips` counts those that were scored, marked in both rounds, and of other numbers of events in them;
    `rounds_lacking` says of a phase why it has no noise. InputError where events lie outside of every clip.
    """
    beyond = {}
    for row in rows:
        try:
            reference_of(second, row["name"], row["frames"], row["fps"])
        except InputError as error:
            beyond[row["name"]] = one_line(error)
    second = _inside(second, beyond)
    names = [row["name"] for row in rows if row["name"] in first and row["name"] in second]
    whose = {row["name"]: row["patient"] or row["name"] for row in rows}
    found, lacking, uneven = {}, {}, set()
    for phase in PHASES:
        one, other = ({name: events[name].of(phase) for name in names} for events in (first, second))
        pairs, odd = round_differences(one, other)
        uneven |= set(odd)
        groups = [whose[name] for name, values in pairs.items() for _ in values]
        try:
            found[phase] = rounds_bounds([v for values in pairs.values() for v in values], seed=seed, groups=groups)
        except InputError as error:  # too few to fit: the scores do not hang on it
            lacking[phase] = one_line(error)
    counts = RoundsClips(len(rows), len(names), len(uneven))
    return replace(scores, rounds=found, rounds_lacking=lacking, rounds_clips=counts)


def _show_worst(known: KnownClips, folders: Mapping[str, Path], rows: Sequence[Row], path: Path) -> None:
    """A picture of the clips of lowest Dice at their labelled ED and ES; none where their frames cannot be read."""
    shown = []
    for row in sorted(rows, key=lambda row: (row["dice"], row["name"]))[:WORST]:
        with suppress(InputError):  # labels may come without films
            shown.append(_shown(known, folders[row["name"]], row))
    figure = clip_gallery(shown)
    if figure is not None:
        write_bytes(path, png_bytes(figure, dpi=80))


def _shown(known: KnownClips, folder: Path, row: Row) -> Shown:
    """One clip as the gallery wants it."""
    (found, truth), frames = known.pair(row["name"], folder), known.dataset.read(row["name"]).frames
    true = np.zeros(found.masks.shape, np.bool_)
    true[list(truth.frames)] = truth.of("lv")
    moments = {phase.upper(): number for phase in PHASES for number in reference(found, truth).of(phase)[:1]}
    return Shown(row["name"], f"clip's Dice {row['dice']:.3f}", frames, found.masks, true, moments)


def _excluded(names: Sequence[str], exclude: Exclusion) -> Excluded:
    """How many of the clips are excluded, by the reasons asked for; InputError where no other is left."""
    gone = {name: exclude.clips[name] for name in names if name in exclude.clips}
    if len(gone) == len(names):
        raise InputError(f"All {len(names)} clips are excluded ({', '.join(exclude.reasons)}). Ask for fewer reasons.")
    by_reason = {reason: sum(reason in reasons for reasons in gone.values()) for reason in exclude.reasons}
    return Excluded(len(gone), by_reason)
