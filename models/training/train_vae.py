"""Train the VAE (factor 2, 4 latent channels) and set the scaling factor in the model's config."""

import argparse
import json
import math
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from common import build_parts, load_split, tint

BATCH, LEARNING_RATE = 16, 1.5e-3


def encode(vae, images):
    """Means of the latents, unscaled, in batches."""
    with torch.no_grad():
        return torch.cat([vae.encode(part).latent_dist.mean for part in images.split(500)])


def psnr(vae, gray):
    """PSNR in dB over a set of test images, of the pictures in [0,1] and clamped, per image and averaged."""
    colors = torch.randint(11, (len(gray),), generator=torch.Generator().manual_seed(1))
    images = tint(gray, colors)
    latents = encode(vae, images)
    with torch.no_grad():
        decoded = torch.cat([vae.decode(part).sample for part in latents.split(500)])
    error = ((decoded.clamp(-1, 1) - images) / 2).pow(2).mean((1, 2, 3))
    return (-10 * error.log10()).mean().item(), latents.std().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with Fashion-MNIST's four .gz files")
    parser.add_argument("--model", required=True, help="model folder with the configs")
    parser.add_argument("--out", required=True, help="folder for vae.pt")
    parser.add_argument("--minutes", type=float, default=7)
    parser.add_argument("--kl", type=float, default=1e-5, help="weight of the KL term (per latent value)")
    args = parser.parse_args()
    torch.manual_seed(0)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    gray, _ = load_split(args.data, "train")
    test, _ = load_split(args.data, "test")
    vae = build_parts(args.model)[3]
    optimizer = torch.optim.AdamW(vae.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
    start, step, done = time.monotonic(), 0, 0.0
    while done < 1:
        done = min(1.0, (time.monotonic() - start) / (60 * args.minutes))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1, (step + 1) / 100) * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
        images = tint(gray[torch.randint(len(gray), (BATCH,))], torch.randint(11, (BATCH,)))
        posterior = vae.encode(images).latent_dist
        decoded = vae.decode(posterior.sample()).sample
        loss = F.mse_loss(decoded, images) + args.kl * posterior.kl().mean() / posterior.mean[0].numel()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 100 == 0:
            torch.save(vae.state_dict(), out / "vae.pt")
            print(f"step {step} ({100 * done:.0f} %): loss {loss:.5f}", flush=True)
    seconds = time.monotonic() - start
    vae.eval()
    torch.save(vae.state_dict(), out / "vae.pt")
    quality, std = psnr(vae, test)
    config_file = Path(args.model) / "vae_decoder/config.json"
    config = json.loads(config_file.read_text()) | {"scaling_factor": 1 / std}
    config_file.write_text(json.dumps(config, indent=2) + "\n")
    report = {"steps": step, "seconds": seconds, "testPsnr": quality, "scalingFactor": 1 / std}
    (out / "vae.json").write_text(json.dumps(report, indent=1))
    print(report)


if __name__ == "__main__":
    main()
