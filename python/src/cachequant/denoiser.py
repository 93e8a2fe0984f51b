"""The two graphs of a bundle: a full one at refreshes, and one that starts from cached features in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np

from .change import FURTHER
from .conditioning import Conditioning
from .errors import UnsupportedError
from .packed import pack, unpack
from .session import Session

SAMPLE_NAMES = ("sample", "hidden_states", "latent_sample", "x")
TIMESTEP_NAMES = ("timestep", "timesteps", "t")


class Graph:
    """A graph with what each of its inputs takes and each of its outputs gives."""

    def __init__(self, session: Session, tied: dict[str, Any]):
        self.session = session
        self.where = str(session.path)
        missing = [name for name in session.inputs if name not in tied["inputs"]]
        if missing:
            raise UnsupportedError(f"the manifest says nothing of the input {missing[0]}", where=self.where)
        by_source = lambda source: [name for name in session.inputs if tied["inputs"][name] == source]  # noqa: E731
        self.call_index = by_source("call_index")
        self.newest, self.previous = by_source("cache:newest"), by_source("cache:previous")
        # Format 1 has one word for all three.
        requested = by_source("request")
        self.sample = next(iter(by_source("sample")), next((name for name in SAMPLE_NAMES if name in requested), None))
        if self.sample is None:
            raise UnsupportedError(
                "no input looks like the noisy sample", where=self.where, got=", ".join(requested) or "no inputs"
            )
        timed = next((name for name in TIMESTEP_NAMES if name in requested), None)
        self.timestep = next(iter(by_source("timestep")), timed)
        #: Takes what a model for inpainting is given, where that is apart from the sample.
        self.further = next(iter(by_source("inpainting")), FURTHER if FURTHER in requested else None)
        rest = [name for name in requested if name not in (self.sample, self.timestep, self.further)]
        self.packed = len(session.inputs[self.sample].shape) == 3
        self.conditioning = [*by_source("conditioning"), *rest]
        self.prediction = self._output(tied, "prediction")
        self.features = self._output(tied, "cache") if "cache" in tied["outputs"].values() else None

    def _output(self, tied: dict[str, Any], target: str) -> str:
        found = [name for name, given in tied["outputs"].items() if given == target and name in self.session.outputs]
        if found:
            return found[0]
        raise UnsupportedError(f"the graph has no output for the {target}", where=self.where)

    def feeds(self, call: int, timestep: float, sample: np.ndarray, conditioning: Conditioning) -> dict[str, np.ndarray]:
        session = self.session
        whole = sample
        if FURTHER in conditioning and self.further is None:
            whole = np.concatenate([sample, conditioning[FURTHER]], axis=1)
        feeds = {self.sample: session.convert(self.sample, pack(whole) if self.packed else whole)}
        if self.further is not None:
            feeds[self.further] = session.convert(self.further, conditioning[FURTHER])
        if self.timestep is not None:
            feeds[self.timestep] = session.repeated(self.timestep, timestep, sample.shape[0])
        for name in self.call_index:
            feeds[name] = session.repeated(name, call, 1)
        for name in self.conditioning:
            feeds[name] = session.convert(name, _fitted(conditioning[name], len(session.inputs[name].shape)))
        return feeds


def _fitted(values: np.ndarray, rank: int) -> np.ndarray:
    """Values [B, …] without the batch, whose images are then alike, where the input has one dimension less."""
    return values[0] if values.ndim == rank + 1 and rank > 0 else values


@dataclass(frozen=True)
class Served:
    """How the calls of a run are served by the calibrated ones."""

    refreshes: frozenset[int]
    #: For each call the calibrated one that stands for it; None: they are the calibrated ones.
    calibrated: list[int] | None = None

    def beginning(self, first: int) -> Served:
        """For a run that begins with a call: there is nothing to reuse at it."""
        if first == 0:
            return self
        return Served(frozenset({first, *(call for call in self.refreshes if call > first)}), self.calibrated)

    def call(self, call: int) -> int:
        return call if self.calibrated is None else self.calibrated[call]


def serve(timesteps: Sequence[float], calibrated: Sequence[float] | None, refreshes: Sequence[int]) -> Served:
    """Serves each call by the calibrated one whose timestep is nearest, never going back.

    The first call refreshes, and every call that reaches or passes a calibrated refresh; where each calibrated call
    refreshes, each call does. As many calls as were calibrated are served one by one.
    """
    if calibrated is None or len(timesteps) == len(calibrated):
        return Served(frozenset(refreshes))
    served: list[int] = []
    for timestep in timesteps:
        served.append(_nearest(timestep, calibrated, served[-1] if served else -1))
    uncached = len(refreshes) == len(calibrated)
    refreshing = {
        call
        for call in range(len(timesteps))
        if call == 0 or uncached or any(served[call - 1] < step <= served[call] for step in refreshes)
    }
    return Served(frozenset(refreshing), served)


def _nearest(timestep: float, timesteps: Sequence[float], start: int) -> int:
    """Of calls that are equally near the first one behind ``start``, so that a repeated timestep goes on in step."""

    def distance(call: int) -> float:
        return float("inf") if call < 0 else abs(timesteps[call] - timestep)

    nearest = start
    for call in range(start + 1, len(timesteps)):
        equal = nearest == start and distance(call) == distance(nearest)
        if equal or distance(call) < distance(nearest):
            nearest = call
    return nearest


class CachedDenoiser:
    """Computes deep features at the refreshes alone, and reuses those of the last one or two in between.

    Source: Ma et al., DeepCache, CVPR 2024, https://arxiv.org/abs/2312.00858, with any schedule and two anchors.
    """

    def __init__(self, full: Graph, cached: Graph, anchors: int):
        self.full, self.cached, self._anchors = full, cached, anchors
        self.one_image = full.session.inputs[full.sample].shape[0] == 1
        self._features: dict[int, list[np.ndarray]] = {}
        if full.features is None or not cached.newest or (anchors == 2 and not cached.previous):
            raise UnsupportedError("the graphs do not pass features between them", where=cached.where)

    def reset(self) -> None:
        """Forgets cached features; to be called before each image."""
        self._features.clear()

    def predict(
        self,
        served: Served,
        call: int,
        timestep: float,
        sample: np.ndarray,
        conditioning: Conditioning,
        stream: int = 0,
        conditional_half: bool = False,
    ) -> np.ndarray:
        """The network's output [B, C', H, W].

        ``stream`` tells the halves of guidance apart that are run one by one; ``conditional_half``: the batch is the
        second half of what the stream's refreshes were given.
        """
        own = served.call(call)
        if call in served.refreshes:
            feeds = self.full.feeds(own, timestep, sample, conditioning)
            output, features = self.full.session.run(feeds, [self.full.prediction, self.full.features])
            self._features[stream] = [features, *self._features.get(stream, [])][: self._anchors]
            return unpack(output.astype(np.float32), sample.shape)
        feeds = self.cached.feeds(own, timestep, sample, conditioning)
        known = self._features[stream]
        if conditional_half:
            known = [features[features.shape[0] // 2 :] for features in known]
        for names, features in ((self.cached.newest, known[0]), (self.cached.previous, known[-1])):
            for name in names:
                feeds[name] = np.ascontiguousarray(features)
        (output,) = self.cached.session.run(feeds, [self.cached.prediction])
        return unpack(output.astype(np.float32), sample.shape)
