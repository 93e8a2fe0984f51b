"""Pictures against those that Node draws.

Where Node has drawn them just now, on this machine with the same ONNX Runtime (`CACHEQUANT_PICTURES`), they must be
the same to 1/255. Those that lie here are from another machine: integers round apart on other processors, as they do
in Node, and so only pictures of float graphs must be the same.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY, psnr, read_png

import cachequant

GIVEN = os.environ.get("CACHEQUANT_PICTURES")
FOLDER = Path(GIVEN) if GIVEN else Path(__file__).parent / "pictures"
SAME = bool(GIVEN) and bool(os.environ.get("CACHEQUANT_SAME_RUNTIME"))
CASES = json.loads((FOLDER / "cases.json").read_text())

#: Another seed's picture is at 10 dB.
FLOOR = 20


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_picture_is_that_of_node(case):
    bundle = cachequant.load(REPOSITORY / case["bundle"], precision=case.get("precision"))
    given = {what: read_png(FOLDER / f"{case['name']}.{what}.png") for what in case.get("pictures", ())}
    picture = bundle.generate(**case["request"], **given)
    assert list(picture.warnings) == case["warnings"]
    expected = read_png(FOLDER / f"{case['name']}.png")
    assert picture.pixels.shape == expected.shape
    if SAME or case.get("precision") == "float32":
        assert np.abs(picture.pixels.astype(int) - expected.astype(int)).max() <= 1
    assert psnr(picture.pixels, expected) > FLOOR


def test_pictures_of_other_seeds_are_below_the_floor():
    bundle = cachequant.load(REPOSITORY / "fixtures/bundles/tiny-sdxl")
    first, second = (bundle.generate("a red shoe!", seed=seed).pixels for seed in (7, 8))
    assert psnr(first, second) < FLOOR
