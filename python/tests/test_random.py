"""Random numbers against torch's."""

import json

import numpy as np
import pytest
from conftest import REPOSITORY

from cachequant import InvalidArgumentError
from cachequant.torch_random import TorchGenerator

CASES = json.loads((REPOSITORY / "fixtures/golden/torch-randn.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=[f"{case['seed']}-{case['shape']}" for case in CASES])
def test_numbers_are_those_of_torch(case):
    generator = TorchGenerator(case["seed"])
    values = generator.randn(int(np.prod(case["shape"])))
    first, last = np.array(case["first"]), np.array(case["last"])
    np.testing.assert_allclose(values[: first.size], first, rtol=3e-7, atol=1e-7)
    np.testing.assert_allclose(values[-last.size :], last, rtol=3e-7, atol=1e-7)
    assert abs(values.astype(np.float64).sum() - case["sum"]) < 1e-7 * values.size + 1e-6
    np.testing.assert_allclose(generator.randn(5), case["thenFive"], rtol=3e-7, atol=1e-7)


def test_a_seed_counts_by_its_low_32_bits():
    np.testing.assert_array_equal(TorchGenerator(2**32 + 5).randn(32), TorchGenerator(5).randn(32))
    np.testing.assert_array_equal(TorchGenerator(-1).randn(32), TorchGenerator(2**32 - 1).randn(32))


@pytest.mark.parametrize("seed", [1.5, "7", None, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(InvalidArgumentError, match="the seed is no whole number"):
        TorchGenerator(seed)
