"""Train the VAE (factor 4, 4 latent channels) on crops of scenes."""

import argparse
import copy
import json
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import IterableDataset

from parts import build_vae, load_weights, save, to_pixels, to_tensor, update_average
from devices import pick_device
from muon import advance, make_optimizers
from scene_batches import scene_batches
from scenes import Scenes

CROP, LEARNING_RATE = 64, 8e-3


class Crops(IterableDataset):
    """Endless pictures [B,3,64,64]: windows on scenes of 128 pixels, and every fourth a whole one of 64."""

    def __init__(self, scenes, batch):
        super().__init__()
        self.scenes, self.batch = scenes, batch

    def crop(self, i):
        if i % 4 == 0:
            return self.scenes.random_scene(CROP).image
        image = self.scenes.random_scene(2 * CROP).image
        x, y = random.randrange(0, CROP + 1, 4), random.randrange(0, CROP + 1, 4)
        return image[y : y + CROP, x : x + CROP]

    def __iter__(self):
        while True:
            yield (torch.from_numpy(np.stack([self.crop(i) for i in range(self.batch)])),)


def difference(decoded, images):
    """Absolute error of the pixels and of their steps to the right and down, which keeps edges sharp."""
    error = decoded - images
    steps = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.abs().mean() + 0.5 * error.pow(2).mean() + 0.5 * steps


def quiet_latents(vae):
    """Begin with little noise on the latents, or the means have to outgrow it first."""
    channels = vae.config.latent_channels
    with torch.no_grad():
        vae.quant_conv.weight[channels:] *= 0.1
        vae.quant_conv.bias[channels:] = -4


def standardize(vae, images):
    """Give each latent channel mean 0 and deviation 1 on these pictures, by its two 1×1 convolutions alone."""
    channels = vae.config.latent_channels
    with torch.no_grad():
        latents = torch.cat([vae.encode(part).latent_dist.mean for part in images.split(32)])
        mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
        before, after = vae.quant_conv, vae.post_quant_conv
        after.bias += after.weight[:, :, 0, 0] @ mean
        after.weight *= std[:, None, None]
        before.bias[:channels] = (before.bias[:channels] - mean) / std
        before.weight[:channels] /= std[:, None, None, None]
        before.bias[channels:] -= 2 * std.log()


def psnr(vae, images):
    """PSNR in dB per picture, averaged, and the decoded pictures."""
    with torch.no_grad():
        latents = torch.cat([vae.encode(part).latent_dist.mean for part in images.split(32)])
        decoded = torch.cat([vae.decode(part).sample.clamp(-1, 1) for part in latents.split(32)])
    error = ((decoded - images) / 2).pow(2).mean((1, 2, 3))
    return (-10 * error.log10()).mean().item(), decoded.cpu()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with emoji.rgba and emoji.json")
    parser.add_argument("--out", required=True, help="folder for vae.pt")
    parser.add_argument("--steps", type=int, default=1500, help="length of the cosine schedule")
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--workers", type=int, default=0, help="processes that make scenes beside the training")
    parser.add_argument("--kl", type=float, default=1e-5, help="weight of the KL term, per latent value")
    parser.add_argument("--decoder", action="store_true", help="go on from vae.pt with the encoder as it is")
    parser.add_argument("--resume", action="store_true", help="go on from vae.pt, all of it")
    parser.add_argument("--rate", type=float, default=LEARNING_RATE)
    args = parser.parse_args()
    device = pick_device()
    torch.manual_seed(args.decoder + 2 * args.resume)
    random.seed(args.decoder + 2 * args.resume)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    scenes, vae = Scenes(args.data), build_vae()
    if args.decoder or args.resume:
        load_weights(vae, out / "vae.pt").train()
        for part in (vae.decoder, vae.post_quant_conv) if args.decoder else (vae,):
            part.requires_grad_(True)
    else:
        quiet_latents(vae)
    vae.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(vae).requires_grad_(False)
    trained = [p for p in vae.parameters() if p.requires_grad]
    optimizers = make_optimizers(vae, args.rate, weight_decay=0)
    batches = scene_batches(Crops(scenes, args.batch), args.workers, device)
    start, mean_loss = time.monotonic(), torch.zeros((), device=device)
    for step in range(1, args.steps + 1):
        done = step / args.steps
        rate = args.rate * min(1, step / 20) * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
        (images,) = next(batches)
        posterior = vae.encode(images).latent_dist
        loss = difference(vae.decode(posterior.sample()).sample, images)
        loss = loss + args.kl * posterior.kl().mean() / posterior.mean[0].numel()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        advance(optimizers, rate)
        update_average(average, vae, min(0.99, step / (step + 10)))
        with torch.no_grad():
            mean_loss.lerp_(loss, max(0.02, 1 / step))
        if step % 100 == 0:
            save(average.state_dict(), out / "vae.pt")
            spent = f"{time.monotonic() - start:.0f} s, {time.process_time():.0f} s of processor"
            print(f"step {step} ({spent}): loss {mean_loss.item():.4f}", flush=True)
    seconds = time.monotonic() - start
    average.eval()
    rng = random.Random(1)
    images = to_tensor([scenes.random_scene(2 * CROP, rng).image for _ in range(64)]).to(device)
    if not args.decoder:
        standardize(average, images)
    save(average.state_dict(), out / "vae.pt")
    quality, decoded = psnr(average, images)
    rows = [to_pixels(torch.cat(list(x[i : i + 8]), 2)[None])[0] for i in (0, 8, 16) for x in (images.cpu(), decoded)]
    Image.fromarray(torch.cat([torch.from_numpy(r) for r in rows]).numpy()).save(out / "vae.png")
    report = {"steps": step, "seconds": seconds, "psnr": quality}
    (out / ("decoder.json" if args.decoder else "vae.json")).write_text(json.dumps(report, indent=1))
    print(report)


if __name__ == "__main__":
    main()
