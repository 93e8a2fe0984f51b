"""Train text encoder and U-Net of models/emoji-sd together, on latents of scenes."""

import argparse
from pathlib import Path

import torch

from attention import TrainingAttention
from parts import build_text, build_unet, build_vae, load_folder, load_weights
from devices import autocast, pick_device
from sampling import PROMPTS, captioned_sheet, generate, make_scheduler
from scene_batches import CaptionTokens, SceneStream, scene_batches
from scenes import Scenes
from trainer import add_arguments, noise_levels, spread_timesteps, train

WEIGHT_LIMIT = 6.0


def diffusion_loss(unet, noising, clean, text):
    """Squared error of the velocity √ᾱ·ε − √(1−ᾱ)·x₀, weighted min(SNR + 1, 6) / (SNR + 1).

    That is min(SNR + 1, 6) on the error of x₀. Min-SNR would give next to no weight to high noise, where all that is
    known of the picture is the text: what is learned there is what the words look like.
    """
    noise, timesteps = torch.randn_like(clean), spread_timesteps(len(clean), clean.device)
    with autocast(clean.device):
        predicted = unet(noising.add_noise(clean, noise, timesteps), timesteps, text).sample.float()
    error = (predicted - noising.get_velocity(clean, noise, timesteps)).pow(2).mean((1, 2, 3))
    product = noising.alphas_cumprod[timesteps]
    snr = product / (1 - product)
    return ((WEIGHT_LIMIT / (snr + 1)).clamp(max=1) * error).mean()


def load_vae(out, device):
    """vae.pt of the folder, or the model folder's weights where there is none."""
    vae = build_vae()
    path = Path(out) / "vae.pt"
    vae = load_weights(vae, path) if path.exists() else load_folder(vae, "vae")
    return vae.to(device, memory_format=torch.channels_last)


@torch.no_grad()
def encode(vae, images):
    return vae.encode(images).latent_dist.mean * vae.config.scaling_factor


def add_scene_arguments(parser, **defaults):
    add_arguments(parser, **defaults, data="folder with emoji.rgba and emoji.json")
    parser.add_argument("--size", type=int, default=128, choices=[64, 128], help="pixels of the pictures")
    parser.add_argument("--favourites", type=float, default=8, help="how much likelier they are than other emoji")
    parser.add_argument("--workers", type=int, default=0, help="processes that make scenes beside the training")


def scenes_of(args, device):
    stream = SceneStream(Scenes(args.data, args.favourites), args.size, args.batch, CaptionTokens())
    return scene_batches(stream, args.workers, device)


def write_sheet(parts, path, device, **how):
    """The fixed prompts as pictures; `how` goes to `generate`."""
    images = torch.cat([
        generate(*parts, PROMPTS[i : i + 6], seed=i, device=device, **how) for i in range(0, len(PROMPTS), 6)
    ])
    captioned_sheet(images, PROMPTS).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_scene_arguments(parser, steps=40000, rate=5e-3, batch=32)
    args = parser.parse_args()
    device, out = pick_device(), Path(args.out)
    vae, unet = load_vae(out, device), build_unet()
    tokenizer, text_encoder = build_text()
    if device.type == "cpu":
        unet.set_attn_processor(TrainingAttention())
    modules = torch.nn.ModuleDict({"unet": unet, "text_encoder": text_encoder})
    if args.resume and not (out / "state.pt").exists():
        args.resume = False
        for name, module in modules.items():
            load_folder(module, name).requires_grad_(True)
    modules.to(device, memory_format=torch.channels_last)
    noising, batches = noise_levels(make_scheduler().config, device), scenes_of(args, device)

    def loss_of(modules):
        images, tokens = next(batches)
        with autocast(device):
            text = modules["text_encoder"](tokens).last_hidden_state
        return diffusion_loss(modules["unet"], noising, encode(vae, images), text)

    average = train(modules, loss_of, out / "state.pt", args)
    parts = tokenizer, average["text_encoder"], average["unet"], vae
    write_sheet(parts, out / "sheet.png", device, side=args.size // 4)


if __name__ == "__main__":
    main()
