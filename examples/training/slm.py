#!/usr/bin/env python3
"""Trains `slm`: a decoder a third of llm.py's size that learns from llm.py's model what it expects (Hinton et al. 2015).

    slm.py BOOKS -o DIR --teacher LLM_DIR

It sees the tokens that the others see. DIR/model becomes a checkpoint (family qwen3), for `viv quantize --type q4_0`.
"""
import dataclasses
import pathlib

import torch
from torch.nn import functional as F

import books
from corpus import Corpus
from decoder import Decoder
from llm import SHAPE as TEACHER

SHAPE = dataclasses.replace(TEACHER, hidden_size=128, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
                            intermediate_size=384)
SHARE = 0.5  # of the loss, what the teacher says


def main():
    parser = books.arguments(__doc__)
    parser.add_argument("--teacher", type=pathlib.Path, required=True, metavar="DIR", help="what llm.py has written")
    args = parser.parse_args()
    teacher = Decoder(TEACHER).to(args.device)
    teacher.load_state_dict(torch.load(args.teacher / "training.pt", map_location="cpu", weights_only=True)["model"])
    teacher.requires_grad_(False)

    def loss(logits, ids, nats):
        expected = teacher(ids).log_softmax(-1)
        distance = F.kl_div(logits.log_softmax(-1), expected, reduction="none", log_target=True).sum(-1).mean()
        return (1 - SHARE) * nats + SHARE * distance

    books.train(args, Corpus(args.books, books.VOCAB, books.SEED), SHAPE, loss)


if __name__ == "__main__":
    main()
