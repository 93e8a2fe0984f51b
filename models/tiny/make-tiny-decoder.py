"""Make models/tiny/taesd: an AutoencoderTiny with seeded weights, and what diffusers decodes with it."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderTiny

FOLDER = Path(__file__).parent / "taesd"


def main():
    torch.manual_seed(11)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=4,
    ).eval()
    with torch.no_grad():
        for parameter in tiny.parameters():
            parameter.normal_(0, 0.8 / max(1, parameter[0].numel()) ** 0.5)
    tiny = tiny.half().float()
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        decoded = tiny.decode(latents).sample[0]
    picture = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().permute(1, 2, 0)
    tiny.half().save_pretrained(FOLDER)
    golden = {"seed": 7, "picture": [int(value) for value in picture.flatten()]}
    (FOLDER / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
