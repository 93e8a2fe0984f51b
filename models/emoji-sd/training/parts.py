"""The model's parts, and how the training scripts keep their state."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizerFast

MODEL = Path(__file__).resolve().parents[1]
sys.path.append(str(MODEL.parent / "training"))
LENGTH = 24
# Averaged weights in float16, in diffusers' layout.
WEIGHTS = {
    "vae": "vae/diffusion_pytorch_model.safetensors",
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
}


def read_config(path):
    """A config.json without the entries that say who wrote it."""
    return {k: v for k, v in json.loads(Path(path).read_text()).items() if not k.startswith("_")}


def build_vae(folder=MODEL):
    return AutoencoderKL(**read_config(Path(folder) / "vae/config.json"))


def build_unet(folder=MODEL):
    return UNet2DConditionModel(**read_config(Path(folder) / "unet/config.json"))


def build_tokenizer(folder=MODEL):
    return CLIPTokenizerFast.from_pretrained(Path(folder) / "tokenizer")


def build_text(folder=MODEL):
    """Tokenizer and untrained text encoder."""
    return build_tokenizer(folder), CLIPTextModel(CLIPTextConfig.from_pretrained(Path(folder) / "text_encoder"))


def tokenize(tokenizer, captions):
    return tokenizer(
        captions, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
    ).input_ids


def to_tensor(images):
    """uint8 pictures [S,S,3] as [N,3,S,S] in [−1,1]."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pixels(images):
    """[N,3,S,S] in [−1,1] as uint8 [N,S,S,3]."""
    return ((images.clamp(-1, 1).permute(0, 2, 3, 1) + 1) * 127.5).round().byte().cpu().numpy()


def save(state, path):
    """Whole or not at all."""
    path = Path(path)
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def load_weights(module, path):
    module.load_state_dict({k: v.float() for k, v in torch.load(path, map_location="cpu").items()})
    return module.eval().requires_grad_(False)


def load_folder(module, name):
    """The weights that the model folder holds for a part."""
    state = {k: v.float() if v.is_floating_point() else v for k, v in load_file(MODEL / WEIGHTS[name]).items()}
    module.load_state_dict(state)
    return module.eval().requires_grad_(False)


def update_average(average, module, decay):
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(module.parameters()), 1 - decay)
