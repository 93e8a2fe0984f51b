"""Train, measure and export models/fashion-ddpm: a U-Net on the pixels of tinted Fashion-MNIST, without any condition."""

import argparse
import copy
import json
import signal
import threading
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from PIL import Image

from common import load_split, read_config, tint
from export import BATCH as BATCH_AXIS
from export import export_checked
from muon import advance, make_optimizers
from train_evaluator import frechet_distance, statistics

MODEL = Path(__file__).resolve().parents[1] / "fashion-ddpm"
BATCH, WARM_UP, EMA = 32, 50, 0.999


class Denoiser(torch.nn.Module):
    """Takes the inputs in order and keeps the names of the U-Net's modules for the nodes."""

    def __init__(self, model):
        super().__init__()
        self.__dict__["model"] = model
        for name, child in model.named_children():
            setattr(self, name, child)

    def forward(self, sample, timestep):
        return self.model(sample, timestep, return_dict=False)[0]


def load_scheduler():
    return DDIMScheduler(**read_config(MODEL / "scheduler/scheduler_config.json"))


def generate(unet, count, steps=100, seed=0):
    """Pictures [N,3,32,32] in [−1,1]."""
    scheduler = load_scheduler()
    scheduler.set_timesteps(steps)
    images = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            images = scheduler.step(unet(images, timestep).sample, timestep, images).prev_sample
    return images.clamp(-1, 1)


def sheet(images, columns=16):
    pixels = ((images.permute(0, 2, 3, 1).numpy() + 1) * 127.5).round().astype(np.uint8)
    rows = [np.concatenate(list(pixels[i : i + columns]), 1) for i in range(0, len(pixels), columns)]
    return Image.fromarray(np.concatenate(rows))


def measure(unet, count):
    """Fréchet distance of `count` pictures to the evaluator's reference."""
    folder = MODEL.parent / "fashion-eval"
    evaluator = onnxruntime.InferenceSession(str(folder / "evaluator.onnx"))
    reference = json.loads((folder / "reference.json").read_text())
    features = [
        evaluator.run(["features"], {"image": generate(unet, 64, seed=start).numpy()})[0] for start in range(0, count, 64)
    ]
    real = np.array(reference["mean"]), np.array(reference["covariance"])
    return frechet_distance(real, statistics(np.concatenate(features).astype(np.float64)))


def export(unet):
    axes = {0: BATCH_AXIS, 2: "height", 3: "width"}
    export_checked(
        Denoiser(unet),
        {"sample": (torch.randn(2, 3, 32, 32), axes), "timestep": (torch.tensor(980), {})},
        {"out_sample": axes},
        MODEL / "unet/model.onnx",
        [(torch.randn(1, 3, 32, 32), torch.tensor(1)), (torch.randn(3, 3, 16, 24), torch.tensor(500))],
    )


def train(unet, average, args):
    optimizers, path = make_optimizers(unet, args.rate), Path(args.out) / "ddpm.pt"
    step, mean_loss = 0, 1.0
    if args.resume:
        state = torch.load(path, map_location="cpu")
        unet.load_state_dict(state["unet"])
        average.load_state_dict(state["average"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, mean_loss = state["step"], state["loss"]
    torch.manual_seed(step)
    gray, _ = load_split(args.data, "train")
    levels = {k: load_scheduler().config[k] for k in ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule")}
    noising = DDPMScheduler(**levels)

    def keep():
        state = {
            "unet": unet.state_dict(), "average": average.state_dict(), "step": step, "loss": mean_loss,
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        }
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    parameters = list(unet.parameters())
    while step < args.steps and not stopped.is_set():
        clean = tint(gray[torch.randint(len(gray), (BATCH,))], torch.randint(11, (BATCH,)))
        clean, noise = clean.contiguous(memory_format=torch.channels_last), torch.randn_like(clean)
        timesteps = ((torch.randperm(BATCH) + torch.rand(BATCH)) * (1000 / BATCH)).long()
        with torch.autocast("cpu", torch.bfloat16):
            predicted = unet(noising.add_noise(clean, noise, timesteps), timesteps).sample
        loss = torch.nn.functional.mse_loss(predicted.float(), noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        step += 1
        advance(optimizers, args.rate * min(1, step / WARM_UP) * (1 - step / args.steps))
        decay = min(EMA, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), parameters, 1 - decay)
        mean_loss += (loss.item() - mean_loss) * max(0.01, 1 / step)
        if step % 100 == 0 or stopped.is_set() or step == args.steps:
            keep()
            spent = f"{time.process_time():.0f} s of processor"
            print(f"{time.strftime('%H:%M:%S')} step {step} ({spent}): loss {mean_loss:.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with Fashion-MNIST's four .gz files")
    parser.add_argument("--out", required=True, help="folder for ddpm.pt and ddpm.png")
    parser.add_argument("--steps", type=int, default=6000, help="the learning rate falls to 0 over them")
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--resume", action="store_true", help="go on from ddpm.pt (SIGTERM leaves one)")
    parser.add_argument("--measure", type=int, default=0, help="pictures for the Fréchet distance, after training")
    parser.add_argument("--export", action="store_true", help="write unet/model.onnx after training")
    args = parser.parse_args()
    torch.set_num_threads(1)
    unet = UNet2DModel(**read_config(MODEL / "unet/config.json")).to(memory_format=torch.channels_last)
    print(sum(p.numel() for p in unet.parameters()), "parameters")
    average = copy.deepcopy(unet).requires_grad_(False).eval()
    train(unet, average, args)
    sheet(generate(average, 64)).resize((1024, 256), Image.Resampling.NEAREST).save(Path(args.out) / "ddpm.png")
    if args.measure:
        print({"pictures": args.measure, "frechetDistance": measure(average, args.measure)})
    if args.export:
        export(average)


if __name__ == "__main__":
    main()
