"""Spearman's rank correlation, in one place."""

import numpy as np
from numpy.typing import NDArray


def spearman(pairs: NDArray[np.float64]) -> float:
    """Rank correlation of the columns of (n, 2) pairs, ties sharing their mean rank; NaN where one does not vary."""
    return float(spearman_of_columns(pairs[:, None])[0])


def spearman_of_columns(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """`spearman` of every column of pairs (n, column, 2): (column,)."""
    from scipy.stats import rankdata  # who only reads intervals need not wait for SciPy

    x, y = np.moveaxis(rankdata(pairs, axis=0) - (len(pairs) + 1) / 2, -1, 0)
    norm = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return np.where(norm > 0, (x * y).sum(axis=0) / np.where(norm > 0, norm, 1), np.nan)
