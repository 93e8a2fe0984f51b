"""Pictures from prompts with the torch modules, and sheets of them with their captions."""

from pathlib import Path

import torch
from diffusers import DPMSolverMultistepScheduler
from PIL import Image, ImageDraw

from parts import MODEL, to_pixels, tokenize

PROMPTS = [
    "a fox", "a cat", "a burger", "a crying face", "a rocket", "a strawberry",
    "a fox on green", "a panda on red", "a castle on black", "a sunflower on blue", "a big pizza on blue", "a small car on pink",
    "two red apples", "three bananas", "two foxes on orange", "three green frogs", "four hearts", "four bees on yellow",
    "a blue cat", "a purple unicorn on yellow", "a pink dinosaur", "a green fish", "a blue star on gray", "an orange heart",
    "a cat and a dog", "a penguin and a donut", "a strawberry and a banana on green", "a red balloon and a green balloon",
    "a ghost and a pumpkin on black", "a blue car and a house",
]


def make_scheduler():
    return DPMSolverMultistepScheduler.from_pretrained(Path(MODEL) / "scheduler")


def generate(
    tokenizer, text_encoder, unet, vae, prompts, side=32, steps=20, guidance=3.0, seed=0, device="cpu", make=make_scheduler
):
    """Pictures [N,3,4·side,4·side] in [−1,1]; at guidance 1 from the conditional half alone."""
    scheduler = make()
    scheduler.set_timesteps(steps, device=device)
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(len(prompts), 4, side, side, generator=generator).to(device)
    captions = list(prompts) if guidance == 1 else [""] * len(prompts) + list(prompts)
    with torch.no_grad():
        text = text_encoder(tokenize(tokenizer, captions).to(device)).last_hidden_state
        for timestep in scheduler.timesteps:
            predicted = unet(latents.repeat(len(captions) // len(prompts), 1, 1, 1), timestep, text).sample
            if guidance != 1:
                without, with_text = predicted.chunk(2)
                predicted = without + guidance * (with_text - without)
            latents = scheduler.step(predicted, timestep, latents).prev_sample
        return vae.decode(latents / vae.config.scaling_factor).sample.clamp(-1, 1)


def captioned_sheet(images, captions, columns=6, side=128):
    height, lines = side + 30, max(1, side // 6)
    sheet = Image.new("RGB", (columns * (side + 8), -(-len(images) // columns) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (pixels, caption) in enumerate(zip(to_pixels(images), captions, strict=True)):
        x, y = i % columns * (side + 8), i // columns * height
        sheet.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC), (x, y))
        draw.text((x, y + side + 2), caption[:lines], fill="black")
        draw.text((x, y + side + 14), caption[lines : 2 * lines], fill="black")
    return sheet
