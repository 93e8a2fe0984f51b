"""Bundles whose manifests say where the denoiser's inputs come from."""

import copy as copies
import shutil

import numpy as np
import pytest
from conftest import BUNDLES
from test_bundle import DDPM, SDXL, change

import cachequant
from cachequant import BundleError, UnsupportedError

PENULTIMATE = {"hiddenStates": "penultimate"}
RECIPE = {
    "family": "a family of a stranger",
    "takesText": True,
    "guided": True,
    "encoders": {
        "text_encoder": {"tokenizer": "tokenizer", **PENULTIMATE},
        "text_encoder_2": {"tokenizer": "tokenizer_2", **PENULTIMATE, "pooled": "text_embeds"},
    },
    "inputs": {
        "encoder_hidden_states": {
            "from": "concat",
            "axis": 2,
            "parts": [
                {"from": "hidden_states", "encoder": "text_encoder"},
                {"from": "hidden_states", "encoder": "text_encoder_2"},
            ],
        },
        "text_embeds": {"from": "pooled", "encoder": "text_encoder_2"},
        "time_ids": {
            "from": "numbers",
            "values": ["height", "width", 0, 0, "height", "width"],
            "dims": [1, 6],
            "dtype": "float32",
        },
    },
    "zerosWithoutText": ["encoder_hidden_states", "text_embeds"],
    "windowed": "encoder_hidden_states",
}


def described(folder, edit=lambda recipe: None):
    """A copy of the bundle of format 1 as format 2 writes it."""
    shutil.copytree(SDXL, folder)
    recipe = copies.deepcopy(RECIPE)
    edit(recipe)

    def to_second(manifest):
        manifest["formatVersion"] = 2
        manifest["conditioning"] = recipe
        denoiser = manifest["denoiser"]
        for graph in (denoiser["full"], denoiser["cached"]):
            for name, source in graph["inputs"].items():
                if source == "request":
                    graph["inputs"][name] = name if name in ("sample", "timestep") else "conditioning"

    change(folder, to_second)
    return folder


def test_a_family_that_nobody_knows_draws_by_what_the_manifest_says(tmp_path):
    ours = cachequant.load(described(tmp_path / "bundle"))
    known = cachequant.load(SDXL)
    for given in ({"seed": 3}, {"seed": 4, "negative_prompt": "a shoe", "guidance_scale": 3}):
        np.testing.assert_array_equal(
            ours.generate("a fox", **given).pixels, known.generate("a fox", **given).pixels
        )


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda recipe: recipe["inputs"].update(time_ids={"from": "dream"}),
            "time_ids from 'dream', of which the bundle .a family of a stranger. is conditioned",
        ),
        (lambda recipe: recipe["inputs"]["time_ids"].update(values=["mood"]), 'time_ids from "mood"'),
        (lambda recipe: recipe["inputs"]["time_ids"].update(scale=2), "time_ids from 'numbers' with 'scale'"),
        (lambda recipe: recipe["inputs"]["time_ids"].update(dtype="bfloat16"), 'time_ids of "bfloat16"'),
        (lambda recipe: recipe["encoders"]["text_encoder"].update(mood="good"), "text_encoder with 'mood'"),
        (
            lambda recipe: recipe["encoders"]["text_encoder"].update(padding="mirrored"),
            'text_encoder with padding "mirrored"',
        ),
        (lambda recipe: recipe.update(sampling={"evenSteps": True}), "'sampling.evenSteps'"),
        (lambda recipe: recipe.update(mood="good"), "'mood'"),
    ],
)
def test_what_this_version_does_not_feed_is_refused_by_name(tmp_path, edit, message):
    with pytest.raises(UnsupportedError, match=message):
        cachequant.load(described(tmp_path / "bundle", edit))


@pytest.mark.parametrize(
    "edit",
    [
        lambda recipe: recipe["inputs"].pop("time_ids"),
        lambda recipe: recipe["inputs"].update(text_embeds={"from": "pooled", "encoder": "text_encoder"}),
        lambda recipe: recipe["inputs"]["time_ids"].update(values=[1, 2]),
        lambda recipe: recipe.pop("encoders"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path, edit):
    with pytest.raises(BundleError):
        cachequant.load(described(tmp_path / "bundle", edit))


def test_bundles_of_format_1_are_read_as_before():
    assert not cachequant.load(DDPM).takes_text
    assert (BUNDLES / "format-1").is_dir()
