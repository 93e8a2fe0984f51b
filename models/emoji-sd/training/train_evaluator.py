"""Train the evaluator on scenes."""

import argparse
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from emoji_evaluator import Evaluator
from parts import save, to_tensor
from devices import pick_device
from muon import advance, make_optimizers
from scene_batches import SceneStream, scene_batches
from scenes import GROUNDS, Scenes

LEARNING_RATE, SIZE, PART = 4e-3, 128, 32


class Labels:
    """What there is to find in scenes: first and second emoji, count less one, ground, each [B]."""

    def __init__(self, scenes):
        self.place = {index: i for i, index in enumerate(scenes.kept)}

    def __call__(self, batch):
        grounds = list(GROUNDS)
        return [
            torch.tensor(column)
            for column in (
                [self.place[s.emoji[0]] for s in batch], [self.place[s.emoji[-1]] for s in batch],
                [s.count - 1 for s in batch], [grounds.index(s.ground) for s in batch],
            )
        ]


def statistics(features):
    return features.mean(0), np.cov(features, rowvar=False)


def frechet_distance(first, second):
    """|m₁−m₂|² + tr(C₁ + C₂ − 2 (C₁C₂)^½), the root by way of a symmetric matrix."""
    (mean1, cov1), (mean2, cov2) = first, second
    values, vectors = np.linalg.eigh(cov1)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov2 @ root).clip(0)).sum()
    return float(((mean1 - mean2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * cross)


def measure(evaluator, scenes, count, seed):
    """Features [N,128] of real scenes, and how often each answer is right."""
    rng, features, right, labels = random.Random(seed), [], [], Labels(scenes)
    for _ in range(0, count, PART):
        batch = [scenes.random_scene(SIZE, rng) for _ in range(PART)]
        with torch.no_grad():
            found, *answers = evaluator(to_tensor([scene.image for scene in batch]))
        features.append(found.double().numpy())
        right.append([(a.argmax(1) == l).double().mean().item() for a, l in zip(answers, labels(batch), strict=True)])
    return np.concatenate(features), dict(zip(("first", "second", "count", "ground"), np.mean(right, 0).tolist(), strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with emoji.rgba and emoji.json")
    parser.add_argument("--out", required=True, help="folder for evaluator.pt")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=0, help="processes that make scenes beside the training")
    args = parser.parse_args()
    device = pick_device()
    torch.manual_seed(0)
    random.seed(2)
    out, scenes = Path(args.out), Scenes(args.data)
    evaluator = Evaluator(len(scenes.kept), len(GROUNDS)).to(device, memory_format=torch.channels_last)
    optimizers = make_optimizers(evaluator, LEARNING_RATE)
    batches = scene_batches(SceneStream(scenes, SIZE, args.batch, Labels(scenes)), args.workers, device)
    start, mean_loss = time.monotonic(), torch.zeros((), device=device)
    for step in range(1, args.steps + 1):
        images, *labels = next(batches)
        _, *answers = evaluator(images)
        loss = sum(F.cross_entropy(a, l) for a, l in zip(answers, labels, strict=True))
        loss.backward()
        advance(optimizers, LEARNING_RATE * min(1, step / 50) * (1 + math.cos(math.pi * step / args.steps)) / 2)
        with torch.no_grad():
            mean_loss.lerp_(loss, max(0.02, 1 / step))
        if step % 100 == 0:
            save(evaluator.state_dict(), out / "evaluator.pt")
            print(f"step {step} ({time.monotonic() - start:.0f} s): loss {mean_loss.item():.3f}", flush=True)
    evaluator.eval().cpu()
    save(evaluator.state_dict(), out / "evaluator.pt")
    print(measure(evaluator, scenes, 1024, 4)[1])


if __name__ == "__main__":
    main()
