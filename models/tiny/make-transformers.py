"""Tiny pipelines of diffusion transformers with seeded weights, and what diffusers makes of them.

    python models/tiny/make-transformers.py <folder with CLIP tokenizers> [name …]

The folder holds two CLIP tokenizers, `first/` and `second/` (whose padding is "!"). A tokenizer for T5 is learned here
(T5's own table of character normalization, 300 kB, is left out; NFKC stands for it). Names are of pipelines; without
any all are made. Needs torch, diffusers 0.39 or newer and transformers 5.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy
import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    PixArtAlphaPipeline,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

HERE = Path(__file__).parent
TOKENIZERS = Path(sys.argv[1])
STEPS = 4
T5_WIDTH = 48
WORDS = [
    "a red shoe!", "a blue dress on a white table", "it's the best, don't you think?", "cats and dogs 123, 456 7.89",
    "painting of a small house by the river", "a fox on green grass", "blurry, low quality",
] * 4


def t5_tokenizer():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "\u2581")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always", split=True)
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=130, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.decoder = decoders.Metaspace()
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **names)


def t5(tokenizer):
    return T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=T5_WIDTH,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
        )
    )


def clip(kind, width, tokenizer):
    return kind(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            projection_dim=width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def vae(latent_channels, **config):
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=latent_channels,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=32,
        force_upcast=False,
        **config,
    )


def ready(module):
    """
    Weights of deviation 1/sqrt(fan-in), as their float16 files hold them: modulations and last layers start at zero or
    near it, and so small a model would draw the same whatever it is told.
    """
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1 and "scale_shift_table" not in name:
                parameter.copy_(torch.randn(parameter.shape) / parameter[0].numel() ** 0.5)
    return module.half().float().eval()


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def save(pipeline, name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    pipeline.to(torch.float16).save_pretrained(folder, safe_serialization=True)
    pipeline.to(torch.float32)


def write_golden(pipeline, name, cases, **always):
    """Final latents, before they are unpacked, and the picture of each request."""
    (HERE / name / "golden.json").write_text(json.dumps([golden(pipeline, case, always) for case in cases]) + "\n")


def golden(pipeline, case, always):
    decoded = []
    decode = pipeline.vae.decode

    def watched(latents, *args, **kw):
        decoded.append(latents)
        return decode(latents, *args, **kw)

    pipeline.vae.decode = watched
    names = {"prompt": "prompt", "negativePrompt": "negative_prompt", "guidanceScale": "guidance_scale"}
    asked = {names[key]: value for key, value in case.items() if key in names}
    sizes = {key: case[key] for key in ("width", "height") if key in case}
    with torch.no_grad():
        picture = pipeline(
            **asked, **sizes, **always, num_inference_steps=STEPS, generator=seeded(case["seed"]), output_type="np"
        ).images[0]
    pipeline.vae.decode = decode
    config = pipeline.vae.config
    latents = (decoded[0] - (config.shift_factor or 0)) * config.scaling_factor
    return {
        **case,
        "steps": STEPS,
        "latents": [round(float(value), 5) for value in latents.flatten()],
        "picture": numpy.round(picture * 255).astype(int).flatten().tolist(),
    }


PROMPTED = [
    {"prompt": "a red shoe!", "negativePrompt": "blurry", "guidanceScale": 5.0, "seed": 7},
    {"prompt": "a fox on green grass", "guidanceScale": 1.0, "seed": 8},
]


def sd3_transformer(layers, **config):
    return SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=layers,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=T5_WIDTH,
        caption_projection_dim=16,
        pooled_projection_dim=16 + 24,
        pos_embed_max_size=24,
        **config,
    )


def sd3(name="sd3", layers=3, with_t5=True, scheduler=None, seed=2, **config):
    torch.manual_seed(seed)
    first = CLIPTokenizer.from_pretrained(TOKENIZERS / "first")
    second = CLIPTokenizer.from_pretrained(TOKENIZERS / "second")
    third = t5_tokenizer()
    pipeline = StableDiffusion3Pipeline(
        transformer=ready(sd3_transformer(layers, **config)),
        scheduler=scheduler or FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=ready(vae(4, scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False)),
        text_encoder=ready(clip(CLIPTextModelWithProjection, 16, first)),
        tokenizer=first,
        text_encoder_2=ready(clip(CLIPTextModelWithProjection, 24, second)),
        tokenizer_2=second,
        text_encoder_3=ready(t5(third)) if with_t5 else None,
        tokenizer_3=third if with_t5 else None,
    )
    save(pipeline, name)
    write_golden(pipeline, name, PROMPTED)


def sd35():
    """As SD3.5 medium: queries and keys normalized, a second attention in the first blocks, sizes shift the noise; no T5."""
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_image_seq_len=16, max_image_seq_len=256)
    sd3("sd35", 4, False, scheduler, 3, dual_attention_layers=(0, 1), qk_norm="rms_norm")


def flux(name="flux-dev", guidance=True, seed=4):
    torch.manual_seed(seed)
    first = CLIPTokenizer.from_pretrained(TOKENIZERS / "first")
    second = t5_tokenizer()
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=16,
        guidance_embeds=guidance,
        axes_dims_rope=(4, 6, 6),
    )
    shifts = {"use_dynamic_shifting": True, "base_image_seq_len": 16, "max_image_seq_len": 256} if guidance else {}
    pipeline = FluxPipeline(
        transformer=ready(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0 if guidance else 1.0, **shifts),
        vae=ready(vae(4, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False)),
        text_encoder=ready(clip(CLIPTextModel, 16, first)),
        tokenizer=first,
        text_encoder_2=ready(t5(second)),
        tokenizer_2=second,
    )
    save(pipeline, name)
    cases = [
        {"prompt": "a red shoe!", "guidanceScale": 3.5, "seed": 7, "width": 32, "height": 32},
        {"prompt": "a fox on green grass", "guidanceScale": 0.0, "seed": 8, "width": 24, "height": 32},
    ]
    write_golden(pipeline, name, cases)


def flux_schnell():
    flux("flux-schnell", False, 5)


def pixart(kind, name, sample_size, seed, **sizes):
    torch.manual_seed(seed)
    tokenizer = t5_tokenizer()
    transformer = PixArtTransformer2DModel(
        num_attention_heads=3,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=3,
        cross_attention_dim=24,
        sample_size=sample_size,
        patch_size=2,
        caption_channels=T5_WIDTH,
        norm_num_groups=4,
        interpolation_scale=1,
    )
    pipeline = kind(
        transformer=ready(transformer),
        scheduler=DPMSolverMultistepScheduler(beta_schedule="linear", beta_end=0.02, solver_order=2),
        vae=ready(vae(4, scaling_factor=0.13025)),
        text_encoder=ready(t5(tokenizer)),
        tokenizer=tokenizer,
    )
    save(pipeline, name)
    cases = [{**case, **sizes} for case in PROMPTED]
    write_golden(pipeline, name, cases, use_resolution_binning=False, clean_caption=False)


def pixart_alpha():
    """Of 1024 pixels: told the picture's size and form, which the pipeline does where the native size says so."""
    pixart(PixArtAlphaPipeline, "pixart-alpha", 128, 6, width=24, height=32)


def pixart_sigma():
    pixart(PixArtSigmaPipeline, "pixart-sigma", 16, 7)


MODELS = {
    "sd3": sd3,
    "sd35": sd35,
    "flux-dev": flux,
    "flux-schnell": flux_schnell,
    "pixart-alpha": pixart_alpha,
    "pixart-sigma": pixart_sigma,
}

if __name__ == "__main__":
    for name in sys.argv[2:] or MODELS:
        MODELS[name]()
