#!/usr/bin/env python3
"""Trains the dense decoder `llm` on books and plays.

    llm.py BOOKS -o DIR

DIR/model becomes a checkpoint (family qwen3), DIR/held-out.txt the text that was held out.
"""
import books
from corpus import Corpus
from decoder import Shape

SHAPE = Shape(hidden_size=192, num_hidden_layers=6, num_attention_heads=6, num_key_value_heads=2, intermediate_size=512,
              **books.COMMON)


def main():
    args = books.arguments(__doc__).parse_args()
    books.train(args, Corpus(args.books, books.VOCAB, books.SEED), SHAPE)


if __name__ == "__main__":
    main()
