"""Tiny pipelines of seeded weights, and what diffusers makes of them.

    python models/tiny/make-pipelines.py <folder with CLIP tokenizers> [name …]

The folder holds two CLIP tokenizers, `first/` and `second/` (whose padding is "!"). Names are of pipelines; without any
all are made. Needs torch, diffusers and transformers.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
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


def tiny_vae(latent_channels, **config):
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=latent_channels,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=32,
        force_upcast=False,
        **config,
    )


def louder(module):
    """Modulations and last layers start at zero, or near it; so small a model would draw the same whatever it is told."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1 and parameter.std() < 0.5:
                fan_in = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape) / fan_in**0.5)
    return module


DIT_CLASSES = 10


def dit():
    torch.manual_seed(1)
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=4,
        sample_size=16,
        patch_size=2,
        num_embeds_ada_norm=DIT_CLASSES,
        norm_num_groups=4,
    )
    scheduler = DDIMScheduler(clip_sample=False, set_alpha_to_one=True, steps_offset=0)
    pipeline = DiTPipeline(
        transformer=rounded(louder(transformer)),
        vae=rounded(louder(tiny_vae(4, scaling_factor=0.18215))),
        scheduler=scheduler,
        id2label={0: "shoe, sneaker", 3: "fox"},
    )
    save(pipeline, HERE / "dit-pipeline")
    # The pipeline knows the class that stands for none by its number in ImageNet.
    forward = transformer.forward
    transformer.forward = lambda *args, class_labels, **kw: forward(
        *args, class_labels=class_labels.clamp(max=DIT_CLASSES), **kw
    )
    cases = [
        {"classLabel": 3, "guidanceScale": 4.0, "seed": 7},
        {"classLabel": 9, "guidanceScale": 1.0, "seed": 8},
    ]
    write_golden(pipeline, "dit-pipeline", cases, lambda case: {"class_labels": [case["classLabel"]]})


def write_golden(pipeline, folder, cases, asked):
    """Of pipelines that give no latents: the picture, and the latents that were decoded."""
    made = [golden_of(pipeline, case, asked(case)) for case in cases]
    (HERE / folder / "golden.json").write_text(json.dumps(made) + "\n")


def golden_of(pipeline, case, asked, steps=4):
    decoded = []
    decode = pipeline.vae.decode

    def watched(latents, *args, **kw):
        decoded.append(latents)
        return decode(latents, *args, **kw)

    pipeline.vae.decode = watched
    with torch.no_grad():
        picture = pipeline(
            **asked,
            guidance_scale=case["guidanceScale"],
            num_inference_steps=steps,
            generator=torch.Generator().manual_seed(case["seed"]),
            output_type="np",
        ).images[0]
    pipeline.vae.decode = decode
    config = pipeline.vae.config
    latents = (decoded[0] - (config.shift_factor or 0)) * config.scaling_factor
    return {
        **case,
        "steps": steps,
        "latents": [round(float(value), 6) for value in latents.flatten()],
        "picture": numpy.round(picture * 255).astype(int).flatten().tolist(),
    }


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


MODELS = {"sdxl": sdxl, "dit": dit}

if __name__ == "__main__":
    for name in sys.argv[2:] or MODELS:
        MODELS[name]()
