"""Run diffusers' StableDiffusionPipeline on the trained weights and write fashion-sd.json and its pictures.

With --check-onnx it also runs the model folder's ONNX files with the same schedulers and compares.
"""

import argparse
import json
from pathlib import Path

import diffusers
import numpy as np
import onnxruntime
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
)
from PIL import Image

from common import build_parts, load_weights, tokenize

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
PNDM = (PNDMScheduler, {"skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1})
DDIM = (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1})
DPM = (DPMSolverMultistepScheduler, {})
EULER = (EulerDiscreteScheduler, {"timestep_spacing": "leading", "steps_offset": 1})
# prompt, negative prompt, seed, scheduler, steps, guidance scale
CASES = [
    ("a photo of a red sneaker", "", 7, PNDM, 50, 4.0),
    ("a blue dress", "", 0, PNDM, 20, 4.0),
    ("green handbag", "", 42, DDIM, 50, 4.0),
    ("a photo of a purple ankle boot", "", 3, DDIM, 20, 7.5),
    ("a pink pullover", "", 5, DPM, 20, 4.0),
    ("orange sandal", "a blue dress", 11, DPM, 10, 4.0),
    ("a yellow coat", "", 8, EULER, 20, 4.0),
    ("a photo of black trousers", "", 9, PNDM, 50, 1.0),
]


def load_pipeline(model, weights):
    """The pipeline with the trained torch modules."""
    tokenizer, text_encoder, unet, vae = build_parts(model)
    weights = Path(weights)
    pipeline = StableDiffusionPipeline(
        tokenizer=tokenizer,
        text_encoder=load_weights(text_encoder, weights / "text_encoder.pt"),
        unet=load_weights(unet, weights / "unet.pt"),
        vae=load_weights(vae, weights / "vae.pt"),
        scheduler=make_scheduler(PNDM),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def make_scheduler(choice):
    cls, options = choice
    return cls(**BETAS, **options)


def digits(values, count=6):
    return [float(f"{value:.{count}g}") for value in np.asarray(values, np.float64).ravel()]


def plain_config(scheduler):
    """The configuration without what is null; its list of defaults is in a fixed order."""
    config = {k: v for k, v in scheduler.config.items() if v is not None}
    return config | {"_use_default_values": sorted(config["_use_default_values"])}


def run_pipeline(pipeline, case):
    prompt, negative, seed, choice, steps, scale = case
    pipeline.scheduler = make_scheduler(choice)
    calls = []

    def record(_, step, timestep, values):
        calls.append((float(timestep), values["latents"].numpy().copy()))
        return values

    image = pipeline(
        prompt, negative_prompt=negative, guidance_scale=scale, num_inference_steps=steps,
        latents=torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(seed)),
        height=32, width=32, callback_on_step_end=record,
    ).images[0]
    return calls, image


class OnnxModel:
    def __init__(self, folder):
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.sessions = {
            part: onnxruntime.InferenceSession(
                str(Path(folder) / part / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            for part in ("text_encoder", "unet", "vae_decoder")
        }

    def run(self, part, *inputs):
        session = self.sessions[part]
        names = [item.name for item in session.get_inputs()]
        feeds = {name: np.asarray(value) for name, value in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, feeds)[0])


def run_onnx(onnx, tokenizer, scaling_factor, case):
    prompt, negative, seed, choice, steps, scale = case
    scheduler = make_scheduler(choice)
    scheduler.set_timesteps(steps)
    text = onnx.run("text_encoder", tokenize(tokenizer, [negative, prompt]))
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(seed))
    latents = latents * scheduler.init_noise_sigma
    calls = []
    for timestep in scheduler.timesteps:
        model_input = scheduler.scale_model_input(latents, timestep)
        step = np.array(int(timestep), np.int64)
        if scale == 1:
            noise = onnx.run("unet", model_input, step, text[1:])
        else:
            unconditional, conditional = onnx.run("unet", model_input.repeat(2, 1, 1, 1), step, text).chunk(2)
            noise = unconditional + scale * (conditional - unconditional)
        latents = scheduler.step(noise, timestep, latents).prev_sample
        calls.append((float(timestep), latents.numpy().copy()))
    decoded = onnx.run("vae_decoder", latents / scaling_factor)
    pixels = ((decoded / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    return calls, Image.fromarray(pixels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="model folder with configs, tokenizer and ONNX files")
    parser.add_argument("--weights", required=True, help="folder with the trained *.pt")
    parser.add_argument("--out", required=True, help="folder for fashion-sd.json and fashion-sd/*.png")
    parser.add_argument("--check-onnx", action="store_true")
    args = parser.parse_args()
    out = Path(args.out)
    (out / "fashion-sd").mkdir(parents=True, exist_ok=True)
    pipeline = load_pipeline(args.model, args.weights)
    onnx = OnnxModel(args.model) if args.check_onnx else None
    cases = []
    for index, case in enumerate(CASES):
        prompt, negative, seed, choice, steps, scale = case
        calls, image = run_pipeline(pipeline, case)
        picture = f"fashion-sd/{index}.png"
        image.save(out / picture)
        kept = (0, 1, steps // 2, len(calls) - 1)
        cases.append({
            "prompt": prompt,
            "negativePrompt": negative,
            "seed": seed,
            "scheduler": choice[0].__name__,
            "schedulerConfig": plain_config(pipeline.scheduler),
            "steps": steps,
            "guidanceScale": scale,
            "inputIds": tokenize(pipeline.tokenizer, [prompt])[0].tolist(),
            "callTimesteps": [timestep for timestep, _ in calls],
            "latentsAfterCall": {str(call): digits(calls[call][1]) for call in kept},
            "latentNormAfterCall": digits([np.linalg.norm(x.astype(np.float64)) for _, x in calls]),
            "image": picture,
        })
        if onnx:
            other, other_image = run_onnx(onnx, pipeline.tokenizer, pipeline.vae.config.scaling_factor, case)
            assert [t for t, _ in calls] == [t for t, _ in other]
            worst = max(np.abs(a - b).max() / a.std() for (_, a), (_, b) in zip(calls, other, strict=True))
            difference = np.abs(np.asarray(image, int) - np.asarray(other_image, int)).max()
            print(f"{prompt}: latents differ by {worst:.1e} of their deviation, picture by {difference}")
    head = {
        "source": f"diffusers {diffusers.__version__} StableDiffusionPipeline on the float weights of "
        "models/fashion-sd; initial latents randn(1,4,16,16) from Generator().manual_seed(seed); "
        "prompts padded to 16 tokens; guidance: unconditional + scale * (conditional - unconditional); "
        "no guidance at scale 1",
        "height": 32,
        "width": 32,
        "vaeScaleFactor": 2,
    }
    (out / "fashion-sd.json").write_text(json.dumps(head | {"cases": cases}))


if __name__ == "__main__":
    main()
