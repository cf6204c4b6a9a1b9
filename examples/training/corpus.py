"""Books and plays as tokens: a folder of *.txt, and a byte-level BPE that is trained on it.

The last twentieth of each book is held out: no tokenizer and no model sees it before it is scored. What Project Gutenberg
wrote around its books is cut off, typographic quotes and dashes become ASCII, and the lines of a wrapped paragraph are joined,
so that all books are spelled one way; verse, whose lines are short, keeps its lines.
"""
import pathlib
import re

import torch

from tokenizer import END, train_tokenizer

PLAIN = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "—": "--", "–": "-", "…": "...", "\ufeff": ""})
WRAPPED = 60  # a paragraph all of whose lines but the last are longer is prose
HELD_OUT = 20  # one part in so many


def read_book(path: pathlib.Path) -> list[str]:
    """The paragraphs of a book."""
    text = path.read_text(encoding="utf-8").translate(PLAIN)
    text = re.sub(r"\A.*?\*\*\* START OF [^\n]*\*\*\*|\*\*\* END OF .*\Z", "", text, flags=re.DOTALL)
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in paragraph.strip().splitlines()]
        if lines:
            prose = all(len(line) > WRAPPED for line in lines[:-1])
            paragraphs.append((" " if prose else "\n").join(lines))
    return paragraphs


def read_books(folder: pathlib.Path) -> tuple[list[str], list[str]]:
    """Two lists with a text for each book: to learn from, and held out."""
    learnt, held = [], []
    for path in sorted(folder.glob("*.txt")):
        book = "\n\n".join(read_book(path)) + "\n"
        cut = book.rfind("\n\n", 0, len(book) * (HELD_OUT - 1) // HELD_OUT) + 2
        learnt.append(book[:cut])
        held.append(book[cut:])
    if not learnt:
        raise SystemExit(f"{folder}: holds no *.txt: name a folder with books as plain text")
    return learnt, held


class Corpus:
    """The tokens of the books. `batch(step)` depends on nothing but the seed and the step, so that every model sees the same
    tokens, and a run that was interrupted goes on with those that it has not seen."""

    def __init__(self, folder: pathlib.Path, vocab_size: int, seed: int):
        self.learnt, self.held = read_books(folder)
        self.tokenizer = train_tokenizer(self.learnt, vocab_size)
        self.seed = seed
        self.ids = self.encode(self.learnt)
        self.held_ids = self.encode(self.held)
        self.held_bytes = sum(len(text.encode()) for text in self.held)

    def encode(self, texts: list[str]) -> torch.Tensor:
        return torch.tensor([i for text in texts for i in self.tokenizer.encode(END + text).ids])

    def batch(self, step: int, size: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids [size, length], and those that follow them."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        starts = torch.randint(len(self.ids) - length - 1, (size,), generator=generator)
        windows = torch.stack([self.ids[s : s + length + 1] for s in starts])
        return windows[:, :-1], windows[:, 1:]
