#!/usr/bin/env python3
"""Trains `lam`, which does tasks over files: tasks.py says which, and `viv act` has them done.

    lam.py BOOKS -o DIR                             trains, with names made of the words of books
    lam.py -o DIR --score 300 --viv build/viv       has unseen tasks done in real folders, and counts those that were

The model reads what `viv act` shows to its stages `intent`, `think` and `plan`, and writes what is wanted, what it sees and the next
action. The tokens of the answers count in full, those of the prompt a little: a prompt repeats names, too, and so teaches to
copy. The tokenizer keeps names alike wherever they stand.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

import checkpoint
import tasks
import trainer
from hybrid import Hybrid, HybridShape
from tokenizer import END, LETTERS, train_tokenizer

VOCAB, BATCH, STEPS, SEED, RATE, PROMPT, EXERCISES = 768, 16, 6400, 77, 4e-3, 0.05, 2
SHAPE = HybridShape(hidden_size=128, layer_types=("conv", "full_attention", "conv", "full_attention", "full_attention"),
                    num_attention_heads=4, num_key_value_heads=4, intermediate_size=384, vocab_size=VOCAB,
                    max_position_embeddings=2048)
TEMPLATE = "{% for m in messages %}{% if m['role'] == 'user' %}" + END + "{{ m['content'] }}{% endif %}{% endfor %}"
SPEC = pathlib.Path(__file__).resolve().parents[2] / "specs" / "embedded" / "lam.yaml"


class Examples:
    """Prompts, answers and exercises as rows of tokens. A block of tasks is sorted by length, so that a batch has rows of like length."""

    BLOCK = 8  # batches

    def __init__(self, tokenizer, words, device):
        self.tokenizer, self.words, self.device, self.block, self.batches = tokenizer, words, device, -1, []

    def rows(self, examples):
        """Token ids, and the weight of each in the loss: what is said counts in full."""
        texts, weights, ends = [], [], []
        for steps in examples:
            texts.append(END)
            weights.append(PROMPT)
            for step in steps:
                for shown, said in step:
                    texts += [shown, said]
                    weights += [PROMPT, 1.0]
                texts[-1] += END
            ends.append(len(texts))
        parts = [part.ids for part in self.tokenizer.encode_batch(texts)]
        rows = [[(i, w) for ids, w in zip(parts[a:b], weights[a:b]) for i in ids] for a, b in zip([0, *ends], ends)]
        length = max(map(len, rows))
        ids, weights = zip(*(zip(*(row + [(0, 0.0)] * (length - len(row)))) for row in rows))
        return torch.tensor(ids).to(self.device), torch.tensor(weights).to(self.device)

    def batch(self, step):
        if step // self.BLOCK != self.block:
            self.block = step // self.BLOCK
            self.words.start(SEED * 1_000_003 + self.block)
            examples = [tasks.example(self.words, EXERCISES) for _ in range(self.BLOCK * BATCH)]
            examples.sort(key=lambda steps: sum(len(shown) + len(said) for step in steps for shown, said in step))
            self.batches = [examples[i : i + BATCH] for i in range(0, len(examples), BATCH)]
            self.words.rng.shuffle(self.batches)
        return self.rows(self.batches[step % self.BLOCK])


@torch.no_grad()
def right_actions(model, examples, words, n=96):
    """The share of unseen steps whose whole answer is the most likely one, token by token."""
    words.start(5)
    chosen = [tasks.example(words) for _ in range(n)]
    right = 0
    for at in range(0, n, BATCH):
        ids, weights = examples.rows(chosen[at : at + BATCH])
        same = model(ids[:, :-1]).argmax(-1) == ids[:, 1:]
        right += (same | (weights[:, 1:] < 1)).all(1).sum().item()
    return right / n


def train(args):
    torch.manual_seed(SEED)
    books = sorted(args.books.glob("*.txt"))
    words, unseen = tasks.Words(books, SEED), tasks.Words(books, SEED, unseen=True)
    texts = [shown + said for _ in range(3000) for step in tasks.example(words) for shown, said in step]
    kept = args.output / "tokenizer.json"  # of a training that goes on
    tokenizer = Tokenizer.from_file(str(kept)) if kept.exists() else train_tokenizer(texts, VOCAB, within=LETTERS)
    args.output.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(kept))
    examples, model = Examples(tokenizer, words, args.device), Hybrid(SHAPE).to(args.device)
    print(f"{model.n_parameters()} parameters", flush=True)

    def loss_of(step):
        ids, weights = examples.batch(step)
        nats = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        return (nats * weights[:, 1:].flatten()).sum() / weights[:, 1:].sum()

    def judge():
        return {"right_actions": right_actions(model, examples, unseen)}

    result = trainer.train(model, loss_of, judge, args, RATE, fall=0.64)
    print(result)
    checkpoint.save(args.output / "model", model.state_dict(), SHAPE.config(0), tokenizer, TEMPLATE)
    (args.output / SPEC.name).write_text(SPEC.read_text().replace("use: lam.gguf", "use: model"))


# --- the score -----------------------------------------------------------------------------------------------------

def tree_in(folder: pathlib.Path) -> tasks.Tree:
    paths = [p for p in folder.rglob("*") if ".viv" not in p.parts]
    return tasks.Tree({str(p.relative_to(folder)): p.read_text() if p.is_file() else None for p in paths})


def is_done(viv: str, model: str, task: tasks.Task) -> tuple[bool, str]:
    """Whether viv does a task in a real folder, and puts all back after it; and what the model said last."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as name:
        folder = pathlib.Path(name, "work")
        for path in [".", *sorted(task.tree)]:
            if task.tree.get(path) is None:
                (folder / path).mkdir(parents=True, exist_ok=True)
        for path in task.tree.files():
            (folder / path).write_text(task.tree[path])
        ran = subprocess.run([viv, "act", model, "-p", task.text, "-w", folder, "--yes", "--json"], capture_output=True,
                             text=True)
        events = [json.loads(line) for line in ran.stdout.splitlines()]
        answer = next((e["answer"] or "" for e in events if e["event"] == "end"), ran.stderr)
        right = ran.returncode == 0 and tree_in(folder) == tasks.final_tree(task) and task.answer in answer
        if any(e["event"] == "result" and "action" in e for e in events):
            subprocess.run([viv, "undo", "-w", folder], capture_output=True, check=True)
            right = right and tree_in(folder) == task.tree
        return right, answer


def score(args):
    words = tasks.Words([SPEC.parent / "held-out.txt"], 9, unseen=True, only_words=args.words)
    right, total = {}, {}
    for _ in range(args.score):
        task = tasks.make_task(words)
        ok, answer = is_done(args.viv, str(args.output / SPEC.name), task)
        total[task.kind] = total.get(task.kind, 0) + 1
        right[task.kind] = right.get(task.kind, 0) + ok
        if not ok and args.show:
            print(f"--- {task.kind}: {task.text}\n{task.tree.shown()}said: {answer}")
    for kind in sorted(total):
        print(f"{kind:12} {right[kind]:4} of {total[kind]}")
    share = sum(right.values()) / args.score
    print(f"{100 * share:.1f} % of {args.score} unseen tasks were done")
    return share < 0.9


def main():
    parser = trainer.arguments(__doc__, STEPS)
    parser.add_argument("books", type=pathlib.Path, nargs="?", help="a folder with books as *.txt, to train with")
    parser.add_argument("--score", type=int, metavar="N", help="has N unseen tasks done; status 1 below 90 %%")
    parser.add_argument("--words", action="store_true", help="names are made of unseen words alone; else a third are no words")
    parser.add_argument("--viv", default="viv")
    parser.add_argument("--show", action="store_true", help="prints the tasks that were not done")
    args = parser.parse_args()
    if not args.score and not (args.books and any(args.books.glob("*.txt"))):
        parser.error("name a folder with books as *.txt: names are made of their words")
    return score(args) if args.score else train(args)


if __name__ == "__main__":
    sys.exit(main())
