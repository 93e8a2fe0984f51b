"""Autoencoders of factor 2 for the latent models, and the latents of tinted Fashion-MNIST."""

import argparse
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, VQModel
from safetensors.torch import load_file
from torch.nn import functional as F

from common import load_split, read_config, tint
from devices import pick_device
from muon import advance, make_optimizers
from trainer import write_weights

WARM_UP, KL = 50, 1e-5
KINDS = {"vae": AutoencoderKL, "vqvae": VQModel}


def load_autoencoder(model, trained=True):
    """The part `vae` or `vqvae` of a model folder, whichever it has."""
    name = next(name for name in KINDS if (Path(model) / name).exists())
    module = KINDS[name](**read_config(Path(model) / name / "config.json"))
    if trained:
        state = load_file(Path(model) / name / "diffusion_pytorch_model.safetensors")
        module.load_state_dict({key: value.float() for key, value in state.items()})
        module.eval().requires_grad_(False)
    return name, module


def encode(module, images):
    """Means of the latents, unscaled; those of a VQ model before they are quantized."""
    if isinstance(module, VQModel):
        return module.encode(images).latents
    return module.encode(images).latent_dist.mean


@torch.no_grad()
def decode(module, latents):
    """Pictures [N,3,H,W] of scaled latents, on the processor."""
    return module.decode(latents / module.config.scaling_factor).sample.float().cpu()


def encode_split(model, data, split, seed, device):
    """Scaled latents [N,C,16,16] of the pictures, each in a colour of its own, and their kinds [N]."""
    gray, kinds = load_split(data, split)
    colors = torch.randint(11, (len(gray),), generator=torch.Generator().manual_seed(seed))
    module = load_autoencoder(model)[1].to(device)
    with torch.no_grad():
        parts = [encode(module, tint(*pair).to(device)) for pair in zip(gray.split(500), colors.split(500), strict=True)]
    return torch.cat(parts) * module.config.scaling_factor, kinds.to(device)


def loss_of(module, images):
    if isinstance(module, VQModel):
        decoded, commitment = module(images, return_dict=False)
        return F.mse_loss(decoded, images) + 0.1 * commitment.mean()
    posterior = module.encode(images).latent_dist
    decoded = module.decode(posterior.sample()).sample
    return F.mse_loss(decoded, images) + KL * posterior.kl().mean() / posterior.mean[0].numel()


def quality(module, gray):
    """PSNR in dB per picture, averaged, and the deviation of the latents."""
    images = tint(gray, torch.randint(11, (len(gray),), generator=torch.Generator().manual_seed(1)))
    with torch.no_grad():
        latents = torch.cat([encode(module, part) for part in images.split(500)])
        decoded = torch.cat([module.decode(part).sample for part in latents.split(500)])
    error = ((decoded.clamp(-1, 1) - images) / 2).pow(2).mean((1, 2, 3))
    return (-10 * error.log10()).mean().item(), latents.std().item()


def main():
    parser = argparse.ArgumentParser(description="Train the autoencoder of a model folder and set its scaling factor.")
    parser.add_argument("--data", required=True, help="folder with Fashion-MNIST's four .gz files")
    parser.add_argument("--model", required=True, help="model folder with vae/ or vqvae/")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=5e-3)
    args = parser.parse_args()
    torch.manual_seed(0)
    device = pick_device()
    gray, _ = load_split(args.data, "train")
    name, module = load_autoencoder(args.model, trained=False)
    module.to(device, memory_format=torch.channels_last)
    optimizers = make_optimizers(module, args.rate)
    for step in range(args.steps):
        images = tint(gray[torch.randint(len(gray), (args.batch,))], torch.randint(11, (args.batch,)))
        loss = loss_of(module, images.to(device, memory_format=torch.channels_last))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        advance(optimizers, args.rate * min(1, (step + 1) / WARM_UP) * (1 - step / args.steps))
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.5f}", flush=True)
    module.eval()
    write_weights(module, Path(args.model) / name)
    psnr, deviation = quality(load_autoencoder(args.model)[1], load_split(args.data, "test")[0])
    path = Path(args.model) / name / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scaling_factor": 1 / deviation}, indent=2) + "\n")
    print({"testPsnr": psnr, "scalingFactor": 1 / deviation})


if __name__ == "__main__":
    main()
