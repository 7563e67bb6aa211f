"""How many synthetic frames a second this machine draws on one core (or a GPU), and where the time goes.

python benchmarks/synthetic_speed.py --lengths 25 110 --repeats 9
python benchmarks/synthetic_speed.py --against ../other-checkout

With --against both versions take turns in one run, so that a machine shared with others slows both alike: read the
ratio, not the speeds.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

HERE = Path(__file__).resolve().parents[1]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8, help="clips per call")
    parser.add_argument("--lengths", type=int, nargs="+", default=[25, 110], help="frames per clip")
    parser.add_argument("--size", type=int, default=112, help="rows and columns of a frame")
    parser.add_argument("--repeats", type=int, default=9, help="calls per length and version")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--against", type=Path, help="another checkout of this repository to compare with")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(recipes: list[Any], size: int, device: str) -> dict[str, Any]:
    """Wall and processor seconds of one call, and seconds per stage."""
    from echodfkd.synthetic.generate import Stopwatch, generate

    watch, wall, cpu = Stopwatch(), perf_counter(), process_time()
    generate(recipes, size, device, watch=watch)
    return {"wall": perf_counter() - wall, "cpu": process_time() - cpu, "stages": watch.seconds}


def work(size: int, device: str) -> None:
    """Answers each line 'clips frames' on stdin with a line of JSON: `measured`, after a first call not counted."""
    import torch

    from echodfkd.synthetic.recipe import Conditions, draw_recipe

    torch.set_num_threads(1)
    known: dict[str, list[Any]] = {}
    for line in sys.stdin:
        if line not in known:
            clips, frames = map(int, line.split())
            start = perf_counter()
            known[line] = [draw_recipe(Conditions(), 0, number, frames) for number in range(clips)]
            drawing = (perf_counter() - start) / clips
            measured(known[line], size, device)
        name = torch.cuda.get_device_name() if device != "cpu" else platform.processor() or platform.machine()
        told = {"recipe": drawing, "torch": torch.__version__, "device": name}
        print(json.dumps(measured(known[line], size, device) | told), flush=True)


@contextmanager
def worker(tree: Path, chosen: argparse.Namespace) -> Iterator["subprocess.Popen[str]"]:
    """A process that draws with the package in `tree`."""
    command = [sys.executable, __file__, "--worker", "--size", str(chosen.size), "--device", chosen.device]
    place = os.environ | {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=place) as process:
        yield process
        process.communicate()


def ask(process: "subprocess.Popen[str]", clips: int, frames: int) -> dict[str, Any]:
    """One call's measures."""
    assert process.stdin and process.stdout
    print(clips, frames, file=process.stdin, flush=True)
    return json.loads(process.stdout.readline())


def spread(values: list[float], form: str) -> str:
    """The median and, in brackets, the middle half."""
    ordered, quarter = sorted(values), len(values) // 4
    low, high = ordered[quarter], ordered[-1 - quarter]
    return f"{median(values):{form}} ({low:{form}} .. {high:{form}})"


def tell(calls: list[dict[str, Any]], others: list[dict[str, Any]], frames: int) -> None:
    """Prints speeds, the ratio to `others` call by call, and microseconds per frame of each stage."""
    print(f"  frames/s          {spread([frames / call['wall'] for call in calls], ',.0f')}")
    print(f"  frames/cpu s      {spread([frames / call['cpu'] for call in calls], ',.0f')}")
    if others:
        for kind in ("wall", "cpu"):
            ratios = [other[kind] / call[kind] for call, other in zip(calls, others, strict=True)]
            print(f"  speed / other's, {kind:4s} {spread(ratios, '.2f')}")
    stages = {name: median(call["stages"][name] for call in calls) for name in calls[0]["stages"]}
    for name, seconds in stages.items():
        print(f"  {name:18s} {1e6 * seconds / frames:6.0f} us/frame {100 * seconds / sum(stages.values()):5.1f} %")


def main() -> None:
    chosen = arguments()
    if chosen.worker:
        work(chosen.size, chosen.device)
        return
    with worker(HERE, chosen) as ours, worker(chosen.against or HERE, chosen) as theirs:
        for length in chosen.lengths:
            calls, others = [], []
            for _ in range(chosen.repeats):
                calls.append(ask(ours, chosen.clips, length))
                if chosen.against:
                    others.append(ask(theirs, chosen.clips, length))
            print(f"{chosen.clips} clips x {length} frames of {chosen.size} x {chosen.size}, {chosen.repeats} calls,")
            print(f"one thread, torch {calls[0]['torch']}, {calls[0]['device']}: median (middle half)")
            tell(calls, others, chosen.clips * length)
            print(f"  recipes: {1e3 * calls[0]['recipe']:.2f} ms each, not counted above")


if __name__ == "__main__":
    main()
