"""The atlases of the reverse classification: drawn hearts whose masks are known."""

from importlib.util import find_spec

from echodfkd.evidence.clip_rows import Judging
from echodfkd.evidence.reverse import Atlases, Register
from echodfkd.resize import fit

ATLAS_NUMBERS = 9_000_000
"""The first number of the clips that atlases are cut from: none that a study draws."""


def atlas_register(judging: Judging) -> Register | None:
    """The atlases of the reverse classification, drawn and ready; None where none is wanted or torch is missing."""
    if judging.atlases == 0 or find_spec("torch") is None:
        return None
    return Register(drawn_atlases(judging.atlases, judging.size, judging.seed))


def drawn_atlases(count: int, size: int, seed: int) -> Atlases:
    """One frame and its true mask from each of `count` simulated clips, at whatever phase they begin. Needs torch."""
    from echodfkd.synthetic.annotator import TRACED
    from echodfkd.synthetic.generate import generate
    from echodfkd.synthetic.recipe import Conditions, draw_recipe

    recipes = [draw_recipe(Conditions(), seed, ATLAS_NUMBERS + number, 2) for number in range(count)]
    made = generate(recipes, 112, structures=("lv",), annotator=TRACED)
    return Atlases(fit(made.frames[:, 0], size), fit(made.masks[:, 0, 0], size) >= 128)
