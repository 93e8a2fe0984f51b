"""Measure the floor of Fréchet distances: what real pictures that the reference has not seen come to, by their number."""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from common import load_split, tint
from train_evaluator import frechet_distance, statistics

COUNTS = [128, 256, 512, 1024]
DRAWS = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with Fashion-MNIST's four .gz files")
    parser.add_argument("--evaluator", required=True, help="evaluator folder (its reference.json gets the floors)")
    args = parser.parse_args()
    file = Path(args.evaluator) / "reference.json"
    reference = json.loads(file.read_text())
    real = np.array(reference["mean"]), np.array(reference["covariance"])
    gray, _ = load_split(args.data, "train")
    generator = torch.Generator().manual_seed(3)
    chosen = torch.randperm(len(gray), generator=generator)[: DRAWS * COUNTS[-1]]
    pictures = tint(gray[chosen], torch.randint(11, (len(chosen),), generator=generator)).numpy()
    session = onnxruntime.InferenceSession(str(Path(args.evaluator) / "evaluator.onnx"))
    features = np.concatenate(
        [session.run(["features"], {"image": pictures[at : at + 256]})[0] for at in range(0, len(pictures), 256)]
    ).astype(np.float64)
    for count in COUNTS:
        draws = [frechet_distance(real, statistics(features[at : at + count])) for at in range(0, DRAWS * count, count)]
        reference["realImages"][f"frechetDistanceOfOther{count}RealImages"] = float(np.mean(draws))
        print(count, np.mean(draws), np.std(draws))
    file.write_text(json.dumps(reference))


if __name__ == "__main__":
    main()
