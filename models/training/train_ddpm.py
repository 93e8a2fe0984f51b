"""Train and measure models/fashion-ddpm: a U-Net on the pixels of tinted Fashion-MNIST, without any condition."""

import argparse
from pathlib import Path

import torch
from diffusers import UNet2DModel
from torch.nn import functional as F

from common import load_split, read_config, tint
from devices import autocast, pick_device
from quality import measure, sheet
from trainer import add_arguments, load_scheduler, noise_levels, sample, spread_timesteps, train, write_weights

MODEL = Path(__file__).resolve().parents[1] / "fashion-ddpm"


def loss_on(gray, noising, batch):
    def loss_of(unet):
        device = noising.betas.device
        clean = tint(gray[torch.randint(len(gray), (batch,))], torch.randint(11, (batch,)))
        clean, timesteps = clean.to(device, memory_format=torch.channels_last), spread_timesteps(batch, device)
        noise = torch.randn_like(clean)
        with autocast(device):
            predicted = unet(noising.add_noise(clean, noise, timesteps), timesteps).sample
        return F.mse_loss(predicted.float(), noise)

    return loss_of


def generate(unet, count, seed, steps=100):
    """Pictures [N,3,32,32]."""
    device = next(unet.parameters()).device
    predict = lambda images, timestep: unet(images, timestep).sample
    return sample(MODEL, (count, 3, 32, 32), seed, steps, predict, device).cpu()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, steps=6000, rate=5e-3, batch=32)
    args = parser.parse_args()
    device = pick_device()
    unet = UNet2DModel(**read_config(MODEL / "unet/config.json")).to(device, memory_format=torch.channels_last)
    print(sum(p.numel() for p in unet.parameters()), "parameters")
    gray, _ = load_split(args.data, "train")
    noising = noise_levels(load_scheduler(MODEL).config, device)
    average = train(unet, loss_on(gray, noising, args.batch), Path(args.out) / "ddpm.pt", args)
    sheet(generate(average, 64, seed=0)).save(Path(args.out) / "ddpm.png")
    if args.measure:
        print(measure(lambda labels, seed: generate(average, len(labels), seed), args.measure))
    if args.write:
        write_weights(average, MODEL / "unet")


if __name__ == "__main__":
    main()
