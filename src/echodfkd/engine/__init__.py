"""Where work runs: in this process, in several beside it, or on a Ray cluster; and what this machine is."""

from echodfkd.engine.choice import HERE, Engine, progress
from echodfkd.engine.machine import (
    beside_others,
    cores,
    environment,
    one_torch_thread,
    onnx_session,
    processor,
    resolve_precision,
    threads,
)
from echodfkd.engine.processes import WORKER_ENDED, alone, begin, block_interrupts

__all__ = [
    "HERE",
    "WORKER_ENDED",
    "Engine",
    "alone",
    "begin",
    "beside_others",
    "block_interrupts",
    "cores",
    "environment",
    "one_torch_thread",
    "onnx_session",
    "processor",
    "progress",
    "resolve_precision",
    "threads",
]
