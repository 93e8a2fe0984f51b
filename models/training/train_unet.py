"""Train text encoder and U-Net together on the VAE's latents."""

import argparse
import copy
import json
import math
import random
import time
from pathlib import Path

import torch
from diffusers import DDPMScheduler

from common import build_parts, load_split, load_weights, random_caption, read_config, tint, tokenize
from train_vae import encode

BATCH, LEARNING_RATE, WARM_UP = 32, 6e-4, 50
EMPTY_CAPTIONS, SNR_LIMIT, EMA = 0.12, 5.0, 0.999


def update_average(average, module, step):
    decay = min(EMA, (1 + step) / (10 + step))
    with torch.no_grad():
        for a, b in zip(average.parameters(), module.parameters(), strict=True):
            a.lerp_(b, 1 - decay)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with Fashion-MNIST's four .gz files")
    parser.add_argument("--model", required=True, help="model folder with configs and tokenizer")
    parser.add_argument("--out", required=True, help="folder with vae.pt, for unet.pt and text_encoder.pt")
    parser.add_argument("--minutes", type=float, default=60, help="the cosine schedule ends after this time")
    parser.add_argument("--resume", action="store_true", help="start from the averaged weights in --out")
    args = parser.parse_args()
    torch.manual_seed(args.resume)
    random.seed(args.resume)
    out, folder = Path(args.out), Path(args.model)
    gray, kinds = load_split(args.data, "train")
    tokenizer, text_encoder, unet, vae = build_parts(folder)
    scale = read_config(folder / "vae_decoder/config.json")["scaling_factor"]
    load_weights(vae, out / "vae.pt")

    noising = DDPMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    )
    snr = noising.alphas_cumprod / (1 - noising.alphas_cumprod)
    modules = {"unet": unet, "text_encoder": text_encoder}
    if args.resume:
        for name, module in modules.items():
            load_weights(module, out / f"{name}.pt").requires_grad_(True)
    averages = {name: copy.deepcopy(module).requires_grad_(False) for name, module in modules.items()}
    unet.to(memory_format=torch.channels_last)
    parameters = [p for module in modules.values() for p in module.train().parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.01)

    start, step, done, mean_loss = time.monotonic(), 0, 0.0, 1.0
    while done < 1:
        done = min(1.0, (time.monotonic() - start) / (60 * args.minutes))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * done)) / 2
        chosen, colors = torch.randint(len(gray), (BATCH,)), torch.randint(11, (BATCH,))
        captions = [
            "" if random.random() < EMPTY_CAPTIONS else random_caption(kind, color)
            for kind, color in zip(kinds[chosen], colors, strict=True)
        ]
        clean = encode(vae, tint(gray[chosen], colors)) * scale
        clean = clean.contiguous(memory_format=torch.channels_last)
        noise = torch.randn_like(clean)
        timesteps = torch.randint(1000, (BATCH,))
        text = text_encoder(tokenize(tokenizer, captions)).last_hidden_state
        predicted = unet(noising.add_noise(clean, noise, timesteps), timesteps, text).sample
        weight = snr[timesteps].clamp(max=SNR_LIMIT) / snr[timesteps]
        loss = (weight * (predicted - noise).pow(2).mean((1, 2, 3))).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        for name, module in modules.items():
            update_average(averages[name], module, step)
        mean_loss += (loss.item() - mean_loss) * max(0.01, 1 / step)
        if step % 50 == 0 or done == 1:
            seconds = time.monotonic() - start
            print(f"step {step} ({100 * done:.1f} %, {seconds / step:.3f} s each): loss {mean_loss:.4f}", flush=True)
        if step % 100 == 0 or done == 1:
            for name, average in averages.items():
                torch.save(average.state_dict(), out / f"{name}.pt")
    report = {"steps": step, "seconds": time.monotonic() - start, "loss": mean_loss}
    (out / "unet.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
