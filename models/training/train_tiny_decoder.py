"""Train an AutoencoderTiny after models/fashion-sd's decoder: from latents to the pictures that the decoder makes of them."""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from diffusers import AutoencoderTiny
from torch.nn import functional as F

SCALING, BATCH, LEARNING_RATE = 0.38731683776229836, 16, 2e-3


def pictures(session, latents):
    """What the full decoder makes of latents as the sampler leaves them, in [-1, 1]."""
    feeds = {"latent_sample": (latents / SCALING).numpy()}
    return torch.from_numpy(session.run(None, feeds)[0]).clamp(-1, 1)


def varied(latents, generator):
    """Mirrored at random, and with a little noise, so that few latents go a long way."""
    mirrored = torch.rand(len(latents), 1, 1, 1, generator=generator) < 0.5
    latents = torch.where(mirrored, latents.flip(3), latents)
    return latents + 0.05 * torch.randn(latents.shape, generator=generator)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latents", required=True, help="final latents [N, 4, 16, 16], float32")
    parser.add_argument("--model", required=True, help="models/fashion-sd")
    parser.add_argument("--out", required=True, help="folder for the AutoencoderTiny")
    parser.add_argument("--minutes", type=float, default=8)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    latents = torch.from_numpy(np.fromfile(options.latents, dtype=np.float32)).reshape(-1, 4, 16, 16)
    held_out, latents = latents[-48:], latents[:-48]
    threads = onnxruntime.SessionOptions()
    threads.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(Path(options.model) / "vae_decoder/model.onnx"), threads)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(32, 32),
        decoder_block_out_channels=(32, 32),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(2, 1),
    )
    tiny.encoder.requires_grad_(False)
    optimizer = torch.optim.AdamW(tiny.decoder.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator().manual_seed(0)
    start, step, seconds = time.time(), 0, options.minutes * 60

    def report():
        with torch.no_grad():
            error = ((tiny.decode(held_out).sample.clamp(-1, 1) - pictures(session, held_out)) / 2).pow(2)
        print(step, f"{(-10 * error.mean((1, 2, 3)).log10()).mean():.2f} dB on held-out latents", flush=True)

    while (done := (time.time() - start) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (0.5 + 0.5 * math.cos(math.pi * done)) * min(1, (step + 1) / 50)
        batch = varied(latents[torch.randint(len(latents), (BATCH,), generator=generator)], generator)
        made, target = tiny.decode(batch).sample, pictures(session, batch)
        loss = F.mse_loss(made, target) + 0.05 * F.l1_loss(made, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 500 == 0:
            report()
    report()
    # The encoder was not trained: the full one makes latents of pictures.
    tiny.half().save_pretrained(options.out)


if __name__ == "__main__":
    main()
