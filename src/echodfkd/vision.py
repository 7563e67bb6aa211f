"""torchvision made importable beside a torch that it was not built for. Imported for its effect, before lightning too.

The registry's torchvision is built for CUDA. Beside a CPU-only torch its compiled library does not load, and its import
then fails over operators that the library would have declared ("operator torchvision::nms does not exist"). lightning
fails with it, for torchmetrics imports torchvision wherever it is installed. Nobody here calls these operators, which
draw boxes: declaring their names is all that the import needs. Where the library loads, nothing is done; where there is
no torchvision, torch is not even imported.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
"""Of both; what torchvision's own library declares."""

_declared: list[object] = []  # torch forgets a declaration when its owner goes


def _declare_missing_operators() -> None:
    """Declares torchvision's operators where its compiled library does not load with the torch that is here."""
    found = find_spec("torchvision")
    if "torchvision" in sys.modules or found is None or find_spec("torch") is None:
        return
    import torch

    library = PathFinder.find_spec("_C", found.submodule_search_locations)
    try:
        torch.ops.load_library((library and library.origin) or "_C")
    except OSError:
        owner = torch.library.Library("torchvision", "DEF")
        for name in OPERATORS:
            owner.define(name + SCHEMA)
        _declared.append(owner)


_declare_missing_operators()
