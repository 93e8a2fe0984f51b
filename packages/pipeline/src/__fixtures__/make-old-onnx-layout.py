"""Makes old-onnx-layout/, its golden picture included, from a folder that diffusers' old conversion script wrote
(scripts/convert_stable_diffusion_checkpoint_to_onnx.py of diffusers 0.35, applied to a tiny Stable Diffusion with
seeded random weights): python make-old-onnx-layout.py <that folder> <out>

All weights above 1 KiB are left out; file_of_weights makes them, here and in the test.
"""

import json
import os
import shutil
import sys
import tempfile

import numpy as np
import onnx
import torch
from diffusers import OnnxStableDiffusionPipeline

source, out = sys.argv[1:]
PARTS = ["unet", "text_encoder", "vae_decoder"]


def file_of_weights(size):
    """Float32 number i is fround((((i · 2654435761) mod 2^32) / 2^32 − 0.5) · 0.2)."""
    index = np.arange(size // 4, dtype=np.uint64)
    scaled = (index * np.uint64(2654435761)) % np.uint64(2**32)
    return ((scaled.astype(np.float64) / 2.0**32 - 0.5) * 0.2).astype(np.float32).tobytes()


shutil.rmtree(out, ignore_errors=True)
for path in ["model_index.json", "scheduler/scheduler_config.json", "tokenizer/merges.txt",
             "tokenizer/special_tokens_map.json", "tokenizer/tokenizer_config.json", "tokenizer/vocab.json"]:
    os.makedirs(os.path.dirname(f"{out}/{path}"), exist_ok=True)
    shutil.copyfile(f"{source}/{path}", f"{out}/{path}")
sizes = {}
for part in PARTS:
    os.makedirs(f"{out}/{part}")
    model = onnx.load(f"{source}/{part}/model.onnx")
    onnx.save(model, f"{out}/{part}/model.onnx", save_as_external_data=True, location="weights.pb", size_threshold=1024)
    sizes[part] = os.path.getsize(f"{out}/{part}/weights.pb")
    os.remove(f"{out}/{part}/weights.pb")

with tempfile.TemporaryDirectory() as whole:
    shutil.copytree(out, whole, dirs_exist_ok=True)
    for part, size in sizes.items():
        with open(f"{whole}/{part}/weights.pb", "wb") as file:
            file.write(file_of_weights(size))
    pipeline = OnnxStableDiffusionPipeline.from_pretrained(
        whole, provider="CPUExecutionProvider", safety_checker=None, feature_extractor=None, vae_encoder=None)
    latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(7)).numpy()
    request = {"prompt": "a photo of a red shoe", "negative_prompt": "blue", "guidance_scale": 4.0,
               "num_inference_steps": 6}
    # The pipeline takes an eighth of these for the latents; this decoder doubles them: 16 × 16 pixels.
    images = pipeline(**request, height=64, width=64, latents=latents, output_type="np").images
    with open(f"{out}/golden.json", "w") as file:
        json.dump({**request, "seed": 7, "weightBytes": sizes, "pixels": np.round(images[0] * 255).astype(int).ravel().tolist()}, file)
    print(images.std(), images.min(), images.max())
