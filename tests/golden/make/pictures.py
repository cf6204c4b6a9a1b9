#!/usr/bin/env python3
"""What the reference makes of pictures: decoding, resizing, whole preprocessors.

    pip install numpy pillow==13.0.0 torch==2.15.0 torchvision==0.29.2 transformers==5.24.0
    python pictures.py [files] [resize] [size_rules] [preprocessors]      # all of them by default; writes tests/golden/vlm/

files:         tests/vlm/corpus_picture/: PngSuite, whose PNG files are decoded here by 60 lines of Python, and small JPEG,
               WebP and GIF files, made and decoded by Pillow; pictures.tsv has the CRC-32 of their pixels
resize:        resize.tsv: the CRC-32 of pictures of random sizes resized by Pillow and by torchvision
size_rules:    size_rules.tsv: what pictures of random sizes are resized to and cut into by functions of transformers
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


# --- size rules ---------------------------------------------------------------------------------------------------

N_SIZES = 400


def size_of(i):
    most = (40, 400, 4000)[i % 3]
    h, w = 1 + mix(2 * i + 7) % most, 1 + mix(2 * i + 8) % most
    if i % 10 == 4:
        w = h
    if i % 10 == 9:
        w = 1 + h // 3 + h * (i % 4)
    return h, w


def module(name):
    import importlib
    return importlib.import_module(f"transformers.models.{name}.image_processing_{name}")


def grid(resized, rows=1, cols=1):
    return [*resized, rows, cols]


class Rules:
    """Of a size: for each view the size that it is resized to, and its rows and columns of tiles."""

    def CLIP(self, h, w):
        from transformers.image_transforms import get_resize_output_image_size
        return grid(get_resize_output_image_size(np.zeros((h, w, 1), bool), 224, default_to_square=False, input_data_format="channels_last"))

    def Qwen2VL(self, h, w):
        return grid(module("qwen2_vl").smart_resize(h, w, max_pixels=28 * 28 * 1280))

    def Glm46V(self, h, w):
        return grid(module("glm46v").smart_resize(2, h, w, max_pixels=28 * 28 * 15000))

    def LlavaNext(self, h, w, points=((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)), tile=336):
        from transformers.image_processing_utils import get_patch_output_size, select_best_resolution
        best = select_best_resolution((h, w), points)
        resized = get_patch_output_size(np.zeros((h, w, 1), bool), best, "channels_last")
        return grid((tile, tile)) + grid(resized, best[0] // tile, best[1] // tile)

    def LlavaOnevision(self, h, w):
        return self.LlavaNext(h, w, [(384 * y, 384 * x) for y in range(1, 7) for x in range(1, 7)], 384)

    def Idefics3(self, h, w):
        m, tile = module("idefics3"), 364
        h, w = m._resize_output_size_rescale_to_max_len(h, w, max_len=4 * tile)
        h, w = m._resize_output_size_scale_below_upper_bound(h, w, max_len=m.MAX_IMAGE_SIZE)

        class Shape:
            def size(self):
                return [1, 3, h, w]
        seen = []
        p = m.Idefics3ImageProcessor()
        p.resize = lambda image, size, resample=None: seen.append((size.height, size.width))
        p.resize_for_vision_encoder(Shape(), tile)
        h, w = seen[0]
        if h <= tile and w <= tile:
            return grid((h, w))
        return grid((h, w), h // tile, w // tile) + grid((tile, tile))

    def Siglip2(self, h, w):
        return grid(module("siglip2").get_image_size_for_max_num_patches(h, w, 16, 256))

    def Gemma4(self, h, w):
        return grid(module("gemma4").get_aspect_ratio_preserving_size(h, w, 16, 9 * 280, 3))

    def Gemma3(self, h, w):
        import torch
        crops = module("gemma3").Gemma3ImageProcessor().pan_and_scan_batched(torch.empty(1, h, w, dtype=torch.bool), 256, 4, 1.2)
        return grid((896, 896)) * (1 + len(crops))

    def GotOcr2(self, h, w):
        cols, rows = module("got_ocr2").get_optimal_tiled_canvas((h, w), (448, 448), 1, 12)
        return grid((448 * rows, 448 * cols), rows, cols) + (grid((448, 448)) if rows * cols > 1 else [])

    def DeepseekOcr2(self, h, w):
        tiles = []
        if max(h, w) > 768:
            cols, rows = module("deepseek_ocr2").get_optimal_tiled_canvas((h, w), (768, 768), 2, 6)
            tiles = grid((768 * rows, 768 * cols), rows, cols)
        scale = 1024 / max(h, w)
        assert round(h * scale) and round(w * scale)
        return tiles + grid((round(h * scale), round(w * scale)))

    def Ovis2(self, h, w):
        cols, rows = module("ovis2").get_min_tile_covering_grid((h, w), 448, 9)
        return (grid((448, 448)) if rows * cols > 1 else []) + grid((448 * rows, 448 * cols), rows, cols)

    def Pixtral(self, h, w):
        m = module("pixtral")
        return grid(m.get_resize_output_image_size(np.zeros((h, w, 1), bool), (1024, 1024), (16, 16), "channels_last"))

    def Lfm2Vl(self, h, w):
        p = module("lfm2_vl").Lfm2VlImageProcessor()
        width, height = p.smart_resize(h, w, 2, 64, 256, 16)
        if not p._is_image_too_large(h, w, 256, 16, 2, 2.0):
            return grid((height, width))
        cols, rows, target_w, target_h, _ = p._get_grid_layout(h, w, 2, 10, 512)
        return grid((target_h, target_w), rows, cols) + grid((height, width))

    def Llama4(self, h, w):
        import torch
        m = module("llama4")
        from transformers.image_utils import SizeDict
        options = torch.tensor(m.find_supported_resolutions(16, SizeDict(height=336, width=336)))
        th, tw = m.get_best_fit((h, w), options).tolist()
        nh, nw = m.get_max_res_without_distortion((h, w), (min(max(h, 336), th), min(max(w, 336), tw)))
        rows, cols = th // 336, tw // 336
        return grid((max(nh, 1), max(nw, 1)), rows, cols) + (grid((336, 336)) if rows * cols > 1 else [])

    def Kimi_K25(self, h, w):
        return grid(module("kimi_k25").navit_resize(h, w, 14, 2, 16384, 512)[0])

    def DeepseekVL(self, h, w):
        scale = 384 / max(h, w)
        return grid((max(round(h * scale), 14), max(round(w * scale), 14)))

    def MiniCPMV4_6(self, h, w):
        p = module("minicpmv4_6").MiniCPMV4_6ImageProcessor()
        best = p.get_sliced_grid((h, w), 9, 448)
        whole = grid(p.find_best_resize((h, w), 448, 14, "16x", allow_upscale=best is None))
        if best is None:
            return whole
        return whole + grid(p.get_refine_size((h, w), best, 448, 14, "16x", allow_upscale=True), *best)


def size_rules():
    """A line for a class: the CRC-32 of the numbers of Rules, as little-endian 32-bit integers, for 40 sizes each. A size that the
    reference refuses, or that is resized to more than 65,536 pixels per side or 2^27 in all, is the number -1."""
    lines = []
    for name in [n for n in dir(Rules) if n[0] != "_"]:
        sums = []
        for first in range(0, N_SIZES, 40):
            numbers = []
            for i in range(first, first + 40):
                try:
                    of = [int(n) for n in getattr(Rules(), name)(*size_of(i))]
                    sides = [s for k, s in enumerate(of) if k % 4 < 2]
                    fits = all(0 < s <= 65536 for s in sides) and all(a * b <= 2**27 for a, b in zip(sides[::2], sides[1::2]))
                    numbers += of if fits else [-1]
                except (ValueError, ZeroDivisionError, AssertionError):
                    numbers.append(-1)
            sums.append(crc(np.array(numbers, "<i4")))
        lines.append("\t".join([name, *sums]))
    (GOLDEN / "size_rules.tsv").write_text("\n".join(lines) + "\n")


# --- preprocessors ------------------------------------------------------------------------------------------------

CASES = [  # class, what its file says, sizes
    ("CLIP", {}, [(97, 141), (211, 83), (40, 40)]),
    ("CLIP", {"size": 64, "crop_size": 90}, [(97, 141), (211, 83)]),  # a crop that is larger than the picture
    ("CLIP", {"size": {"shortest_edge": 50, "longest_edge": 70}, "do_center_crop": False, "resample": 2}, [(97, 141), (300, 83)]),
    ("CLIP", {"size": {"height": 768, "width": 768}, "do_center_crop": False, "image_mean": [0.485, 0.456, 0.406],
              "image_std": [0.229, 0.224, 0.225]}, [(97, 141)]),
    ("Bit", {"size": {"shortest_edge": 256}, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}, [(97, 141)]),
    ("Llava", {"size": {"shortest_edge": 112}, "crop_size": {"height": 112, "width": 112}, "do_pad": True}, [(97, 141), (211, 84)]),
    ("Siglip", {"size": {"height": 384, "width": 384}}, [(97, 141), (500, 411)]),
    ("Siglip", {"do_normalize": False}, [(97, 141)]),
    ("ViT", {"resample": 0}, [(97, 141), (500, 411)]),
    ("Gemma3", {"size": {"height": 448, "width": 448}, "do_pan_and_scan": True, "pan_and_scan_min_crop_size": 64,
                "pan_and_scan_max_num_crops": 4, "pan_and_scan_min_ratio_to_activate": 1.2}, [(97, 141), (300, 83), (100, 701)]),
    ("LlavaNext", {"size": {"shortest_edge": 84}, "crop_size": 84, "image_grid_pinpoints":
                   [[84, 168], [168, 84], [168, 168], [252, 84], [84, 252]]}, [(97, 141), (211, 83), (40, 41), (30, 200)]),
    ("LlavaOnevision", {"size": {"height": 96, "width": 96}, "image_grid_pinpoints":
                        [[96 * y, 96 * x] for y in range(1, 7) for x in range(1, 7)]}, [(97, 141), (211, 83), (600, 431)]),
    ("Idefics3", {"size": {"longest_edge": 364}, "max_image_size": {"longest_edge": 91}}, [(97, 141), (211, 83), (20, 20)]),
    ("SmolVLM", {"size": {"longest_edge": 512}, "max_image_size": {"longest_edge": 512}}, [(97, 141)]),
    ("Idefics3", {"size": {"longest_edge": 364}, "max_image_size": {"longest_edge": 91}, "do_image_splitting": False}, [(97, 141)]),
    ("Qwen2VL", {}, [(97, 141), (211, 83), (20, 20), (64, 1000)]),
    ("Qwen2VL", {"min_pixels": 65536, "max_pixels": 200000, "patch_size": 16, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
     [(97, 141), (600, 431)]),
    ("Glm46V", {}, [(97, 141), (20, 20)]),
    ("Gemma4", {"max_soft_tokens": 70}, [(97, 141), (64, 1000), (20, 20)]),
    ("GotOcr2", {"size": {"height": 112, "width": 112}, "crop_to_patches": True, "image_mean": [0.485, 0.456, 0.406],
                 "image_std": [0.229, 0.224, 0.225]}, [(97, 141), (300, 83), (112, 112), (600, 431)]),
    ("DeepseekOcr2", {"size": {"height": 256, "width": 256}, "tile_size": 192}, [(97, 141), (300, 83), (600, 431)]),
    ("Ovis2", {"size": {"height": 112, "width": 112}, "crop_to_patches": True, "max_patches": 9}, [(97, 141), (300, 83), (600, 431)]),
    ("Pixtral", {"size": {"longest_edge": 256}, "patch_size": 14}, [(97, 141), (300, 83), (600, 431)]),
    ("Siglip2", {"max_num_patches": 64}, [(97, 141), (64, 1000), (20, 20)]),
    ("Lfm2Vl", {"tile_size": 128, "min_image_tokens": 4, "max_image_tokens": 16}, [(97, 141), (300, 83), (600, 431), (20, 20)]),
    ("Llama4", {"size": {"height": 112, "width": 112}}, [(97, 141), (300, 83), (600, 431), (20, 20)]),
    ("Kimi_K25", {"size": {"max_height": 20, "max_width": 20}, "max_patches": 100}, [(97, 141), (300, 83), (20, 20)]),
    ("DeepseekVL", {}, [(97, 141), (300, 84), (9, 500)]),
    ("DeepseekVL", {"do_pad": False, "size": {"height": 112, "width": 112}}, [(97, 141)]),
    ("MiniCPMV4_6", {"scale_resolution": 112, "patch_size": 14}, [(97, 141), (300, 83), (600, 431), (20, 20)]),
    ("DINOv3ViT", {}, [(97, 141), (500, 411)]),  # in floats
    ("DINOv3ViT", {"size": {"height": 141, "width": 97}, "resample": 3}, [(97, 141)]),
]


def values_of(processor, name, image):
    """The images or rows of patches that the model gets, in order, as float32; and whether these are patches."""
    import torch
    call = {"images": [image], "return_tensors": "pt"}
    if name in ("Idefics3", "SmolVLM"):
        call["images"] = [[image]]
    if name == "DeepseekOcr2":
        call["return_tensors"] = None
    out = processor(**call)
    values = out["pixel_values"]
    if name == "DeepseekOcr2":
        return [torch.as_tensor(v) for v in out.get("pixel_values_local", [])] + [torch.as_tensor(values[0])], False
    if name in ("Qwen2VL", "Glm46V", "Kimi_K25"):
        return [values.flatten(1)], True
    if name in ("Siglip2", "Lfm2Vl"):
        return [v[:int(s.prod())] for v, s in zip(values, out["spatial_shapes"])], True
    if name == "Gemma4":
        n = int(out["num_soft_tokens_per_image"][0]) * 9
        return [values[0][:n]], True
    if name == "MiniCPMV4_6":
        p, at, rows = processor.patch_size, 0, []
        for h, w in out["target_sizes"].tolist():
            piece = values[0][:, :, at:at + h * w * p]
            rows.append(piece.reshape(3, p, h * w, p).permute(2, 0, 1, 3).flatten(1))
            at += h * w * p
        return rows, True
    return list(values.flatten(0, values.ndim - 4)), False


VIDEOS = [  # class, what its file says, frames and their size
    ("LlavaNextVideo", {"size": {"shortest_edge": 64}, "crop_size": 64}, [(3, 97, 141)]),
    ("LlavaOnevision", {}, [(2, 97, 141)]),
    ("InternVL", {"size": {"height": 112, "width": 112}}, [(2, 97, 141)]),
    ("SmolVLM", {"size": {"longest_edge": 256}, "max_image_size": {"longest_edge": 128}}, [(2, 97, 141)]),
    ("Qwen2VL", {}, [(4, 97, 141), (2, 600, 431)]),
    ("Qwen3VL", {"size": {"shortest_edge": 4096, "longest_edge": 100000}}, [(4, 97, 141), (6, 20, 90), (2, 600, 431)]),
    ("Glm4v", {"size": {"shortest_edge": 12544, "longest_edge": 300000}}, [(4, 97, 141), (6, 600, 431)]),
    ("Gemma4", {}, [(2, 97, 141)]),
    ("Kimi_K25", {"size": {"max_height": 20, "max_width": 20}, "max_patches": 100}, [(4, 97, 141)]),
]


def video_values_of(processor, name, frames):
    import torch
    out = processor(videos=[torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)], return_tensors="pt", do_sample_frames=False)
    values = out["pixel_values" if name == "SmolVLM" else "pixel_values_videos"]
    if name == "Gemma4":
        n = [int((p >= 0).all(-1).sum()) for p in out["video_position_ids"]]
        return [v[:k] for v, k in zip(values, n)], True
    if name in ("Qwen2VL", "Qwen3VL", "Glm4v"):
        rows = int(out["video_grid_thw"][0, 1:].prod())
        return list(values.split(rows)), True
    if name == "Kimi_K25":
        return list(values.flatten(1).split(len(values) // len(frames))), True
    return list(values.flatten(0, values.ndim - 4)), False


def preprocessors():
    import transformers
    cases = []
    for seed, (name, config, sizes) in enumerate(VIDEOS):
        processor = getattr(transformers, f"{name}VideoProcessor")(**config)
        for n, h, w in sizes:
            images, patches = video_values_of(processor, name, [picture(seed + i, h, w) for i in range(n)])
            value = 0
            for image in images:
                value = zlib.crc32(image.float().contiguous().numpy().tobytes(), value)
            cases.append({"file": {"video_processor_type": f"{name}VideoProcessor", **config}, "backend": "torchvision", "seed": seed,
                          "frames": n, "height": h, "width": w, "patches": patches, "shapes": [list(i.shape) for i in images],
                          "crc": f"{value:08x}"})
    for seed, (name, config, sizes) in enumerate(CASES):
        for backend in "torchvision", "pillow":
            type = f"{name}ImageProcessor" + ("Pil" if backend == "pillow" else "")
            if not hasattr(transformers, type):
                continue
            processor = getattr(transformers, type)(**config)
            for h, w in sizes:
                images, patches = values_of(processor, name, Image.fromarray(picture(seed, h, w)))
                value = 0
                for image in images:
                    value = zlib.crc32(image.float().contiguous().numpy().tobytes(), value)
                cases.append({"file": {"image_processor_type": f"{name}ImageProcessor", **config}, "backend": backend, "seed": seed,
                              "height": h, "width": w, "patches": patches, "shapes": [list(i.shape) for i in images],
                              "crc": f"{value:08x}"})
        corpus = CORPUS.parent / "corpus_preprocessor"
        corpus.mkdir(exist_ok=True)
        h, w = sizes[0]
        config = json.dumps({"image_processor_type": f"{name}ImageProcessor", **config})
        (corpus / f"{name.lower()}-{seed}.json").write_bytes(struct.pack("<HH", h, w) + config.encode())
    text = ",\n".join(json.dumps(c) for c in cases)
    (GOLDEN / "preprocessors.json").write_text(f"[{text}]\n")


if __name__ == "__main__":
    parts = {"files": files, "resize": resize, "size_rules": size_rules, "preprocessors": preprocessors}
    GOLDEN.mkdir(exist_ok=True)
    for part in sys.argv[1:] or list(parts):
        parts[part]()
