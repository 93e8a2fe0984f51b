"""Write text encoder, U-Net, VAE decoder and evaluator as ONNX files, in optimum's layout and naming."""

import argparse
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from common import build_parts, load_weights, tokenize
from evaluator import Evaluator

BATCH, SEQUENCE = "batch_size", "sequence_length"


class TextEncoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        model.set_attn_implementation("eager")
        self.__dict__["model"] = model
        for name, child in model.named_children():
            setattr(self, name, child)

    def forward(self, input_ids):
        out = self.model(input_ids=input_ids, return_dict=True)
        return out.last_hidden_state, out.pooler_output


class Unet(torch.nn.Module):
    """Takes the inputs in order and keeps the names of the U-Net's modules for the nodes."""

    def __init__(self, model):
        super().__init__()
        self.__dict__["model"] = model
        for name, child in model.named_children():
            setattr(self, name, child)

    def forward(self, sample, timestep, encoder_hidden_states):
        return self.model(sample, timestep, encoder_hidden_states, return_dict=False)[0]


class VaeDecoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.post_quant_conv = model.post_quant_conv
        self.decoder = model.decoder

    def forward(self, latent_sample):
        return self.decoder(self.post_quant_conv(latent_sample))


def drop_stack_traces(model):
    """Leave out the metadata with the exporting machine's source paths."""
    for node in model.graph.node:
        kept = [entry for entry in node.metadata_props if "stack_trace" not in entry.key]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)


def fix_output_shapes(model, values, axes):
    """Name the sizes of the dimensions that are not dynamic, where the exporter could not tell."""
    values = values if isinstance(values, tuple) else (values,)
    for output, value in zip(model.graph.output, values, strict=True):
        for axis, dim in enumerate(output.type.tensor_type.shape.dim):
            if axis not in axes[output.name]:
                dim.dim_value = value.shape[axis]


def export_checked(module, inputs, outputs, path, check_inputs=None, dynamo=False, tolerance=1e-4):
    """Export, run both and compare. `inputs` maps a name to (tensor, dynamic axes), `outputs` a name to dynamic axes.

    `check_inputs` are tensors of other dynamic sizes to compare on as well.
    """
    module.eval()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = tuple(tensor for tensor, _ in inputs.values())
    temporary = path.with_suffix(".tmp")
    options = {"input_names": list(inputs), "output_names": list(outputs), "opset_version": 18}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            shapes = tuple(
                {axis: torch.export.Dim.DYNAMIC for axis in axes} for _, axes in inputs.values()
            )
            torch.onnx.export(
                module, tensors, temporary, dynamo=True, dynamic_shapes=shapes,
                external_data=False, verbose=False, **options,
            )
        else:
            axes = {name: axes for name, (_, axes) in inputs.items()} | outputs
            torch.onnx.export(
                module, tensors, str(temporary), dynamo=False, dynamic_axes=axes,
                do_constant_folding=True, **options,
            )
    model = onnx.load(temporary)
    if dynamo:
        drop_stack_traces(model)
    fix_output_shapes(model, module(*tensors), outputs)
    onnx.save(model, temporary)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
    worst = 0.0
    for case in [tensors, *(check_inputs or [])]:
        with torch.no_grad():
            expected = module(*case)
        expected = expected if isinstance(expected, tuple) else (expected,)
        actual = session.run(None, {n: t.numpy() for n, t in zip(inputs, case, strict=True)})
        for want, got in zip(expected, actual, strict=True):
            want = want.numpy()
            assert want.shape == got.shape, (path, want.shape, got.shape)
            assert np.isfinite(got).all() and got.std() > 0, path
            worst = max(worst, float(np.abs(want - got).max() / np.abs(want).max()))
    assert worst < tolerance, (path, worst)
    temporary.replace(path)
    parameters = sum(p.numel() for p in module.parameters())
    print(f"{path}: {len(model.graph.node)} nodes, {parameters} parameters, relative difference {worst:.1e}")


def export_text_encoder(model, tokenizer, path):
    ids = tokenize(tokenizer, ["a photo of a red sneaker", "blue dress"])
    export_checked(
        TextEncoder(model),
        {"input_ids": (ids, {0: BATCH, 1: SEQUENCE})},
        {"last_hidden_state": {0: BATCH, 1: SEQUENCE}, "pooler_output": {0: BATCH}},
        path,
        [(ids[:1],), (ids.repeat(3, 1)[:5, :9].contiguous(),)],
    )


def unet_case(config, batch, size, sequence, timestep):
    text = torch.randn(batch, sequence, config.cross_attention_dim)
    return torch.randn(batch, config.in_channels, *size), timestep, text


def export_unet(model, path):
    image_axes = {0: BATCH, 2: "height", 3: "width"}
    sample, timestep, text = unet_case(model.config, 2, (16, 16), 16, torch.tensor(981))
    export_checked(
        Unet(model),
        {
            "sample": (sample, image_axes),
            "timestep": (timestep, {}),
            "encoder_hidden_states": (text, {0: BATCH, 1: SEQUENCE}),
        },
        {"out_sample": image_axes},
        path,
        [
            unet_case(model.config, 1, (16, 16), 16, torch.tensor(1)),
            unet_case(model.config, 3, (8, 12), 7, torch.tensor(500)),
        ],
    )


def export_vae_decoder(model, path):
    factor = 2 ** (len(model.config.up_block_types) - 1)
    channels = model.config.latent_channels
    export_checked(
        VaeDecoder(model),
        {
            "latent_sample": (
                torch.randn(2, channels, 16, 16),
                {0: BATCH, 2: "latent_height", 3: "latent_width"},
            )
        },
        {"sample": {0: BATCH, 2: f"latent_height * {factor}", 3: f"latent_width * {factor}"}},
        path,
        [(torch.randn(1, channels, 16, 16),), (torch.randn(3, channels, 8, 12),)],
    )


def export_evaluator(model, path):
    batch = {0: BATCH}
    export_checked(
        model,
        {"image": (torch.rand(2, 3, 32, 32) * 2 - 1, batch)},
        {"features": batch, "kind": batch, "color": batch},
        path,
        [(torch.rand(7, 3, 32, 32) * 2 - 1,)],
    )


def perturb(module):
    """Make all parameters differ, or the exporter would share the equal ones through Identity nodes."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="model folder (configs and tokenizer; gets the ONNX files)")
    parser.add_argument("--evaluator", help="evaluator folder (gets evaluator.onnx)")
    parser.add_argument("--weights", help="folder with the trained *.pt; without it weights are random")
    args = parser.parse_args()
    torch.manual_seed(0)
    tokenizer, text_encoder, unet, vae = build_parts(args.model)
    evaluator = Evaluator()
    if args.weights:
        weights = Path(args.weights)
        load_weights(text_encoder, weights / "text_encoder.pt")
        load_weights(unet, weights / "unet.pt")
        load_weights(vae, weights / "vae.pt")
        if args.evaluator:
            load_weights(evaluator, weights / "evaluator.pt")
    else:
        for module in (text_encoder, unet, vae):
            perturb(module)
    folder = Path(args.model)
    export_text_encoder(text_encoder, tokenizer, folder / "text_encoder/model.onnx")
    export_unet(unet, folder / "unet/model.onnx")
    export_vae_decoder(vae, folder / "vae_decoder/model.onnx")
    if args.evaluator:
        export_evaluator(evaluator, Path(args.evaluator) / "evaluator.onnx")


if __name__ == "__main__":
    main()
