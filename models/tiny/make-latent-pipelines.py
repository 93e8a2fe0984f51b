"""Tiny pipelines of seeded weights without CLIP, and what diffusers makes of them.

    python models/tiny/make-latent-pipelines.py [<folder> ...]

Needs torch, diffusers and transformers.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy
import torch
from diffusers import (
    AutoencoderKL,
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    LDMPipeline,
    LDMTextToImagePipeline,
    UNet2DConditionModel,
    UNet2DModel,
    VQModel,
)
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel
from safetensors.torch import save_file
from transformers import BertTokenizer

HERE = Path(__file__).parent
STEPS = 4
WORDS = ["a", "red", "blue", "shoe", "fox", "on", "green", "!", ",", "."]


def rounded(module):
    """Weights as their float16 files hold them."""
    return module.half().float().eval()


def pixel_unet(out_channels=3, **changes):
    return UNet2DModel(
        sample_size=16,
        in_channels=3,
        out_channels=out_channels,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
        norm_num_groups=4,
        **changes,
    )


def autoencoder(kind, **changes):
    return kind(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=3,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=32,
        **changes,
    )


def latent_scheduler(**changes):
    return DDIMScheduler(
        beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False, **changes
    )


def ddpm():
    pipeline = DDPMPipeline(unet=rounded(pixel_unet()), scheduler=DDPMScheduler())
    write(pipeline, "ddpm", [{"seed": 3}, {"seed": 4}])


def ddpm_learned():
    scheduler = DDPMScheduler(variance_type="learned_range", beta_schedule="squaredcos_cap_v2")
    pipeline = DDPMPipeline(unet=rounded(pixel_unet(out_channels=6)), scheduler=scheduler)
    write(pipeline, "ddpm-learned", [{"seed": 3}])


def ddpm_velocity():
    scheduler = DDIMScheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )
    pipeline = DDIMPipeline(unet=rounded(pixel_unet()), scheduler=scheduler)
    write(pipeline, "ddpm-velocity", [{"seed": 3}])


def ldm():
    vqvae = autoencoder(VQModel, num_vq_embeddings=64, scaling_factor=1.0)
    pipeline = LDMPipeline(vqvae=rounded(vqvae), unet=rounded(pixel_unet()), scheduler=latent_scheduler())
    write(pipeline, "ldm", [{"seed": 3}, {"seed": 4}])


def condition_unet(width, in_channels):
    return UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        sample_size=16,
        in_channels=in_channels,
        out_channels=in_channels,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=4,
        cross_attention_dim=width,
        norm_num_groups=4,
    )


def ldm_text():
    place = HERE / "ldm-text"
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokens += [letter for letter in letters if letter not in tokens] + [f"##{letter}" for letter in letters]
    place.mkdir(exist_ok=True)
    (place / "vocab.txt").write_text("\n".join(tokens) + "\n")
    tokenizer = BertTokenizer(vocab=str(place / "vocab.txt"), model_max_length=512)
    bert = LDMBertModel(
        LDMBertConfig(
            vocab_size=len(tokens),
            max_position_embeddings=77,
            encoder_layers=2,
            encoder_ffn_dim=48,
            encoder_attention_heads=2,
            head_dim=8,
            d_model=24,
        )
    )
    pipeline = LDMTextToImagePipeline(
        vqvae=rounded(autoencoder(AutoencoderKL, scaling_factor=0.18215)),
        bert=rounded(bert),
        tokenizer=tokenizer,
        unet=rounded(condition_unet(24, 3)),
        scheduler=latent_scheduler(),
    )
    vocabulary = (place / "vocab.txt").read_text()
    cases = [
        {"prompt": "A red shoe!", "guidanceScale": 5.0, "seed": 7},
        {"prompt": "a fox on green", "guidanceScale": 1.0, "seed": 8},
    ]
    # The pipeline takes latents for eight times smaller than pictures, whatever its autoencoder does.
    write(pipeline, "ldm-text", cases, height=128, width=128)
    # As the checkpoints of that time have it.
    (place / "tokenizer" / "tokenizer.json").unlink()
    (place / "tokenizer" / "vocab.txt").write_text(vocabulary)


CLASSES = 10


def ldm_class():
    """As CompVis samples ImageNet's: a table of embeddings, whose last one stands for no class."""
    embedder = rounded(torch.nn.Embedding(CLASSES + 1, 24))
    unet = rounded(condition_unet(24, 3))
    vqvae = rounded(autoencoder(VQModel, num_vq_embeddings=64, scaling_factor=1.0))
    scheduler = latent_scheduler()
    place = HERE / "ldm-class"
    save(LDMPipeline(vqvae=vqvae, unet=unet, scheduler=scheduler), place)
    index = json.loads((place / "model_index.json").read_text())
    index["class_embedder"] = ["ldm", "ClassEmbedder"]
    (place / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    (place / "class_embedder").mkdir()
    config = {"_class_name": "ClassEmbedder", "embed_dim": 24, "n_classes": CLASSES + 1}
    (place / "class_embedder" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {"embedding.weight": embedder.weight.detach().half().contiguous()}
    save_file(weights, place / "class_embedder" / "diffusion_pytorch_model.safetensors")
    cases = [
        {"classLabel": 3, "guidanceScale": 3.0, "seed": 7},
        {"classLabel": 9, "guidanceScale": 1.0, "seed": 8},
    ]
    made = []
    for case in cases:
        latents = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(case["seed"]))
        scheduler.set_timesteps(STEPS)
        scale = case["guidanceScale"]
        with torch.no_grad():
            embed = lambda label: embedder(torch.tensor([label]))[:, None]
            for t in scheduler.timesteps:
                noise = unet(latents, t, encoder_hidden_states=embed(case["classLabel"])).sample
                if scale > 1:
                    none = unet(latents, t, encoder_hidden_states=embed(CLASSES)).sample
                    noise = none + scale * (noise - none)
                latents = scheduler.step(noise, t, latents).prev_sample
            picture = vqvae.decode(latents / vqvae.config.scaling_factor).sample
        picture = (picture / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
        made.append({**case, "steps": STEPS, **recorded(latents, picture)})
    (place / "golden.json").write_text(json.dumps(made) + "\n")


def write(pipeline, name, cases, **asked):
    place = HERE / name
    pipeline.set_progress_bar_config(disable=True)
    golden = [{**case, "steps": STEPS, **drawn(pipeline, case, asked)} for case in cases]
    save(pipeline, place)
    (place / "golden.json").write_text(json.dumps(golden) + "\n")


def drawn(pipeline, case, asked):
    """Final latents and the picture of a request; these pipelines give the picture alone."""
    last = {}
    step = pipeline.scheduler.step

    def watched(*args, **options):
        result = step(*args, **options)
        last["sample"] = result.prev_sample
        return result

    pipeline.scheduler.step = watched
    options = {**asked, "num_inference_steps": STEPS, "output_type": "np"}
    if "prompt" in case:
        options.update(prompt=case["prompt"], guidance_scale=case["guidanceScale"])
    with torch.no_grad():
        picture = pipeline(generator=torch.Generator().manual_seed(case["seed"]), **options).images[0]
    del pipeline.scheduler.step
    return recorded(last["sample"], picture)


def recorded(latents, picture):
    return {
        "latents": [round(float(value), 6) for value in latents.flatten()],
        "picture": numpy.round(picture * 255).astype(int).flatten().tolist(),
    }


def save(pipeline, folder):
    shutil.rmtree(folder, ignore_errors=True)
    pipeline.to(torch.float16).save_pretrained(folder, safe_serialization=True)
    pipeline.to(torch.float32)


PIPELINES = {
    "ddpm": ddpm,
    "ddpm-learned": ddpm_learned,
    "ddpm-velocity": ddpm_velocity,
    "ldm": ldm,
    "ldm-text": ldm_text,
    "ldm-class": ldm_class,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or PIPELINES:
        torch.manual_seed(0)
        PIPELINES[name]()
