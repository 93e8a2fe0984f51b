"""Pictures that are changed, as far as no network is needed for it."""

import numpy as np
import pytest

from cachequant import InvalidArgumentError
from cachequant.change import _covered, _drawn, asked_change, put_back
from cachequant.packed import pack, unpack
from cachequant.torch_random import TorchGenerator

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
SIZE = (4, 6)


def test_a_request_without_a_picture_changes_none():
    assert asked_change(None, None, None, SIZE, 0) is None


def test_a_picture_is_taken_as_an_array_of_colors_or_grays_or_as_one_of_pillow():
    gray = PICTURE[:, :, 0]
    np.testing.assert_array_equal(asked_change(gray, None, None, SIZE, 0).image, np.stack([gray] * 3, axis=2))
    image = pytest.importorskip("PIL.Image").fromarray(PICTURE)
    np.testing.assert_array_equal(asked_change(image, None, None, SIZE, 0).image, PICTURE)


def test_what_is_left_out_is_as_in_diffusers():
    assert asked_change(PICTURE, None, None, SIZE, 0).strength == 0.8
    assert asked_change(PICTURE, PICTURE, None, SIZE, 0).strength == 1


@pytest.mark.parametrize(
    ("given", "further", "message"),
    [
        ((None, PICTURE, None), 0, "mask: there is no picture to change .expected image beside mask"),
        ((None, None, 0.5), 0, "strength: there is no picture to change"),
        ((None, None, None), 5, "image: there is no picture to change .expected image and mask"),
        ((PICTURE, None, None), 5, "mask: the mask is missing"),
        ((PICTURE, None, 0), 0, "the strength is not possible"),
        ((PICTURE, None, 1.5), 0, "the strength is not possible"),
        ((PICTURE, None, True), 0, "the strength is not possible"),
        ((PICTURE.astype(float), None, None), 0, "image: the picture is not one .*got float64"),
        ((PICTURE[:, :, :2], None, None), 0, "image: the picture is not one"),
        (("a.png", None, None), 0, "image: the picture is not one"),
        ((PICTURE[:3], None, None), 0, "image: the picture has another size .*expected 6x4, got 6x3"),
        ((PICTURE, PICTURE[:, :5], None), 0, "mask: the picture has another size"),
    ],
)
def test_what_does_not_go_together_is_refused(given, further, message):
    with pytest.raises(InvalidArgumentError, match=message):
        asked_change(*given, SIZE, further)


def test_a_mask_covers_what_is_rather_white_as_pillow_weighs_colors():
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    gray = np.asarray(image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(_covered(pixels), (gray >= 128).astype(np.float32))


def test_latents_are_drawn_around_their_mean_within_the_limits_of_the_variance():
    mean = np.array([1.0, -2.0, 3.0, 0.5], dtype=np.float32)
    logarithm = np.array([0.0, -60.0, 2.0, -30.0], dtype=np.float32)
    encoded = np.concatenate([mean, logarithm]).reshape(1, 2, 2, 2)
    noise = TorchGenerator(3).randn(4)
    expected = mean + np.exp(0.5 * np.clip(logarithm, -30, 20)) * noise
    drawn = _drawn(encoded, TorchGenerator(3))
    assert drawn.shape == (1, 1, 2, 2)
    np.testing.assert_allclose(drawn.reshape(-1), expected, rtol=1e-6)


def test_a_picture_is_put_back_where_it_is_not_painted():
    mask = np.array([[[[0.0, 1.0]]]], dtype=np.float32)
    sample, known = (np.full((1, 2, 1, 2), value, dtype=np.float32) for value in (5, 7))
    np.testing.assert_array_equal(put_back(sample, known, mask)[0, :, 0], [[7, 5], [7, 5]])


def test_latents_become_tokens_of_squares_and_latents_again():
    latents = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 3, 4, 6)
    tokens = pack(latents)
    assert tokens.shape == (2, 6, 12)
    # The square in the second row and third column, channel by channel.
    np.testing.assert_array_equal(tokens[1, 5].reshape(3, 2, 2), latents[1, :, 2:4, 4:6])
    np.testing.assert_array_equal(unpack(tokens, latents.shape), latents)
    assert unpack(latents, latents.shape) is latents
