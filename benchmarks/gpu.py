"""The whole check of a GPU in under five minutes: does it compute what the CPU does, how fast does it draw and teach.

python benchmarks/gpu.py [--seconds 270]

Lines on stdout: parity first (exit code 1 where the GPU departs from the CPU), then frames drawn a second, then windows
taught a second by the plain network, by torch.compile and by torch.compile with CUDA graphs. What the time no longer
allows is named. Without a GPU: one line, exit code 2.
"""

import argparse
import copy
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from echodfkd.distill.losses import LOSSES
from echodfkd.student.network import AnyNetwork, seeded_network
from echodfkd.student.settings import NetworkSettings
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import ClipRecipe, Conditions, draw_recipe

STEPS = 20
"""Steps of the training that both devices do."""
SHARE, GREY = 1e-3, 1
"""Of the drawn pixels, no more than this share may differ by more than this grey level."""
FAR = 1e-3
"""Largest difference of two losses of the same training, relative."""
ENOUGH = 8.0
"""Seconds that one rate is measured for."""
WAYS: dict[str, dict[str, str]] = {
    "plain": {},
    "compiled": {"mode": "default"},
    "compiled, CUDA graphs": {"mode": "reduce-overhead"},
}
"""How the network may be run, and what torch.compile is told."""


@dataclass(frozen=True)
class Work:
    """How large what is measured is. The defaults are the paper's student and batch."""

    clips: int = 32
    frames: int = 25
    size: int = 112
    shape: NetworkSettings = field(default_factory=NetworkSettings)


def main() -> int:
    """Prints what was found; 0 where the GPU does what the CPU does, 1 where not, 2 without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=270, help="after which what is under way is left out")
    seconds = parser.parse_args().seconds
    if not torch.cuda.is_available():
        print("gpu: there is no GPU that torch can use here, so nothing was measured.", file=sys.stderr)
        return 2
    end, fine = perf_counter() + seconds, True
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    for line, good in checks("cuda", Work(), end):
        fine = fine and good
        print(line if good else f"DEPARTS: {line}", flush=True)
    return 0 if fine else 1


def checks(device: str, work: Work, end: float) -> Iterator[tuple[str, bool]]:
    """A line for every check and whether it is good; of those that are not done at `end`, that they were left out."""
    measures: dict[str, Callable[[], tuple[str, bool]]] = {
        "drawn frames": lambda: drawing_parity(device, work),
        "training": lambda: training_parity(device, work),
        "drawing": lambda: (f"drawing: {drawn_a_second(device, work):,.0f} frames/s", True),
    }
    for precision in (torch.float32, torch.bfloat16):
        for way in WAYS:
            name = f"teaching, {str(precision).removeprefix('torch.')}, {way}"
            measures[name] = lambda way=way, precision=precision, name=name: (
                f"{name}: {taught_a_second(device, work, way, precision):,.1f} windows/s",
                True,
            )
    for name, measure in measures.items():
        try:
            with until(end):
                found = measure()
        except TimeoutError:
            found = f"{name}: left out, the time is up", True
        yield found


@contextmanager
def until(end: float) -> Iterator[None]:
    """Raises TimeoutError at that moment, wherever the block then is: a compilation can take minutes."""

    def stop(*_: object) -> None:
        raise TimeoutError

    if perf_counter() >= end:
        raise TimeoutError
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(1e-3, end - perf_counter()))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def recipes_of(work: Work) -> list[ClipRecipe]:
    return [draw_recipe(Conditions(), 0, number, work.frames) for number in range(work.clips)]


def drawing_parity(device: str, work: Work) -> tuple[str, bool]:
    """How far frames and masks drawn on the device are from the CPU's."""
    few = recipes_of(work)[:4]
    here, there = (generate(few, work.size, where) for where in ("cpu", device))
    shares = []
    for one, other in ((here.frames, there.frames), (here.masks, there.masks)):
        apart = np.abs(np.stack(one).astype(np.int16) - np.stack(other).astype(np.int16))
        shares.append(float((apart > GREY).mean()))
    told = f"drawn frames: {shares[0]:.2e} of pixels, {shares[1]:.2e} of mask pixels differ by more than {GREY} level"
    return told, max(shares) <= SHARE


def training_parity(device: str, work: Work) -> tuple[str, bool]:
    """How far the losses of a short training on the device are from the CPU's, both in float32."""
    small = Work(clips=4, frames=8, size=work.size // 2, shape=work.shape)
    here, there = (np.array(losses(where, small)) for where in ("cpu", device))
    apart = float(np.max(np.abs(here - there) / here))
    return f"training: losses of {STEPS} steps differ by {apart:.2e} at most, relative", apart <= FAR


def losses(device: str, work: Work) -> list[float]:
    """The losses of a short training that begins and goes on alike on every device."""
    exact = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        step = stepping(copy.deepcopy(seeded_network(work.shape, 0)).to(device), batch(device, work), torch.float32)
        return [float(step()) for _ in range(STEPS)]
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = exact


def batch(device: str, work: Work) -> tuple[Tensor, Tensor]:
    """Frames and masks of one batch: bright discs on noise."""
    draw = np.random.default_rng(0)
    rows, columns = np.mgrid[: work.size, : work.size] / work.size
    y, x, radius = (
        draw.uniform(*ends, (work.clips, work.frames, 1, 1, 1)) for ends in ((0.3, 0.7), (0.3, 0.7), (0.1, 0.3))
    )
    masks = ((rows - y) ** 2 + (columns - x) ** 2 < radius**2).astype(np.float32)
    frames = 0.6 * masks + 0.3 * draw.random(masks.shape, np.float32)
    return torch.from_numpy(frames).to(device), torch.from_numpy(masks).to(device)


def stepping(network: AnyNetwork, pair: tuple[Tensor, Tensor], precision: torch.dtype) -> Callable[[], Tensor]:
    """What does one step of Adam on the batch and gives its loss."""
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    device = pair[0].device.type

    def step() -> Tensor:
        with torch.autocast(device, precision, enabled=precision != torch.float32):
            logits, _ = network(pair[0])
        loss = LOSSES["bce+dice"](logits.float(), pair[1])
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        return loss.detach()

    return step


def drawn_a_second(device: str, work: Work) -> float:
    """Frames a second, from recipes to arrays of the host."""
    recipes = recipes_of(work)
    return work.clips * work.frames * a_second(lambda: generate(recipes, work.size, device), device)


def taught_a_second(device: str, work: Work, way: str, precision: torch.dtype) -> float:
    """Windows a second, forward, backward and step; what is compiled is compiled before."""
    network = seeded_network(work.shape, 0).to(device)
    if WAYS[way]:
        network.compile(**WAYS[way])
    return work.clips * a_second(stepping(network, batch(device, work), precision), device)


def a_second(call: Callable[[], object], device: str) -> float:
    """Calls a second, over ENOUGH seconds, after three that do not count."""

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        call()
    wait()
    start, calls = perf_counter(), 0
    while perf_counter() - start < ENOUGH:
        call()
        wait()
        calls += 1
    return calls / (perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
