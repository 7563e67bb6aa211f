"""Models in words: the list that `models` prints, and a published model's card (README.md). No torch.

A card says only what `model.json` holds; `studies/publish.py` puts study, scores and the generator's number there.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echodfkd.files import shaped
from echodfkd.report.numbers import interval, number
from echodfkd.report.page import rendered
from echodfkd.scores.records import Scorecard
from echodfkd.stats.intervals import Interval
from echodfkd.student.bundled import BUNDLED, DEFAULT, README, find_model, installed
from echodfkd.student.card import GRAPH, WEIGHTS, Card, read_card
from echodfkd.teachers.settings import FUSION, KINDS

LICENCE = "Apache-2.0"
NOTICE = "Research software, not for diagnosis."
LIMITS = (
    "Apical four-chamber clips of B-mode ultrasound only; other views are refused by a check that misses some.",
    "Taught by drawn hearts: what these do not show (see docs/explanation/simulation.md) it has never seen.",
    "Scores on drawn clips say how near it comes to the simulator's masks, not how it fares on patients.",
    "A single plane cannot see the whole ventricle: volumes and ejection fractions assume circular discs.",
    "Intervals tell the spread over the clips scored, not what other scanners, views or populations would give.",
)
KNOWN = (
    "The paper's students B1,1 to B4,4: trained with its published code, https://github.com/GregoirePetit/EchoDFKD, "
    "whose release states no licence, so none is in here. A checkpoint that you have becomes a model by "
    "`echodfkd import-reference FILE.ckpt --out DIR`.",
    "echonet-deeplabv3: EchoNet-Dynamic's DeepLabv3 (ResNet-50), the paper's teacher, "
    "https://github.com/douyang/EchoNetDynamic/releases, under its authors' terms. `echodfkd models fetch "
    "echonet-deeplabv3` downloads it; [teacher] kind = 'deeplab' uses it.",
)
FEW = 8
"""Clips below which a bootstrap interval is but their range."""
_WIDTH = 80

Table = Mapping[str, Any]


def listing() -> str:
    """Every bundled and known model in a few lines each, 80 columns wide."""
    lines = ["Bundled models (`segment --model NAME`; `models NAME` prints the whole card)", ""]
    there = installed()
    for name, what in BUNDLED.items():
        lines.append(f"{name}: {what}" + (" (default of `segment`)" if name == DEFAULT else ""))
        facts = entry(there[name]) if name in there else ["not in this installation"]
        lines += [line for fact in facts for line in _wrapped(fact)] + [""]
    lines += ["Known, not bundled", "", *(line for known in KNOWN for line in _wrapped(known)), "", NOTICE]
    return "\n".join(lines) + "\n"


def model_card(model: str | Path) -> str:
    """The card of one model, by bundled name or folder, as text; of one that was never published, its facts."""
    folder = find_model(model)
    card = read_card(folder)
    if (folder / README).is_file():
        return (folder / README).read_text(encoding="utf-8")
    return "\n".join([card.network.name, *(line for fact in entry(folder) for line in _wrapped(fact)), NOTICE]) + "\n"


CLAIM = (
    "No weight learned from a patient. Ranges are guided by statistics of, and choices were made on, these validation "
    "patients: 1,288 of EchoNet-Dynamic by their stills, 60 clips of EchoNet-Dynamic, 49 of CAMUS. So guided are"
)
FIGURES = (
    "Where the ventricle lies in an image is nobody's standard. These ranges were set, widely, about figures of "
    "EchoNet-Dynamic's population at end diastole (apex in row 21 and base in row 77 of 112, centroid in column 61, "
    "12 % of the image, length 1.85 widths)"
)
"""What patients had to do with ranges of generators before the third."""


def entry(folder: Path) -> list[str]:
    """What the list says of the model in `folder`: a sentence or two for shape, origin, each score, licence."""
    card = read_card(folder)
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    published = card.provenance.get("published")
    facts = [f"{_shape(card)}; {size / 1e6:.1f} MB on disk.{_needs(card, published or {})}"]
    if published is None:
        return [*facts, "Not published: what it was taught stands in its model.json."]
    facts.append(" ".join(_origin(card, published)[:2]))
    for title, scores in _scores(published):
        dice = scores["LV Dice"]
        baseline = f"; {dice.baseline}" if dice.baseline else ""
        facts.append(f"{title}: LV Dice {dice.text}, n = {dice.n}{baseline}.")
    return [*facts, f"{LICENCE}. {LIMITS[0]}"]


def readme(card: Card) -> str:
    """A published model's README.md, made of nothing but its card. KeyError where it was not published."""
    published = card.provenance["published"]
    name = published["name"]
    return rendered(
        "card.md",
        name=name,
        what=BUNDLED.get(name, card.network.name),
        shape=_shape(card),
        needs=_needs(card, published),
        licence=LICENCE,
        notice=NOTICE,
        origin=_origin(card, published),
        guided=_guidance(published["guided_by_population"], published["generator"]),
        tables=_scores(published),
        spread=_spread,
        few=FEW,
        limits=(*LIMITS, NOTICE),
    )


def _needs(card: Card, published: Table) -> str:
    """How a model runs where that is not its own numbers by its graph; what it wants installed beyond the core."""
    if GRAPH not in card.files:
        return " No ONNX graph: torch must run it, pip install 'echodfkd[study]'."
    whole = published.get("whole_numbers", False)
    return " Its ONNX graph convolves in whole numbers; with torch the network runs in float32." if whole else ""


def _shape(card: Card) -> str:
    """Name, parameters, working size, structures and ways of a model, in words."""
    size, structures = card.preprocessing.size, ", ".join(card.network.structures)
    ways = "no memory" if not card.network.remembers else "looks both ways" if card.hindsight else "causal"
    ways += f", back at a zoom of {card.hindsight_zoom:g}" if card.hindsight and card.hindsight_zoom != 1 else ""
    ways += f", at stills in {1 + len(card.looks)} sizes" if card.looks else ""
    slope, offset = card.ejection
    line = "" if card.ejection == Card.ejection else f", tells an EF of {slope:g} x that by discs {offset:+g}"
    factors = card.ejection_interval
    line += "" if factors is None else f", 90 % intervals of {factors[0]:g} doubts ({factors[1]:g} in one pass)"
    return (
        f"{card.network.name}, {card.parameters:,} parameters, works at {size} x {size}, segments {structures}, "
        f"{ways}, threshold {card.threshold:g}{line}"
    )


def _origin(card: Card, published: Table) -> list[str]:
    """How a model was made: its lesson, its teacher, then the rest."""
    study, made = published["study"], card.provenance["made_from"]
    clips, training = study["clips"], study["training"]
    drawn = "drawn anew for each of" if clips.get("fresh") else "the same for"
    environment = card.provenance["environment"]
    device = environment["processor"] if environment["device"] == "cpu" else environment["device"]
    return [
        f"Study {study['name']}, seed {study['seed']}: {clips['train']['count']:,} clips of "
        f"{clips['train']['frames']} frames, {drawn} {training['epochs']} epochs, "
        f"by generator {published['generator']}.",
        f"Taught by {teacher_words(made['teacher'])}",
        _training_words(study),
        *_started(made, training),
        f"Windows of {training['window']} frames, loss {training['loss']}, "
        f"best epoch {card.provenance['best_epoch']}, {card.provenance['precision']}, on {device}.",
        "Hearts are formulas with drawn numbers (docs/explanation/simulation.md). The whole study, every version and "
        "the checksums stand in model.json.",
    ]


def _started(made: Table, training: Table) -> list[str]:
    """Whose weights it started from, if anybody's, and how far they were kept."""
    if "start" not in made:
        return []
    weights = [one[:16] for one in (made["start"]["weights"], *made["start"].get("mean_with", ()))]
    what = "a model" if len(weights) == 1 else "the mean of models"
    held = " These weights stayed as they are: the glance beside them was taught." if training.get("hold") else ""
    if share := training.get("start_share"):
        held = f" What was taught is moved {100 * share:g} % of the way back to them."
    return [f"Started from {what} that drawn clips taught (weights {', '.join(weights)}).{held}"]


def _training_words(study: Table) -> str:
    """What kinds of clips it was shown, and who traced them."""
    ranges = study["conditions"]
    fraction, rate, fps = (_range(ranges[name]) for name in ("ejection_fraction", "heart_rate", "fps"))
    rhythm = f"{100 * ranges['arrhythmia']:g} % in" if ranges["arrhythmia"] else "none in"
    return (
        f"It saw ejection fractions of {fraction} %, {rate} beats/min, {fps} frames/s, {rhythm} atrial fibrillation; "
        f"annotator of the left ventricle: {study['clips']['annotator']} (synthetic/annotator.py)."
    )


def _range(ends: Sequence[float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}"


def teacher_words(table: Table) -> str:
    """Who taught it, by what tells it from others, and what patients had to do with it."""
    content = str(table.get(table["kind"], ""))
    if table["kind"] == FUSION:
        several = "; ".join(teacher_words(one).rstrip(".") for one in table["of"])
        words = f"{len(table['of'])} teachers ({table['fusion']}): {several}"
    elif table["kind"] == "model":
        words = _of_model(content)
    else:
        words = KINDS[table["kind"]].words.format(content=content, digest=content[:16])
    share = f", with a share of {table['truth']:g} of the simulator's own truth" if "truth" in table else ""
    return f"{words}{share}."


def _of_model(digest: str) -> str:
    """A teacher by its weights' SHA-256; a bundled one that the simulator taught has seen no patient either."""
    for name, folder in installed().items():
        card = read_card(folder)
        if card.files[WEIGHTS] == digest and card.provenance["made_from"]["teacher"]["kind"] == "truth":
            words = "whom the simulator's truth taught: no patient's frame, and no weight that saw one"
            return f"the masks of the bundled model {name} (weights {digest[:16]}), {words}"
    return KINDS["model"].words.format(digest=digest[:16])


def _guidance(dials: Sequence[str], generator: int) -> str:
    """What patients had to do with the ranges that clips were drawn from, and the dials it concerns."""
    words = CLAIM if generator >= 3 else FIGURES
    return textwrap.fill(f"{words}: {', '.join(dials)}." if dials else "None.", 120, break_on_hyphens=False)


@dataclass(frozen=True)
class _Score:
    """One row of a table of scores: an interval, its digits, and what stands beside it."""

    value: Interval | None
    digits: int
    baseline: str = ""

    @property
    def n(self) -> int:
        """Clips behind the value."""
        return 0 if self.value is None else self.value.n

    @property
    def text(self) -> str:
        """The value with the ends of its interval."""
        return interval(self.value, self.digits)


def _spread(scores: Mapping[str, _Score]) -> str:
    """What a table's brackets hold: of very few values a bootstrap knows but the least and the greatest."""
    return "95 % interval" if max(score.n for score in scores.values()) >= FEW else "range over the clips"


def _scores(published: Table) -> Iterator[tuple[str, dict[str, _Score]]]:
    """Title and rows of each table of scores: drawn clips, then real ones where they were given."""
    yield "On drawn clips it has not seen", _drawn(published["scores"])
    if real := published.get("real"):
        yield f"On real clips ({real['note']})", _real(real["scores"])


def _drawn(published: Table) -> dict[str, _Score]:
    scores, rows = shaped(Scorecard, published), {}
    constant, always = scores.constant_mask, scores.ejection.always_training_mean
    for what, key in (("LV Dice", "overall"), ("at ED", "ed"), ("at ES", "es")):
        baseline = _baseline_words("constant mask", None if constant is None else constant.dice.of(key), 3)
        rows[what] = _Score(scores.dice.of(key), 3, baseline)
    for name, found in published.get("structures", {}).items():
        rows[f"{name} Dice"] = _Score(shaped(Interval, found), 3)
    always_mean = _baseline_words("always the training mean", None if always is None else always.mae, 1)
    rows["EF error, points"] = _Score(scores.ejection.mae, 1, always_mean)
    for phase in ("ed", "es"):
        events = scores.events.of(phase)
        baseline = f"{events.matched} matched, {events.missed} missed, {events.extra} extra"
        rows[f"{phase.upper()} one to one, ms"] = _Score(events.distance_ms, 0, baseline)
    return rows


def _real(scores: Table) -> dict[str, _Score]:
    """Rows of what `benchmarks/validation.py` found; cards of before tell of a few clips alone."""
    return _validation_scores(scores) if "stills" in scores else _clip_scores(scores)


def _score(value: Any, digits: int, baseline: str = "") -> _Score:
    """A row of an interval as JSON holds it."""
    return _Score(None if value is None else shaped(Interval, value), digits, baseline)


def _validation_scores(scores: Table) -> dict[str, _Score]:
    stills, clips, camus = scores["stills"], scores.get("clips"), scores.get("camus")
    bad = f"{100 * stills['bad']['value']:.1f} % under 0.7"
    rows = {"LV Dice": _score(stills["dice"], 3, f"stills; {_phases(stills)}; {bad}")}
    for phase in ("ED", "ES"):
        rows[f"area at {phase}, over the human's"] = _score(stills[phase]["area_ratio"], 3, "stills; median")
    if clips is not None:
        rows["LV Dice on whole clips"] = _score(clips["dice"], 3, _phases(clips))
        always = _baseline_words("always the mean", shaped(Interval, clips["always_the_mean"]), 1)
        rows["EF error, points"] = _score(clips["ef_error"], 1, f"{always}; {clips['without_ef']} clips without one")
        rows["EF, correlation"] = _score(clips["ef_correlation"], 2)
    if camus is not None:
        rows["LV Dice on CAMUS"] = _score(camus["dice"], 3, f"stills; {_phases(camus)}")
    return rows


def _phases(scores: Table) -> str:
    """Dice at ED and at ES, in words."""
    return ", ".join(f"{phase} {number(shaped(Interval, scores[phase]['dice']), 3)}" for phase in ("ED", "ES"))


def _clip_scores(scores: Table) -> dict[str, _Score]:
    worst, constant = scores["worst_dice"], number(scores["constant"], 3)
    return {
        "LV Dice": _score(scores["dice"], 3, f"worst clip {worst:.3f}, constant mask {constant}"),
        "area-curve correlation": _score(
            scores["area_correlation"], 3, f"worst clip {scores['worst_area_correlation']:.3f}"
        ),
        "area at ED, over the reference's": _score(scores["area_ed"], 3),
        "area at ES, over the reference's": _score(scores["area_es"], 3),
        "EF error, points": _score(scores["ef_error"], 1),
    }


def _baseline_words(name: str, baseline: Interval | None, digits: int) -> str:
    """A baseline by name and value; nothing where it was not measured."""
    return "" if baseline is None else f"{name} {number(baseline, digits)}"


def _wrapped(text: str) -> list[str]:
    """Text as indented lines of at most 80 columns."""
    indent = "    "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
