"""Exports a diffusers folder to ONNX with torch.onnx.export, as exporters for ONNX Runtime do: <model> <out>.

Weights are loaded as float32, graphs are traced at the model's own size with open batch, size and length, and weights of
graphs beyond two gigabytes go to one file beside the graph.
"""

import gc
import sys
from pathlib import Path

import onnx
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

OPSET = 18
TOKENS = 77


class Unet(torch.nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, encoder_hidden_states):
        return self.unet(sample, timestep, encoder_hidden_states, return_dict=False)[0]


class TextEncoder(torch.nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids):
        output = self.encoder(input_ids)
        return output.last_hidden_state, output.pooler_output


class Decoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        return self.vae.decode(latent_sample, return_dict=False)[0]


class Encoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, sample):
        return self.vae.encode(sample, return_dict=False)[0].parameters


def export(module, inputs, names, outputs, axes, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    with torch.no_grad():
        torch.onnx.export(
            module,
            inputs,
            str(path),
            input_names=names,
            output_names=outputs,
            dynamic_axes=axes,
            do_constant_folding=True,
            opset_version=OPSET,
            dynamo=False,
        )
    del module
    gc.collect()
    gather(path)
    print(f"exported {folder.name}", flush=True)


def gather(path: Path) -> None:
    """Weights that the exporter spread over a file each, in one."""
    structure = onnx.load(str(path), load_external_data=False)
    spread = {
        entry.value
        for tensor in structure.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    if not spread:
        return
    whole = onnx.load(str(path))
    data = "model.onnx_data"
    onnx.save_model(whole, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=data)
    for name in spread - {data}:
        (path.parent / name).unlink(missing_ok=True)


def main() -> None:
    model, out = sys.argv[1:3]
    versions = {"torch": torch.__version__, "onnx": onnx.__version__}
    print("versions " + " ".join(f"{name}={version}" for name, version in versions.items()), flush=True)
    root = Path(out)
    loaded = {"torch_dtype": torch.float32, "variant": "fp16", "local_files_only": True}
    batch = {0: "batch"}
    image = {**batch, 2: "height", 3: "width"}

    encoder = CLIPTextModel.from_pretrained(f"{model}/text_encoder", dtype=torch.float32, variant="fp16")
    ids = torch.zeros(2, TOKENS, dtype=torch.int64)
    names = ["last_hidden_state", "pooler_output"]
    axes = {"input_ids": {**batch, 1: "sequence"}, names[0]: {**batch, 1: "sequence"}, names[1]: batch}
    export(TextEncoder(encoder.eval()), (ids,), ["input_ids"], names, axes, root / "text_encoder")
    del encoder

    unet = UNet2DConditionModel.from_pretrained(f"{model}/unet", **loaded)
    size, width = unet.config.sample_size, unet.config.cross_attention_dim
    given = (torch.randn(2, 4, size, size), torch.tensor(1), torch.randn(2, TOKENS, width))
    names = ["sample", "timestep", "encoder_hidden_states"]
    axes = {"sample": image, names[2]: {**batch, 1: "sequence"}, "out_sample": image}
    export(Unet(unet.eval()), given, names, ["out_sample"], axes, root / "unet")
    del unet

    vae = AutoencoderKL.from_pretrained(f"{model}/vae", **loaded).eval()
    latents = torch.randn(1, 4, 32, 32)
    export(Decoder(vae), (latents,), ["latent_sample"], ["sample"], {"latent_sample": image, "sample": image}, root / "vae_decoder")
    pixels = torch.randn(1, 3, 256, 256)
    export(Encoder(vae), (pixels,), ["sample"], ["latent_parameters"], {"sample": image, "latent_parameters": image}, root / "vae_encoder")


main()
