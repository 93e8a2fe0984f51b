"""Train the evaluator and write reference.json: statistics of real test images in its features."""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from common import COLOR_NAMES, COLORS, KINDS, load_split, tint
from evaluator import Evaluator

BATCH = 128


def evaluate(evaluator, images):
    """Features [N,128], kind [N] and colour [N] of images [N,3,32,32] in [−1,1]."""
    with torch.no_grad():
        parts = [evaluator(part) for part in images.split(500)]
    features, kind, color = (torch.cat(part) for part in zip(*parts, strict=True))
    return features.double().numpy(), kind.argmax(1), color.argmax(1)


def statistics(features):
    return features.mean(0), np.cov(features, rowvar=False)


def frechet_distance(first, second):
    """|m₁−m₂|² + tr(C₁ + C₂ − 2 (C₁C₂)^½), the root by way of a symmetric matrix."""
    (mean1, cov1), (mean2, cov2) = first, second
    values, vectors = np.linalg.eigh(cov1)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov2 @ root).clip(0)).sum()
    return float(((mean1 - mean2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * cross)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with Fashion-MNIST's four .gz files")
    parser.add_argument("--out", required=True, help="folder for evaluator.pt")
    parser.add_argument("--evaluator", required=True, help="evaluator folder (gets reference.json)")
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    torch.manual_seed(0)
    gray, kinds = load_split(args.data, "train")
    evaluator = Evaluator().to(memory_format=torch.channels_last)
    steps = args.epochs * (len(gray) // BATCH)
    optimizer = torch.optim.AdamW(evaluator.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    start = time.monotonic()
    for epoch in range(args.epochs):
        for chosen in torch.randperm(len(gray)).split(BATCH)[: len(gray) // BATCH]:
            colors = torch.randint(11, (BATCH,))
            images = tint(gray[chosen], colors).contiguous(memory_format=torch.channels_last)
            _, kind, color = evaluator(images)
            loss = F.cross_entropy(kind, kinds[chosen]) + F.cross_entropy(color, colors)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, {time.monotonic() - start:.0f} s", flush=True)
    evaluator.eval()
    Path(args.out).mkdir(parents=True, exist_ok=True)
    torch.save(evaluator.state_dict(), Path(args.out) / "evaluator.pt")

    generator = torch.Generator().manual_seed(2)
    test, test_kinds = load_split(args.data, "test")
    colors = torch.randint(11, (len(test),), generator=generator)
    features, kind, color = evaluate(evaluator, tint(test, colors))
    real = statistics(features)
    others = torch.randperm(len(gray), generator=generator)[:10000]
    other_colors = torch.randint(11, (10000,), generator=generator)
    other_features, _, _ = evaluate(evaluator, tint(gray[others], other_colors))
    reference = {
        "source": "10,000 real test images, tinted with colours drawn uniformly",
        "count": len(test),
        "mean": real[0].tolist(),
        "covariance": real[1].tolist(),
        "kinds": [words[0] for words in KINDS],
        "kindSynonyms": KINDS,
        "colors": COLOR_NAMES,
        "colorValues": COLORS,
        "realImages": {
            "kindAccuracy": (kind == test_kinds).double().mean().item(),
            "colorAccuracy": (color == colors).double().mean().item(),
            "frechetDistanceOfOther2048RealImages": frechet_distance(real, statistics(other_features[:2048])),
            "frechetDistanceOfOther10000RealImages": frechet_distance(real, statistics(other_features)),
        },
    }
    (Path(args.evaluator) / "reference.json").write_text(json.dumps(reference))
    print(reference["realImages"], f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
