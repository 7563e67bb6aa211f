"""A student of random weights whose masks move, and a clip for it: what the command is tested with."""

from pathlib import Path

import numpy as np


def beating(frames: int = 12, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Frames (time, height, width) uint8: a bright disc that beats once in ten frames on speckle."""
    rows, columns = np.mgrid[:height, :width]
    noise = np.random.default_rng(seed).integers(0, 60, (frames, height, width))
    radius = 0.25 * min(height, width) * (1 + 0.3 * np.cos(2 * np.pi * np.arange(frames) / 10))
    inside = np.hypot(rows - height / 2, columns - width / 2) < radius[:, None, None]
    return (noise + 150 * inside).astype(np.uint8)


def make_student(folder: Path, onnx: bool = True, structures: tuple[str, ...] = ("lv", "la")) -> None:
    """Saves a seeded student whose masks move: its head is sharpened until what is bright in `beating` is inside."""
    import torch

    from echodfkd.resize import fit
    from echodfkd.student.card import Card, Preprocessing
    from echodfkd.student.checkpoint import save
    from echodfkd.student.network import NetworkSettings, seeded_network

    settings = NetworkSettings(blocks=2, structures=structures)
    network = seeded_network(settings, 15).eval()
    frames = torch.from_numpy(fit(beating(20), 28)).float()[None, :, None] / 255
    with torch.no_grad():
        network.head.weight *= 300
        network.head.bias -= network(frames)[0][0, 5:].transpose(0, 1).flatten(1).quantile(0.8, dim=1)
    save(folder, network, Card(settings, Preprocessing(size=28), threshold=0.5, warm_up=4), onnx=onnx)
