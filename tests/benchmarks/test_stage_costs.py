"""What every stage costs per clip: planted costs come out, and every stage can be run."""

from pathlib import Path
from time import process_time

import pytest
from scripts import script

costs = script("benchmarks/stage_costs.py")


def planted(frames: int) -> dict:
    """A stage that takes 0.2 s at the start, then 0.05 s and 100 bytes a clip."""

    def stage(here: Path, number: int) -> Path:
        end = process_time() + 0.2 + 0.05 * number
        while process_time() < end:
            pass
        (here / "made").mkdir(parents=True)
        (here / "made" / "file").write_bytes(bytes(70 + 100 * number))
        return here / "made"

    return {"planted": stage}


def test_what_a_stage_takes_besides_its_clips_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "stages", planted)
    [(name, seconds, size)] = costs.costs(tmp_path, 4, 25)
    assert name == "planted" and size == 100 and seconds == pytest.approx(0.05, rel=0.2)


@pytest.mark.long
def test_every_stage_has_its_costs(tmp_path):
    found = costs.costs(tmp_path, 1, 25)
    assert [name for name, *_ in found] == list(costs.stages(25)) and len(found) == 10
