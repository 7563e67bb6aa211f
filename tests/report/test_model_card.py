"""Models in words: the list, and a card made of nothing but what `model.json` holds."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from echodfkd.errors import InputError
from echodfkd.files import write_json
from echodfkd.report.model_card import NOTICE, listing, model_card, readme
from echodfkd.student import bundled
from echodfkd.student.card import CARD, WEIGHTS, card_table, read_card


def found(value: float, n: int = 40) -> dict:
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": n}


EVENTS = {"distance_ms": found(25), "matched": 90, "missed": 3, "extra": 2}
SCORES = {
    "dice": {"overall": found(0.912), "ed": found(0.921), "es": found(0.903)},
    "constant_mask": {"dice": {"overall": found(0.701), "ed": found(0.711), "es": found(0.682)}},
    "ejection": {"mae": found(5.62), "always_training_mean": {"mae": found(14.5)}},
    "events": {"ed": EVENTS, "es": EVENTS},
}
REAL = {
    "dice": found(0.893, 3),
    "worst_dice": 0.871,
    "constant": found(0.844, 3),
    "area_correlation": found(0.9, 3),
    "worst_area_correlation": 0.853,
    "area_ed": found(1.01, 3),
    "area_es": found(1.12, 3),
    "ef_error": found(7.0, 3),
}
STUDY = {
    "name": "hearts",
    "seed": 4,
    "clips": {"train": {"count": 12000, "frames": 32}, "fresh": True, "annotator": "traced"},
    "conditions": {"ejection_fraction": [15, 80], "heart_rate": [50, 110], "fps": [30, 60], "arrhythmia": 0.0},
    "training": {"epochs": 40, "window": 25, "loss": "bce"},
}
PROVENANCE = {
    "made_from": {"teacher": {"kind": "model", "model": "0123456789abcdef99", "structures": ["lv"]}},
    "best_epoch": 38,
    "precision": "bfloat16",
    "environment": {"processor": "A processor", "device": "cpu"},
    "published": {
        "name": "b4",
        "study": STUDY,
        "generator": 2,
        "guided_by_population": ["anatomy.ratio", "anatomy.axis"],
        "scores": SCORES,
        "real": {"note": "three clips of somewhere", "scores": REAL},
    },
}


@pytest.fixture
def published(tmp_path, student_folder, monkeypatch) -> Path:
    """b4 on a shelf of its own, as if published."""
    folder = tmp_path / "weights" / "b4"
    shutil.copytree(student_folder, folder)
    table = json.loads((folder / "model.json").read_text()) | {"provenance": PROVENANCE}
    (folder / "model.json").write_text(json.dumps(table))
    (folder / "README.md").write_text(readme(read_card(folder)))
    monkeypatch.setattr(bundled, "ROOT", folder.parent)
    return folder


def test_the_list_tells_size_origin_scores_and_licence_of_what_is_bundled(published, echodfkd):
    code, told, complaint = echodfkd("models")
    assert (code, complaint) == (0, "") and told == listing()
    words = " ".join(told.split())
    for fact in (
        "b4: the paper's headline student B4,1, with a glance (default of `segment`)",
        "B2,1, 39,590 parameters, works at 28 x 28, segments lv, la, causal, threshold 0.5;",
        "MB on disk.",
        "Study hearts, seed 4: 12,000 clips of 32 frames, drawn anew for each of 40 epochs, by generator 2.",
        "Taught by the masks of another model (weights 0123456789abcdef): no patient's frame; see that model's card.",
        "Dice 0.912 (0.812 to 1.012), n = 40; constant mask 0.701.",
        "On real clips (three clips of somewhere): LV Dice 0.893 (0.793 to 0.993), n = 3; worst clip 0.871, constant",
        "Apache-2.0.",
        "b3: a small student B3,1, of a seventh of b4's weights not in this installation",
        "whose release states no licence",
        NOTICE,
    ):
        assert fact in words, fact


def test_the_list_fits_eighty_columns_and_is_plain_text(published):
    lines = listing().splitlines()
    assert max(map(len, lines)) <= 80 and listing().isascii()


def test_a_model_without_a_graph_says_that_it_needs_torch(published):
    needs = "No ONNX graph: torch must run it, pip install 'echodfkd[study]'."
    assert needs not in " ".join(listing().split())
    table = json.loads((published / "model.json").read_text())
    del table["files"]["model.onnx"]
    (published / "model.json").write_text(json.dumps(table))
    assert needs in " ".join(listing().split())


def test_an_installation_without_weights_says_so(tmp_path, monkeypatch, echodfkd):
    monkeypatch.setattr(bundled, "ROOT", tmp_path)
    assert echodfkd("models")[1].count("not in this installation") == len(bundled.BUNDLED)


def test_a_card_prints_by_name_and_by_folder(published, echodfkd):
    text = (published / "README.md").read_text()
    assert echodfkd("models", "b4") == echodfkd("models", published) == (0, text, "")


def test_the_card_has_every_section_and_every_score_beside_its_baseline(published):
    text = model_card("b4")
    sections = [line for line in text.splitlines() if line.startswith("#")]
    assert sections == [
        "# b4: the paper's headline student B4,1, with a glance",
        "## How it was made",
        "## Ranges guided by population figures",
        "## Scores",
        "## Limits",
    ]
    for line in (
        "| at ES | 0.903 (0.803 to 1.003) | 40 | constant mask 0.682 |",
        "| EF error, points | 5.6 (5.5 to 5.7) | 40 | always the training mean 14.5 |",
        "| ED one to one, ms | 25 (25 to 25) | 40 | 90 matched, 3 missed, 2 extra |",
        "| area-curve correlation | 0.900 (0.800 to 1.000) | 3 | worst clip 0.853 |",
        "| area at ES, over the reference's | 1.120 (1.020 to 1.220) | 3 |  |",
        f"- {NOTICE}",
    ):
        assert line in text.splitlines(), line
    assert "anatomy.ratio, anatomy.axis" in text


def test_the_card_says_whose_weights_it_began_with_and_whether_they_stayed(published):
    made = PROVENANCE["made_from"] | {"start": {"weights": "fedcba9876543210ff", "real": False}}
    for training, kept in ((STUDY["training"], False), (STUDY["training"] | {"hold": True}, True)):
        story = PROVENANCE["published"] | {"study": STUDY | {"training": training}}
        card = replace(read_card(published), provenance=PROVENANCE | {"made_from": made, "published": story})
        told = " ".join(readme(card).split())
        assert "Started from a model that drawn clips taught (weights fedcba9876543210)" in told
        assert ("stayed as they are" in told) == kept
        assert "of the way back" not in told
    training = STUDY["training"] | {"start_share": 0.25}
    story = PROVENANCE["published"] | {"study": STUDY | {"training": training}}
    card = replace(read_card(published), provenance=PROVENANCE | {"made_from": made, "published": story})
    assert "What was taught is moved 25 % of the way back to them." in " ".join(readme(card).split())


def test_the_card_says_what_patients_had_to_do_with_it(published):
    card = read_card(published)
    told = {**card.provenance["published"], "generator": 3, "guided_by_population": ["anatomy.septal", "tracing.base"]}
    text = " ".join(readme(replace(card, provenance={**card.provenance, "published": told})).split())
    assert "No weight learned from a patient. Ranges are guided by statistics of, and choices were made on," in text
    assert "1,288 of EchoNet-Dynamic by their stills" in text and "49 of CAMUS" in text
    assert "anatomy.septal, tracing.base" in text


def test_the_card_of_a_validated_model_tells_stills_clips_and_camus(published):
    phases = {phase: {"dice": found(value), "area_ratio": found(1.1)} for phase, value in (("ED", 0.9), ("ES", 0.86))}
    clips = {"dice": found(0.891), "ef_error": found(6.5), "ef_correlation": found(0.81)}
    scores = {
        "stills": {"dice": found(0.88, 2566), "bad": found(0.021), **phases},
        "clips": {**clips, "always_the_mean": found(9.9), "without_ef": 1, **phases},
        "camus": {"dice": found(0.885, 98), **phases},
    }
    real = {"note": "patients of two data sets", "scores": scores}
    card = read_card(published)
    text = readme(replace(card, provenance={**PROVENANCE, "published": {**PROVENANCE["published"], "real": real}}))
    for line in (
        "| LV Dice | 0.880 (0.780 to 0.980) | 2566 | stills; ED 0.900, ES 0.860; 2.1 % under 0.7 |",
        "| area at ES, over the human's | 1.100 (1.000 to 1.200) | 40 | stills; median |",
        "| LV Dice on whole clips | 0.891 (0.791 to 0.991) | 40 | ED 0.900, ES 0.860 |",
        "| EF error, points | 6.5 (6.4 to 6.6) | 40 | always the mean 9.9; 1 clips without one |",
        "| LV Dice on CAMUS | 0.885 (0.785 to 0.985) | 98 | stills; ED 0.900, ES 0.860 |",
    ):
        assert line in text.splitlines(), line


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ({"kind": "truth"}, "Taught by the simulator's own truth: no patient's frame, and no weight that saw one."),
        ({"kind": "archive", "archive": "f" * 64}, f"Taught by an archive of masks ({'f' * 16}): no patient's frame;"),
    ],
)
def test_the_card_claims_no_more_of_its_teacher_than_is_known(teacher, words, published):
    card = read_card(published)
    made = {**card.provenance, "made_from": {"teacher": teacher}}
    assert words in readme(replace(card, provenance=made))


def test_a_bundled_teacher_whom_the_simulator_taught_has_seen_no_patient(published):
    card = read_card(published)
    own = {**card.provenance, "made_from": {"teacher": {"kind": "truth"}}}
    write_json(published / CARD, card_table(replace(card, provenance=own)))
    table = {"kind": "model", "model": card.files[WEIGHTS], "truth": 0.5}
    text = readme(replace(card, provenance={**card.provenance, "made_from": {"teacher": table}}))
    assert "the masks of the bundled model b4" in text
    assert "no weight that saw one, with a share of 0.5 of the simulator's own truth." in text


def test_a_student_that_was_never_published_has_its_facts(student_folder, echodfkd):
    code, told, _ = echodfkd("models", student_folder)
    assert code == 0 and told.startswith("B2,1\n") and "Not published" in told and NOTICE in told


def test_an_unknown_model_is_refused_in_one_line(echodfkd):
    code, told, complaint = echodfkd("models", "b5")
    assert (code, told) == (2, "") and complaint.count("\n") == 1 and "the bundled models are" in complaint
    with pytest.raises(InputError):
        model_card("b5")
