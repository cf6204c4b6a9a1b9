"""Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal before they are added.

    m = 0.95 m + g;  u = orthogonal(g + 0.95 m);  w = (1 - rate decay) w - rate 0.2 sqrt(max(rows, columns)) u

orthogonal() is five steps of Newton and Schulz, which drive all singular values near one; 0.2 sqrt(max) gives the update the
size of AdamW's (Liu et al. 2025), so that both take one rate. Matrices of one shape are worked on together.
"""
import torch


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """Of each matrix in x [n, rows, columns]."""
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    def __init__(self, matrices: list[torch.Tensor], lr: float, weight_decay: float = 0.1, momentum: float = 0.95):
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}
            for w in group["params"]:
                by_shape.setdefault(w.shape, []).append(w)
            for shape, ws in by_shape.items():
                updates = []
                for w in ws:
                    g = torch.zeros_like(w) if w.grad is None else w.grad
                    m = self.state[w].setdefault("momentum", torch.zeros_like(w))
                    m.mul_(group["momentum"]).add_(g)
                    updates.append(g.add(m, alpha=group["momentum"]))
                for w, u in zip(ws, orthogonal(torch.stack(updates))):
                    w.mul_(1 - group["lr"] * group["weight_decay"]).add_(u, alpha=-0.2 * max(shape) ** 0.5 * group["lr"])
