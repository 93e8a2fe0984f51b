"""Measure the ONNX model with the evaluator, and draw a contact sheet."""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image

from common import COLOR_NAMES, KINDS, build_parts, read_config, tokenize
from make_golden import DPM, PNDM, OnnxModel, make_scheduler
from train_evaluator import frechet_distance, statistics


def generate(onnx, tokenizer, scaling_factor, captions, choice, steps, scale, generator):
    """Images [N,3,32,32] in [−1,1] for the captions, as one batch."""
    scheduler = make_scheduler(choice)
    scheduler.set_timesteps(steps)
    text = onnx.run("text_encoder", tokenize(tokenizer, [""] * len(captions) + captions))
    latents = torch.randn(len(captions), 4, 16, 16, generator=generator) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        both = scheduler.scale_model_input(latents, timestep).repeat(2, 1, 1, 1)
        unconditional, conditional = onnx.run("unet", both, np.array(int(timestep)), text).chunk(2)
        noise = unconditional + scale * (conditional - unconditional)
        latents = scheduler.step(noise, timestep, latents).prev_sample
    return onnx.run("vae_decoder", latents / scaling_factor).clamp(-1, 1)


def contact_sheet(images, columns, zoom=2):
    pixels = ((images.permute(0, 2, 3, 1).numpy() + 1) * 127.5).round().astype(np.uint8)
    rows = [np.concatenate(list(pixels[i : i + columns]), 1) for i in range(0, len(pixels), columns)]
    sheet = Image.fromarray(np.concatenate(rows))
    return sheet.resize((sheet.width * zoom, sheet.height * zoom), Image.NEAREST)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="model folder")
    parser.add_argument("--evaluator", help="evaluator folder; without it there is only a contact sheet")
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--guidance", type=float, default=4)
    parser.add_argument("--sheet", help="PNG file: every kind (rows) in every colour (columns)")
    parser.add_argument("--sampler", choices=["dpm", "pndm"], default="dpm")
    parser.add_argument("--steps", type=int, default=15)
    args = parser.parse_args()
    onnx, tokenizer = OnnxModel(args.model), build_parts(args.model)[0]
    factor = read_config(Path(args.model) / "vae_decoder/config.json")["scaling_factor"]
    generator = torch.Generator().manual_seed(0)
    setting = ({"dpm": DPM, "pndm": PNDM}[args.sampler], args.steps, args.guidance, generator)
    if args.sheet:
        rows = [
            generate(onnx, tokenizer, factor, [f"{color} {words[0]}" for color in COLOR_NAMES], *setting)
            for words in KINDS
        ]
        contact_sheet(torch.cat(rows), len(COLOR_NAMES)).save(args.sheet)
    if args.evaluator:
        folder = Path(args.evaluator)
        evaluator = onnxruntime.InferenceSession(str(folder / "evaluator.onnx"))
        reference = json.loads((folder / "reference.json").read_text())
        kinds = torch.arange(args.count) % len(KINDS)
        colors = torch.randint(len(COLOR_NAMES), (args.count,), generator=generator)
        outputs = []
        for part in torch.arange(args.count).split(32):
            captions = [f"{COLOR_NAMES[colors[i]]} {KINDS[kinds[i]][0]}" for i in part]
            images = generate(onnx, tokenizer, factor, captions, *setting)
            outputs.append(evaluator.run(None, {"image": images.numpy()}))
        features, kind, color = (np.concatenate(part) for part in zip(*outputs, strict=True))
        real = np.array(reference["mean"]), np.array(reference["covariance"])
        right = kind.argmax(1) == kinds.numpy()
        print(json.dumps({
            "count": args.count,
            "sampler": args.sampler,
            "steps": args.steps,
            "guidance": args.guidance,
            "frechetDistance": frechet_distance(real, statistics(features.astype(np.float64))),
            "kindAccuracy": right.mean().item(),
            "colorAccuracy": (color.argmax(1) == colors.numpy()).mean().item(),
            "kindAccuracyOf": {w[0]: round(right[kinds.numpy() == i].mean().item(), 3) for i, w in enumerate(KINDS)},
        }))


if __name__ == "__main__":
    main()
