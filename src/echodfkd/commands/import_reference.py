"""The verb `import-reference`: a checkpoint of the paper's published code as a student that `segment` runs."""

from pathlib import Path

from echodfkd.student import reference
from echodfkd.student.card import Card


def import_reference(checkpoint: Path, out: Path, threshold: float = 0.5) -> Card:
    """The card of the student written to `out`; `threshold` is the probability from which a pixel is inside."""
    return reference.import_reference(checkpoint, out, threshold=threshold)
