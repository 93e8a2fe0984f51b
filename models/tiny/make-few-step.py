"""Tiny pipelines of few steps and of long prompts, and what diffusers makes of them.

    python models/tiny/make-few-step.py <folder with CLIP tokenizers>

The folder is that of make-pipelines.py, whose `sdxl` this reads. Needs torch, diffusers, transformers and onnx.
"""

import importlib
import json
import sys
from pathlib import Path

import numpy
import torch
from diffusers import (
    AutoencoderKL,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
tiny = importlib.import_module("make-pipelines")

NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def parts(seed, **unet):
    """One text encoder, a U-Net and a decoder of seeded weights."""
    torch.manual_seed(seed)
    tokenizer = CLIPTokenizer.from_pretrained(tiny.TOKENIZERS / "first")
    return {
        "unet": tiny.rounded(
            UNet2DConditionModel(
                block_out_channels=(8, 16),
                layers_per_block=1,
                sample_size=8,
                down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
                attention_head_dim=2,
                cross_attention_dim=16,
                norm_num_groups=4,
                **unet,
            )
        ),
        "vae": tiny.rounded(
            AutoencoderKL(
                block_out_channels=(8, 8),
                down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2,
                latent_channels=4,
                layers_per_block=1,
                norm_num_groups=4,
                sample_size=16,
            )
        ),
        "text_encoder": tiny.rounded(CLIPTextModel(tiny.text_config(16, 16, tokenizer))),
        "tokenizer": tokenizer,
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }


def write(folder, name, pipeline, cases):
    made = [tiny.golden(pipeline, case) for case in cases]
    (HERE / folder / name).write_text(json.dumps(made) + "\n")


def lcm():
    pipeline = LatentConsistencyModelPipeline(
        **parts(1, time_cond_proj_dim=12), scheduler=LCMScheduler(**NOISE, clip_sample=False)
    )
    tiny.save(pipeline, HERE / "lcm")
    cases = [
        {"prompt": "a red shoe!", "guidanceScale": 8.5, "seed": 7},
        {"prompt": "a fox on green", "guidanceScale": 1.0, "seed": 8},
    ]
    write("lcm", "golden.json", pipeline, cases)
    export_unet(pipeline.unet, HERE / "lcm-unet")


def export_unet(unet, folder):
    """As optimum exports it: one file of ONNX with the guidance embedding as an input."""
    folder.mkdir(exist_ok=True)

    class Denoiser(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unet = unet

        def forward(self, sample, timestep, encoder_hidden_states, timestep_cond):
            return self.unet(
                sample, timestep, encoder_hidden_states, timestep_cond=timestep_cond, return_dict=False
            )[0]

    inputs = {
        "sample": (torch.zeros(2, 4, 8, 8), {0: "batch_size", 2: "height", 3: "width"}),
        "timestep": (torch.tensor(1.0), {}),
        "encoder_hidden_states": (torch.zeros(2, 77, 16), {0: "batch_size", 1: "sequence_length"}),
        "timestep_cond": (torch.zeros(2, 12), {0: "batch_size"}),
    }
    torch.onnx.export(
        Denoiser(),
        tuple(value for value, _ in inputs.values()),
        folder / "model.onnx",
        input_names=list(inputs),
        output_names=["out_sample"],
        dynamic_axes={name: axes for name, (_, axes) in inputs.items() if axes},
        opset_version=17,
        dynamo=False,
    )
    unet.save_config(folder)


def sd_turbo():
    trailing = EulerDiscreteScheduler(**NOISE, timestep_spacing="trailing", steps_offset=1)
    pipeline = StableDiffusionPipeline(**parts(2), scheduler=trailing)
    tiny.save(pipeline, HERE / "sd-turbo")
    cases = [
        {"prompt": "a red shoe!", "guidanceScale": 0.0, "seed": 7},
        {"prompt": "a fox on green", "guidanceScale": 0.0, "seed": 8, "steps": 1},
    ]
    write("sd-turbo", "golden.json", pipeline, cases)


def prompts():
    """CLIP without its last layers, and a word of two vectors; with the weights of `sd-turbo` and `sdxl`."""
    # transformers 5 has no inner model any more, which diffusers looks for the final norm in.
    CLIPTextModel.text_model = property(lambda self: self)
    pipeline = StableDiffusionPipeline.from_pretrained(HERE / "sd-turbo", torch_dtype=torch.float32)
    asked = {"prompt": "a red shoe!", "guidanceScale": 0.0, "seed": 7, "steps": 2}
    write("sd-turbo", "golden-clip-skip.json", pipeline, [{**asked, "clipSkip": 1}, {**asked, "clipSkip": 2}])
    torch.manual_seed(5)
    vectors = torch.randn(2, 16)
    save_file({"<toy>": vectors}, HERE / "sd-turbo" / "toy.safetensors")
    pipeline.load_textual_inversion({"<toy>": vectors})
    case = {"prompt": "a red <toy>, blue", "guidanceScale": 0.0, "seed": 7, "steps": 2}
    write("sd-turbo", "golden-embedding.json", pipeline, [case])
    pipeline = StableDiffusionXLPipeline.from_pretrained(HERE / "sdxl", add_watermarker=False, torch_dtype=torch.float32)
    write("sdxl", "golden-clip-skip.json", pipeline, [{**asked, "clipSkip": 1}])


def refiner():
    """SDXL's refiner: the second text encoder alone, an aesthetic score, and a picture to begin with."""
    torch.manual_seed(3)
    base = StableDiffusionXLPipeline.from_pretrained(HERE / "sdxl", add_watermarker=False, torch_dtype=torch.float32)
    second = base.tokenizer_2
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        # As in the real one, so that graphs know how many numbers there are.
        projection_class_embeddings_input_dim=5 * 8 + 1280,
        cross_attention_dim=24,
        norm_num_groups=4,
    )
    pipeline = StableDiffusionXLImg2ImgPipeline(
        unet=tiny.rounded(unet),
        vae=base.vae,
        text_encoder=None,
        text_encoder_2=tiny.rounded(CLIPTextModelWithProjection(tiny.text_config(24, 1280, second))),
        tokenizer=None,
        tokenizer_2=second,
        scheduler=base.scheduler,
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )
    tiny.save(pipeline, HERE / "sdxl-refiner")
    side = range(32)
    image = numpy.array([[[8 * x, 8 * y, 4 * (x + y)] for x in side] for y in side], dtype=numpy.uint8)
    case = {"prompt": "a red shoe!", "negativePrompt": "blurry", "guidanceScale": 5.0, "seed": 7, "steps": 6, "strength": 0.5}
    asked = {
        "prompt": case["prompt"],
        "negative_prompt": case["negativePrompt"],
        "guidance_scale": case["guidanceScale"],
        "num_inference_steps": case["steps"],
        "strength": case["strength"],
        "image": Image.fromarray(image),
    }
    seeded = lambda: torch.Generator().manual_seed(case["seed"])
    with torch.no_grad():
        latents = pipeline(**asked, generator=seeded(), output_type="latent").images
        picture = pipeline(**asked, generator=seeded(), output_type="np").images[0]
    golden = {
        **case,
        "latents": [round(float(value), 6) for value in latents.flatten()],
        "picture": numpy.round(picture * 255).astype(int).flatten().tolist(),
    }
    (HERE / "sdxl-refiner" / "golden.json").write_text(json.dumps([golden]) + "\n")


def sdxl_turbo():
    """The weights of `sdxl` with the schedulers of SDXL-Turbo and of SDXL-Lightning."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(
        HERE / "sdxl", add_watermarker=False, torch_dtype=torch.float32
    )
    for name, scheduler in [
        ("turbo", EulerAncestralDiscreteScheduler(**NOISE, timestep_spacing="trailing", steps_offset=1)),
        ("lightning", EulerDiscreteScheduler(**NOISE, timestep_spacing="trailing", steps_offset=1)),
    ]:
        pipeline.scheduler = scheduler
        case = {"prompt": "a fox on green", "guidanceScale": 0.0, "seed": 8}
        write("sdxl", f"golden-{name}.json", pipeline, [case])


if __name__ == "__main__":
    lcm()
    sd_turbo()
    sdxl_turbo()
    prompts()
    refiner()
