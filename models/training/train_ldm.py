"""Train and measure models/fashion-ldm: a U-Net on a VQ model's latents, which attends to the class."""

import argparse
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch.nn import functional as F

from common import read_config
from devices import autocast, pick_device
from latents import decode, encode_split, load_autoencoder
from quality import measure, sheet
from trainer import add_arguments, load_scheduler, noise_levels, sample, spread_timesteps, train, write_weights

MODEL = Path(__file__).resolve().parents[1] / "fashion-ldm"
CLASSES, NO_CLASS = 10, 0.1


class ClassEmbedder(torch.nn.Module):
    """Labels [B] → one state each [B,1,D]; the last entry stands for no class."""

    def __init__(self, n_classes, embed_dim):
        super().__init__()
        self.embedding = torch.nn.Embedding(n_classes, embed_dim)

    def forward(self, labels):
        return self.embedding(labels)[:, None]


def build():
    unet = UNet2DConditionModel(**read_config(MODEL / "unet/config.json"))
    embedder = ClassEmbedder(**read_config(MODEL / "class_embedder/config.json"))
    return torch.nn.ModuleDict({"unet": unet, "embedder": embedder}).to(memory_format=torch.channels_last)


def loss_on(latents, labels, noising, batch):
    def loss_of(modules):
        chosen = torch.randint(len(latents), (batch,), device=latents.device)
        clean = latents[chosen].contiguous(memory_format=torch.channels_last)
        timesteps = spread_timesteps(batch, latents.device)
        noise = torch.randn_like(clean)
        classes = torch.where(torch.rand(batch, device=latents.device) < NO_CLASS, CLASSES, labels[chosen])
        with autocast(latents.device):
            states = modules["embedder"](classes)
            predicted = modules["unet"](noising.add_noise(clean, noise, timesteps), timesteps, states).sample
        return F.mse_loss(predicted.float(), noise)

    return loss_of


def generate(modules, vqvae, labels, seed, steps=50, guidance=2.0):
    """Pictures [N,3,32,32]."""
    device = next(modules.parameters()).device
    states = modules["embedder"](torch.cat([torch.full_like(labels, CLASSES), labels]).to(device)).detach()

    def predict(latents, timestep):
        none, known = modules["unet"](latents.repeat(2, 1, 1, 1), timestep, states).sample.chunk(2)
        return none + guidance * (known - none)

    return decode(vqvae, sample(MODEL, (len(labels), 3, 16, 16), seed, steps, predict, device))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, steps=4000, rate=5e-3, batch=48)
    args = parser.parse_args()
    device = pick_device()
    modules = build().to(device)
    print(sum(p.numel() for p in modules.parameters()), "parameters")
    latents, labels = encode_split(MODEL, args.data, "train", 4, device)
    noising = noise_levels(load_scheduler(MODEL).config, device)
    average = train(modules, loss_on(latents, labels, noising, args.batch), Path(args.out) / "ldm.pt", args)
    vqvae = load_autoencoder(MODEL)[1].to(device)
    sheet(generate(average, vqvae, torch.arange(80) % CLASSES, seed=0), CLASSES).save(Path(args.out) / "ldm.png")
    if args.measure:
        print(measure(lambda labels, seed: generate(average, vqvae, labels, seed), args.measure, classes=CLASSES))
    if args.write:
        write_weights(average["unet"], MODEL / "unet")
        write_weights(average["embedder"], MODEL / "class_embedder")


if __name__ == "__main__":
    main()
