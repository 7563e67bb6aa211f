"""A run: the folder a study made, with the resolved study, the environment and a log, and one process at work."""

import json
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from echodfkd.clip import Clip
from echodfkd.engine import cores
from echodfkd.errors import OutputError, StudyError
from echodfkd.files import holding, read_json, remove_parts, write_json
from echodfkd.student.student import load_student


class Run:
    """The folder `folder` held for the study `table`: `study.json`, `environment.json`, `log.txt` and the stages' own.

    Entering raises StudyError where the folder was made from another study, and OutputError where it cannot be
    written or another process works in it.
    """

    def __init__(self, folder: Path, table: dict[str, Any]):
        self.folder = folder
        self.table = table

    def __enter__(self) -> Self:
        with ExitStack() as entered:
            entered.enter_context(holding(self.folder))
            remove_parts(self.folder)
            self._check_study()
            write_json(self.folder / "environment.json", environment())
            self._held = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held:
            if error is not None:
                self._log(f"stopped: {type(error).__name__}: {error}")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Logs the start, the end and the seconds of one stage."""
        self._log(f"{name}: started")
        start = time.monotonic()
        yield
        self._log(f"{name}: done in {time.monotonic() - start:.1f} s")

    def _check_study(self) -> None:
        kept = self.folder / "study.json"
        if not kept.exists():
            write_json(kept, self.table)
            return
        if differences := list(_differences(read_json(kept), self.table)):
            raise StudyError(
                f"{self.folder} holds a run of another study: {'; '.join(differences)}. Choose a new --out."
            )

    def _log(self, text: str) -> None:
        line = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}"
        try:
            with open(self.folder / "log.txt", "a", encoding="utf-8") as log:
                log.write(line + "\n")
        except OSError as error:
            raise OutputError(f"Cannot write {self.folder / 'log.txt'}: {error.strerror}. Free space.") from None
        print(line, file=sys.stderr, flush=True)


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


def streaming_speed(student: Path, clip: Clip, repeats: int = 5, threads: int | None = None) -> dict[str, Any]:
    """Frames per second of the student streaming `clip` frame by frame, resizing included: median, lowest, highest.

    The first pass warms up and is not counted. `threads` are onnxruntime's, None as many as it takes by itself. It is
    this machine's figure under whatever else it was doing.
    """
    model = load_student(student, threads=threads)
    rates = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        frames = sum(1 for _ in model.stream(clip.frames))
        rates.append(frames / (time.perf_counter() - start))
    counted = sorted(rates[1:])
    middle = counted[len(counted) // 2]
    spread = {"frames_per_second": middle, "low": counted[0], "high": counted[-1]}
    return spread | {"repeats": repeats, "frames": frames, "threads": threads}


def _processor() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """A line `place: old -> new` for every leaf in which two nested tables differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{place}.{key}" if place else key)
    elif old != new:
        yield f"{place}: {json.dumps(old)} -> {json.dumps(new)}"
