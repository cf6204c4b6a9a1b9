"""What llm.py, moe.py and slm.py share: the same books, the same tokenizer, the same tokens in the same order, and the score."""
import math
import pathlib

import torch
from torch.nn import functional as F

import checkpoint
import trainer
from corpus import Corpus
from decoder import Decoder, Shape

VOCAB, CONTEXT, BATCH, STEPS, SEED, RATE = 2048, 512, 12, 800, 1919, 4e-3
COMMON = dict(vocab_size=VOCAB, max_position_embeddings=CONTEXT, head_dim=32)


def arguments(doc: str):
    parser = trainer.arguments(doc, STEPS)
    parser.add_argument("books", type=pathlib.Path, help="a folder with books and plays as *.txt")
    return parser


@torch.no_grad()
def bits_per_byte(model: Decoder, corpus: Corpus, most: int = 1 << 30) -> float:
    """Of the held-out text, in windows of the context, of which at most `most` are looked at."""
    nats = n = 0
    for start in range(0, min(len(corpus.held_ids) - 1, most * CONTEXT), CONTEXT):
        window = corpus.held_ids[start : start + CONTEXT + 1].to(model.model.norm.weight.device)
        nats += F.cross_entropy(model(window[None, :-1])[0], window[1:], reduction="sum").item()
        n += len(window) - 1
    return nats / n / math.log(2) * len(corpus.held_ids) / corpus.held_bytes


def train(args, corpus: Corpus, shape: Shape, loss=None) -> None:
    """`loss(logits, ids, nats)`: what is trained for in place of nats, the cross entropy of the next tokens."""
    torch.manual_seed(SEED)
    model = Decoder(shape).to(args.device)
    total, active = model.sizes()
    print(f"{total} parameters, {active} of them active; {len(corpus.ids)} tokens to learn from, {len(corpus.held_ids)} held "
          f"out; {args.steps * BATCH * CONTEXT / len(corpus.ids):.1f} times through", flush=True)

    def loss_of(step):
        ids, following = (x.to(args.device) for x in corpus.batch(step, BATCH, CONTEXT))
        logits = model(ids)
        nats = F.cross_entropy(logits.flatten(0, 1), following.flatten())
        return nats + 0.01 * model.balance() if loss is None else loss(logits, ids, nats)

    result = trainer.train(model, loss_of, lambda: {"bits_per_byte": bits_per_byte(model, corpus, most=24)}, args, RATE)
    model.eval()
    print(result | {"parameters": total, "active": active, "bits_per_byte": round(bits_per_byte(model, corpus), 4)})
    checkpoint.save(args.output / "model", model.state_dict(), shape.config(0), corpus.tokenizer)
    (args.output / "held-out.txt").write_text("\n".join(corpus.held), encoding="utf-8")
