"""Who stands beside a study's student when it is judged without labels: snapshots of its training, other models."""

from dataclasses import replace
from pathlib import Path

from echodfkd.distill.train import kept_network, snapshot_name
from echodfkd.student.bundled import find_model
from echodfkd.student.card import CARD, read_card
from echodfkd.student.checkpoint import save
from echodfkd.study.settings import Study

RIVALS = "rivals"
"""The folder of a run that holds a folder for each of them, with its masks and, of a snapshot, its student."""


def rival_students(study: Study, folder: Path) -> dict[str, Path]:
    """The folders of the rivals by name: snapshots as students of the run's own card, and models as they are."""
    settings = study.label_free
    assert settings is not None
    found = {}
    for epoch in settings.snapshots:
        name = f"epoch-{epoch:03d}"
        found[name] = _snapshot(study, folder, epoch, folder / RIVALS / name / "student")
    return found | {Path(rival).name: find_model(rival) for rival in settings.rivals}


def _snapshot(study: Study, folder: Path, epoch: int, out: Path) -> Path:
    """The student after that epoch, written once; it has the threshold of the finished one."""
    if not (out / CARD).is_file():
        network, _ = kept_network(folder / "student-training" / snapshot_name(epoch), study.student)
        card = read_card(folder / "student")
        save(out, network, replace(card, provenance={**card.provenance, "best_epoch": epoch - 1}), onnx=True)
    return out
