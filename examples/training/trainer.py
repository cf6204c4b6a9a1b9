"""The loop that trains every model here, and goes on from its last checkpoint when it was interrupted.

Matrices are trained by Muon, embeddings, norms and biases by AdamW. The rate rises for WARM steps, stays,
and falls to nothing over the last part, two fifths unless a recipe says so: a run whose --steps are raised before that goes on
as if it had been so all along.
What a step sees depends on its number alone, so that an interrupted run sees what an uninterrupted one does.
"""
import argparse
import json
import os
import pathlib
import signal
import sys
import time

import torch

from muon import Muon

WARM, FALL = 50, 0.4  # steps; share of all steps


def arguments(doc: str, steps: int) -> argparse.ArgumentParser:
    """The options that all recipes have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, metavar="DIR",
                        help="where the checkpoint of the training and the model are written")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--every", type=float, default=2, help="minutes between checkpoints")
    return parser


def rate_at(step: int, steps: int, fall: float) -> float:
    return min(1.0, (step + 1) / WARM, (steps - step) / (fall * steps))


def optimizers_of(model: torch.nn.Module, rate: float, decay: float) -> list[torch.optim.Optimizer]:
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    is_matrix = [p.dim() == 2 and "embed" not in name and ".mlp.gate." not in name for name, p in trained]
    matrices = [p for (_, p), yes in zip(trained, is_matrix) if yes]
    others = [p for (_, p), yes in zip(trained, is_matrix) if not yes]
    return [Muon(matrices, lr=rate, weight_decay=decay),
            torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)]


def train(model: torch.nn.Module, loss_of, score, args, rate: float, decay: float = 0.1, score_every: int = 200,
          fall: float = FALL) -> dict:
    """Trains a model, which is on args.device, until args.steps. loss_of(step) is the loss of that step's batch; score() returns what is written beside the loss
    every `score_every` steps, as a dictionary of numbers. Returns the last score, with steps and seconds."""
    torch.set_num_threads(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "training.pt"
    optimizers = optimizers_of(model, rate, decay)
    step, seconds, cpu, history = 0, 0.0, 0.0, []
    if path.exists():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        step, seconds, cpu, history = saved["step"], saved["seconds"], saved["cpu"], saved["history"]
        print(f"goes on from step {step}", flush=True)

    stopped = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.append(True))

    def save():
        torch.save({"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "step": step,
                    "seconds": seconds, "cpu": cpu, "history": history}, path.with_suffix(".new"))
        os.replace(path.with_suffix(".new"), path)

    def judge():
        model.eval()
        with torch.no_grad():
            result = score()
        model.train()
        history.append({"step": step, **{key: round(value, 4) for key, value in result.items()}})
        print("  ".join(f"{key} {value}" for key, value in history[-1].items()), flush=True)

    last, mean, saved_at = (time.monotonic(), time.process_time()), None, time.monotonic()
    model.train()
    while step < args.steps:
        loss = loss_of(step)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * rate_at(step, args.steps, fall)
            optimizer.step()
        step += 1
        mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        now = (time.monotonic(), time.process_time())
        seconds, cpu, last = seconds + now[0] - last[0], cpu + now[1] - last[1], now
        if step % 20 == 0:
            print(f"step {step}  loss {mean:.4f}  {seconds / 60:.1f} min, {cpu / 60:.1f} of the processor", flush=True)
        if step % score_every == 0 and step < args.steps:
            judge()
        if stopped or step == args.steps or time.monotonic() - saved_at > 60 * args.every:
            save()
            saved_at = time.monotonic()
        if stopped:
            print(f"stopped at step {step}: the same command goes on", flush=True)
            sys.exit(3)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    judge()
    result = {"steps": step, "minutes": round(seconds / 60, 1), "cpu_minutes": round(cpu / 60, 1), **history[-1]}
    (args.output / "training.json").write_text(json.dumps(result | {"history": history}, indent=1) + "\n")
    return result
