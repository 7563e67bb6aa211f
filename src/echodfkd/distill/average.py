"""A moving average of the weights: what is validated, kept and shipped in place of the weights of the last step."""

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class Average(WeightAveraging):
    """Averages parameters and the statistics of normalisations with `decay` after every step.

    The decay grows from a tenth, as (1 + n) / (10 + n), up to `decay`: the first steps are soon forgotten. Lightning's
    callback shows validation and both checkpoints the average, and hands the raw weights on to whoever resumes.
    """

    def __init__(self, decay: float):
        def averaged(before: Tensor, now: Tensor, steps: Tensor | int) -> Tensor:
            n = float(steps)
            kept = min(decay, (1 + n) / (10 + n))
            return now if not now.is_floating_point() else before.lerp(now, 1 - kept)  # counters are not averaged

        super().__init__(avg_fn=averaged)
