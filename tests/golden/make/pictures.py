#!/usr/bin/env python3
"""What the reference makes of pictures: decoding, resizing, whole preprocessors.

    pip install numpy pillow==13.0.0 torch==2.15.0 torchvision==0.29.2 transformers==5.24.0
    python pictures.py [files] [resize] [preprocessors]      # all of them by default; writes tests/golden/vlm/

files:         tests/vlm/corpus_picture/: PngSuite, whose PNG files are decoded here by 60 lines of Python, and small JPEG,
               WebP and GIF files, made and decoded by Pillow; pictures.tsv has the CRC-32 of their pixels
resize:        resize.tsv: the CRC-32 of pictures of random sizes resized by Pillow and by torchvision
preprocessors: preprocessors.json: settings, sizes and the CRC-32 of the pixel values of image processors of transformers

Pictures to resize come from `picture` below, which tests/vlm/picture_of.h does as well.
"""
import io
import json
import os
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "vlm"
CORPUS = HERE.parent.parent / "vlm" / "corpus_picture"
SUITE = pathlib.Path(os.environ.get("VIV_SHARED_DATA", HERE.parents[3] / "shared" / "data")) / "images" / "pngsuite"


def picture(seed, height, width):
    """A picture that C makes, too, from integers alone: noise, ramps or a board of black and white."""
    y, x, c = np.meshgrid(np.arange(height, dtype=np.uint32), np.arange(width, dtype=np.uint32),
                          np.arange(3, dtype=np.uint32), indexing="ij")
    h = (y * np.uint32(width) + x) * np.uint32(3) + c + np.uint32(seed * 0x9E3779B1 % 2**32)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x85EBCA77)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE3D)
    noise = h >> np.uint32(24)
    if seed % 3 == 0:
        value = noise
    elif seed % 3 == 1:
        ramp = (x * (c + np.uint32(2)) + y * np.uint32(3) + c * np.uint32(40) + np.uint32(seed % 1000 * 7)) % np.uint32(510)
        value = np.where(ramp > 255, 510 - ramp, ramp)
    else:
        value = np.where((x // np.uint32(5) + y // np.uint32(7) + c) % np.uint32(2) == 1, 255, noise // np.uint32(64))
    return value.astype(np.uint8)


def crc(array):
    return f"{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}"


# --- files -------------------------------------------------------------------------------------------------------

def rows_of(data, width, height, channels, depth):
    """Unfiltered rows (PNG specification, section 9) as samples; and the bytes that they took."""
    bpp, stride = max(1, channels * depth // 8), (width * channels * depth + 7) // 8
    before, rows, at = bytearray(stride), [], 0
    for _ in range(height):
        kind, line = data[at], bytearray(data[at + 1:at + 1 + stride])
        assert len(line) == stride
        at += 1 + stride
        for i in range(stride):
            a, b, c = line[i - bpp] if i >= bpp else 0, before[i], before[i - bpp] if i >= bpp else 0
            if kind == 1:
                line[i] = (line[i] + a) & 255
            elif kind == 2:
                line[i] = (line[i] + b) & 255
            elif kind == 3:
                line[i] = (line[i] + (a + b) // 2) & 255
            elif kind == 4:
                p = a + b - c
                pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
                line[i] = (line[i] + (a if pa <= pb and pa <= pc else b if pb <= pc else c)) & 255
            else:
                assert kind == 0
        before = line
        bits = np.unpackbits(np.frombuffer(bytes(line), np.uint8)).reshape(-1, depth)
        samples = bits.astype(np.uint32) @ (1 << np.arange(depth - 1, -1, -1, dtype=np.uint32))
        rows.append(samples[:width * channels].reshape(width, channels))
    return np.array(rows, np.uint32).reshape(height, width, channels), at


def decode_png(data):
    """[height, width, 4], alpha last: 16 bits by their high byte."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts, palette, transparency = 8, [], None, None
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + n]
        assert len(body) == n and struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0] == zlib.crc32(kind + body)
        at += 12 + n
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
        elif kind == b"PLTE":
            palette = np.frombuffer(body, np.uint8).reshape(-1, 3)
        elif kind == b"tRNS":
            transparency = body
        elif kind == b"IDAT":
            parts.append(body)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    assert depth in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}[colour]
    raw = zlib.decompress(b"".join(parts))
    samples = np.zeros((height, width, channels), np.uint32)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    for x, y, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        w, h = -((x - width) // dx), -((y - height) // dy)
        if w > 0 and h > 0:
            samples[y::dy, x::dx], used = rows_of(raw, w, h, channels, depth)
            raw = raw[used:]
    out = np.full((height, width, 4), 255, np.uint32)
    scaled = samples >> 8 if depth == 16 else samples * (255 // ((1 << depth) - 1))
    if colour == 3:
        out[..., :3] = palette[samples[..., 0]]
        if transparency is not None:
            alpha = np.full(256, 255)
            alpha[:len(transparency)] = list(transparency)
            out[..., 3] = alpha[samples[..., 0]]
    else:
        out[..., :3] = scaled[..., :3] if channels >= 3 else scaled[..., :1]
        if channels in (2, 4):
            out[..., 3] = scaled[..., -1]
        elif transparency is not None:
            key = struct.unpack(f">{channels}H", transparency)
            out[..., 3] = np.where((samples == np.array(key)).all(-1), 0, 255)
    return out.astype(np.uint8)


def over_white(rgba):
    c, a = rgba[..., :3].astype(np.uint32), rgba[..., 3:].astype(np.uint32)
    return ((c * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)


def suite_rows():
    for path in sorted(SUITE.glob("*.png")):
        try:
            pixels = decode_png(path.read_bytes())
        except Exception:  # broken on purpose: names that begin with x
            assert path.name[0] == "x", path
            yield path.name, None
            continue
        theirs = Image.open(path)
        if not theirs.mode.startswith("I"):
            theirs = np.asarray(theirs.convert("RGBA"))
            same = (theirs == pixels).all() if b"tRNS" not in path.read_bytes() else (theirs[..., :3] == pixels[..., :3]).all()
            if not same:
                print("Pillow differs:", path.name)
        yield path.name, pixels


def save(name, image, **options):
    image.save(CORPUS / name, **options)
    return name


def exif(orientation, order="little"):
    entry = struct.pack("<HHIHH" if order == "little" else ">HHIHH", 0x0112, 3, 1, orientation, 0)
    if order == "little":
        return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)


def make_files():
    base, grey = Image.fromarray(picture(1, 21, 34)), Image.fromarray(picture(1, 21, 34)[..., 0])
    small = Image.fromarray(picture(4, 13, 9))
    rgba = Image.fromarray(np.concatenate([picture(1, 21, 34), picture(4, 21, 34)[..., :1]], -1))
    names = [save("rgb.jpg", base, quality=85), save("rgb-444.jpg", base, quality=95, subsampling=0),
             save("rgb-422.jpg", base, quality=80, subsampling=1), save("grey.jpg", grey, quality=85),
             save("progressive.jpg", base, quality=85, progressive=True), save("restart.jpg", base, restart_marker_blocks=1),
             save("cmyk.jpg", base.convert("CMYK"), quality=85), save("cmyk-noise.jpg", Image.fromarray(
                 np.concatenate([picture(0, 17, 19), picture(3, 17, 19)[..., :1]], -1), "CMYK"), quality=95),
             save("lossy.webp", base, quality=70), save("lossless.webp", base, lossless=True),
             save("alpha.webp", rgba, lossless=True, exact=True), save("alpha-lossy.webp", rgba, quality=60),
             save("palette.gif", base.quantize(13)), save("grey.gif", grey), save("interlaced.gif", base.quantize(30), interlace=1),
             save("grey-alpha.png", rgba.convert("LA")),
             save("orientation-6.webp", small, lossless=True, exif=exif(6)), save("orientation-5.png", small, exif=exif(5)[6:])]
    names += [save(f"orientation-{i}.jpg", small, quality=90, exif=exif(i, "big" if i % 2 else "little")) for i in range(1, 9)]
    clear = base.quantize(13)
    names.append(save("transparent.gif", clear, transparency=int(np.asarray(clear)[3, 4])))
    ycck = bytearray((CORPUS / "cmyk.jpg").read_bytes())  # the same values, said to be YCCK
    at = ycck.find(b"Adobe")
    ycck[at + 11] = 2
    (CORPUS / "ycck.jpg").write_bytes(ycck)
    names.append("ycck.jpg")
    frames = [Image.fromarray(picture(i, 20, 24)) for i in (1, 2, 4, 5)]
    save("animated.gif", frames[0], save_all=True, append_images=frames[1:], duration=[50, 120, 70, 200], loop=0)
    save("animated.webp", frames[0], save_all=True, append_images=frames[1:], duration=[50, 120, 70, 200], lossless=True)
    for disposal in (1, 2, 3):
        layers = []
        for i in range(4):
            layer = np.zeros((12, 16, 4), np.uint8)
            layer[i:i + 6, 2 * i:2 * i + 8] = [60 * i + 20, 255 - 50 * i, 10, 255]
            layers.append(Image.fromarray(layer))
        save(f"disposal-{disposal}.gif", layers[0], save_all=True, append_images=layers[1:], duration=100, disposal=disposal)
    animations = ["animated.gif", "animated.webp", "disposal-1.gif", "disposal-2.gif", "disposal-3.gif"]
    return names, animations


def shown(path):
    """White and dropped; upright."""
    from PIL import ImageOps
    image = ImageOps.exif_transpose(Image.open(path))
    rgba = np.asarray(image.convert("RGBA"))
    if image.mode in ("CMYK", "YCCK"):
        return (np.asarray(image.convert("RGB")),) * 2
    return over_white(rgba), rgba[..., :3]


SMALL_SUITE = ("bas", "bg", "tb", "tp", "tm", "oi9", "s01", "s02", "s07", "s39", "x", "ct", "cs3", "f03", "f99", "ps2", "z00", "ch")


def files():
    CORPUS.mkdir(exist_ok=True)
    lines = []
    for name, pixels in suite_rows():
        if name.startswith(SMALL_SUITE):
            (CORPUS / name).write_bytes((SUITE / name).read_bytes())
        if pixels is None:
            lines.append(f"{name}\trefused")
        else:
            h, w, _ = pixels.shape
            lines.append(f"{name}\t{w}\t{h}\t{crc(over_white(pixels))}\t{crc(pixels[..., :3])}")
    (CORPUS / "PngSuite.LICENSE").write_bytes((SUITE / "PngSuite.LICENSE").read_bytes())
    names, animations = make_files()
    for name in names:
        white, dropped = shown(CORPUS / name)
        lines.append(f"{name}\t{white.shape[1]}\t{white.shape[0]}\t{crc(white)}\t{crc(dropped)}")
    (GOLDEN / "pictures.tsv").write_text("\n".join(lines) + "\n")
    lines = []
    for name in animations:
        image = Image.open(CORPUS / name)
        for i in range(image.n_frames):
            image.seek(i)
            rgba = np.asarray(image.convert("RGBA"))
            lines.append(f"{name}\t{i}\t{image.n_frames}\t{image.info['duration']}\t{crc(over_white(rgba))}")
    (GOLDEN / "animations.tsv").write_text("\n".join(lines) + "\n")


# --- resize ------------------------------------------------------------------------------------------------------

FILTERS = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]  # by Pillow's numbers
N_RESIZES, N_PER_LINE = 1000, 50


def mix(n):
    n = (n ^ (n >> 16)) * 0x45D9F3B % 2**32
    n = (n ^ (n >> 16)) * 0x45D9F3B % 2**32
    return n ^ (n >> 16)


def sizes(i):
    """Two sizes, height first; one in eight keeps a side, few are long and thin."""
    a = [mix(4 * i + k + 1) for k in range(4)]
    h, w, oh, ow = (1 + v % (40 if i % 3 else 160) for v in a)
    if i % 16 == 3:
        oh = h
    if i % 16 == 7:
        ow = w
    if i % 50 == 11:
        h, w, oh, ow = 1, 4000, 1 + oh % 3, 37
    return h, w, oh, ow


def resized(pixels, oh, ow, filter, backend):
    if backend == "pillow":
        return np.asarray(Image.fromarray(pixels).resize((ow, oh), filter))
    import torch
    from torchvision.transforms.v2 import functional as F
    mode = {0: F.InterpolationMode.NEAREST_EXACT, 1: F.InterpolationMode.LANCZOS, 2: F.InterpolationMode.BILINEAR,
            3: F.InterpolationMode.BICUBIC}[filter]
    out = F.resize(torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), [oh, ow], interpolation=mode, antialias=True)
    return out.permute(1, 2, 0).numpy()


def resize():
    """A line: back-end, filter, CRC-32 over the pixels of N_PER_LINE pictures, each; the sizes are those of sizes()."""
    lines = []
    for backend in "pillow", "torchvision":
        for filter, name in enumerate(FILTERS):
            if backend == "torchvision" and name in ("box", "hamming"):
                continue
            sums = []
            for first in range(0, N_RESIZES, N_PER_LINE):
                value = 0
                for i in range(first, first + N_PER_LINE):
                    h, w, oh, ow = sizes(i)
                    out = resized(picture(i, h, w), oh, ow, filter, backend)
                    value = zlib.crc32(np.ascontiguousarray(out).tobytes(), value)
                sums.append(f"{value:08x}")
            lines.append("\t".join([backend, name, *sums]))
    (GOLDEN / "resize.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    parts = {"files": files, "resize": resize}
    GOLDEN.mkdir(exist_ok=True)
    for part in sys.argv[1:] or list(parts):
        parts[part]()
