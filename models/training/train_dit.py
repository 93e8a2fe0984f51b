"""Train and measure models/fashion-dit: a diffusion transformer on latents, of classes, with learned variance."""

import argparse
from pathlib import Path

import torch
from diffusers import DiTTransformer2DModel
from torch.nn import functional as F

from common import read_config
from devices import autocast, pick_device
from latents import decode, encode_split, load_autoencoder
from quality import measure, sheet
from trainer import add_arguments, load_scheduler, noise_levels, sample, spread_timesteps, train, write_weights

MODEL = Path(__file__).resolve().parents[1] / "fashion-dit"
CLASSES, VARIANCE_WEIGHT = 10, 1e-3


def variance_loss(noising, clean, noisy, timesteps, noise, fraction):
    """KL divergence, in nats per value, of the posterior and the step that the network describes.

    The learned half is a fraction in [−1,1] between the logarithms of β̃ and β, and `noise` has no gradient.
    Source: Nichol and Dhariwal, 2021, https://arxiv.org/abs/2102.09672, equations 10, 11, 15 and 16.
    """
    shape = (-1, 1, 1, 1)
    beta = noising.betas[timesteps].view(shape)
    product, before = (noising.alphas_cumprod[t].view(shape) for t in (timesteps, (timesteps - 1).clamp(min=0)))
    before = torch.where(timesteps.view(shape) > 0, before, torch.ones_like(before))
    posterior = (beta * (1 - before) / (1 - product)).clamp(min=1e-20).log()
    first = (noising.betas[1] * (1 - noising.alphas_cumprod[0]) / (1 - noising.alphas_cumprod[1])).log()
    posterior = torch.where(timesteps.view(shape) > 0, posterior, first)
    share = (fraction + 1) / 2
    learned = share * beta.log() + (1 - share) * posterior
    known = (noisy - (1 - product).sqrt() * noise) / product.sqrt()
    means = before.sqrt() * beta / (1 - product) * (clean - known)
    return 0.5 * (learned - posterior - 1 + (posterior - learned).exp() + means.pow(2) * (-learned).exp()).mean()


def loss_on(latents, labels, noising, batch):
    def loss_of(transformer):
        chosen = torch.randint(len(latents), (batch,), device=latents.device)
        clean, timesteps = latents[chosen], spread_timesteps(batch, latents.device)
        noise = torch.randn_like(clean)
        noisy = noising.add_noise(clean, noise, timesteps)
        with autocast(latents.device):
            output = transformer(noisy, timesteps, labels[chosen]).sample.float()
        predicted, fraction = output.chunk(2, 1)
        variance = variance_loss(noising, clean, noisy, timesteps, predicted.detach(), fraction)
        return F.mse_loss(predicted, noise) + VARIANCE_WEIGHT * variance * noising.config.num_train_timesteps

    return loss_of


def generate(transformer, vae, labels, seed, steps=50, guidance=2.0):
    """Pictures [N,3,32,32]; the unconditional half takes the label after the last class."""
    device = next(transformer.parameters()).device
    both = torch.cat([labels, torch.full_like(labels, CLASSES)]).to(device)

    def predict(latents, timestep):
        output = transformer(latents.repeat(2, 1, 1, 1), timestep.expand(len(both)), both).sample[:, :4]
        conditional, unconditional = output.chunk(2)
        return unconditional + guidance * (conditional - unconditional)

    return decode(vae, sample(MODEL, (len(labels), 4, 16, 16), seed, steps, predict, device))


def build():
    """Every block begins as the identity, and the output as 0 (Peebles and Xie, https://arxiv.org/abs/2212.09748)."""
    transformer = DiTTransformer2DModel(**read_config(MODEL / "transformer/config.json"))
    for linear in [transformer.proj_out_2, *(block.norm1.linear for block in transformer.transformer_blocks)]:
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    return transformer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, steps=5000, rate=5e-3, batch=96)
    args = parser.parse_args()
    device = pick_device()
    transformer = build().to(device)
    print(sum(p.numel() for p in transformer.parameters()), "parameters")
    latents, labels = encode_split(MODEL, args.data, "train", 3, device)
    noising = noise_levels(load_scheduler(MODEL).config, device)
    average = train(transformer, loss_on(latents, labels, noising, args.batch), Path(args.out) / "dit.pt", args)
    vae = load_autoencoder(MODEL)[1].to(device)
    sheet(generate(average, vae, torch.arange(80) % CLASSES, seed=0), CLASSES).save(Path(args.out) / "dit.png")
    if args.measure:
        print(measure(lambda labels, seed: generate(average, vae, labels, seed), args.measure, classes=CLASSES))
    if args.write:
        write_weights(average, MODEL / "transformer")


if __name__ == "__main__":
    main()
