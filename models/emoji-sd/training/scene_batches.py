"""Batches of scenes, made in other processes while the network trains."""

import os
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from parts import build_tokenizer, tokenize

EMPTY_CAPTIONS = 0.1


class SceneStream(IterableDataset):
    """Endless lists of scenes as pictures, uint8 [B,S,S,3], and what `targets(scenes)` makes of them, tensors."""

    def __init__(self, scenes, size, batch, targets):
        super().__init__()
        self.scenes, self.size, self.batch, self.targets = scenes, size, batch, targets

    def __iter__(self):
        while True:
            scenes = [self.scenes.random_scene(self.size) for _ in range(self.batch)]
            yield torch.from_numpy(np.stack([scene.image for scene in scenes])), *self.targets(scenes)


class CaptionTokens:
    """Tokens [B,L] of scenes, every tenth caption empty."""

    def __init__(self):
        self.tokenizer = build_tokenizer()

    def __call__(self, scenes):
        captions = ["" if random.random() < EMPTY_CAPTIONS else scene.caption for scene in scenes]
        return [tokenize(self.tokenizer, captions)]


def scene_batches(stream, workers, device):
    """An iterator over its batches on the device, pictures as [B,3,S,S] in [−1,1]; with no workers they are made between the steps."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    loader = DataLoader(
        stream, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None,
        pin_memory=device.type == "cuda",
    )
    for images, *targets in loader:
        images = images.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 127.5 - 1
        images = images.contiguous(memory_format=torch.channels_last)
        yield images, *(target.to(device, non_blocking=True) for target in targets)
