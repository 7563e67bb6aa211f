"""Figures that others published, to stand beside ours: quoted, not reproduced, and measured on other data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published row: who, on what, and the numbers as printed (None: not given)."""

    who: str
    data: str
    values: tuple[float | None, ...]


DICE = (
    Published("DeepLabv3 (EchoNet-Dynamic)", "EchoNet-Dynamic test, human tracings", (92.0, 92.78, 90.68)),
    Published("nnU-Net", "EchoNet-Dynamic test, human tracings", (92.86, None, None)),
    Published("SimLVSeg-3D", "EchoNet-Dynamic test, human tracings", (93.32, None, None)),
    Published("MU-UNet", "EchoNet-Dynamic test, human tracings", (90.50, None, None)),
    Published("EchoDFKD B4,2", "EchoNet-Dynamic test, human tracings", (91.11, None, None)),
    Published("EchoDFKD B4,1", "EchoNet-Dynamic test, human tracings", (90.93, None, None)),
    Published("EchoDFKD", "CAMUS A4C, not trained on it", (85.21, None, None)),
    Published("DeepLabv3 (EchoNet-Dynamic)", "CAMUS A4C, not trained on it", (85.0, None, None)),
    Published("SimLVSeg", "CAMUS A4C, not trained on it", (90.62, None, None)),
)
"""Dice in percent: ED and ES together, ED, ES."""

AFD = (
    Published("DeepLabv3 (EchoNet-Dynamic)", "EchoNet-Dynamic, all clips", (8.63, 3.66)),
    Published("UVT-R", "EchoNet-Dynamic, subset", (7.88, 2.86)),
    Published("UVT-M", "EchoNet-Dynamic, subset", (7.17, 3.35)),
    Published("EchoGNN", "EchoNet-Dynamic, subset", (3.68, 4.15)),
    Published("DRNNEcho", "EchoNet-Dynamic, subset", (3.7, 4.1)),
    Published("EchoDFKD", "EchoNet-Dynamic, subset", (2.72, 2.83)),
    Published("EchoDFKD", "EchoNet-Dynamic, all clips", (2.77, 2.83)),
)
"""The paper's average frame distance in frames: ED, ES (Table 2 of the paper)."""

EJECTION = (
    Published("EchoNet-Dynamic video model", "EchoNet-Dynamic test", (4.1, 5.3, 0.81)),
    Published("EchoCoTr", "EchoNet-Dynamic test", (3.95, None, 0.82)),
)
"""Ejection fraction: mean absolute error and RMSE in points, coefficient of determination."""

SIZES = {
    (1, 1): (78.92, 66.92),
    (2, 1): (86.50, 77.31),
    (3, 1): (90.13, 82.47),
    (4, 1): (90.93, 83.70),
    (1, 2): (78.21, 66.23),
    (2, 2): (89.17, 81.08),
    (3, 2): (90.68, 83.30),
    (4, 2): (91.11, 83.96),
    (1, 3): (83.68, 73.38),
    (2, 3): (89.23, 81.19),
    (3, 3): (90.83, 83.53),
    (4, 3): (91.07, 83.89),
    (1, 4): (84.48, 74.47),
    (2, 4): (89.58, 81.59),
    (3, 4): (90.89, 83.62),
    (4, 4): (90.96, 83.72),
}
"""EchoDFKD's students by blocks and layers: Dice and mean IoU in percent, EchoNet-Dynamic test, human tracings (Table 1
of the paper)."""

SLOPES = {"dice": 0.16, "iou": 0.11}
"""The paper's slopes of 1 - Dice and of 1 - mean IoU over these students' parameters (supplement, section 5)."""

DEEPLABV3 = ("DeepLabv3 (EchoNet-Dynamic)", 39_630_000, 15.65e9, 92.26)
"""Their teacher: name, parameters, FLOPs of a 112 x 112 frame at 2 per multiply-add, Dice in percent (Table 1)."""
