"""Write the evaluator into models/emoji-eval: evaluator.onnx, compared with its torch module, and reference.json."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from emoji_evaluator import Evaluator
from parts import MODEL, load_weights
from export import BATCH, export_checked
from scenes import GROUNDS, Scenes
from train_evaluator import frechet_distance, measure, statistics

FOLDER = MODEL.parent / "emoji-eval"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with emoji.rgba and emoji.json")
    parser.add_argument("--out", required=True, help="folder with evaluator.pt")
    parser.add_argument("--count", type=int, default=8192, help="scenes for the reference, in two halves")
    parser.add_argument("--favourites", type=float, default=8, help="how much likelier they are than other emoji")
    args = parser.parse_args()
    torch.set_num_threads(1)
    scenes = Scenes(args.data, args.favourites)
    evaluator = load_weights(Evaluator(len(scenes.kept), len(GROUNDS)), Path(args.out) / "evaluator.pt")
    features, right = measure(evaluator, scenes, args.count, 3)
    halves = [statistics(part) for part in np.array_split(features, 2)]
    mean, covariance = statistics(features)
    reference = {
        "source": f"{len(features)} scenes as the training makes them, 128×128 pixels", "count": len(features),
        "mean": mean.tolist(), "covariance": covariance.tolist(),
        "firsts": [scenes.nouns(i)[0][0] for i in scenes.kept], "firstSynonyms": [scenes.nouns(i)[0] for i in scenes.kept],
        "realImages": {"accuracy": right, "frechetDistanceBetweenHalves": frechet_distance(*halves)},
    }
    FOLDER.mkdir(exist_ok=True)
    pictures = torch.rand(5, 3, 128, 128) * 2 - 1
    outputs = {name: {0: BATCH} for name in ("features", "first", "second", "count", "ground")}
    export_checked(evaluator, {"image": (pictures[:2], {0: BATCH})}, outputs, FOLDER / "evaluator.onnx", [(pictures,)])
    (FOLDER / "reference.json").write_text(json.dumps(reference) + "\n")
    print(reference["realImages"])


if __name__ == "__main__":
    main()
