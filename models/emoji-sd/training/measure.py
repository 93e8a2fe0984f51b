"""Measure the torch model with the evaluator: Fréchet distance to real scenes, and how often it draws what was asked."""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch

from emoji_evaluator import Evaluator
from parts import build_text, build_unet, build_vae, load_folder, load_weights
from devices import pick_device
from export_evaluator import FOLDER
from sampling import generate
from scenes import GROUNDS, Scenes
from train_evaluator import Labels, frechet_distance, statistics


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with emoji.rgba and emoji.json")
    parser.add_argument("--out", required=True, help="folder with evaluator.pt")
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3)
    parser.add_argument("--favourites", type=float, default=8, help="how much likelier they are than other emoji")
    args = parser.parse_args()
    device = pick_device()
    out, scenes = Path(args.out), Scenes(args.data, args.favourites)
    evaluator = load_weights(Evaluator(len(scenes.kept), len(GROUNDS)), out / "evaluator.pt")
    reference = json.loads((FOLDER / "reference.json").read_text())
    tokenizer, text_encoder = build_text()
    parts = tokenizer, *(
        load_folder(*part).to(device) for part in ((text_encoder, "text_encoder"), (build_unet(), "unet"), (build_vae(), "vae"))
    )
    rng, features, right, labels = random.Random(5), [], [], Labels(scenes)
    for start in range(0, args.count, args.batch):
        asked = [scenes.random_scene(128, rng) for _ in range(args.batch)]
        images = generate(*parts, [scene.caption for scene in asked], steps=args.steps, guidance=args.guidance, seed=start, device=device).cpu()
        with torch.no_grad():
            found, *answers = evaluator(images)
        features.append(found.double().numpy())
        right.append([(a.argmax(1) == l).double().mean().item() for a, l in zip(answers, labels(asked), strict=True)])
    real = np.array(reference["mean"]), np.array(reference["covariance"])
    accuracy = dict(zip(("first", "second", "count", "ground"), np.mean(right, 0).tolist(), strict=True))
    print(json.dumps({
        "count": args.count, "steps": args.steps, "guidance": args.guidance, "accuracy": accuracy,
        "frechetDistance": frechet_distance(real, statistics(np.concatenate(features))),
        "realImages": reference["realImages"],
    }, indent=1))


if __name__ == "__main__":
    main()
