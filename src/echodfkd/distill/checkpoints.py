"""Checkpoints of a training under way: whole or not there, and nothing in them is unpickled but tensors and values."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from echodfkd.errors import InputError
from echodfkd.files import writing


class WholeFiles(TorchCheckpointIO):
    """How Lightning reads and writes its checkpoints here.

    Its own way writes to the system's temporary folder and moves the file, which is a copy where that is another disk:
    a kill in between leaves half a checkpoint, and the study can never be continued.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes the checkpoint all or nothing. OutputError where there is no room."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        with writing(Path(path)) as part:
            part.write_bytes(buffer.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """The checkpoint as it was written. InputError where it is damaged."""
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's values, tensors on the CPU; InputError where it is missing or damaged."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, zipfile and pickle fail in ways of their own; the file is not what was written
        raise InputError(
            f"{path} is damaged or missing ({type(error).__name__}). Remove {path.parent} and start again."
        ) from None
    return content
