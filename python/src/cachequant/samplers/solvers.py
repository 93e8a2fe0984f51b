"""The updates of the multistep methods between two noise levels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np

from ..arithmetic import linear_combination
from .noise_schedule import NoiseLevel, half_log_snr

_FEW_CALLS = 15


@dataclass(frozen=True)
class Gains:
    """Integrals over a step of DPM-Solver++ of a constant, a slope and half a curvature of the clean sample."""

    h: float
    constant: float
    slope: float
    curvature: float


@dataclass(frozen=True)
class Transition:
    """A step of DPM-Solver++; with noise it is the stochastic variant."""

    start: NoiseLevel
    target: NoiseLevel
    sample: np.ndarray
    noise: np.ndarray | None

    def gains(self) -> Gains:
        h = half_log_snr(self.target) - half_log_snr(self.start)
        reach = h if self.noise is None else 2 * h
        constant = -math.expm1(-reach)
        if reach == 0 or math.isinf(reach):
            # A step from a level to itself, or to one without noise, is of order 1: nothing else is looked at.
            return Gains(h, constant, math.nan, math.nan)
        return Gains(h, constant, 1 - constant / reach, (constant - reach) / (reach * reach) + 0.5)

    def move(self, weighted: Sequence[tuple[float, np.ndarray]]) -> np.ndarray:
        h = half_log_snr(self.target) - half_log_snr(self.start)
        decay = 1.0 if self.noise is None else math.exp(-h)
        terms = [((self.target.noise / self.start.noise) * decay, self.sample)]
        terms += [(self.target.signal * weight, output) for weight, output in weighted]
        if self.noise is not None:
            terms.append((self.target.noise * math.sqrt(-math.expm1(-2 * h)), self.noise))
        return linear_combination(*terms)


def slope_gain(gains: Gains, solver_type: str) -> float:
    return gains.slope if solver_type == "heun" else gains.constant / 2


def dpm_solver_update(
    outputs: Sequence[np.ndarray],
    levels: Sequence[NoiseLevel],
    target: NoiseLevel,
    sample: np.ndarray,
    solver_type: str,
    noise: np.ndarray | None,
) -> np.ndarray:
    """DPM-Solver++ multistep of order 1 to 3; outputs and levels the newest first.

    Source: Lu et al., DPM-Solver++, algorithm 2 and appendix B, https://arxiv.org/abs/2211.01095.
    """
    transition = Transition(levels[0], target, sample, noise)
    weights = _multistep_weights(levels, len(outputs), transition.gains(), solver_type)
    return transition.move([(weights[age], output) for age, output in enumerate(outputs)])


def _multistep_weights(levels: Sequence[NoiseLevel], order: int, gains: Gains, solver_type: str) -> list[float]:
    if order == 1:
        return [gains.constant, 0, 0]
    lambdas = [half_log_snr(level) for level in levels]
    r0 = (lambdas[0] - lambdas[1]) / gains.h
    newest = [1 / r0, -1 / r0, 0]
    constant = (gains.constant, [1, 0, 0])
    if order == 2:
        return _combined(constant, (slope_gain(gains, solver_type), newest))
    r1 = (lambdas[1] - lambdas[2]) / gains.h
    change = _combined((1, newest), (-1, [0, 1 / r1, -1 / r1]))
    slope = _combined((1, newest), (r0 / (r0 + r1), change))
    return _combined(constant, (gains.slope, slope), (gains.curvature / (r0 + r1), change))


def _combined(*terms: tuple[float, Sequence[float]]) -> list[float]:
    sums = [0.0, 0.0, 0.0]
    for factor, weights in terms:
        sums = [total + factor * weight for total, weight in zip(sums, weights)]
    return sums


def dpm_singlestep_update(
    outputs: Sequence[np.ndarray],
    levels: Sequence[NoiseLevel],
    target: NoiseLevel,
    sample: np.ndarray,
    solver_type: str,
    noise: np.ndarray | None,
) -> np.ndarray:
    """DPM-Solver++ single step, from its beginning to its next point; outputs and levels the first first.

    Source: Lu et al., DPM-Solver++, appendix B, https://arxiv.org/abs/2211.01095.
    """
    transition = Transition(levels[0], target, sample, noise)
    gains = transition.gains()
    if len(outputs) == 1:
        return transition.move([(gains.constant, outputs[0])])
    reached = [(half_log_snr(level) - half_log_snr(levels[0])) / gains.h for level in levels]
    if len(outputs) == 2:
        change = slope_gain(gains, solver_type) / reached[1]
        return transition.move([(gains.constant - change, outputs[0]), (change, outputs[1])])
    early, late = reached[1], reached[2]
    if solver_type == "midpoint":
        of_early, of_late = 0.0, gains.slope / late
    else:
        of_early = (gains.slope * late - 2 * gains.curvature) / (early * (late - early))
        of_late = (2 * gains.curvature - gains.slope * early) / (late * (late - early))
    return transition.move(
        [(gains.constant - of_early - of_late, outputs[0]), (of_early, outputs[1]), (of_late, outputs[2])]
    )


def multistep_order(config: dict[str, Any], sigmas: Sequence[float], call: int, outputs: int) -> int:
    """The order of DPM-Solver++ at a call: it rises from 1 as outputs become known, and falls at the end."""
    calls = len(sigmas) - 1
    known = min(outputs, config["solver_order"])
    lowers = config["lower_order_final"] and calls < _FEW_CALLS
    if call == calls - 1:
        euler = config["euler_at_final"] or lowers or config["final_sigmas_type"] == "zero"
        return 1 if euler or sigmas[call] == sigmas[calls] else known
    return min(known, 2) if call == calls - 2 and lowers else known


def lagrange_basis(nodes: Sequence[float]) -> list[list[float]]:
    """The polynomials that are 1 at one node and 0 at the others, the constant first."""
    basis = []
    for i, own in enumerate(nodes):
        polynomial = [1.0]
        for j, other in enumerate(nodes):
            if i != j:
                constant, slope = -other / (own - other), 1 / (own - other)
                polynomial = [
                    constant * (polynomial[power] if power < len(polynomial) else 0)
                    + slope * (polynomial[power - 1] if power > 0 else 0)
                    for power in range(len(polynomial) + 1)
                ]
        basis.append(polynomial)
    return basis


def deis_update(
    outputs: Sequence[np.ndarray], levels: Sequence[NoiseLevel], target: NoiseLevel, sample: np.ndarray
) -> np.ndarray:
    """x/α moves by ∫ ε dρ, with ε a polynomial in ln ρ through the outputs, the newest first.

    Source: Zhang and Chen, DEIS, eq. 15 and appendix B.2, https://arxiv.org/abs/2204.13902.
    """
    logs = [math.log(level.noise) - math.log(level.signal) for level in levels]
    end = math.log(target.noise) - math.log(target.signal) if target.noise > 0 else -math.inf
    weights = [_exponential_integral(p, end) - _exponential_integral(p, logs[0]) for p in lagrange_basis(logs)]
    terms = [(target.signal * weight, output) for weight, output in zip(weights, outputs)]
    return linear_combination((target.signal / levels[0].signal, sample), *terms)


def _exponential_integral(polynomial: list[float], u: float) -> float:
    """An antiderivative of p(u)·e^u at u: e^u · (p − p′ + p″ − …)."""
    if u == -math.inf:
        return 0.0
    total, sign = 0.0, 1
    while polynomial:
        value = polynomial[-1]
        for coefficient in reversed(polynomial[:-1]):
            value = value * u + coefficient
        total += sign * value
        polynomial = [coefficient * (power + 1) for power, coefficient in enumerate(polynomial[1:])]
        sign = -sign
    return math.exp(u) * total


def unipc_update(
    clean: bool,
    solver_type: str,
    sample: np.ndarray,
    outputs: Sequence[np.ndarray],
    levels: Sequence[NoiseLevel],
    target: NoiseLevel,
    arrived: np.ndarray | None = None,
) -> np.ndarray:
    """A prediction or, with the output at the target, a correction of UniPC; outputs the newest first.

    Source: Zhao et al., UniPC, eq. 8 to 10, https://arxiv.org/abs/2302.04867.
    """
    start = levels[0]
    distance = half_log_snr(target) - half_log_snr(start)
    kept, gain, scale, h = _exponential_step(clean, start, target, distance)
    ratios = [(half_log_snr(level) - half_log_snr(start)) / distance for level in levels[1:]]
    changed = list(outputs[1:])
    if arrived is not None:
        ratios, changed = [*ratios, 1.0], [*changed, arrived]
    factors = [scale * weight / ratio for weight, ratio in zip(_change_weights(solver_type, h, ratios), ratios)]
    newest = gain - sum(factors)
    return linear_combination((kept, sample), (newest, outputs[0]), *zip(factors, changed))


def _exponential_step(
    clean: bool, start: NoiseLevel, target: NoiseLevel, step: float
) -> tuple[float, float, float, float]:
    if clean:
        return target.noise / start.noise, -target.signal * math.expm1(-step), -target.signal, -step
    kept = target.signal / start.signal
    return kept, target.noise - kept * start.noise, -target.noise, step


def _change_weights(solver_type: str, h: float, ratios: list[float]) -> list[float]:
    if not ratios:
        return []
    if len(ratios) == 1:
        return [(h if solver_type == "bh1" else math.expm1(h)) / 2]
    phi = _phi_functions(h, len(ratios) + 1)
    right = [h * phi[i + 1] * math.factorial(i + 1) for i in range(len(ratios))]
    matrix = [[ratio**i for ratio in ratios] for i in range(len(ratios))]
    return [float(value) for value in np.linalg.solve(np.array(matrix), np.array(right))]


def _phi_functions(h: float, count: int) -> list[float]:
    """φ₁(h) = (e^h − 1)/h, φ₂(h) = (φ₁(h) − 1)/h, …"""
    values = [1.0 if h == 0 else math.expm1(h) / h]
    for k in range(1, count):
        small = abs(h) < 0.1
        values.append(_phi_series(h, k + 1) if small else (values[k - 1] - 1 / math.factorial(k)) / h)
    return values


def _phi_series(h: float, k: int) -> float:
    term = 1 / math.factorial(k)
    total = term
    for n in range(1, 12):
        term *= h / (n + k)
        total += term
    return total
