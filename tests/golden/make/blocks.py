#!/usr/bin/env python3
"""Writes tests/golden/blocks/: for each block type of GGUF some blocks of random bytes, and the floats that llama.cpp's own
Python package decodes them to.

    pip install gguf numpy
    tests/golden/make/blocks.py

TYPE.bytes holds the blocks, TYPE.f32 the floats. Scales are of a usual size: random bits of f16 are mostly none."""
import pathlib
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

OUT = pathlib.Path(__file__).resolve().parents[1] / "blocks"
# where a block's f16 scales stand
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "TQ2_0": [64], "MXFP4": [],
          "IQ1_S": [0], "IQ1_M": [], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "TQ1_0": [52],
          "Q1_0": [0], "Q2_0": [0], "NVFP4": []}


def decode(raw, name):
    """The floats of blocks. The package knows Q1_0 and Q2_0 by name only: these follow dequantize_row_q1_0 and q2_0 of ggml."""
    if name not in ("Q1_0", "Q2_0"):
        return dequantize(raw.reshape(-1), T[name]).astype(np.float32)
    d, bits = raw[:, :2].copy().view(np.float16).astype(np.float32), np.unpackbits(raw[:, 2:], axis=1, bitorder="little")
    q = bits.astype(np.float32) * 2 - 1 if name == "Q1_0" else bits[:, ::2] + np.float32(2) * bits[:, 1::2] - 1
    return (d * q).astype(np.float32)


def main():
    random = np.random.default_rng(14)
    OUT.mkdir(exist_ok=True)
    for name, scales in SCALES.items():
        block, size = GGML_QUANT_SIZES[T[name]]
        n = 512 // block
        raw = random.integers(0, 256, (n, size), dtype=np.uint8)
        for at in scales:
            raw[:, at:at + 2] = random.normal(0, 0.02, n).astype(np.float16).view(np.uint8).reshape(n, 2)
        if name == "MXFP4":
            raw[:, 0] = random.integers(0, 200, n)
        if name == "IQ1_M":  # the f16 is in the highest 4 bits of four words
            words = raw[:, 48:].view(np.uint16).reshape(n, 4)
            d = random.normal(0, 0.02, (n, 1)).astype(np.float16).view(np.uint16)
            raw[:, 48:] = (words & 0x0fff | d >> np.array([0, 4, 8, 12], np.uint16) << 12).view(np.uint8).reshape(n, 8)
        if name == "NVFP4":  # no scale, twice; the largest beside the smallest
            raw[0, :4] = 0x7f, 0x00, 0xff, 0x01
        values = decode(raw, name)
        (OUT / f"{name.lower()}.bytes").write_bytes(raw.tobytes())
        (OUT / f"{name.lower()}.f32").write_bytes(values.tobytes())


main()
