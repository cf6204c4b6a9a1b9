"""Tables of positions over a grid as PyTorch computes them: tests/golden/grid_positions.json.

Each entry of "tables": [method, aligned, antialias, side of the table, height, width, [values]]; the table has one
feature, ((7 a + 13 b) mod 11 - 5) / 4 at line a and column b. Each of "buckets": [side, n, [indices]], of Idefics3."""
import json

import torch
import torch.nn.functional as F

import golden


def table(side):
    a, b = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return ((7 * a + 13 * b) % 11 - 5).float() / 4


def aligned(t, h, w):
    """Qwen3-VL: linear, by corners."""
    side = t.shape[0]
    def taps(n):
        at = torch.linspace(0, side - 1, n)
        low = at.int()
        return low, (low + 1).clip(max=side - 1), at - low
    (y0, y1, v), (x0, x1, u) = taps(h), taps(w)
    mix = lambda a, b, by: a * (1 - by) + b * by
    line = lambda y: mix(t[y][:, x0], t[y][:, x1], u[None])
    return mix(line(y0), line(y1), v[:, None])


def resized(t, h, w, mode, antialias):
    return F.interpolate(t[None, None], size=(h, w), mode=mode, align_corners=False, antialias=antialias)[0, 0]


def buckets(side, n):
    step = 1.0 / torch.tensor([n])
    at = torch.clamp(torch.arange(n, dtype=torch.float32) * step, max=1.0 - 1e-6)
    return torch.bucketize(at, torch.arange(1 / side, 1.0, 1 / side), right=True)


tables = []
for side, h, w in ((4, 4, 4), (4, 3, 7), (5, 9, 2), (6, 1, 13), (3, 8, 8), (7, 2, 3)):
    t = table(side)
    tables.append(["linear", True, False, side, h, w, aligned(t, h, w)])
    for method, mode in (("linear", "bilinear"), ("cubic", "bicubic")):
        for antialias in (False, True):
            tables.append([method, False, antialias, side, h, w, resized(t, h, w, mode, antialias)])
out = {"tables": [t[:-1] + [[round(x, 6) for x in t[-1].flatten().tolist()]] for t in tables],
       "buckets": [[s, n, buckets(s, n).tolist()] for s, n in
                   ((4, 4), (19, 19), (25, 25), (29, 29), (31, 31), (40, 40), (49, 49), (50, 50), (26, 26), (32, 17), (27, 55))]}
(golden.HERE / "grid_positions.json").write_text(json.dumps(out, separators=(",", ":")).replace("],[", "],\n[") + "\n")
