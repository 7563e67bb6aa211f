"""What is shown by default: the rule on a table made for it, and the table that the package was measured by."""

from pathlib import Path

import numpy as np
import pytest

from echodfkd.clip import Clip
from echodfkd.commands.judge import write_judgement
from echodfkd.evidence import shown
from echodfkd.evidence.clip_rows import Judging, clip_rows
from echodfkd.evidence.shown import AT_LEAST, Correlations, Followed, RealHearts, follows, real_hearts
from echodfkd.files import plain, write_json
from echodfkd.report.numbers import interval
from echodfkd.report.sections.evidence import real_words
from echodfkd.stats.intervals import Interval

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "compare-segmenters-without-labels.md"
VALUES = {
    "edges": 0.7,
    "smoothness": 0.59,
    "smoothness.area": 0.3,
    "smoothness.neighbours": 0.1,
    "plausibility": 0.6,
    "plausibility.beats": -0.2,
}


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Edges and plausibility follow Dice, one part of it does not, smoothness does not, presence is undefined.

    Reverse classification follows among spoilt masks alone.
    """

    def rank(value: float | None) -> Correlations:
        return Correlations(None if value is None else Interval(value, value - 0.1, value + 0.1, 5), None, None)

    evidence = {name: Followed(rank(value), rank(value), {}) for name, value in (VALUES | {"present": None}).items()}
    evidence["reverse"] = Followed(rank(0.8), rank(0.3), {})
    dice = {"good": Interval(0.9, 0.8, 1.0, 5), "bad": Interval(0.4, 0.3, 0.5, 5)}
    table = RealHearts(5, 36, 0, None, dice, ("good", "bad"), evidence)
    write_json(tmp_path / "table.json", plain(table))
    monkeypatch.setattr(shown, "TABLE", tmp_path / "table.json")
    real_hearts.cache_clear()
    assert real_hearts() == table
    yield
    real_hearts.cache_clear()


def test_what_follows_dice_reaches_the_bound_over_models_and_over_spoilt_ones(planted):
    assert follows("edges") and follows("plausibility") and not follows("plausibility.beats")
    assert (
        not follows("reverse")
        and not follows("smoothness")
        and not follows("smoothness.area")
        and not follows("present")
    )


def test_what_was_never_measured_is_whoever_brought_its_wish(planted):
    assert follows("brightness inside") and follows("agreement.staple")


@pytest.fixture
def rows():
    frames = np.random.default_rng(0).integers(0, 255, (6, 64, 64), np.uint8)
    masks = np.zeros((6, 64, 64), np.bool_)
    masks[:, 20:44, 24:40] = True
    return clip_rows(Clip("one", frames, 50), {"a": masks, "b": np.roll(masks, 2, axis=1)})


def test_what_does_not_follow_is_in_no_file_and_on_no_page_unless_wanted(planted, rows, tmp_path):
    found = write_judgement(rows, tmp_path, judging=Judging(resamples=20))
    assert {"edges", "plausibility", "agreement"} <= set(found.evidence)
    assert {"smoothness", "smoothness.area", "present", "plausibility.beats"} <= set(found.hidden)
    assert not set(found.hidden) & set(found.evidence)
    header = (tmp_path / "label_free.csv").read_text().splitlines()[0]
    assert "edges" in header and "smoothness" not in header and "present" not in header
    everything = write_judgement(rows, tmp_path, judging=Judging(resamples=20, everything=True))
    assert not everything.hidden and {"smoothness", "present"} <= set(everything.evidence)
    assert "smoothness" in (tmp_path / "label_free.csv").read_text().splitlines()[0]


def test_the_page_begins_with_what_evidence_is_worth(planted, rows, tmp_path):
    found = write_judgement(rows, tmp_path, judging=Judging(resamples=20))
    words = real_words(found)
    assert interval(real_hearts().followed("edges"), 2) in words and "5 real clips" in words and "0.40 to 0.90" in words
    assert words.index("0.70") < words.index("0.59")
    page = (tmp_path / "index.html").read_text()
    assert page.index("0.70 (0.60 to 0.80)") < page.index("<table")


def test_the_packages_table_has_eight_segmenters_or_more_and_every_kind_of_evidence(rows):
    real = real_hearts()
    assert len(real.models) >= 8 and set(rows[0].evidence) <= set(real.evidence)
    assert {"reverse", "judge"} <= set(real.evidence) and real.judge == "standin"


def test_the_how_to_page_has_the_tables_figures():
    text = HOW_TO.read_text()
    for name, found in real_hearts().evidence.items():
        if "." not in name or name == "agreement.majority":
            both = (interval(of.spearman, 2) for of in (found.models, found.segmenters))
            said = "yes" if follows(name) else "no"
            assert f"| `{name}` | {' | '.join(both)} | " in text and f"| {said} |" in text, name
    assert f"{AT_LEAST}" in text
