"""Samplers against diffusers' trajectories, the same that the Node packages are checked against."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from cachequant import InvalidArgumentError, UnsupportedError
from cachequant.samplers import CATALOGUE, Layout, create_sampler

REPOSITORY = Path(__file__).resolve().parents[2]


#: What runs are laid out by, or begin with, by the first letters of a class.
OPTIONS = defaultdict(lambda: {"mu", "sigmas", "strength"}, Euler={"strength"})


def cases(path):
    golden = json.loads((REPOSITORY / path).read_text())
    # This package lays out no run by timesteps or a share of noise of one's own, and Euler's by no levels.
    taken = [case for case in golden["cases"] if set(case.get("options") or {}) <= OPTIONS[case["scheduler"][:5]]]
    return [(case, golden.get("images", 1)) for case in taken]


CASES = cases("fixtures/golden/samplers.json") + cases("packages/samplers/src/__fixtures__/diffusers-cases.json")


def denoise(case, x, timestep):
    """The denoiser that the trajectories were made with; a variance behind the prediction where there is one."""
    x = x.astype(np.float64)
    prediction = 0.35 * x + 0.2 * np.sin(0.013 * timestep) - 0.005 * x * x * np.sign(x)
    learned = case["config"].get("variance_type") == "learned_range"
    return np.concatenate([prediction, np.sin(3 * x)] if learned else [prediction]).astype(np.float32)


def close(actual, expected, tolerance):
    expected = np.ravel(expected)
    np.testing.assert_allclose(np.ravel(actual), expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_trajectory_is_that_of_diffusers(number):
    case, images = CASES[number]
    options = case.get("options") or {}
    layout = Layout(mu=options.get("mu"), sigmas=tuple(options["sigmas"]) if "sigmas" in options else None)
    sampler = create_sampler(case["config"], case["steps"], layout=layout)
    assert sampler.name == case["scheduler"]
    assert sampler.stochastic == bool(case["stepNoise"])
    close(sampler.timesteps, case["timesteps"], 1e-6)
    of_image = lambda values, image: np.array(np.split(np.ravel(values), images)[image], dtype=np.float32)  # noqa: E731
    for image in range(images):
        drawn = iter(case["stepNoise"])
        state = start_of(sampler, case, lambda name, image=image: of_image(case[name], image))
        if images == 1 and case.get("scaledInput0"):
            close(sampler.model_input(state), case["scaledInput0"], 1e-6)
        first = state.call
        for expected in case["trajectory"]:
            output = denoise(case, sampler.model_input(state), sampler.timesteps[state.call])
            state = sampler.step(state, output, lambda: of_image(next(drawn), image))
            scale = np.abs(np.ravel(expected)).max()
            assert np.abs(state.sample - of_image(expected, image)).max() <= 1e-4 * scale
        assert next(drawn, None) is None
        assert state.call == sampler.calls == first + len(case["trajectory"])


def start_of(sampler, case, given):
    if "picture" not in case:
        return sampler.start(given("noise"))
    call = sampler.first_call(case["options"]["strength"])
    assert call == case["firstCall"]
    state = sampler.start_from(call, given("picture"), given("noise"))
    close(state.sample, given("renoised"), 1e-6)
    return state


@pytest.mark.parametrize("name", [known.name for known in CATALOGUE])
def test_there_are_trajectories_of_every_class(name):
    assert sum(case["scheduler"] == name for case, _ in CASES) > 0


def test_a_class_that_is_not_here_is_named():
    with pytest.raises(UnsupportedError, match='there is no sampler "RePaintScheduler" here'):
        create_sampler({"_class_name": "RePaintScheduler"}, 10)


def test_a_field_that_no_sampler_has_is_named():
    with pytest.raises(UnsupportedError, match="beta_strat is 0.1, and no sampler has this field"):
        create_sampler({"_class_name": "DDIMScheduler", "beta_strat": 0.1}, 10)


def test_a_value_that_a_class_does_not_know_is_named():
    with pytest.raises(UnsupportedError, match='timestep_spacing is "backwards", which DDIMScheduler'):
        create_sampler({"_class_name": "DDIMScheduler", "timestep_spacing": "backwards"}, 10)


@pytest.mark.parametrize("steps", [0, 1001, 2.5, True])
def test_steps_that_cannot_be_are_refused(steps):
    with pytest.raises(InvalidArgumentError, match="from 1 to 1000"):
        create_sampler({"_class_name": "DDIMScheduler"}, steps)


def test_a_sampler_for_another_kind_of_model_is_refused():
    with pytest.raises(UnsupportedError, match="does not fit a model of FlowMatchEulerDiscreteScheduler"):
        create_sampler({"_class_name": "FlowMatchEulerDiscreteScheduler"}, 4, "ddim")


def test_a_noise_schedule_that_a_step_divides_by_zero_at_is_refused():
    config = {"_class_name": "EulerDiscreteScheduler", "trained_betas": [0.0] * 10, "num_train_timesteps": 10}
    with pytest.raises(InvalidArgumentError, match="gives no number"):
        create_sampler(config, 5)


def test_plms_leaves_out_the_runge_kutta_steps():
    config = {"_class_name": "PNDMScheduler"}
    assert create_sampler(config, 10).calls == 19
    assert create_sampler(config, 10, "plms").calls == 11
