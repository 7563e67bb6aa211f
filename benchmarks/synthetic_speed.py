"""How many synthetic frames a second this machine draws, and where the time goes.

python benchmarks/synthetic_speed.py --clips 16 --frames 32 --threads 1
"""

import argparse
import platform
from time import perf_counter

import torch

from echodfkd.synthetic.generate import Stopwatch, generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=16, help="clips per call")
    parser.add_argument("--frames", type=int, default=32, help="frames per clip")
    parser.add_argument("--size", type=int, default=112, help="rows and columns of a frame")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch on the CPU")
    parser.add_argument("--repeats", type=int, default=5, help="calls; the median is told")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    start = perf_counter()
    recipes = [draw_recipe(Conditions(), 0, number, chosen.frames) for number in range(chosen.clips)]
    drawing = perf_counter() - start
    generate(recipes[:1], chosen.size, chosen.device)
    watch, calls = Stopwatch(), []
    for _ in range(chosen.repeats):
        start = perf_counter()
        generate(recipes, chosen.size, chosen.device, watch=watch)
        calls.append(perf_counter() - start)
    frames = chosen.clips * chosen.frames
    median = sorted(calls)[len(calls) // 2]
    device = torch.cuda.get_device_name() if chosen.device != "cpu" else platform.processor() or platform.machine()
    print(f"{chosen.clips} clips x {chosen.frames} frames of {chosen.size} x {chosen.size}, {chosen.threads} thread(s)")
    print(f"torch {torch.__version__}, {device}")
    print(f"{frames / median:,.0f} frames/s (median of {len(calls)}, best {frames / min(calls):,.0f})")
    print(f"recipes: {1e3 * drawing / chosen.clips:.2f} ms each, not counted above")
    total = sum(watch.seconds.values())
    for stage, seconds in watch.seconds.items():
        print(f"  {stage:18s} {1e6 * seconds / frames / len(calls):8.0f} us/frame {100 * seconds / total:5.1f} %")


if __name__ == "__main__":
    main()
