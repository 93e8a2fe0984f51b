"""Exports transformers of models/tiny as `optimum-cli export onnx` does: files, names and axes of optimum-onnx 0.1.0.

    python models/tiny/make-optimum.py sd3 flux-dev

writes models/tiny/optimum-sd3 and models/tiny/optimum-flux-dev: transformer/model.onnx, text_encoder*/model.onnx that take
ids alone, vae_decoder/model.onnx. Configurations, tokenizers and the scheduler are those of the source. Made with torch
2.13.0, diffusers 0.42.1 and transformers 5.23.0.
"""

import shutil
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel, SD3Transformer2DModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, T5EncoderModel

TINY = Path(__file__).parent


def rms_norm(values, _, weight=None, eps=None):
    """In operators that opset 18 has."""
    scaled = values * torch.rsqrt(values.pow(2).mean(-1, keepdim=True) + (eps or torch.finfo(values.dtype).eps))
    return scaled if weight is None else scaled * weight


def unflatten_last(values, _, sizes):
    """Of the last axis; the others stay open, which `unflatten` writes into the graph as they were traced."""
    return values.reshape(*values.shape[:-1], *sizes)


torch.nn.functional.rms_norm = rms_norm
torch.Tensor.unflatten = unflatten_last


class Wrapped(torch.nn.Module):
    """A model whose forward takes its inputs in the order of their names and gives a tuple."""

    def __init__(self, names, run):
        super().__init__()
        self.names, self.run = names, run

    def forward(self, *given):
        return self.run(**dict(zip(self.names, given)))


def export(place, module, run, inputs, outputs):
    """`inputs`: (tensor, axes) by name; `outputs`: axes by name."""
    place.parent.mkdir(parents=True, exist_ok=True)
    names = list(inputs)
    wrapped = Wrapped(names, run)
    wrapped.module = module
    torch.onnx.export(
        wrapped.eval(),
        tuple(value for value, _ in inputs.values()),
        str(place),
        input_names=names,
        output_names=list(outputs),
        dynamic_axes={**{name: axes for name, (_, axes) in inputs.items()}, **outputs},
        opset_version=18,
        do_constant_folding=True,
        dynamo=False,
    )


def text_encoder(source, target, name, kind, outputs):
    model = kind.from_pretrained(source / name, dtype=torch.float32)
    text = {0: "batch_size", 1: "sequence_length"}
    ids = torch.randint(0, 40, (2, 16))

    def run(input_ids):
        result = model(input_ids=input_ids, output_hidden_states=True)
        return tuple(
            result.hidden_states[int(each.split(".")[1])] if each.startswith("hidden_states.") else getattr(result, each)
            for each in outputs(model)
        )

    axes = {each: {0: "batch_size"} if each == "pooler_output" else text for each in outputs(model)}
    export(target / name / "model.onnx", model, run, {"input_ids": (ids, text)}, axes)


def with_states(*first):
    return lambda model: [*first, *(f"hidden_states.{i}" for i in range(model.config.num_hidden_layers + 1))]


def decoder(source, target):
    vae = AutoencoderKL.from_pretrained(source / "vae", torch_dtype=torch.float32)
    vae.post_quant_conv = vae.post_quant_conv or torch.nn.Identity()
    channels = vae.config.latent_channels
    size = {0: "batch_size", 2: "latent_height", 3: "latent_width"}
    export(
        target / "vae_decoder" / "model.onnx",
        vae,
        lambda latent_sample: (vae.decode(latent_sample, return_dict=False)[0],),
        {"latent_sample": (torch.randn(1, channels, 8, 8), size)},
        {"sample": {0: "batch_size", 2: "height", 3: "width"}},
    )


def sd3(source, target):
    model = SD3Transformer2DModel.from_pretrained(source / "transformer", torch_dtype=torch.float32)
    config = model.config
    size = {0: "batch_size", 2: "height", 3: "width"}
    inputs = {
        "hidden_states": (torch.randn(2, config.in_channels, 8, 8), size),
        "encoder_hidden_states": (
            torch.randn(2, 20, config.joint_attention_dim),
            {0: "batch_size", 1: "sequence_length"},
        ),
        "pooled_projections": (torch.randn(2, config.pooled_projection_dim), {0: "batch_size"}),
        "timestep": (torch.tensor([500.0, 500.0]), {0: "step"}),
    }
    run = lambda **given: model(**given, return_dict=False)  # noqa: E731
    export(target / "transformer" / "model.onnx", model, run, inputs, {"out_hidden_states": size})
    clip = with_states("text_embeds", "last_hidden_state")
    text_encoder(source, target, "text_encoder", CLIPTextModelWithProjection, clip)
    text_encoder(source, target, "text_encoder_2", CLIPTextModelWithProjection, clip)
    text_encoder(source, target, "text_encoder_3", T5EncoderModel, lambda _: ["last_hidden_state"])


def flux(source, target):
    model = FluxTransformer2DModel.from_pretrained(source / "transformer", torch_dtype=torch.float32)
    config = model.config
    picture = {0: "batch_size", 1: "packed_height_width"}
    inputs = {
        "hidden_states": (torch.randn(2, 6, config.in_channels), picture),
        "encoder_hidden_states": (
            torch.randn(2, 9, config.joint_attention_dim),
            {0: "batch_size", 1: "sequence_length"},
        ),
        "pooled_projections": (torch.randn(2, config.pooled_projection_dim), {0: "batch_size"}),
        "timestep": (torch.tensor([0.5, 0.5]), {0: "step"}),
        "txt_ids": (torch.zeros(9, 3), {0: "sequence_length"}),
        "img_ids": (torch.rand(6, 3), {0: "packed_height_width"}),
        **({"guidance": (torch.tensor([3.5, 3.5]), {0: "batch_size"})} if config.guidance_embeds else {}),
    }
    run = lambda **given: model(**given, return_dict=False)  # noqa: E731
    export(target / "transformer" / "model.onnx", model, run, inputs, {"out_hidden_states": picture})
    text_encoder(source, target, "text_encoder", CLIPTextModel, with_states("last_hidden_state", "pooler_output"))
    text_encoder(source, target, "text_encoder_2", T5EncoderModel, lambda _: ["last_hidden_state"])


def main(names):
    torch.manual_seed(0)
    for name in names:
        source, target = TINY / name, TINY / f"optimum-{name}"
        with torch.no_grad():
            (flux if name.startswith("flux") else sd3)(source, target)
            decoder(source, target)
        shutil.copy(source / "model_index.json", target / "model_index.json")
        for part in ["scheduler", *(path.name for path in source.glob("tokenizer*"))]:
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        for part in ["transformer", *(path.name for path in source.glob("text_encoder*"))]:
            shutil.copy(source / part / "config.json", target / part / "config.json")
        shutil.copy(source / "vae" / "config.json", target / "vae_decoder" / "config.json")


main(sys.argv[1:])
