#!/usr/bin/env python3
"""Writes tests/golden/blocks/: for each block type of GGUF some blocks of random bytes, and the floats that llama.cpp's own
Python package decodes them to; for each type of our own (kernels/blocks.h) the same, decoded here.

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


NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
       -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
       0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]
BNB_FP4 = [0, 0.005208333333, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25]
E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
OWN = ["int4", "int8", "uint8", "nf4", "bnb_fp4", "nvfp4_f32", "fp8", "uint4"]


def own(name, random, n=16):
    """Blocks, and their weights: [n, 32]."""
    f32 = np.float32
    scale = random.normal(0, 0.02, (n, 2)).astype(f32)
    nibbles = random.integers(0, 16, (n, 32), dtype=np.uint8)
    bytes32 = random.integers(0, 256, (n, 32), dtype=np.uint8)
    packed = nibbles[:, :16] | nibbles[:, 16:] << 4
    first, raw = scale[:, :1], lambda x: np.ascontiguousarray(x).view(np.uint8)
    if name == "int4":
        zero = random.integers(0, 17, (n, 1))
        bits = first.view(np.uint32) & 0xffffff00
        return np.hstack([raw(bits | (16 - zero).astype(np.uint32)), packed]), bits.view(f32) * (nibbles - zero).astype(f32)
    if name == "int8":
        return np.hstack([raw(first), bytes32]), first * bytes32.view(np.int8).astype(f32)
    if name == "uint8":
        return np.hstack([raw(scale), bytes32]), first * (bytes32.astype(f32) - 128) + scale[:, 1:]
    if name == "uint4":
        return np.hstack([raw(scale), packed]), first * (nibbles.astype(f32) - 8) + scale[:, 1:]
    if name == "nvfp4_f32":
        values = np.array(E2M1 + [-x for x in E2M1], f32)[nibbles]
        return np.hstack([raw(scale), packed]), values * np.repeat(scale, 16, axis=1)
    if name == "fp8":
        codes = np.where(bytes32 & 127 == 127, bytes32 & 126, bytes32)
        exponent, mantissa = (codes >> 3 & 15).astype(int), (codes & 7).astype(f32)
        values = np.where(exponent, np.ldexp(8 + mantissa, exponent - 10), np.ldexp(mantissa, -9)).astype(f32)
        return np.hstack([raw(first), codes]), np.where(codes & 128, -values, values) * first
    table = NF4 if name == "nf4" else BNB_FP4 + [-x for x in BNB_FP4]
    return np.hstack([raw(first), packed]), np.array(table, f32)[nibbles] * first


main()
for name in OWN:
    blocks, values = own(name, np.random.default_rng(15))
    (OUT / f"{name}.bytes").write_bytes(blocks.astype(np.uint8).tobytes())
    (OUT / f"{name}.f32").write_bytes(values.astype(np.float32).tobytes())
