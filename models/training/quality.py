"""Fréchet distance and accuracy of pictures of clothing by models/fashion-eval, and a sheet to look at."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image

from train_evaluator import frechet_distance, statistics

EVALUATOR = Path(__file__).resolve().parents[1] / "fashion-eval"


def sheet(images, columns=16, zoom=2):
    """Pictures [N,3,H,W] in [−1,1] in rows of `columns`."""
    pixels = ((images.clamp(-1, 1).permute(0, 2, 3, 1).numpy() + 1) * 127.5).round().astype(np.uint8)
    rows = [np.concatenate(list(pixels[i : i + columns]), 1) for i in range(0, len(pixels), columns)]
    drawn = Image.fromarray(np.concatenate(rows))
    return drawn.resize((drawn.width * zoom, drawn.height * zoom), Image.Resampling.NEAREST)


def measure(generate, count, batch=64, classes=None):
    """Quality of `count` pictures that `generate(labels, seed)` makes [B,3,32,32]; classes in turn where there are any."""
    evaluator = onnxruntime.InferenceSession(str(EVALUATOR / "evaluator.onnx"))
    reference = json.loads((EVALUATOR / "reference.json").read_text())
    labels = torch.arange(count) % (classes or 1)
    outputs = [
        evaluator.run(["features", "kind"], {"image": generate(part, seed).float().clamp(-1, 1).numpy()})
        for seed, part in enumerate(labels.split(batch))
    ]
    features, kinds = (np.concatenate(part) for part in zip(*outputs, strict=True))
    real = np.array(reference["mean"]), np.array(reference["covariance"])
    quality = {"pictures": count, "frechetDistance": frechet_distance(real, statistics(features.astype(np.float64)))}
    if classes:
        quality["kindAccuracy"] = (kinds.argmax(1) == labels.numpy()).mean().item()
    return quality
