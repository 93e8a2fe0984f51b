"""The loop of the class-conditional and unconditional models: an average of the weights, states to resume from, SIGTERM."""

import copy
import signal
import threading
import time
from pathlib import Path

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from safetensors.torch import save_file

from common import read_config
from muon import advance, make_optimizers

WARM_UP, EMA = 50, 0.999
LEVELS = "num_train_timesteps", "beta_start", "beta_end", "beta_schedule"


def load_scheduler(model):
    return DDIMScheduler(**read_config(Path(model) / "scheduler/scheduler_config.json"))


def noise_levels(model):
    config = load_scheduler(model).config
    return DDPMScheduler(**{name: config[name] for name in LEVELS})


def spread_timesteps(batch):
    """One timestep from each of `batch` equal parts of the 1,000, in random order."""
    return ((torch.randperm(batch) + torch.rand(batch)) * (1000 / batch)).long()


@torch.no_grad()
def sample(model, dims, seed, steps, predict):
    """What `predict(samples, timestep)`, the noise, makes of noise [N,C,H,W] in so many steps of the model's scheduler."""
    scheduler = load_scheduler(model)
    scheduler.set_timesteps(steps)
    samples = torch.randn(dims, generator=torch.Generator().manual_seed(seed))
    for timestep in scheduler.timesteps:
        samples = scheduler.step(predict(samples, timestep), timestep, samples).prev_sample
    return samples


def train(module, loss_of, path, args):
    """The averaged module after `args.steps` steps on `loss_of(module)`, the learning rate falling to 0 over them."""
    average = copy.deepcopy(module).requires_grad_(False).eval()
    module.train()
    optimizers, path = make_optimizers(module, args.rate), Path(path)
    step, mean_loss = 0, 1.0
    if args.resume:
        state = torch.load(path, map_location="cpu")
        module.load_state_dict(state["module"])
        average.load_state_dict(state["average"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, mean_loss = state["step"], state["loss"]
    torch.manual_seed(step)

    def keep():
        state = {
            "module": module.state_dict(), "average": average.state_dict(), "step": step, "loss": mean_loss,
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        }
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    parameters = list(module.parameters())
    while step < args.steps and not stopped.is_set():
        loss = loss_of(module)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        step += 1
        advance(optimizers, args.rate * min(1, step / WARM_UP) * (1 - step / args.steps))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), parameters, 1 - min(EMA, (1 + step) / (10 + step)))
        mean_loss += (loss.item() - mean_loss) * max(0.01, 1 / step)
        if step % 100 == 0 or stopped.is_set() or step == args.steps:
            keep()
            spent = f"{time.process_time():.0f} s of processor"
            print(f"{time.strftime('%H:%M:%S')} step {step} ({spent}): loss {mean_loss:.4f}", flush=True)
    return average


def add_arguments(parser, steps, rate):
    parser.add_argument("--data", required=True, help="folder with Fashion-MNIST's four .gz files")
    parser.add_argument("--out", required=True, help="folder for the state to resume from and the sheet")
    parser.add_argument("--steps", type=int, default=steps, help="the learning rate falls to 0 over them")
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--resume", action="store_true", help="go on from the state (SIGTERM leaves one)")
    parser.add_argument("--measure", type=int, default=0, help="pictures for the Fréchet distance, after training")
    parser.add_argument("--write", action="store_true", help="write the weights into the model folder after training")


def write_weights(module, folder):
    """float16, in diffusers' safetensors."""
    state = {key: value.half().contiguous() for key, value in module.state_dict().items()}
    assert all(torch.isfinite(value).all() for value in state.values()), folder
    path = Path(folder) / "diffusion_pytorch_model.safetensors"
    save_file(state, path.with_suffix(".tmp"), metadata={"format": "pt"})
    path.with_suffix(".tmp").replace(path)
    print(f"{path}: {path.stat().st_size} bytes")
