"""Byte-level BPE in the form of GPT-2's, which every reader of tokenizer.json and of GGUF files knows."""
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"
LETTERS = r"[A-Za-z]+|[\"{}:,\[\]]+"  # words without the space before them, and the marks of JSON


def train_tokenizer(texts: list[str], size: int, specials: tuple[str, ...] = (), within: str | None = None) -> Tokenizer:
    """With `within`, no token goes beyond what that pattern matches, and all else is bytes: a name has the same tokens wherever
    it stands, so that it can be copied. The pattern of GPT-2 then cuts no finer than the merges that were learnt."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.pre_tokenizer = byte_level if within is None else pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(f"{within}|."), "isolated"),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[END, *specials],
                                  initial_alphabet=byte_level.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = byte_level
    return tokenizer
