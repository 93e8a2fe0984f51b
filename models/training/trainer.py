"""The loop of the class-conditional and unconditional models: an average of the weights, states to resume from, SIGTERM."""

import copy
import math
import signal
import threading
import time
from pathlib import Path

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from safetensors.torch import save_file

from common import read_config
from muon import advance, make_optimizers

WARM_UP, EMA, SAVE_SECONDS = 50, 0.999, 60
LEVELS = "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type"


def load_scheduler(model):
    return DDIMScheduler(**read_config(Path(model) / "scheduler/scheduler_config.json"))


def noise_levels(config, device):
    """The 1,000 levels that a scheduler's configuration names, with its kind of prediction."""
    noising = DDPMScheduler(**{name: config[name] for name in LEVELS})
    noising.betas = noising.betas.to(device)
    noising.alphas_cumprod = noising.alphas_cumprod.to(device)
    return noising


def spread_timesteps(batch, device):
    """One timestep from each of `batch` equal parts of the 1,000, in random order."""
    places = torch.randperm(batch, device=device) + torch.rand(batch, device=device)
    return (places * (1000 / batch)).long()


@torch.no_grad()
def sample(model, dims, seed, steps, predict, device):
    """What `predict(samples, timestep)`, the noise, makes of noise [N,C,H,W] in so many steps of the model's scheduler."""
    scheduler = load_scheduler(model)
    scheduler.set_timesteps(steps, device=device)
    samples = torch.randn(dims, generator=torch.Generator().manual_seed(seed)).to(device)
    for timestep in scheduler.timesteps:
        samples = scheduler.step(predict(samples, timestep), timestep, samples).prev_sample
    return samples


def train(module, loss_of, path, args):
    """The averaged module after `args.steps` steps on `loss_of(module)`, or `args.minutes` if they end first.

    The learning rate falls to 0 over them.
    """
    average = copy.deepcopy(module).requires_grad_(False).eval()
    module.train()
    optimizers, path = make_optimizers(module, args.rate), Path(path)
    step, mean_loss = 0, torch.ones((), device=next(module.parameters()).device)
    if args.resume:
        state = torch.load(path, map_location="cpu")
        module.load_state_dict(state["module"])
        average.load_state_dict(state["average"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step = state["step"]
        mean_loss.fill_(state["loss"])
    torch.manual_seed(step)

    def keep():
        state = {
            "module": module.state_dict(), "average": average.state_dict(), "step": step, "loss": mean_loss.item(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        }
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    parameters, saved = [p for p in module.parameters() if p.requires_grad], time.monotonic()
    averaged = [p for p, q in zip(average.parameters(), module.parameters(), strict=True) if q.requires_grad]
    started, done = saved, step / args.steps
    while done < 1 and not stopped.is_set():
        loss = loss_of(module)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        step += 1
        done = min(1, max(step / args.steps, (time.monotonic() - started) / (60 * args.minutes)))
        advance(optimizers, args.rate * min(1, step / WARM_UP) * (1 - done))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, parameters, 1 - min(EMA, (1 + step) / (10 + step)))
            mean_loss.lerp_(loss, max(0.01, 1 / step))
        over = stopped.is_set() or done == 1
        if step % 100 == 0 or over:
            spent = f"{time.process_time():.0f} s of processor"
            print(f"{time.strftime('%H:%M:%S')} step {step} ({spent}): loss {mean_loss.item():.4f}", flush=True)
        if over or time.monotonic() - saved > SAVE_SECONDS:
            keep()
            saved = time.monotonic()
    return average


FASHION = "folder with Fashion-MNIST's four .gz files"


def add_arguments(parser, steps, rate, batch, data=FASHION):
    parser.add_argument("--data", required=True, help=data)
    parser.add_argument("--out", required=True, help="folder for the state to resume from and the sheet")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--steps", type=int, default=steps, help="the learning rate falls to 0 over them")
    parser.add_argument("--minutes", type=float, default=math.inf, help="an earlier end of the run and of the learning rate")
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--resume", action="store_true", help="go on from the state (SIGTERM leaves one)")
    parser.add_argument("--measure", type=int, default=0, help="pictures for the Fréchet distance, after training")
    parser.add_argument("--write", action="store_true", help="write the weights into the model folder after training")


def write_weights(module, folder):
    """float16, in diffusers' safetensors."""
    state = {key: value.half().cpu().contiguous() for key, value in module.state_dict().items()}
    assert all(torch.isfinite(value).all() for value in state.values()), folder
    path = Path(folder) / "diffusion_pytorch_model.safetensors"
    save_file(state, path.with_suffix(".tmp"), metadata={"format": "pt"})
    path.with_suffix(".tmp").replace(path)
    print(f"{path}: {path.stat().st_size} bytes")
