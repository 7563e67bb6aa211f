"""Where work runs: in this process, or in several beside it, one thread each; and what this machine is."""

import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from echodfkd.errors import InputError, OutputError

Item = TypeVar("Item")

WORKER_ENDED = "A worker process was ended from outside (out of memory?). Free some; the same command goes on."


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        "processor": _processor(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "packages": {name: version(name) for name in packages},
    }


def _processor() -> str:
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


def onnx_session(path: Path, threads: int | None = None) -> Any:
    """The graph at `path` ready to run with onnxruntime on the CPU; `threads` None is all that this process may use.

    Left alone, onnxruntime counts the machine's cores, and more threads than cores wait for each other; while they wait
    they spin, which takes half of the work's time again from whoever else computes. InputError where it is no graph.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, threads or cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds share no public base
        raise InputError(f"{path} is not a graph that onnxruntime can run: {str(error).splitlines()[0]}") from None


def progress(items: Sequence[Item], title: str) -> Iterator[Item]:
    """The items, one by one, with a bar on stderr that shows how far they are; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, title, console=Console(stderr=True), transient=True)


def for_each(function: Callable[[Item], None], items: Sequence[Item], title: str, processes: int = 1) -> None:
    """Calls `function` with every item, in up to `processes` processes; the first error is raised here.

    With several, function and items must pickle, and each process computes on one thread: many small tensors are made
    faster side by side than one by one on many threads. The processes end with this one, even when it is killed.
    """
    work = list(items)
    processes = min(processes, len(work))
    if processes < 2:
        for item in progress(work, title):
            function(item)
        return
    others = set(multiprocessing.active_children())
    spawn = multiprocessing.get_context("spawn")  # a forked copy of a process with threads can hang
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=begin, initargs=(os.getpid(),)) as pool:
        try:
            with block_interrupts():
                futures = [pool.submit(function, item) for item in work]
            for future in progress(futures, title):
                future.result()
        except BrokenProcessPool:
            raise OutputError(WORKER_ENDED) from None
        except KeyboardInterrupt:  # what they had begun is begun anew next time
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
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
