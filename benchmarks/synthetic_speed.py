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
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from time import perf_counter, process_time
from typing import IO, Any

HERE = Path(__file__).resolve().parents[1]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8, help="clips per call")
    parser.add_argument("--lengths", type=int, nargs="+", default=[25, 110], help="frames per clip")
    parser.add_argument("--size", type=int, default=112, help="rows and columns of a frame")
    parser.add_argument("--repeats", type=int, default=9, help="calls per length and version")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
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
    """Says where its package lies, then answers each line 'clips frames' on stdin with a line of JSON: `measured`.

    A first call of each is not counted.
    """
    import torch

    import echodfkd
    from echodfkd.synthetic.recipe import Conditions, draw_recipe

    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("there is no GPU that torch can use: take --device cpu")
    torch.set_num_threads(1)
    print(json.dumps(str(Path(echodfkd.__file__).resolve().parent)), flush=True)
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


class Worker:
    """A process that draws with the package in `tree`; what it says last on stderr explains its end."""

    def __init__(self, tree: Path, process: "subprocess.Popen[str]", errors: IO[str]):
        self.tree, self._process, self._errors = tree, process, errors
        package = tree.resolve() / "src" / "echodfkd"
        if (found := self._answer()) != str(package):
            sys.exit(f"synthetic_speed: the worker for {tree} draws with another package, {found}")

    def ask(self, clips: int, frames: int) -> dict[str, Any]:
        """One call's measures."""
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it has ended: no answer will say so
            os.write(self._process.stdin.fileno(), f"{clips} {frames}\n".encode())
        answer: dict[str, Any] = self._answer()
        return answer

    def _answer(self) -> Any:
        """Its next line; the end of this process where its own has come."""
        assert self._process.stdout
        if line := self._process.stdout.readline():
            return json.loads(line)
        self._errors.seek(0)
        last = (self._errors.read().strip() or "it said nothing").splitlines()[-1]
        sys.exit(f"synthetic_speed: the worker for {self.tree} has ended: {last}")


@contextmanager
def worker(tree: Path, chosen: argparse.Namespace) -> Iterator[Worker]:
    """A Worker for `tree`, which must be a checkout of this repository."""
    if not (tree / "src" / "echodfkd").is_dir():
        sys.exit(f"synthetic_speed: {tree} is no checkout of this repository: it has no src/echodfkd")
    command = [sys.executable, __file__, "--worker", "--size", str(chosen.size), "--device", chosen.device]
    place = os.environ | {"PYTHONPATH": str((tree / "src").resolve()), "OMP_NUM_THREADS": "1"}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": place}
    with TemporaryFile("w+") as errors, subprocess.Popen(command, stderr=errors, **pipes) as process:
        yield Worker(tree, process, errors)


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
    trees = [HERE, chosen.against] if chosen.against else [HERE]
    with ExitStack() as started:
        workers = [started.enter_context(worker(tree, chosen)) for tree in trees]
        for length in chosen.lengths:
            turns = [[one.ask(chosen.clips, length) for one in workers] for _ in range(chosen.repeats)]
            calls, others = [turn[0] for turn in turns], [turn[1] for turn in turns if chosen.against]
            print(f"{chosen.clips} clips x {length} frames of {chosen.size} x {chosen.size}, {chosen.repeats} calls,")
            print(f"one thread, torch {calls[0]['torch']}, {calls[0]['device']}: median (middle half)")
            tell(calls, others, chosen.clips * length)
            print(f"  recipes: {1e3 * calls[0]['recipe']:.2f} ms each, not counted above")


if __name__ == "__main__":
    main()
