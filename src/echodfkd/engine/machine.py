"""What this machine is, and how much of it a piece of work may take."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from echodfkd.errors import InputError

BESIDE_OTHERS = "ECHODFKD_ONE_THREAD"
"""The environment's mark of a process that works beside others of ours; those that it starts inherit it."""


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def beside_others() -> bool:
    """Whether this process is one of several that work side by side."""
    return BESIDE_OTHERS in os.environ


def threads() -> int:
    """How many threads one piece of work may take here: as many as processors, one in a process beside others."""
    return 1 if beside_others() else cores()


def take_one_thread() -> None:
    """Makes this process, one of several that work side by side, compute on one thread from now on."""
    # What is imported later, NumPy's and torch's libraries among it, starts no threads then.
    os.environ |= dict.fromkeys((BESIDE_OTHERS, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


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
