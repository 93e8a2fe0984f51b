"""Data, captions and model parts that the training scripts share."""

import gzip
import json
import random
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizerFast

COLORS = {
    "black": (0.1, 0.1, 0.12),
    "gray": (0.45, 0.45, 0.48),
    "red": (0.84, 0.12, 0.14),
    "orange": (0.96, 0.52, 0.1),
    "yellow": (0.92, 0.8, 0.1),
    "green": (0.13, 0.58, 0.25),
    "teal": (0.08, 0.6, 0.62),
    "blue": (0.12, 0.3, 0.82),
    "purple": (0.48, 0.2, 0.7),
    "pink": (0.95, 0.45, 0.66),
    "brown": (0.47, 0.29, 0.15),
}
# Words for each of Fashion-MNIST's classes, the class's own name first.
KINDS = [
    ["t-shirt", "top", "tee"],
    ["trousers", "pants"],
    ["pullover", "sweater"],
    ["dress"],
    ["coat", "jacket"],
    ["sandal"],
    ["shirt"],
    ["sneaker", "trainer"],
    ["bag", "handbag"],
    ["ankle boot", "boot"],
]
COLOR_NAMES = list(COLORS)
COLOR_TABLE = torch.tensor([COLORS[name] for name in COLOR_NAMES])


def load_split(data, split):
    """Gray images [N,32,32] in [0,1] (zero-padded from 28×28) and labels [N]."""
    prefix = {"train": "train", "test": "t10k"}[split]
    with gzip.open(Path(data) / f"{prefix}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(Path(data) / f"{prefix}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.float32) / 255
    return torch.from_numpy(padded), torch.from_numpy(labels.astype(np.int64))


def tint(gray, colors):
    """Gray [B,32,32] and colour indices [B] → RGB on white [B,3,32,32] in [−1,1]."""
    color = COLOR_TABLE[colors][:, :, None, None]
    return 2 * (1 - gray[:, None] * (1 - color)) - 1


def random_caption(kind, color, rng=random):
    """A caption such as "a photo of a red sneaker", "blue dress" or "green trousers"."""
    words = f"{COLOR_NAMES[color]} {rng.choice(KINDS[kind])}"
    plural = words.endswith(("trousers", "pants"))
    article = "" if plural else "an " if words[0] in "aeiou" else "a "
    return rng.choice(["{words}", "{article}{words}", "a photo of {article}{words}"]).format(
        words=words, article=article
    )


def tokenize(tokenizer, captions):
    return tokenizer(
        captions, padding="max_length", truncation=True, max_length=16, return_tensors="pt"
    ).input_ids


def read_config(path):
    """A config.json without the entries that say who wrote it."""
    return {k: v for k, v in json.loads(Path(path).read_text()).items() if not k.startswith("_")}


def build_parts(model_folder):
    """The untrained tokenizer, text encoder, U-Net and VAE of a model folder."""
    folder = Path(model_folder)
    tokenizer = CLIPTokenizerFast.from_pretrained(folder / "tokenizer")
    text_config = CLIPTextConfig.from_pretrained(folder / "text_encoder")
    text_encoder = CLIPTextModel(text_config)
    unet = UNet2DConditionModel(**read_config(folder / "unet/config.json"))
    vae = AutoencoderKL(**read_config(folder / "vae_decoder/config.json"))
    return tokenizer, text_encoder, unet, vae


def load_weights(module, path):
    module.load_state_dict(torch.load(path, map_location="cpu"))
    return module.eval().requires_grad_(False)
