"""Write the graphs of Stable Diffusion 1.5 without their weights: sizes of all tensors, values of the small ones.

Large tensors refer to `weights.bin`, which is not there; the benchmark fills it from a seed.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from export import BATCH, SEQUENCE, TextEncoder, Unet, VaeDecoder, drop_stack_traces

ALIGNMENT = 64


def unet():
    image = {0: BATCH, 2: "height", 3: "width"}
    return (
        Unet(UNet2DConditionModel(sample_size=64, cross_attention_dim=768).eval()),
        {
            "sample": (torch.randn(2, 4, 32, 32), image),
            "timestep": (torch.tensor(1), {}),
            "encoder_hidden_states": (torch.randn(2, 77, 768), {0: BATCH, 1: SEQUENCE}),
        },
        {"out_sample": image},
    )


def vae_decoder():
    widths = (128, 256, 512, 512)
    model = AutoencoderKL(
        block_out_channels=widths,
        down_block_types=["DownEncoderBlock2D"] * len(widths),
        up_block_types=["UpDecoderBlock2D"] * len(widths),
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
    ).eval()
    model.set_default_attn_processor()
    return (
        VaeDecoder(model),
        {"latent_sample": (torch.randn(2, 4, 32, 32), {0: BATCH, 2: "latent_height", 3: "latent_width"})},
        {"sample": {0: BATCH, 2: "latent_height * 8", 3: "latent_width * 8"}},
    )


def text_encoder():
    config = CLIPTextConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_attention_heads=12,
        num_hidden_layers=12,
        projection_dim=768,
        bos_token_id=49406,
        eos_token_id=49407,
    )
    ids = torch.full((2, 77), 49407)
    ids[:, 0] = 49406
    ids[:, 1:9] = torch.arange(320, 328)
    return (
        TextEncoder(CLIPTextModel(config).eval()),
        {"input_ids": (ids, {0: BATCH, 1: SEQUENCE})},
        {"last_hidden_state": {0: BATCH, 1: SEQUENCE}, "pooler_output": {0: BATCH}},
    )


PARTS = {"unet": unet, "vae_decoder": vae_decoder, "text_encoder": text_encoder}


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


def external_above(path, size=1024):
    """The exporter keeps small models in one file; every tensor above `size` bytes goes out of it."""
    onnx.save(
        onnx.load(path), path, save_as_external_data=True, location="values.bin", size_threshold=size
    )
    return onnx.load(path, load_external_data=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, default="unet")
    parser.add_argument("--out", required=True, help="folder for model.onnx")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    with torch.no_grad(), tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        module, inputs, outputs = PARTS[args.part]()
        path = str(Path(folder) / "model.onnx")
        torch.onnx.export(
            module,
            tuple(value for value, _ in inputs.values()),
            path,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: axes for name, (_, axes) in inputs.items()} | outputs,
            opset_version=18,
            do_constant_folding=True,
            dynamo=False,
        )
        model = external_above(path)
    drop_stack_traces(model)
    size = forget_weights(model)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(out / "model.onnx"))
    parameters = sum(weight.numel() for weight in module.parameters())
    print(f"{len(model.graph.node)} nodes, {parameters} parameters, weights.bin of {size} bytes")


if __name__ == "__main__":
    main()
