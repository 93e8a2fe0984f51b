"""Train and measure models/fashion-ldm: a U-Net on a VQ model's latents, which attends to the class."""

import argparse
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch.nn import functional as F

from common import read_config
from latents import decode, encode_split, load_autoencoder
from quality import measure, sheet
from trainer import add_arguments, noise_levels, sample, spread_timesteps, train, write_weights

MODEL = Path(__file__).resolve().parents[1] / "fashion-ldm"
BATCH, CLASSES, NO_CLASS = 48, 10, 0.1


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


def loss_on(latents, labels, noising):
    def loss_of(modules):
        chosen = torch.randint(len(latents), (BATCH,))
        clean, timesteps = latents[chosen].contiguous(memory_format=torch.channels_last), spread_timesteps(BATCH)
        noise = torch.randn_like(clean)
        classes = torch.where(torch.rand(BATCH) < NO_CLASS, CLASSES, labels[chosen])
        with torch.autocast("cpu", torch.bfloat16):
            states = modules["embedder"](classes)
            predicted = modules["unet"](noising.add_noise(clean, noise, timesteps), timesteps, states).sample
        return F.mse_loss(predicted.float(), noise)

    return loss_of


def generate(modules, vqvae, labels, seed, steps=50, guidance=2.0):
    """Pictures [N,3,32,32]."""
    states = modules["embedder"](torch.cat([torch.full_like(labels, CLASSES), labels])).detach()

    def predict(latents, timestep):
        none, known = modules["unet"](latents.repeat(2, 1, 1, 1), timestep, states).sample.chunk(2)
        return none + guidance * (known - none)

    return decode(vqvae, sample(MODEL, (len(labels), 3, 16, 16), seed, steps, predict))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, steps=4000, rate=5e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    modules = build()
    print(sum(p.numel() for p in modules.parameters()), "parameters")
    latents, labels = encode_split(MODEL, args.data, "train", seed=4)
    average = train(modules, loss_on(latents, labels, noise_levels(MODEL)), Path(args.out) / "ldm.pt", args)
    _, vqvae = load_autoencoder(MODEL)
    sheet(generate(average, vqvae, torch.arange(80) % CLASSES, seed=0), CLASSES).save(Path(args.out) / "ldm.png")
    if args.measure:
        print(measure(lambda labels, seed: generate(average, vqvae, labels, seed), args.measure, classes=CLASSES))
    if args.write:
        write_weights(average["unet"], MODEL / "unet")
        write_weights(average["embedder"], MODEL / "class_embedder")


if __name__ == "__main__":
    main()
