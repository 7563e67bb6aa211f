"""How fast a student streams a clip on this machine."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from echodfkd.clip import Clip
from echodfkd.engine import environment
from echodfkd.files import MAY_LACK, plain, write_json
from echodfkd.stats.intervals import Interval
from echodfkd.store.store import Store
from echodfkd.student.student import load_student


@dataclass(frozen=True)
class Speed:
    """What `speed.json` holds: frames per second of the median, the slowest and the fastest of `repeats` passes.

    `threads` None is as many as onnxruntime takes by itself. `environment` is the machine.
    """

    frames_per_second: float
    low: float
    high: float
    repeats: int
    frames: int = 0
    threads: int | None = None
    environment: dict[str, object] | None = field(default=None, metadata=MAY_LACK)

    @property
    def latency_ms(self) -> Interval:
        """Milliseconds per frame of the median pass, from the fastest to the slowest; n is that of passes."""
        return Interval(1000 / self.frames_per_second, 1000 / self.high, 1000 / self.low, self.repeats)


def measure_speed(folder: Path, clips: Store, threads: int = 1) -> None:
    """Writes how fast the student in `folder` streams a test clip, and on what, as `scores/speed.json`."""
    speed = streaming_speed(folder / "student", clips.clip(clips.split("test")[0]), threads=threads)
    write_json(folder / "scores" / "speed.json", plain(replace(speed, environment=environment())))


def streaming_speed(student: Path, clip: Clip, repeats: int = 5, threads: int = 1) -> Speed:
    """Frames per second of the student streaming `clip` frame by frame, resizing included: median, lowest, highest.

    The first pass warms up and is not counted. `threads` are onnxruntime's. It is this machine's figure
    under whatever else it was doing.
    """
    model = load_student(student, threads=threads)
    rates = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        frames = sum(1 for _ in model.stream(clip.frames))
        rates.append(frames / (time.perf_counter() - start))
    counted = sorted(rates[1:])
    middle = counted[len(counted) // 2]
    return Speed(middle, counted[0], counted[-1], repeats, frames, threads)
