"""Muon: momentum made orthogonal, for the weight matrices of hidden layers; AdamW for all else.

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), with Liu et al.'s scale
0.2·√max(rows, columns) (arXiv 2502.16982), which makes one learning rate do for both kinds of parameter.
A convolution counts as the matrix [outputs, inputs·height·width].
"""

import torch

COEFFICIENTS = 3.4445, -4.7750, 2.0315


def orthogonal(matrices, iterations=5):
    """Stacked matrices [N,R,C] with all singular values near 1, by Newton and Schulz's iteration in bfloat16."""
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    turned = x.shape[1] > x.shape[2]
    x = x.mT.contiguous() if turned else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + torch.baddbmm(b * gram, gram, gram, alpha=c) @ x
    return (x.mT if turned else x).float()


class Muon(torch.optim.Optimizer):
    """Groups of parameters of one matrix shape; their updates are computed together."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.0):
        shapes = {}
        for parameter in parameters:
            shapes.setdefault((parameter.shape[0], parameter[0].numel()), []).append(parameter)
        groups = [{"params": group} for _, group in sorted(shapes.items())]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shape = group["params"][0].shape[0], group["params"][0][0].numel()
            updates = []
            for parameter in group["params"]:
                buffer = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                updates.append(parameter.grad.lerp(buffer, group["momentum"]).reshape(shape))
            step = 0.2 * max(shape) ** 0.5 * group["lr"]
            for parameter, update in zip(group["params"], orthogonal(torch.stack(updates)), strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(update.reshape(parameter.shape), alpha=step)


def make_optimizers(module, lr, weight_decay=0.01):
    """Muon for the matrices inside, AdamW for embeddings, biases, norms and what touches pixels or latents."""
    edges = ("conv_in", "conv_out", "embedding", "pos_embed", "proj_out_2")
    inner = [p for n, p in module.named_parameters() if p.requires_grad and p.ndim > 1 and not any(e in n for e in edges)]
    chosen = {id(p) for p in inner}
    outer = [p for p in module.parameters() if p.requires_grad and id(p) not in chosen]
    return [
        Muon(inner, lr, weight_decay=weight_decay),
        torch.optim.AdamW(outer, lr=lr, betas=(0.9, 0.98), weight_decay=0.0, foreach=True),
    ]


def advance(optimizers, rate):
    """One step of each at this learning rate, and the gradients are gone."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
