"""Numbers as the Node packages compute them: float32 arrays, sums in double precision, rounded once."""

from __future__ import annotations

import math

import numpy as np


def fround(value: float) -> float:
    """The nearest float32."""
    return float(np.float32(value))


def froundall(values) -> list[float]:
    return [fround(value) for value in values]


def round_half_even(value: float) -> int:
    return round(value)


def round_half_up(value: float) -> int:
    return math.floor(value + 0.5)


def linspace(start: float, stop: float, count: int) -> list[float]:
    """Equally spaced numbers, both ends included; ``start`` alone when the count is 1."""
    if count == 1:
        return [start]
    step = (stop - start) / (count - 1)
    return [start, *(i * step + start for i in range(1, count - 1)), stop]


def linear_combination(*terms: tuple[float, np.ndarray]) -> np.ndarray:
    """The sum of factor times array, in double precision, as float32.

    A factor of exactly 0 leaves its term out, so that 0 times infinity cannot arise.
    """
    sums = np.zeros(terms[0][1].shape, dtype=np.float64)
    for factor, values in terms:
        if factor != 0:
            sums += factor * values.astype(np.float64)
    return sums.astype(np.float32)
