"""Export untrained denoisers of the usual kinds, each from the config.json in its folder."""

import argparse
import math
import zlib
from pathlib import Path

import torch
from diffusers import DiTTransformer2DModel, UNet2DConditionModel, UNet2DModel

from common import read_config
from export import BATCH, SEQUENCE, export_checked

IMAGE = {0: BATCH, 2: "height", 3: "width"}
PROMPT = {0: BATCH, 1: SEQUENCE}


class Denoiser(torch.nn.Module):
    """Calls a diffusers model with inputs in a given order; the model's modules keep their names."""

    def __init__(self, model, names, nested=()):
        super().__init__()
        self.__dict__["model"] = model
        self.names, self.nested = names, nested
        for name, child in model.named_children():
            setattr(self, name, child)

    def forward(self, *tensors):
        named = dict(zip(self.names, tensors, strict=True))
        if self.nested:
            named["added_cond_kwargs"] = {name: named.pop(name) for name in self.nested}
        return self.model(**named, return_dict=False)[0]


class FloatTimestepUnet(torch.nn.Module):
    """The dynamo exporter wants a plain signature."""

    def __init__(self, model):
        super().__init__()
        self.unet = model

    def forward(self, sample, timestep, encoder_hidden_states):
        return self.unet(sample, timestep, encoder_hidden_states, return_dict=False)[0]


def build(cls, folder):
    """Weights from a fixed seed, none of them zero; 1/sqrt(fan-in) keeps activations tame."""
    model = cls(**read_config(folder / "config.json"))
    generator = torch.Generator().manual_seed(zlib.crc32(folder.name.encode()))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                fan_in = 1 if "embedding_table" in name else math.prod(parameter.shape[1:])
                parameter.copy_(noise / math.sqrt(fan_in))
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.05 * noise)
            else:
                parameter.copy_(0.05 * noise)
    return model.eval()


def sdxl_unet(folder):
    model = build(UNet2DConditionModel, folder)

    def case(batch, height, width, sequence, timestep):
        size = torch.tensor([32.0, 32, 0, 0, 32, 32]).repeat(batch, 1)
        return (
            torch.randn(batch, 4, height, width), torch.tensor(timestep),
            torch.randn(batch, sequence, 32), torch.randn(batch, 32), size,
        )

    names = ["sample", "timestep", "encoder_hidden_states", "text_embeds", "time_ids"]
    axes = [IMAGE, {}, PROMPT, {0: BATCH}, {0: BATCH}]
    inputs = dict(zip(names, zip(case(2, 16, 16, 16, 981.0), axes, strict=True), strict=True))
    export_checked(
        Denoiser(model, names, ("text_embeds", "time_ids")), inputs, {"out_sample": IMAGE},
        folder / "model.onnx", [case(1, 16, 16, 16, 1.0), case(3, 8, 12, 5, 500.0)],
    )


def ddpm_unet(folder):
    model = build(UNet2DModel, folder)
    inputs = {
        "sample": (torch.randn(2, 3, 32, 32), IMAGE),
        "timestep": (torch.tensor(981), {}),
    }
    export_checked(
        Denoiser(model, list(inputs)), inputs, {"out_sample": IMAGE}, folder / "model.onnx",
        [(torch.randn(1, 3, 32, 32), torch.tensor(0)), (torch.randn(3, 3, 16, 24), torch.tensor(500))],
    )


def dit(folder):
    model = build(DiTTransformer2DModel, folder)
    batch = {0: BATCH}
    inputs = {
        "hidden_states": (torch.randn(2, 4, 16, 16), batch),
        "timestep": (torch.tensor([981, 500]), batch),
        "class_labels": (torch.tensor([7, 1000]), batch),
    }
    export_checked(
        Denoiser(model, list(inputs)), inputs, {"out_sample": batch}, folder / "model.onnx",
        [(torch.randn(n, 4, 16, 16), torch.arange(n) * 99, torch.arange(n) * 100) for n in (1, 5)],
    )


def sd_unet_float_timestep(folder, dynamo_folder=None):
    model = build(UNet2DConditionModel, folder)

    def case(batch, height, width, sequence):
        timestep = torch.linspace(981, 1, batch)
        return torch.randn(batch, 4, height, width), timestep, torch.randn(batch, sequence, 32)

    names = ["sample", "timestep", "encoder_hidden_states"]
    axes = [IMAGE, {0: BATCH}, PROMPT]
    inputs = dict(zip(names, zip(case(2, 16, 16, 16), axes, strict=True), strict=True))
    export_checked(
        Denoiser(model, names), inputs, {"out_sample": IMAGE}, folder / "model.onnx",
        [case(1, 16, 16, 16), case(3, 8, 12, 5)],
    )
    if dynamo_folder:
        export_checked(
            FloatTimestepUnet(model), inputs, {"out_sample": IMAGE}, dynamo_folder / "model.onnx",
            [case(1, 16, 16, 16), case(3, 8, 16, 5)], dynamo=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True, help="folder with one folder per model, each with its config.json")
    folder = Path(parser.parse_args().folder)
    torch.manual_seed(0)
    sdxl_unet(folder / "sdxl-unet")
    ddpm_unet(folder / "ddpm-unet")
    dit(folder / "dit")
    sd_unet_float_timestep(folder / "sd-unet-float-timestep", folder / "sd-unet-dynamo")


if __name__ == "__main__":
    main()
