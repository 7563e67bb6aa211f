"""The models that a study's student is judged with, without labels: snapshots of its training, other models.

The study file's key and the run's folder are `rivals`.
"""

from dataclasses import replace
from pathlib import Path

from echodfkd.distill.train import kept_network, snapshot_name
from echodfkd.student.bundled import find_model
from echodfkd.student.card import CARD, read_card
from echodfkd.student.checkpoint import save
from echodfkd.study.settings import Study

MODELS = "rivals"
"""The folder of a run that holds a folder for each of them, with its masks and, of a snapshot, its student."""


def other_models(study: Study, folder: Path) -> dict[str, Path]:
    """The folders of the models by name: snapshots as students of the run's own card, and others as they are."""
    settings = study.label_free
    assert settings is not None
    found = {}
    for epoch in settings.snapshots:
        name = f"epoch-{epoch:03d}"
        found[name] = _snapshot(study, folder, epoch, folder / MODELS / name / "student")
    return found | {Path(model).name: find_model(model) for model in settings.rivals}


def _snapshot(study: Study, folder: Path, epoch: int, out: Path) -> Path:
    """The student after that epoch, written once; it has the threshold of the finished one."""
    if not (out / CARD).is_file():
        network, _ = kept_network(folder / "student-training" / snapshot_name(epoch), study.student)
        card = read_card(folder / "student")
        save(out, network, replace(card, provenance={**card.provenance, "best_epoch": epoch - 1}), onnx=True)
    return out
