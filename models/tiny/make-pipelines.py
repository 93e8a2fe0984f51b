"""Tiny pipelines of seeded weights, and what diffusers makes of them.

    python models/tiny/make-pipelines.py <folder with CLIP tokenizers>

The folder holds two CLIP tokenizers, `first/` and `second/` (whose padding is "!"). Needs torch, diffusers and
transformers.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

HERE = Path(__file__).parent
TOKENIZERS = Path(sys.argv[1])


def text_config(width, projection, tokenizer):
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=projection,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def rounded(module):
    """Weights as their float16 files hold them."""
    return module.half().float().eval()


def sdxl():
    torch.manual_seed(0)
    first = CLIPTokenizer.from_pretrained(TOKENIZERS / "first")
    second = CLIPTokenizer.from_pretrained(TOKENIZERS / "second")
    unet = UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=6 * 8 + 24,
        cross_attention_dim=16 + 24,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=32,
        scaling_factor=0.13025,
        force_upcast=False,
    )
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        timestep_spacing="leading",
    )
    pipeline = StableDiffusionXLPipeline(
        unet=rounded(unet),
        vae=rounded(vae),
        text_encoder=rounded(CLIPTextModel(text_config(16, 16, first))),
        text_encoder_2=rounded(CLIPTextModelWithProjection(text_config(24, 24, second))),
        tokenizer=first,
        tokenizer_2=second,
        scheduler=scheduler,
        add_watermarker=False,
    )
    save(pipeline, HERE / "sdxl")
    cases = [
        {"prompt": "a red shoe!", "negativePrompt": "blurry", "guidanceScale": 5.0, "seed": 7},
        {"prompt": "a fox on green", "guidanceScale": 5.0, "seed": 8},
        {"prompt": "a fox on green", "guidanceScale": 0.0, "seed": 9},
    ]
    (HERE / "sdxl" / "golden.json").write_text(json.dumps([golden(pipeline, case) for case in cases]) + "\n")


def golden(pipeline, case):
    """Final latents and the picture of a request, in four steps unless it says how many."""
    asked = {
        "prompt": case["prompt"],
        "guidance_scale": case["guidanceScale"],
        "num_inference_steps": case.get("steps", 4),
        **({"negative_prompt": case["negativePrompt"]} if "negativePrompt" in case else {}),
        **({"clip_skip": case["clipSkip"]} if "clipSkip" in case else {}),
    }
    seeded = lambda: torch.Generator().manual_seed(case["seed"])
    with torch.no_grad():
        latents = pipeline(**asked, generator=seeded(), output_type="latent").images
        picture = pipeline(**asked, generator=seeded(), output_type="np").images[0]
    return {
        "steps": 4,
        **case,
        "latents": [round(float(value), 6) for value in latents.flatten()],
        "picture": numpy.round(picture * 255).astype(int).flatten().tolist(),
    }


def save(pipeline, folder):
    shutil.rmtree(folder, ignore_errors=True)
    pipeline.to(torch.float16).save_pretrained(folder, safe_serialization=True)
    pipeline.to(torch.float32)


if __name__ == "__main__":
    sdxl()
