"""What can be wrong with a clip of a data set: the reasons, their rules, and the table `curation.csv` that keeps them.

One row is one clip and one reason: `FileName,reason,value,rule`. Whoever excludes clips names reasons, never clips.
"""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from echodfkd.clock import FPS_RANGE
from echodfkd.errors import InputError
from echodfkd.files import write_text
from echodfkd.lapses import LEAST_SPREAD, STILL, STILL_PIXELS
from echodfkd.names import clip_name, of_clips
from echodfkd.tables import csv_text, ragged

BLANK_SHARE = 0.1  # of the frames: a film may begin with a black one
LEAST_CHANGE = 0.25  # grey levels: compression of a still picture makes less, a beating heart several
STILL_SHARE = 1 / 3  # of a clip: a heart rests for less in a row, and speckle goes on
WHITE, WHITE_SHARE = 250, 0.2  # grey level and share of the pixels: bright tissue fills a few hundredths
LEAST_FRAMES, LEAST_S = 3, 0.1  # between ED and ES: half of a systole at 180 beats per minute
MARGIN = 1.0  # pixels
LEAST_EDV = 1.0  # ml: newborns' ventricles hold several
LEAST_AREA = 0.001  # of the image: the smallest ventricles fill a few hundredths
"""The limits of the rules below. By choice."""

REASONS = {
    "table": "A row of the data set's tables must be readable: the right cells, numbers where numbers belong.",
    "duplicate": "A clip is listed once.",
    "leakage": "A patient is in one split.",
    "unlisted": "A clip that is there, or traced, is in the list.",
    "missing-file": "A listed clip has its files.",
    "undecodable": "A clip's file can be decoded to its end.",
    "frame-count": "A clip has as many frames as its list says.",
    "size": "A clip has the height and width that its list says.",
    "frame-rate": f"A clip has between {FPS_RANGE[0]:g} and {FPS_RANGE[1]:g} frames per second, and none was dropped.",
    "blank": f"Grey levels vary: their standard deviation is at least {LEAST_SPREAD:g} on {1 - BLANK_SHARE:.0%} of the "
    "frames.",
    "static": f"Some frame differs from the one before it by at least {LEAST_CHANGE:g} grey levels on average.",
    "frozen": f"Within any third of a clip more than {STILL_PIXELS:.0%} of the pixels change by more than {STILL} grey "
    "levels from one frame to the next at least once.",
    "saturated": f"At most {WHITE_SHARE:.0%} of the pixels are {WHITE} or brighter on half of the frames.",
    "volumes": f"The ejection fraction is above 0 and below 100 %, EDV is at least {LEAST_EDV:g} ml, and ESV is at "
    "most EDV.",
    "unit": "An ejection fraction is in percent.",
    "untraced": "A clip of a traced data set has labels.",
    "segments": "A tracing is 21 segments: a long axis and 20 chords.",
    "merged-annotators": "A frame is traced once; several annotators' rows follow each other without a mark.",
    "one-phase": "End-diastole and end-systole are both labelled.",
    "traced-frame": "A labelled frame is one of the clip's.",
    "self-crossing": "An outline does not cross itself.",
    "tiny-outline": f"An outline that does not cross itself encloses at least {LEAST_AREA:.1%} of the image.",
    "out-of-frame": f"An outline stays inside the image, give or take {MARGIN:g} pixel.",
    "labels": "Masks can be read, fit their clip and hold a left ventricle.",
    "ed-es-close": f"End-diastole and end-systole lie at least {LEAST_FRAMES} frames and {LEAST_S:g} s apart.",
}
"""Every reason and the rule it breaks, in the order in which they are told."""

EXPECTED = ("merged-annotators",)
"""Reasons that cost nothing and are no surprise: `check` alone tells them."""
COLUMNS = ("FileName", "reason", "value", "rule")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one clip: the reason, a key of REASONS, and the value that breaks its rule."""

    name: str
    reason: str
    value: str

    def __post_init__(self) -> None:
        check_reasons([self.reason])

    @property
    def rule(self) -> str:
        """What should have been."""
        return REASONS[self.reason]


def check_reasons(reasons: Iterable[str]) -> None:
    """InputError where one is no key of REASONS, with the nearest that is."""
    for reason in reasons:
        if reason not in REASONS:
            near = difflib.get_close_matches(reason, REASONS, 1)
            hint = f" The nearest is {near[0]}." if near else ""
            raise InputError(f"A reason must be one of {', '.join(REASONS)}, got {reason!r}.{hint}")


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per clip and reason, values joined by '; '; by the order of REASONS, then by name."""
    values: dict[tuple[str, str], dict[str, None]] = {}
    for finding in findings:
        values.setdefault((finding.reason, finding.name), {})[finding.value] = None
    order = list(REASONS)
    keys = sorted(values, key=lambda key: (order.index(key[0]), key[1]))
    return [Finding(name, reason, "; ".join(values[reason, name])) for reason, name in keys]


def fault_lines(findings: Iterable[Finding], unused: Collection[str]) -> list[str]:
    """A line for every reason and what it costs: how many clips, and the first of them with its value."""
    groups: dict[tuple[str, bool], list[Finding]] = {}
    for one in merged(one for one in findings if one.reason not in EXPECTED):
        groups.setdefault((one.reason, one.name in unused), []).append(one)
    return [
        f"{reason}: {len(each)} clip{'s' * (len(each) > 1)} {'not used' if lost else 'used all the same'}, the first "
        f"{each[0].name}: {each[0].value}"
        for (reason, lost), each in groups.items()
    ]


def write_curation(path: Path, findings: Iterable[Finding]) -> None:
    """`curation.csv`: one row per clip and reason, with the value and the rule; the header alone where all is well."""
    rows = ((one.name, one.reason, one.value, one.rule) for one in merged(findings))
    write_text(path, csv_text((dict(zip(COLUMNS, row, strict=True)) for row in rows), COLUMNS))


def read_curation(path: Path) -> list[Finding]:
    """The findings in a `curation.csv`, which may have been edited; InputError that names the line where it is none."""
    hint = "Make one with `echodfkd check DATASET --out DIR`."
    table = ragged(path, COLUMNS[:2], hint=hint, errors="surrogateescape", spaces=True)
    return [_finding(path, line, cells) for line, cells in table]


def _finding(path: Path, line: int, cells: dict[str, str]) -> Finding:
    try:
        return Finding(cells["FileName"] or "", (cells["reason"] or "").strip(), cells.get("value") or "")
    except InputError as error:
        raise InputError(f"{path}, line {line}: {error}") from None


@dataclass(frozen=True)
class Exclusion:
    """Clips to leave out for reasons of a `curation.csv`: `reasons` asked for, in order, and those of each clip."""

    reasons: tuple[str, ...]
    clips: dict[str, tuple[str, ...]]
    table: str = "The table"

    def of(self, clips: Collection[str], where: str) -> "Exclusion":
        """The same by the names of `clips`, those of `where`; InputError where it names none of them."""
        return replace(self, clips=of_clips(self.clips, clips, self.table, where))


def exclusion(path: Path, reasons: Collection[str] = ()) -> Exclusion:
    """Which clips a `curation.csv` excludes for `reasons`; for every reason in it where none is given.

    InputError for a reason that there is not.
    """
    check_reasons(reasons)
    found = read_curation(path)
    wanted = tuple(reason for reason in REASONS if reason in (reasons or {one.reason for one in found}))
    clips: dict[str, tuple[str, ...]] = {}
    for one in merged(one for one in found if one.reason in wanted):
        clips[clip_name(one.name)] = (*clips.get(clip_name(one.name), ()), one.reason)
    return Exclusion(wanted, clips, path.name)


def parse_exclusion(text: str) -> Exclusion:
    """What `--exclude FILE[:reason,...]` asks for. A file whose own name holds a colon is taken as it stands."""
    if Path(text).exists() or ":" not in text:
        return exclusion(Path(text))
    file, _, reasons = text.rpartition(":")
    return exclusion(Path(file), [reason.strip() for reason in reasons.split(",") if reason.strip()])
