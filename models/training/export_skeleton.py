"""Write the graph of Stable Diffusion 1.5's U-Net without its weights: sizes of all tensors, values of the small ones.

Large tensors refer to `weights.bin`, which is not there; the benchmark fills it from a seed.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from diffusers import UNet2DConditionModel

from export import Unet, drop_stack_traces

ALIGNMENT = 64


def forget_weights(model):
    """Give every large tensor its place in one file, and no values."""
    offset = 0
    for tensor in model.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        length = 4
        for dim in tensor.dims:
            length *= dim
        offset += -offset % ALIGNMENT
        del tensor.external_data[:]
        for key, value in (("location", "weights.bin"), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        offset += length
    return offset


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="folder for model.onnx")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    with torch.no_grad():
        unet = Unet(UNet2DConditionModel(sample_size=64, cross_attention_dim=768).eval())
        inputs = (torch.randn(2, 4, 32, 32), torch.tensor(1), torch.randn(2, 77, 768))
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            path = Path(folder) / "model.onnx"
            torch.onnx.export(
                unet,
                inputs,
                str(path),
                input_names=["sample", "timestep", "encoder_hidden_states"],
                output_names=["out_sample"],
                dynamic_axes={
                    "sample": {0: "batch_size", 2: "height", 3: "width"},
                    "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"},
                    "out_sample": {0: "batch_size", 2: "height", 3: "width"},
                },
                opset_version=18,
                do_constant_folding=True,
                dynamo=False,
            )
            model = onnx.load(str(path), load_external_data=False)
    drop_stack_traces(model)
    size = forget_weights(model)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(out / "model.onnx"))
    print(f"{len(model.graph.node)} nodes, weights.bin of {size} bytes")


if __name__ == "__main__":
    main()
