#!/usr/bin/env python3
"""Trains `moe`: the decoder of llm.py with eight experts of half its feed-forward layer's size, two of which see each token.

    moe.py BOOKS -o DIR

A token uses as many parameters as in llm.py; there are three times as many. DIR/model becomes a checkpoint (family qwen3_moe).
"""
import dataclasses

import books
from corpus import Corpus
from llm import SHAPE as DENSE

SHAPE = dataclasses.replace(DENSE, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=DENSE.intermediate_size // 2)


def main():
    args = books.arguments(__doc__).parse_args()
    books.train(args, Corpus(args.books, books.VOCAB, books.SEED), SHAPE)


if __name__ == "__main__":
    main()
