"""Train text encoder and U-Net together on latents of scenes, first small pictures, then whole ones.

The network is told nothing of the size: pictures of 64 pixels (16×16 latents) teach it what is what for a
quarter of the time that pictures of 128 pixels take.
"""

import argparse
import copy
import random
import signal
import threading
import time
from pathlib import Path

import torch
from diffusers import DDPMScheduler

from attention import TrainingAttention
from parts import build_text, build_unet, build_vae, load_folder, load_weights, save, to_tensor, tokenize, update_average
from muon import advance, make_optimizers
from sampling import PROMPTS, captioned_sheet, generate, make_scheduler
from scenes import Scenes

WARM_UP, EMPTY_CAPTIONS, WEIGHT_LIMIT, EMA = 50, 0.1, 6.0, 0.998
SAVE_SECONDS = 180


def noise_levels():
    config = make_scheduler().config
    names = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")
    return DDPMScheduler(**{name: config[name] for name in names})


def spread_timesteps(batch):
    """One timestep from each of `batch` equal parts of the range, in random order."""
    return ((torch.randperm(batch) + torch.rand(batch)) * (1000 / batch)).long()


def diffusion_loss(unet, noising, snr, clean, text):
    """Squared error of the velocity √ᾱ·ε − √(1−ᾱ)·x₀, weighted min(SNR + 1, 6) / (SNR + 1).

    That is min(SNR + 1, 6) on the error of x₀. Min-SNR would give next to no weight to high noise, where all that is
    known of the picture is the text: what is learned there is what the words look like.
    """
    noise, timesteps = torch.randn_like(clean), spread_timesteps(len(clean))
    predicted = unet(noising.add_noise(clean, noise, timesteps), timesteps, text).sample.float()
    error = (predicted - noising.get_velocity(clean, noise, timesteps)).pow(2).mean((1, 2, 3))
    weight = (WEIGHT_LIMIT / (snr[timesteps] + 1)).clamp(max=1)
    return (weight * error).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with emoji.rgba and emoji.json")
    parser.add_argument("--out", required=True, help="folder with vae.pt, for state.pt and sheets")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--anneal", action="store_true", help="let the learning rate fall to 0 over these minutes")
    parser.add_argument("--size", type=int, default=128, choices=[64, 128], help="pixels of the pictures")
    parser.add_argument("--favourites", type=float, default=20, help="how much likelier they are than other emoji")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--threads", type=int, default=1, help="more than one wastes time where others run too")
    parser.add_argument("--sheets", type=float, default=20, help="minutes between sheets")
    parser.add_argument("--resume", action="store_true", help="go on from state.pt (SIGTERM leaves one), or from the model folder's weights")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    out = Path(args.out)
    scenes = Scenes(args.data, args.favourites)
    vae, unet = build_vae(), build_unet()
    if (out / "vae.pt").exists():
        load_weights(vae, out / "vae.pt")
    else:
        load_folder(vae, "vae")
    tokenizer, text_encoder = build_text()
    unet.set_attn_processor(TrainingAttention())
    vae.to(memory_format=torch.channels_last)
    modules = torch.nn.ModuleDict({"unet": unet, "text_encoder": text_encoder})
    average = copy.deepcopy(modules).requires_grad_(False).eval()
    modules.train().to(memory_format=torch.channels_last)
    parameters = list(modules.parameters())
    optimizers = make_optimizers(modules, args.rate)
    step, seen, trained, mean_loss = 0, 0, 0.0, 1.0
    if args.resume and not (out / "state.pt").exists():
        for name in modules:
            load_folder(average[name], name)
            modules[name].load_state_dict(average[name].state_dict())
    elif args.resume:
        state = torch.load(out / "state.pt", map_location="cpu")
        modules.load_state_dict(state["modules"])
        average.load_state_dict(state["average"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, seen, trained, mean_loss = (state[k] for k in ("step", "seen", "seconds", "loss"))
    torch.manual_seed(step)
    random.seed(step)
    noising = noise_levels()
    snr = noising.alphas_cumprod / (1 - noising.alphas_cumprod)
    scale = vae.config.scaling_factor

    def keep(seconds):
        save({
            "modules": modules.state_dict(), "average": average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "step": step, "seen": seen, "seconds": trained + seconds, "loss": mean_loss,
        }, out / "state.pt")

    def draw_sheet():
        parts = (tokenizer, average["text_encoder"], average["unet"], vae)
        images = torch.cat([
            generate(*parts, PROMPTS[i : i + 6], side=args.size // 4, seed=i) for i in range(0, len(PROMPTS), 6)
        ])
        captioned_sheet(images, PROMPTS).save(out / f"sheet-{step:06d}.png")

    start = last_saved = last_sheet = time.monotonic()
    first, done = step, 0.0
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    while done < 1 and not stopped.is_set():
        done = min(1.0, (time.monotonic() - start) / (60 * args.minutes))
        batch = [scenes.random_scene(args.size) for _ in range(args.batch)]
        captions = ["" if random.random() < EMPTY_CAPTIONS else scene.caption for scene in batch]
        images = to_tensor([scene.image for scene in batch]).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            clean = vae.encode(images).latent_dist.mean * scale
        with torch.autocast("cpu", torch.bfloat16):
            text = text_encoder(tokenize(tokenizer, captions)).last_hidden_state
            loss = diffusion_loss(unet, noising, snr, clean, text)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        advance(optimizers, args.rate * min(1.0, (step + 1) / WARM_UP) * (1 - done if args.anneal else 1))
        step += 1
        seen += args.batch
        update_average(average, modules, min(EMA, (1 + step) / (10 + step)))
        mean_loss += (loss.item() - mean_loss) * max(0.01, 1 / step)
        now = time.monotonic()
        if step % 50 == 0 or done == 1:
            each = (now - start) / (step - first)
            print(
                f"{time.strftime('%H:%M:%S')} step {step}, {seen} pictures ({100 * done:.1f} %, {each:.2f} s each, "
                f"{time.process_time():.0f} s of processor): loss {mean_loss:.4f}",
                flush=True,
            )
        if now - last_saved > SAVE_SECONDS or done == 1 or stopped.is_set():
            keep(now - start)
            last_saved = now
        if now - last_sheet > 60 * args.sheets or done == 1:
            draw_sheet()
            last_sheet = time.monotonic()


if __name__ == "__main__":
    main()
