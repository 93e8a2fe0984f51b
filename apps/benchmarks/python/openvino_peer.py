"""Full and cached call by OpenVINO's CPU plugin: of the float graphs, or of what NNCF made of them."""

from importlib.metadata import version

import numpy as np
import openvino as ov

PRECISIONS = {"f32": ov.Type.f32, "bf16": ov.Type.bf16}


class OpenVinoPeer:
    def __init__(self, graphs, precision, threads):
        self.versions = {"OpenVINO": ov.get_version().split("-")[0], "NNCF": version("nncf")}
        core = ov.Core()
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_HYPER_THREADING": True,
        }
        if precision != "default":
            config["INFERENCE_PRECISION_HINT"] = PRECISIONS[precision]
        self.compiled = {}
        for name, path in graphs.items():
            self.compiled[name] = core.compile_model(core.read_model(path), "CPU", config)
        self.requests = {name: model.create_infer_request() for name, model in self.compiled.items()}
        self.features = None

    def run(self, graph, sample, timestep, hidden):
        known = {
            "sample": sample,
            "timestep": np.array(timestep, dtype=np.int64),
            "encoder_hidden_states": hidden,
            "cached_features": self.features,
        }
        request = self.requests[graph]
        inputs = [name for port in self.compiled[graph].inputs for name in port.names if name in known]
        request.infer({name: known[name] for name in inputs}, share_inputs=True)
        if graph == "full" and len(self.compiled[graph].outputs) > 1:
            self.features = request.get_tensor("cached_features").data
        return request.get_tensor("out_sample").data


def load(request):
    graphs = {name: request[name] for name in ("full", "cached") if request.get(name)}
    return OpenVinoPeer(graphs, request["precision"], request["threads"])
