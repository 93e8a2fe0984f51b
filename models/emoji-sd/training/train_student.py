"""Distil models/emoji-sd into a few-step model, models/emoji-lcm, by latent consistency.

Source: Luo et al., https://arxiv.org/abs/2310.04378, algorithm 1. The student's predictions at two neighbouring points of
the teacher's guided trajectory become equal; at its end they are the sample itself. Text encoder and VAE stay.
"""

import argparse
import copy
import math
from pathlib import Path

import torch
from diffusers import LCMScheduler, UNet2DConditionModel

from parts import MODEL, build_text, build_unet, load_folder, read_config, tokenize
from devices import autocast, pick_device
from sampling import make_scheduler
from train_unet import add_scene_arguments, encode, load_vae, scenes_of, write_sheet
from trainer import noise_levels, train, write_weights

STUDENT = MODEL.parent / "emoji-lcm"
POINTS, TARGET_EMA, HUBER, LEAST, MOST = 50, 0.95, 1e-3, 1.0, 5.0


def build_student(teacher):
    """The teacher's weights and, at first without effect, an embedding of the guidance scale."""
    student = UNet2DConditionModel(**read_config(STUDENT / "unet/config.json"))
    missing, unexpected = student.load_state_dict(teacher.state_dict(), strict=False)
    assert not unexpected and missing == ["time_embedding.cond_proj.weight"], (missing, unexpected)
    torch.nn.init.zeros_(student.time_embedding.cond_proj.weight)
    return student


def scale_embedding(scales, width):
    """Sines and cosines [B,width] of guidance scales [B] less 1, times 1,000, as LatentConsistencyModelPipeline has them."""
    half = width // 2
    frequencies = torch.exp(-math.log(10000) / (half - 1) * torch.arange(half, device=scales.device))
    angles = 1000 * (scales[:, None] - 1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class AtScale(torch.nn.Module):
    """The student at one guidance scale, called as a U-Net without that embedding."""

    def __init__(self, student, scale):
        super().__init__()
        self.student, self.scale = student, scale

    def forward(self, latents, timestep, text):
        scales = torch.full((len(latents),), self.scale, device=latents.device)
        width = self.student.config.time_cond_proj_dim
        return self.student(latents, timestep, text, timestep_cond=scale_embedding(scales, width))


class Trajectory:
    """Points of the noise levels as LCMScheduler names them: every 20th of the 1,000."""

    def __init__(self, noising):
        self.products = noising.alphas_cumprod.double()

    def level(self, timesteps):
        product = self.products[timesteps].view(-1, 1, 1, 1)
        return product.sqrt().float(), (1 - product).sqrt().float()

    def split(self, velocity, noisy, timesteps):
        """Sample and noise that a velocity speaks of."""
        signal, noise = self.level(timesteps)
        return signal * noisy - noise * velocity, noise * noisy + signal * velocity

    def step(self, velocity, noisy, timesteps, before):
        """One DDIM step."""
        sample, noise = self.split(velocity, noisy, timesteps)
        signal_before, noise_before = self.level(before)
        return signal_before * sample + noise_before * noise

    def consistency(self, velocity, noisy, timesteps, data=0.5, scaling=10.0):
        """LCMScheduler's boundary: `noisy` itself at timestep 0."""
        time = (scaling * timesteps.double()).view(-1, 1, 1, 1)
        skip = data**2 / (time**2 + data**2)
        out = time / (time**2 + data**2).sqrt()
        return skip.float() * noisy + out.float() * self.split(velocity, noisy, timesteps)[0]


def loss_on(teacher, text_encoder, vae, trajectory, noising, batches, empty, target):
    def loss_of(student):
        torch._foreach_lerp_(list(target.parameters()), [p.detach() for p in student.parameters()], 1 - TARGET_EMA)
        images, tokens = next(batches)
        batch, device = len(images), images.device
        clean = encode(vae, images)
        timesteps = (torch.randint(POINTS, (batch,), device=device) + 1) * (1000 // POINTS) - 1
        before = (timesteps - 1000 // POINTS).clamp(min=0)
        noisy = noising.add_noise(clean, torch.randn_like(clean), timesteps)
        scales = LEAST + (MOST - LEAST) * torch.rand(batch, device=device)
        scale = scale_embedding(scales, student.config.time_cond_proj_dim)
        with torch.no_grad(), autocast(device):
            text = text_encoder(tokens).last_hidden_state
            both = torch.cat([text, text_encoder(empty).last_hidden_state.expand_as(text)])
            given, none = teacher(noisy.repeat(2, 1, 1, 1), timesteps.repeat(2), both).sample.float().chunk(2)
            velocity = none + scales.view(-1, 1, 1, 1) * (given - none)
            nearer = trajectory.step(velocity, noisy, timesteps, before)
            ahead = target(nearer, before, text, timestep_cond=scale).sample.float()
        with autocast(device):
            here = student(noisy, timesteps, text, timestep_cond=scale).sample.float()
        error = trajectory.consistency(here, noisy, timesteps) - trajectory.consistency(ahead, nearer, before)
        return ((error**2 + HUBER**2).sqrt() - HUBER).mean()

    return loss_of


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_scene_arguments(parser, steps=3000, rate=1e-3, batch=32)
    args = parser.parse_args()
    device, out = pick_device(), Path(args.out)
    tokenizer, text_encoder = build_text()
    teacher, text_encoder = (load_folder(*part).to(device) for part in ((build_unet(), "unet"), (text_encoder, "text_encoder")))
    vae, student = load_vae(out, device), build_student(teacher).to(device)
    noising = noise_levels(make_scheduler().config, device)
    target = copy.deepcopy(student).requires_grad_(False)
    batches, empty = scenes_of(args, device), tokenize(tokenizer, [""]).to(device)
    loss_of = loss_on(teacher, text_encoder, vae, Trajectory(noising), noising, batches, empty, target)
    average = train(student, loss_of, out / "student.pt", args)
    make = lambda: LCMScheduler(**read_config(STUDENT / "scheduler/scheduler_config.json"))
    for steps in (1, 2, 4):
        torch.manual_seed(0)
        parts = tokenizer, text_encoder, AtScale(average, 3.0), vae
        write_sheet(parts, out / f"student-{steps}.png", device, steps=steps, guidance=1, make=make)
    if args.write:
        write_weights(average, STUDENT / "unet")


if __name__ == "__main__":
    main()
