"""The random numbers of ``torch.Generator().manual_seed(seed)`` on the CPU, without torch."""

from __future__ import annotations

import math

import numpy as np

from .errors import InvalidArgumentError

_STATE = 624
_SHIFT = 397
_BLOCK = 16
_HALF = _BLOCK // 2
_TWO_PI = np.float32(2 * math.pi)


class MersenneTwister:
    """MT19937: uniform 32-bit integers.

    Source: Matsumoto and Nishimura, Mersenne Twister, 1998, https://doi.org/10.1145/272991.272995.
    """

    def __init__(self, seed: int):
        state = [seed & 0xFFFFFFFF]
        for i in range(1, _STATE):
            previous = state[-1]
            state.append((1812433253 * (previous ^ (previous >> 30)) + i) & 0xFFFFFFFF)
        self._state = np.array(state, dtype=np.uint32)
        self._left = np.empty(0, dtype=np.uint32)

    def take(self, count: int) -> np.ndarray:
        """The next ``count`` integers, uint32."""
        parts = []
        while count > 0:
            if self._left.size == 0:
                self._left = self._regenerate()
            parts.append(self._left[:count])
            self._left = self._left[count:]
            count -= parts[-1].size
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint32)

    def _regenerate(self) -> np.ndarray:
        state = self._state
        # Each part reads what the parts before it have written.
        for start, stop in ((0, _STATE - _SHIFT), (_STATE - _SHIFT, _STATE - 1), (_STATE - 1, _STATE)):
            # The second part alone is longer than the distance it reads over.
            for at in range(start, stop, _STATE - _SHIFT):
                own = np.arange(at, min(at + _STATE - _SHIFT, stop))
                after = state[(own + 1) % _STATE]
                mixed = (state[own] & np.uint32(0x80000000)) | (after & np.uint32(0x7FFFFFFF))
                twist = np.where(after & np.uint32(1), np.uint32(0x9908B0DF), np.uint32(0))
                state[own] = state[(own + _SHIFT) % _STATE] ^ (mixed >> np.uint32(1)) ^ twist
        y = state.copy()
        y ^= y >> np.uint32(11)
        y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
        y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
        return y ^ (y >> np.uint32(18))


class TorchGenerator:
    """Gives what torch's generator gives for the same seed and the same calls.

    Uniform numbers are the same bit for bit, normal ones to the last place or two of a float32. As in torch,
    ``randn`` below 16 elements draws differently than from 16 on.

    Source: PyTorch 2, ``at::normal_fill`` and ``at::normal_distribution<double>``; Box and Muller, 1958,
    https://doi.org/10.1214/aoms/1177706645.
    """

    def __init__(self, seed: int):
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise InvalidArgumentError("the seed is no whole number", where="seed", got=repr(seed))
        self._engine = MersenneTwister(int(seed) & 0xFFFFFFFF)
        self._cached: float | None = None

    def randn(self, count: int) -> np.ndarray:
        """``torch.randn(count)``, float32."""
        if count < _BLOCK:
            return np.array([self._scalar_normal() for _ in range(count)], dtype=np.float32)
        values = self._uniform(count)
        whole = count - count % _BLOCK
        values[:whole] = _box_muller(values[:whole])
        if whole != count:
            # The rest has no block of its own: the last 16 are drawn again, over numbers that are already done.
            values[-_BLOCK:] = _box_muller(self._uniform(_BLOCK))
        return values

    def _uniform(self, count: int) -> np.ndarray:
        integers = self._engine.take(count) & np.uint32(0xFFFFFF)
        return (integers.astype(np.float64) * 2.0**-24).astype(np.float32)

    def _scalar_normal(self) -> float:
        if self._cached is not None:
            cached, self._cached = self._cached, None
            return cached
        angle = 2 * math.pi * self._uniform_double()
        radius = math.sqrt(-2 * math.log1p(-self._uniform_double()))
        self._cached = radius * math.sin(angle)
        return radius * math.cos(angle)

    def _uniform_double(self) -> float:
        high, low = (int(value) for value in self._engine.take(2))
        return ((high & 0x1FFFFF) * 2**32 + low) * 2.0**-53


def _box_muller(uniform: np.ndarray) -> np.ndarray:
    """Normal numbers of blocks of 16 uniform ones: radii of the first half, angles of the second.

    Every intermediate is rounded to float32, as in torch.
    """
    blocks = uniform.reshape(-1, _BLOCK)
    logarithm = np.log(1 - blocks[:, :_HALF].astype(np.float64)).astype(np.float32)
    radius = np.sqrt(-2 * logarithm.astype(np.float64)).astype(np.float32)
    angle = (_TWO_PI * blocks[:, _HALF:]).astype(np.float64)
    # The product of two float32 numbers is rounded once, in double precision or not.
    first = radius * np.cos(angle).astype(np.float32)
    second = radius * np.sin(angle).astype(np.float32)
    return np.concatenate([first, second], axis=1).reshape(-1)
