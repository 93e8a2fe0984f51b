"""Runs calls of one peer on request: a line of JSON in, a line of JSON out.

Requests: {"op": "load", "peer": name, "full": path, "cached": path, "threads": n, ...}, then any number of
{"op": "run", "graph": "full" | "cached", "timestep": n, "sample": array, "hidden": array or null}. A run of "cached"
takes the features that the last run of "full" left. Arrays are {"dims": [...], "data": base64 of float32}.
Answers: {"output": array} for a run, {"seconds": s, "versions": {...}} for a load, or {"error": text}.
"""

import base64
import importlib
import json
import os
import sys
import time
import traceback

import numpy as np

# Each module has `load(request)`, which returns a peer: `versions`, and `run(graph, sample, timestep, hidden)`.
MODULES = {"openvino": "openvino_peer", "pytorch": "pytorch_peer"}


def to_array(wire):
    data = np.frombuffer(base64.b64decode(wire["data"]), dtype=np.float32)
    return data.reshape(wire["dims"])


def to_wire(array):
    data = np.ascontiguousarray(array, dtype=np.float32)
    return {"dims": list(data.shape), "data": base64.b64encode(data.tobytes()).decode()}


class Worker:
    def __init__(self):
        self.peer = None
        self.hidden = None

    def answer(self, request):
        if request["op"] == "load":
            start = time.perf_counter()
            self.peer = importlib.import_module(MODULES[request["peer"]]).load(request)
            return {"seconds": time.perf_counter() - start, "versions": self.peer.versions}
        if request.get("hidden") is not None:
            self.hidden = to_array(request["hidden"])
        output = self.peer.run(
            request["graph"], to_array(request["sample"]), request["timestep"], self.hidden
        )
        return {"output": to_wire(output)}


def main():
    # Libraries print to standard output; answers go where nothing else can write.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        try:
            answer = worker.answer(json.loads(line))
        except Exception:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
