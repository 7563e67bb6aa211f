"""Does an image-text judge prefer somebody's masks on real clips to the same masks spoilt on purpose?

    python benchmarks/label_free_real.py FOLDER [--judge NAME] [--frames N] [--json FILE --words WORDS]

FOLDER holds films as `benchmarks/real.py` reads them: clips with `<name>.teacher.npz` beside them. The masks there are
taken for good; they are shrunk, grown, shifted, swapped with another clip's and emptied
(evidence/words/mask_quality.py). Printed is the AUC, the chance that a good mask scores above a spoilt one, over all
frames of all clips and within one frame. `combined` is the lower of wall and cavity as z-scores over the masks taken
for good alone, so no kind's figures hang on which others are tried. Over a handful of clips the ends are little more
than their range.
"""

import argparse
import sys
from pathlib import Path

from real import read_films

from echodfkd.errors import EchodfkdError, one_line
from echodfkd.evidence.records import Calibration
from echodfkd.evidence.words.echoclip import load_judge
from echodfkd.evidence.words.mask_quality import MOST_FRAMES, SCORES, calibration_fits, calibration_scores
from echodfkd.evidence.words.prompts import Similarity, read_prompts
from echodfkd.files import plain, write_json
from echodfkd.report.numbers import interval


def main() -> None:
    chosen = arguments()
    try:
        found = scores(load_judge(chosen.judge), chosen.folder, chosen.frames)
        if chosen.json is not None:
            write_json(chosen.json, plain(found) | {"words": chosen.words, "judge": chosen.judge})
    except EchodfkdError as error:
        sys.exit(f"label_free_real: {one_line(error)}")
    print(table(found))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--judge", default="standin", help="standin, echoclip, hf-hub:... or local-dir:...")
    parser.add_argument("--frames", type=int, default=MOST_FRAMES, help="frames judged of each clip, evenly spread")
    parser.add_argument("--json", type=Path, help="also write the scores there, without the clips' names")
    parser.add_argument("--words", default="real clips", help="what the clips are, for the file")
    return parser.parse_args()


def scores(judge: Similarity, folder: Path, most: int) -> Calibration:
    """`calibration_scores` of the folder's masks against spoilt versions of them."""
    clips = [(str(number), real.clip.frames, real.masks) for number, real in enumerate(read_films(folder))]
    return calibration_scores(calibration_fits(judge, read_prompts(), clips, most=most))


def table(found: Calibration) -> str:
    """A line per kind of spoilt masks: the AUC of each score, and that of the combined one within a frame."""
    lines = [("masks", *SCORES, "combined, same frame")]
    for kind, by_score in found.auc.items():
        same = interval(found.paired[kind]["combined"], 3)
        lines.append((kind, *(interval(by_score[name], 3) for name in SCORES), same))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    counts = f"n = {found.n.clips} clips, {found.n.frames} frames. Research software, not for diagnosis."
    return "\n".join([*rows, f"combined: z-scores over the good masks alone. {counts}"])


if __name__ == "__main__":
    main()
