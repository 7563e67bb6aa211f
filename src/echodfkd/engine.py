"""Where work runs: in this process, or in several beside it, one thread each; and what this machine is."""

import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from echodfkd.errors import InputError, OutputError

Item = TypeVar("Item")
Result = TypeVar("Result")

BESIDE_OTHERS = "ECHODFKD_ONE_THREAD"
"""The environment's mark of a process that works beside others of ours; those that it starts inherit it."""
WORKER_ENDED = "A worker process was ended from outside (out of memory?). Free some; the same command goes on."


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """How many threads one piece of work may take here: as many as processors, one in a process beside others."""
    return 1 if BESIDE_OTHERS in os.environ else cores()


def resolve_precision(precision: str) -> str:
    """`float32` or `bfloat16` for this machine: `auto` is bfloat16 where the hardware multiplies it natively."""
    if precision != "auto":
        return precision
    import torch

    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    known = torch.cpu.get_capabilities()
    return "bfloat16" if known.get("amx_bf16") or known.get("avx512_bf16") else "float32"


def environment() -> dict[str, Any]:
    """What a result depends on besides its study: versions, processor, cores, threads. No host name, no user name."""
    import torch

    packages = ("echodfkd", "torch", "lightning", "numpy", "scipy", "av", "onnxruntime")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "packages": {name: version(name) for name in packages},
    }


def processor() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """torch on one thread in here. Small convolutions gain little from more, and beside other work threads that wait
    for each other cost many times what they bring.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def onnx_session(path: Path, number: int | None = None) -> Any:
    """The graph at `path` ready to run with onnxruntime on the CPU, on `number` threads; None are those of `threads`.

    Left alone, onnxruntime counts the machine's cores, and more threads than cores wait for each other; while they wait
    they spin, which takes half of the work's time again from whoever else computes. InputError where it is no graph.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, number or threads()
    options.inter_op_num_threads = 1
    for kind in ("intra", "inter"):
        options.add_session_config_entry(f"session.{kind}_op.allow_spinning", "0")
    try:
        # Without the fallback, which tries the same again and prints.
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # onnxruntime's own kinds share no public base
        raise InputError(f"{path} is not a graph that onnxruntime can run: {str(error).splitlines()[0]}") from None


def progress(items: Iterable[Item], title: str, total: int | None = None) -> Iterator[Item]:
    """The items, one by one, with a bar on stderr that shows how far they are; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, title, total, console=Console(stderr=True), transient=True)


def for_each(function: Callable[[Item], None], items: Sequence[Item], title: str, processes: int = 1) -> None:
    """Calls `function` with every item, in up to `processes` processes as `in_order` does; the first error is raised.

    A bar shows how far they are.
    """
    for _ in progress(in_order(function, items, processes), title, len(items)):
        pass


def in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int = 1,
    lost: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """What `function` makes of every item, in their order, in up to `processes` processes; the first error is raised.

    With several, function, items and results must pickle, and each process computes on one thread: small work is done
    faster side by side than one by one on many threads. The processes end with this one, even when it is killed, and
    when nobody asks for more. Where one was ended from outside, OutputError is raised; but with `lost`, which says what
    comes in place of an item that ends its process twice, once alone, the others are still done.
    """
    processes = min(processes, len(items))
    if processes < 2:
        yield from map(function, items)
        return
    done, alone = 0, False
    while done < len(items):
        try:
            for result in _side_by_side(function, items[done:], 1 if alone else processes):
                yield result
                done += 1
        except BrokenProcessPool:
            if lost is None:
                raise OutputError(WORKER_ENDED) from None
            if alone:
                yield lost(items[done])
                done += 1
            alone = not alone


def alone(function: Callable[[Item], Result], item: Item) -> Result:
    """What `function` makes of the item in a fresh process, on one thread. OutputError where that was ended."""
    try:
        return next(_side_by_side(function, [item], 1))
    except BrokenProcessPool:
        raise OutputError(WORKER_ENDED) from None


def _side_by_side(function: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    """Results in order out of a pool of processes, which never outlives the generator."""
    others = set(multiprocessing.active_children())
    spawn = multiprocessing.get_context("spawn")  # a forked copy of a process with threads can hang
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=begin, initargs=(os.getpid(),)) as pool:
        try:
            with block_interrupts():
                futures = deque(pool.submit(function, item) for item in items)
            while futures:
                yield futures.popleft().result()
        except (KeyboardInterrupt, GeneratorExit):  # what they had begun is begun anew next time
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def block_interrupts() -> Iterator[None]:
    """Processes started in here never hear Ctrl-C: this one does, and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin(parent: int) -> None:
    """Makes a worker, which calls this first, compute on one thread and end with the process `parent`."""
    # What is imported later, NumPy's and torch's libraries among it, starts no threads then.
    os.environ |= dict.fromkeys((BESIDE_OTHERS, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
