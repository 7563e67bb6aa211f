"""Something to look at before anything is taught: a drawn heart, and the bundled student's masks of it.

python studies/look.py DIR     writes DIR/heart.avi and what `segment --overlay` writes of it
"""

import sys
from pathlib import Path

from echodfkd.commands.segment import segment
from echodfkd.student.bundled import find_model
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import write

SEED, NUMBER, FRAMES = 5, 0, 100  # a clip that no bundled model was taught on: they learned from other seeds


def look(folder: Path) -> Path:
    """The overlay of one drawn clip."""
    made = generate([draw_recipe(Conditions(), SEED, NUMBER, FRAMES)], structures=("lv",))
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "heart.avi", made.frames[0], made.truths[0].fps)
    segment([folder / "heart.avi"], find_model(), folder, overlay=True)
    return folder / "heart" / "overlay.mp4"


if __name__ == "__main__":
    print(f"Look: {look(Path(sys.argv[1]))}, a drawn heart with the bundled student's masks.", flush=True)
