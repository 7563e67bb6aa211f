import numpy as np
import pytest
from scipy.stats import spearmanr

from echodfkd.stats.ranks import spearman, spearman_of_columns


@pytest.mark.parametrize("seed", range(3))
def test_rank_correlation_is_scipys_ties_included_and_of_columns_that_of_each(seed):
    cube = np.random.default_rng(seed).integers(0, 6, (30, 4, 2)).astype(float)
    for column, found in enumerate(spearman_of_columns(cube)):
        pairs = cube[:, column]
        assert found == spearman(pairs) == pytest.approx(spearmanr(*pairs.T).statistic)


def test_what_does_not_vary_has_no_rank_correlation():
    assert np.isnan(spearman(np.array([[1.0, 2], [1, 3]]))) and np.isnan(spearman(np.empty((0, 2))))
