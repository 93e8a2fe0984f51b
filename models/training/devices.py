"""Where a training script runs: on a GPU where there is one, else on one thread of the processor."""

import torch


def pick_device():
    """Two threads spend several times the processor time of one where other processes run too."""
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
        return torch.device("cuda")
    torch.set_num_threads(1)
    return torch.device("cpu")


def autocast(device):
    return torch.autocast(torch.device(device).type, torch.bfloat16)
