"""Models that see: tiny checkpoints of transformers with random weights, two pictures of odd sizes, and what comes of them.

A folder holds the checkpoint, in bfloat16, with preprocessor_config.json, and
  rows.npy     of an encoder of pictures, or of a model's: float32, what it makes of each picture, one after the other
  scores.npy   of a classifier, or of a pair of encoders for the texts in labels.json: float32 [2, n_labels]
  tokens.json  {"tokens": [...], "greedy": [...]}: with one token for each picture; what is said behind them. "turns": the same of a
               conversation, whose second turn holds the first, its answer, and a second picture; "kept": rows of the first
               that it need not compute
  video.json   the same as tokens.json, of the video whose frames are in frames/; video.npy: its logits
  logits.npy   float32 [n_tokens with as many as the pictures have rows, vocab_size]
The pictures are in tests/golden/vision/, drawn here.

    vision.py [NAME...]
"""
import json
import pathlib
import re
import sys
import types
import zlib

import numpy as np
import torch
import transformers as t
from PIL import Image
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, processors
from transformers.models.gemma4.modeling_gemma4 import Gemma4ClippableLinear

import golden

OUT = golden.HERE / "vision"
PICTURES = ["a.png", "b.png"]
N_GREEDY, N_TURN = 32, 8
N_FRAMES, FPS = 6, 24.0


def draw():
    """Two pictures of odd sizes, smooth and with edges."""
    OUT.mkdir(exist_ok=True)
    for name, (h, w), seed in (("a.png", (37, 51), 1), ("b.png", (64, 29), 2)):
        y, x = np.mgrid[:h, :w]
        rgb = np.stack([127 + 120 * np.sin(x / 7 + seed) * np.cos(y / 5), 255 * ((x // 6 + y // 9) % 2), 255 * x / w], -1)
        Image.fromarray(rgb.astype(np.uint8)).save(OUT / name)
    (OUT / "frames").mkdir(exist_ok=True)
    for i in range(N_FRAMES):  # 9.png is before 10.png
        y, x = np.mgrid[:30, :44]
        rgb = np.stack([127 + 120 * np.sin((x + 9 * i) / 7), 255 * ((x // 6 + y // 9 + i) % 2), 255 * y / 30], -1)
        Image.fromarray(rgb.astype(np.uint8)).save(OUT / "frames" / f"{5 + i}.png")


def pictures():
    return [Image.open(OUT / p) for p in PICTURES]


def folder(name):
    directory = OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def randomise(model, seed):
    """Weights that bfloat16 holds: the files are half as large."""
    golden.randomise(model, seed)
    for p in model.parameters():
        p.data = p.data.bfloat16().float()


def save(directory, model, processor, hub=lambda name, tensor: (name, tensor)):
    """hub: a tensor as published checkpoints have it, where transformers writes another name or shape."""
    weights = dict(hub(*item) for item in golden.weights_of(model).items())
    save_file({k: v.detach().bfloat16().contiguous().clone() for k, v in weights.items()}, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "model.safetensors").chmod(0o644)
    (directory / "config.json").write_text(json.dumps(golden.config_json(model, False), indent=1) + "\n")
    processor.save_pretrained(directory)


def write_tokenizer(directory, n, special, around=None):
    """A letter for each token, and special ones: their texts by id. around: two of them, before and behind each text."""
    tokenizer = Tokenizer(models.BPE(vocab={special.get(i, chr(0x100 + i)): i for i in range(n)}, merges=[]))
    if around:
        first, last = around
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{special[first]} $A {special[last]}", special_tokens=[(special[first], first), (special[last], last)])
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in special.values()])
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(directory / "tokenizer.json"))


def pixel_sum(processor, picture):
    """The CRC-32 of the numbers that a model is given of a picture: tile after tile, [channel, y, x]."""
    seen = processor(images=[[picture]], return_tensors="pt")
    values = seen["pixel_values"].float()
    if "image_grid_thw" in seen:  # rows of patches, of two frames in blocks, or of one
        (_, h, w), p, b = seen["image_grid_thw"][0].tolist(), processor.patch_size, processor.merge_size
        tile = (values.reshape(h // b, w // b, b, b, 3, -1, p, p)[:, :, :, :, :, 0].permute(4, 0, 2, 5, 1, 3, 6) if values.dim() == 2
                else values.reshape(h, w, 3, p, p).permute(2, 0, 3, 1, 4))
        return zlib.crc32(tile.contiguous().numpy().tobytes())
    if "image_position_ids" in seen:  # rows of patches [y, x, channel], padded
        p, (w, h) = processor.patch_size, (seen["image_position_ids"][0].max(0).values + 1).tolist()
        tile = values[0, :h * w].reshape(h, w, p, p, 3).permute(4, 0, 2, 1, 3)
        return zlib.crc32(tile.contiguous().numpy().tobytes())
    if "spatial_shapes" in seen or "pixel_attention_mask" in seen and values.dim() == 3:  # rows of patches, padded
        p = processor.patch_size if hasattr(processor, "patch_size") else processor.encoder_patch_size
        tiles = [v[:h * w].reshape(h, w, p, p, 3).permute(4, 0, 2, 1, 3) for v, (h, w) in zip(values, seen["spatial_shapes"].tolist())]
        return zlib.crc32(b"".join(tile.contiguous().numpy().tobytes() for tile in tiles))
    return zlib.crc32(values.contiguous().numpy().tobytes())


def pixels():
    """pixels.json: of each folder, of both pictures, by both back-ends that the reference has."""
    out = {}
    for directory in sorted(OUT.iterdir()):
        if directory.name.endswith("-gguf") or not (directory / "preprocessor_config.json").exists():
            continue
        settings = json.loads((directory / "preprocessor_config.json").read_text())
        name = settings["image_processor_type"]
        out[directory.name] = {backend: [pixel_sum(kind.from_pretrained(directory), p) for p in pictures()]
                               for backend, kind in (("torchvision", getattr(t, name)), ("pillow", getattr(t, name + "Pil", None))) if kind}
    (OUT / "pixels.json").write_text(json.dumps(out).replace("}, ", "},\n ") + "\n")


VISION = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=2, image_size=28, patch_size=7)
CLIP_VISION = dict(VISION, projection_dim=16)
TEXT = dict(vocab_size=96, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=512)
FIRST_AND_LAST = [90, 5, 17, 23, 9, 44, 90]
CLIP_PIXELS = dict(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})


@torch.no_grad()
def encoder(name, model, processor, rows):
    directory = folder(name)
    randomise(model, len(name))
    save(directory, model, processor)
    pixels = processor(images=pictures(), return_tensors="pt")["pixel_values"]
    np.save(directory / "rows.npy", rows(model(pixel_values=pixels)).float().numpy())


LABELS = [[5, 17, 33], [60, 9, 2, 71, 40], [12]]


def text_of(ids):
    return "".join(chr(0x100 + i) for i in ids)


@torch.no_grad()
def pair(name, model, processor, labels, special, around=None):
    """Both encoders of a pair. text.npy: the vector of tokens that end as texts do; scores.npy: how well each of `labels`,
    the tokens of texts of labels.json, fits each picture."""
    directory = folder(name)
    randomise(model, 9)
    model.logit_scale.data.fill_(1.703125)
    save(directory, model, processor)
    tokens = [1, 5, 17, 90, 23, 95]
    seen = {k: v for k, v in processor(images=pictures(), return_tensors="pt").items() if torch.is_tensor(v)}
    vector = lambda f, **inputs: (lambda o: o if torch.is_tensor(o) else o.pooler_output)(f(**inputs)).float().numpy()
    np.save(directory / "rows.npy", vector(model.get_image_features, **seen))
    np.save(directory / "text.npy", vector(model.get_text_features, input_ids=torch.tensor([tokens])))
    scores = [model(input_ids=torch.tensor([ids]), **seen).logits_per_image[:, 0] for ids in labels]
    np.save(directory / "scores.npy", torch.stack(scores, 1).float().numpy())
    (directory / "tokens.json").write_text(json.dumps({"tokens": tokens}) + "\n")
    (directory / "labels.json").write_text(json.dumps([text_of(ids) for ids in LABELS], ensure_ascii=False) + "\n")
    write_tokenizer(directory, model.config.text_config.vocab_size, special, around)


@torch.no_grad()
def classifier(name, model, processor):
    directory = folder(name)
    randomise(model, len(name))
    save(directory, model, processor)
    pixels = processor(images=pictures(), return_tensors="pt")["pixel_values"]
    np.save(directory / "scores.npy", model(pixel_values=pixels).logits.float().numpy())


class Asked:
    """A prompt: `tokens` with image_token for each picture, and ids, with all that stands for it."""
    def __init__(self, processor, texts, image_token, files, tokens):
        inputs = processor(images=[[Image.open(OUT / f) for f in files]], return_tensors="pt")
        self.inputs, self.tokens, self.n_pictures = {k: v for k, v in inputs.items() if torch.is_tensor(v)}, tokens, len(files)
        shown = texts(self.inputs) if callable(texts) else [[image_token] * texts for _ in files]
        self.marked = any(i != image_token for text in shown for i in text)
        next_shown, self.ids, self.starts = iter(shown), [], []
        for token in tokens:
            self.ids += (text := next(next_shown) if token == image_token else [token])
            self.starts += [len(self.ids) - len(text) + text.index(image_token)] if token == image_token else []

    def run(self, model, token_types, more=()):
        tokens = torch.tensor([self.ids + list(more)])
        types = token_types(tokens, len(self.ids)) if token_types else {}
        return model(input_ids=tokens, **{k: v for k, v in self.inputs.items() if k in TAKEN}, **types).logits[0]

    def answer(self, model, token_types, n, stop):
        """Greedy, of n tokens, or fewer where one would be `stop`."""
        greedy = []
        while len(greedy) < n and (token := int(self.run(model, token_types, greedy)[-1].argmax())) != stop:
            greedy.append(token)
        return greedy

    def json(self, greedy):
        return {"tokens": self.ids if self.marked else self.tokens, "greedy": greedy, "pictures": self.n_pictures}


@torch.no_grad()
def speaker(name, model, processor, image_token, texts, token_types=None, special=None, files=PICTURES, tokens=None, rows=None,
            hub=lambda *item: item, place=None):
    """Pictures in the middle of a text, and near its end, or where `tokens` has them. texts: of the processor's output, the ids
    that stand for each; or how many times image_token does. token_types: of all tokens and the length of the prompt, the input
    that says what they are. rows: of the inputs, the rows of all pictures. place: the token of a prompt that stands for a picture."""
    directory = folder(name)
    tokens = tokens or [1, 5, 17, image_token, 23, 9, 44] + [image_token, 31, 8] * (len(files) - 1)
    asked = Asked(processor, texts, image_token, files, tokens)
    first = Asked(processor, texts, image_token, files[:1], [1, 5, 17, image_token, 23])
    greedy, turns, seed = [], [], len(name)
    while len(greedy) < N_GREEDY or len(turns) < len(files):  # an answer with pictures of its own would be none
        randomise(model, seed)
        greedy, turns, seed = asked.answer(model, token_types, N_GREEDY, image_token), [], seed + 100
        for i in range(len(files)):
            said = [x for turn in turns for x in turn[1]]
            turn = Asked(processor, texts, image_token, files[:i + 1], first.tokens + said + [31, image_token, 8] * i)
            turns += [(turn, answer)] if len(answer := turn.answer(model, token_types, N_TURN, image_token)) == N_TURN else []
            if len(turns) <= i:
                break
    save(directory, model, processor, hub)
    if rows:
        np.save(directory / "rows.npy", rows(asked.inputs).float().numpy())
    np.save(directory / "logits.npy", asked.run(model, token_types).float().numpy())
    answers = asked.json(greedy) | {"second": asked.starts[1] if len(files) > 1 else 0, "turns": [turn.json(said) for turn, said in turns]}
    for (before, said), (turn, _), written in zip(turns, turns[1:], answers["turns"][1:]):
        if turn.ids[:len(before.ids)] == before.ids:  # else the first picture is cut differently beside a second one
            written["kept"] = len(before.ids) + len(said) - 1
    special = special or {image_token: "<image>"}
    if asked.marked:
        answers["prompt"] = "".join(special.get(place if place and i == image_token else i, chr(0x100 + i)) for i in tokens)
    (directory / "tokens.json").write_text(json.dumps(answers, ensure_ascii=False) + "\n")
    write_tokenizer(directory, model.config.text_config.vocab_size, special)


TAKEN = {"pixel_values", "image_sizes", "batch_num_images", "pixel_attention_mask", "spatial_shapes", "image_grid_thw", "image_position_ids"}


def clip():
    encoder("clip", t.CLIPVisionModel(t.CLIPVisionConfig(**CLIP_VISION)), t.CLIPImageProcessor(**CLIP_PIXELS), lambda o: o.pooler_output)


def clip_pair():
    text = t.CLIPTextConfig(vocab_size=96, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
                            max_position_embeddings=20, eos_token_id=95, projection_dim=16)
    config = t.CLIPConfig(text_config=text.to_dict(), vision_config=t.CLIPVisionConfig(**CLIP_VISION).to_dict(), projection_dim=16)
    pair("clip_pair", t.CLIPModel(config), t.CLIPImageProcessor(**CLIP_PIXELS), [[1] + ids + [95] for ids in LABELS],
         {1: "<s>", 95: "</s>"}, around=(1, 95))


def siglip_pair():
    text = t.SiglipTextConfig(vocab_size=96, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
                              max_position_embeddings=12)
    config = t.SiglipConfig(text_config=text.to_dict(), vision_config=t.SiglipVisionConfig(**VISION).to_dict())
    pair("siglip_pair", t.SiglipModel(config), t.SiglipImageProcessor(size={"height": 28, "width": 28}),
         [ids + [1] * (12 - len(ids)) for ids in LABELS], {1: "</s>"})


SIGLIP2 = {k: v for k, v in VISION.items() if k != "image_size"}


def siglip2():
    """Pictures of their own sizes, of at most 20 patches; positions are learned for 25."""
    text = t.Siglip2TextConfig(vocab_size=96, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
                               max_position_embeddings=12)
    config = t.Siglip2Config(text_config=text.to_dict(), vision_config=t.Siglip2VisionConfig(**SIGLIP2, num_patches=25).to_dict())
    pair("siglip2", t.Siglip2Model(config), t.Siglip2ImageProcessor(patch_size=7, max_num_patches=20),
         [ids + [1] * (12 - len(ids)) for ids in LABELS], {1: "</s>"})


def vit():
    config = t.ViTConfig(**VISION, num_labels=5)
    classifier("vit", t.ViTForImageClassification(config), t.ViTImageProcessor(size={"height": 28, "width": 28}))


def vit_model():
    model = t.ViTModel(t.ViTConfig(**VISION))
    encoder("vit_model", model, t.ViTImageProcessor(size={"height": 28, "width": 28}), lambda o: o.pooler_output)


DINO_PIXELS = dict(size={"shortest_edge": 40}, crop_size={"height": 35, "width": 35})


def dinov2():
    """Pictures of another size than that of the positions; in dinov2_gated a gated feed-forward."""
    config = lambda **more: t.Dinov2Config(**{k: v for k, v in VISION.items() if k != "intermediate_size"}, mlp_ratio=2, **more)
    encoder("dinov2", t.Dinov2Model(config()), t.BitImageProcessor(**DINO_PIXELS), lambda o: o.pooler_output)
    classifier("dinov2_gated", t.Dinov2ForImageClassification(config(use_swiglu_ffn=True, num_labels=4)), t.BitImageProcessor(**DINO_PIXELS))


def dinov3():
    """Registers, positions from -2 pi to 2 pi; pictures are resized in floats, but in dinov3_gated, with a gated feed-forward."""
    for name, resize, more in (("dinov3", True, {}), ("dinov3_gated", False, dict(use_gated_mlp=True, hidden_act="silu", key_bias=True))):
        directory = folder(name)
        model = t.DINOv3ViTModel(t.DINOv3ViTConfig(**VISION, num_register_tokens=3, **more))
        processor = t.DINOv3ViTImageProcessor(do_resize=resize, size={"height": 35, "width": 42})
        randomise(model, len(name))
        save(directory, model, processor)
        rows = [model(**processor(images=[p], return_tensors="pt")).pooler_output for p in pictures()]
        np.save(directory / "rows.npy", torch.cat(rows).detach().float().numpy())


def siglip():
    model = t.SiglipVisionModel(t.SiglipVisionConfig(**VISION, vision_use_head=False))
    processor = t.SiglipImageProcessor(size={"height": 28, "width": 28})
    encoder("siglip", model, processor, lambda o: o.last_hidden_state.flatten(0, 1))


def llava():
    config = t.LlavaConfig(vision_config=t.CLIPVisionConfig(**CLIP_VISION), text_config=t.LlamaConfig(**TEXT), image_token_index=90, image_seq_length=16)
    speaker("llava", t.LlavaForConditionalGeneration(config), t.CLIPImageProcessor(**CLIP_PIXELS), 90, 16)


def llava_siglip():
    """LLaVA with another picture encoder, which no family has: test_pictures.sh makes its spec of LLaVA's. So its answers are
    apart from those of families: swapped.json."""
    config = t.LlavaConfig(vision_config=t.SiglipVisionConfig(**VISION, vision_use_head=False), text_config=t.LlamaConfig(**TEXT),
                           image_token_index=90, image_seq_length=16, vision_feature_select_strategy="full")
    speaker("llava_siglip", t.LlavaForConditionalGeneration(config), t.SiglipImageProcessor(size={"height": 28, "width": 28}), 90, 16,
            files=PICTURES[:1])
    (OUT / "llava_siglip" / "logits.npy").unlink()
    (OUT / "llava_siglip" / "tokens.json").rename(OUT / "llava_siglip" / "swapped.json")


def counted(model, token, *keys):
    """The processor's pictures as `token`, as often as the model has rows for each."""
    return lambda inputs: [[token] * len(rows) for rows in model.get_image_features(**{k: inputs[k] for k in keys}).pooler_output]


def tile_sizes(side, *grids):
    return [[side * h, side * w] for h, w in grids]


def llava_next():
    pinpoints = tile_sizes(28, (1, 2), (2, 1), (2, 2))
    config = t.LlavaNextConfig(vision_config=t.CLIPVisionConfig(**CLIP_VISION), text_config=t.MistralConfig(**TEXT), image_token_index=90,
                               image_seq_length=16, image_grid_pinpoints=pinpoints)
    model = t.LlavaNextForConditionalGeneration(config)
    speaker("llava_next", model, t.LlavaNextImageProcessor(**CLIP_PIXELS, image_grid_pinpoints=pinpoints), 90,
            counted(model, 90, "pixel_values", "image_sizes"), tokens=FIRST_AND_LAST[:-1], files=PICTURES[:1])


def llava_onevision():
    """Two pictures, which are not cut; and in llava_onevision_tiles one, in so many tiles that its grid is shrunk."""
    pinpoints = tile_sizes(28, (1, 1), (1, 2), (2, 1), (3, 5))
    text = t.Qwen2Config(**TEXT, tie_word_embeddings=True)
    for name, files in (("llava_onevision", PICTURES), ("llava_onevision_tiles", PICTURES[:1])):
        config = t.LlavaOnevisionConfig(vision_config=t.SiglipVisionConfig(**VISION, vision_use_head=False), text_config=text,
                                        image_token_index=90, image_grid_pinpoints=pinpoints)
        model = t.LlavaOnevisionForConditionalGeneration(config)
        processor = t.LlavaOnevisionImageProcessor(size={"height": 28, "width": 28}, image_grid_pinpoints=pinpoints)
        speaker(name, model, processor, 90, counted(model, 90, "pixel_values", "image_sizes", "batch_num_images"), files=files)


def paligemma():
    text = t.GemmaConfig(**TEXT, head_dim=8)
    config = t.PaliGemmaConfig(vision_config=t.SiglipVisionConfig(**VISION, vision_use_head=False, projection_dim=32), text_config=text,
                               image_token_index=90, projection_dim=32)
    speaker("paligemma", t.PaliGemmaForConditionalGeneration(config), t.SiglipImageProcessor(size={"height": 28, "width": 28}), 90, 16,
            token_types=lambda tokens, n: {"token_type_ids": (torch.arange(tokens.shape[1]) >= n).long()[None]})


INTERNVL = {88: "<img>", 89: "</img>", 90: "<IMG_CONTEXT>"}


def internvl():
    """internvl_rms: the encoder of the largest ones."""
    for name, more in (("internvl", {}), ("internvl_rms", {"norm_type": "rms_norm", "use_qk_norm": True, "attention_bias": True})):
        vision = t.InternVLVisionConfig(**{**VISION, "image_size": [28, 28], "patch_size": [7, 7]}, **more)
        text = t.Qwen2Config(**TEXT) if not more else t.Qwen3Config(**TEXT, head_dim=8)
        config = t.InternVLConfig(vision_config=vision, text_config=text, image_token_id=90, image_seq_length=4)
        processor = t.GotOcr2ImageProcessor(size={"height": 28, "width": 28}, crop_to_patches=True, min_patches=1, max_patches=4)
        shown = lambda inputs: [[88] + [90] * (4 * int(n)) + [89] for n in inputs["num_patches"]]
        speaker(name, t.InternVLForConditionalGeneration(config), processor, 90, shown, special=INTERNVL,
                **(dict(files=PICTURES[:1], tokens=FIRST_AND_LAST[:-1]) if more else dict(tokens=FIRST_AND_LAST)))


def split_text(inputs, n, around=91, whole=92, end=95):
    """Idefics 3's text, of n rows for each tile."""
    texts = []
    for rows, cols in zip(inputs["rows"].flatten().tolist(), inputs["cols"].flatten().tolist()):
        text = []
        for r in range(rows):
            for c in range(cols):
                text += [around, 96 + 4 * r + c] + [90] * n
            text += [end]
        texts.append(text + ([end] if rows else []) + [around, whole] + [90] * n + [around])
    return texts


def idefics3():
    marks = {96 + 4 * r + c: f"<row_{r + 1}_col_{c + 1}>" for r in range(4) for c in range(4)}
    special = {90: "<image>", 91: "<fake_token_around_image>", 92: "<global-img>", 95: "\n", **marks}
    text = t.LlamaConfig(**{**TEXT, "vocab_size": 112})
    for name, kind, more in (("idefics3", "Idefics3", {}), ("smolvlm", "SmolVLM", {})):
        config = getattr(t, kind + "Config")(vision_config=getattr(t, kind + "VisionConfig")(**VISION), text_config=text, image_token_id=90,
                                             scale_factor=2, **more)
        processor = getattr(t, kind + "ImageProcessor")(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
        processor_with = lambda images, return_tensors: processor(images=images, return_tensors=return_tensors, return_row_col_info=True)
        model = getattr(t, kind + "ForConditionalGeneration")(config)
        speaker(name, model, Saved(processor, processor_with), 90, lambda inputs: split_text(inputs, 4), special=special)


def lfm2_vl():
    """One picture in tiles, and one alone."""
    special = {86: "<|image_start|>", 87: "<|image_end|>", 88: "<|img_thumbnail|>", 90: "<image>",
               **{91 + r: f"<|img_row_{r + 1}_col_1|>" for r in range(2)}, **{93 + r: f"<|img_row_{r + 1}_col_2|>" for r in range(2)}}
    text = t.Lfm2Config(**{**TEXT, "num_hidden_layers": 3, "intermediate_size": 60}, full_attn_idxs=[1], block_multiple_of=8)
    config = t.Lfm2VlConfig(vision_config=t.Siglip2VisionConfig(**SIGLIP2, num_patches=25, vision_use_head=False), text_config=text,
                            image_token_id=90, projector_hidden_size=40)
    processor = t.Lfm2VlImageProcessor(encoder_patch_size=7, tile_size=28, min_image_tokens=4, max_image_tokens=6, max_tiles=4,
                                       max_pixels_tolerance=1.8)

    def texts(inputs):
        out = []
        for rows, cols, (h, w) in zip(inputs["image_rows"].flatten().tolist(), inputs["image_cols"].flatten().tolist(),
                                      inputs["image_sizes"].reshape(-1, 2).tolist()):
            whole = [90] * (h // 14 * (w // 14))
            tiles = [x for r in range(rows) for c in range(cols) for x in [91 + r + 2 * c] + [90] * 4]
            out.append([86] + (tiles + [88] if rows * cols > 1 else []) + whole + [87])
        return out

    call = lambda images, return_tensors: processor(images=images, return_tensors=return_tensors, return_row_col_info=True)
    speaker("lfm2_vl", t.Lfm2VlForConditionalGeneration(config), Saved(processor, call), 90, texts, special=special)


class Saved:
    """A processor that is called in another way."""
    def __init__(self, processor, call):
        self.save_pretrained, self.call = processor.save_pretrained, call

    def __call__(self, **inputs):
        out = self.call(**inputs)
        return {k: v if torch.is_tensor(v) else torch.tensor(v) for k, v in out.items()}


class Llama4ForConditionalGeneration(t.Llama4ForConditionalGeneration):
    """transformers' fails with pixels: here rows of pictures take the places of their tokens."""
    def rows(self, pixel_values):
        return self.multi_modal_projector(self.vision_model(pixel_values.float()).last_hidden_state).flatten(0, 1)

    def forward(self, input_ids, pixel_values):
        embedded, places = self.get_input_embeddings()(input_ids), (input_ids == self.config.image_token_index)[..., None]
        return self.language_model(inputs_embeds=embedded.masked_scatter(places, self.rows(pixel_values)))


def llama4(name="llama4", **text_more):
    """Pictures in tiles; a class token behind the patches, whose lines and columns count from 1. Chunks are shorter than a picture's rows."""
    special = {84: "<|image_start|>", 85: "<|image_end|>", 86: "<|image|>", 87: "<|tile_x_separator|>", 88: "<|tile_y_separator|>", 90: "<|patch|>"}
    text = dict(TEXT, head_dim=8, intermediate_size=12, intermediate_size_mlp=24, num_local_experts=2, num_experts_per_tok=1, moe_layers=[1],
                no_rope_layers=[1, 0], attention_chunk_size=24, floor_scale=16, tie_word_embeddings=False,
                layer_types=["chunked_attention", "full_attention"]) | text_more
    vision = dict(hidden_size=16, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7,
                  projector_input_dim=24, projector_output_dim=24, vision_output_dim=24,
                  rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    config = t.Llama4Config(text_config=text, vision_config=vision, image_token_index=90, boi_token_index=84, eoi_token_index=85)
    processor = t.Llama4ImageProcessor(size={"height": 28, "width": 28}, max_patches=4)

    def texts(inputs):
        out = []
        for rows, cols in inputs["aspect_ratios"].reshape(-1, 2).tolist():
            tiles = [x for _ in range(rows) for c in range(cols) for x in [90] * 4 + [88 if c + 1 == cols else 87]]
            out.append([84] + (tiles if rows * cols > 1 else []) + [86] + [90] * 4 + [85])
        return out

    model = Llama4ForConditionalGeneration(config)
    call = lambda images, return_tensors: processor(images=images[0], return_tensors=return_tensors)
    speaker(name, model, Saved(processor, call), 90, texts, special=special, place=86, rows=lambda i: model.rows(i["pixel_values"]))


GEMMA3_SPECIAL = {88: "<start_of_image>", 89: "<end_of_image>", 90: "<image_soft_token>"}


def gemma3(name="gemma3", layer_types=("sliding_attention", "full_attention"), crops=True):
    """crops: the second picture is long enough to be shown in parts, too, with the words of transformers around them."""
    text = t.Gemma3TextConfig(**TEXT, head_dim=8, query_pre_attn_scalar=8, sliding_window=24, sliding_window_pattern=2,
                              layer_types=list(layer_types))
    vision = t.SiglipVisionConfig(**VISION, vision_use_head=False)
    config = t.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, image_token_index=90)
    pan = dict(pan_and_scan_min_crop_size=8, pan_and_scan_max_num_crops=4, pan_and_scan_min_ratio_to_activate=2.0) if crops else {}
    processor = t.Gemma3ImageProcessor(size={"height": 28, "width": 28}, do_pan_and_scan=crops, **pan)
    special = GEMMA3_SPECIAL | ({84: "Here is the original image ", 85: " and here are some crops to help you see better ", 86: "\n\n", 87: " "}
                                if crops else {})

    def texts(inputs):
        words = types.SimpleNamespace(full_image_sequence="\n\n<start_of_image>" + 4 * "<image_soft_token>" + "<end_of_image>\n\n")
        ids = {text: i for i, text in special.items()}
        cut = re.compile("|".join(map(re.escape, sorted(ids, key=len, reverse=True))))
        return [[ids[x] for x in cut.findall(t.Gemma3Processor.replace_image_token(words, inputs, i))] for i in range(len(inputs["num_crops"]))]

    speaker(name, t.Gemma3ForConditionalGeneration(config), processor, 90, texts if crops else 4, special=special, place=88,
            token_types=lambda tokens, n: {"token_type_ids": (tokens == 90).long()})


def gemma4():
    """The sparse kind; gemma4_dense, whose picture encoder standardises its rows; and gemma4_small, as E2B. One layer has a window, shorter
    than a picture's rows, the others see all, with larger heads of which a half rotates; in the sparse kind keys are values there."""
    experts = dict(attention_k_eq_v=True, enable_moe_block=True, num_experts=3, top_k_experts=2, moe_intermediate_size=8)
    both = dict(num_global_key_value_heads=1, hidden_size_per_layer_input=0, use_bidirectional_attention="vision")
    gemma4_kind("gemma4", both | experts, {}, tokens=[1, 90, 23], files=PICTURES[:1])
    gemma4_kind("gemma4_dense", both, dict(standardize=True), tokens=[1, 90, 23], files=PICTURES[:1], rows=gemma4_rows)
    small = dict(hidden_size=16, num_hidden_layers=3, num_kv_shared_layers=1, use_double_wide_mlp=True, hidden_size_per_layer_input=6,
                 vocab_size_per_layer_input=96)
    gemma4_kind("gemma4_small", small, dict(use_clipped_linears=True, num_hidden_layers=1), tokens=[1, 90, 23], files=PICTURES[:1], rows=gemma4_rows)
    for name in ("gemma4", "gemma4_dense"):
        as_published(name)


def gemma4_kind(name, text_more, vision_more, rows=None, **more):
    text = dict(TEXT | dict(intermediate_size=24), head_dim=8, global_head_dim=16, sliding_window=24, final_logit_softcapping=20.0,
                rope_parameters={"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.5, "rope_theta": 1e4},
                                 "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}) | text_more
    text = t.Gemma4TextConfig(**text, layer_types=["sliding_attention"] + ["full_attention"] * (text["num_hidden_layers"] - 1))
    vision = t.Gemma4VisionConfig(**dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
                                         head_dim=8, patch_size=PATCH, position_embedding_size=40) | vision_more)
    config = t.Gemma4Config(text_config=text.to_dict(), vision_config=vision.to_dict(), image_token_id=90, boi_token_id=92, eoi_token_id=93)
    processor = t.Gemma4ImageProcessor(patch_size=PATCH, max_soft_tokens=70)
    model = t.Gemma4ForConditionalGeneration(config)
    torch.manual_seed(5)
    if vision.standardize:
        model.model.vision_tower.std_bias.data = torch.randn(16).bfloat16().float()
        model.model.vision_tower.std_scale.data = (1 + 0.3 * torch.randn(16)).bfloat16().float()
    linears = [m for m in model.modules() if isinstance(m, Gemma4ClippableLinear) and vision.use_clipped_linears]
    for linear in linears:
        scale = 0.1 if linear.linear.in_features == 24 else 1  # that of the mlp, whose inputs are small
        for bound, sign in (("input_min", -1), ("input_max", 1), ("output_min", -1), ("output_max", 1)):
            getattr(linear, bound).copy_((sign * scale * (0.25 + torch.rand(()))).bfloat16())
        linear.register_forward_hook(check_bounds)
    for layer in model.model.language_model.layers:
        layer.layer_scalar.data.fill_(0.75)
    for attention in (m for m in model.modules() if hasattr(m, "q_proj") and linears and m.q_proj in linears):
        for bound in ("input_min", "input_max"):  # v has others
            getattr(attention.k_proj, bound).copy_(getattr(attention.q_proj, bound))
    speaker(name, model, processor, 90, lambda i: [[92] + [90] * n + [93] for n in i["num_soft_tokens_per_image"].flatten().tolist()],
            special={90: "<|image|>", 92: "<|image>", 93: "<image|>"}, token_types=lambda tokens, n: {"mm_token_type_ids": (tokens == 90).int()},
            rows=rows and (lambda i: rows(model, processor(images=[pictures()], return_tensors="pt"))), **more)


def gemma4_rows(model, inputs):
    return torch.cat(list(model.model.get_image_features(inputs["pixel_values"], inputs["image_position_ids"]).pooler_output))


def check_bounds(linear, inputs, output):
    """All bounds bite."""
    for x, low, high in ((inputs[0], linear.input_min, linear.input_max), (output, linear.output_min, linear.output_max)):
        assert (x <= low).any() and (x >= high).any()


def as_published(name):
    """Sizes of the layers that see all, by the names that published files have."""
    path = OUT / name / "config.json"
    config = json.loads(path.read_text())
    (layer,) = config["text_config"].pop("per_layer_config").values()
    config["text_config"] |= {"global_head_dim": layer["head_dim"], "num_global_key_value_heads": layer.get("num_key_value_heads")}
    path.write_text(json.dumps(config, indent=1) + "\n")


# Qwen's kind: patches of 4 pixels and two frames, of which four become a row.
PATCH = 4
QWEN_TEXT = dict(TEXT, rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}, tie_word_embeddings=False)
QWEN_IDS = dict(image_token_id=90, video_token_id=91, vision_start_token_id=92, vision_end_token_id=93)
QWEN_SPECIAL = {90: "<|image_pad|>", 91: "<|video_pad|>", 92: "<|vision_start|>", 93: "<|vision_end|>"}
QWEN_TOKENS = [92, 90, 93, 5, 17, 23, 9, 44, 92, 90]  # a picture first, and one last


ONE = dict(files=PICTURES[:1], tokens=QWEN_TOKENS[:-2])  # where another folder is asked of two


def qwen(name, config, model, special=QWEN_SPECIAL, processor=None, typed=True, video=None, tokens=QWEN_TOKENS, **more):
    processor = processor or t.Qwen2VLImageProcessor(patch_size=PATCH, merge_size=2, temporal_patch_size=2,
                                        size={"shortest_edge": 8 * 8 * 4, "longest_edge": 8 * 8 * 48})
    model = model(config)
    types = (lambda tokens, n: {"mm_token_type_ids": (tokens == 90).int()}) if typed else None
    speaker(name, model, processor, 90, lambda i: [[90] * n for n in (i["image_grid_thw"].prod(-1) // 4).tolist()], token_types=types,
            special=special, tokens=tokens, **more, rows=lambda i: qwen_rows(model, processor(images=[pictures()], return_tensors="pt")))
    if video:
        watch(name, model, video, video is t.Qwen3VLVideoProcessor)


@torch.no_grad()
def watch(name, model, kind, by_groups):
    """Four of the frames, in two groups. by_groups: each has a text of its own, with its time."""
    size = {"shortest_edge": 8 * 8 * 4, "longest_edge": 8 * 8 * (48 if by_groups else 24)}
    processor = kind(patch_size=PATCH, merge_size=2, temporal_patch_size=2, size=size, do_sample_frames=True, fps=2, min_frames=4,
                     max_frames=8, cap_pixels_per_frame=False)
    frames = np.stack([np.array(Image.open(OUT / "frames" / f"{5 + i}.png")) for i in range(N_FRAMES)])
    seen = processor(videos=[frames], video_metadata=[{"total_num_frames": N_FRAMES, "fps": FPS, "duration": N_FRAMES / FPS}],
                     return_tensors="pt", return_metadata=True)
    metadata = seen.pop("video_metadata")[0]
    groups, h, w = seen["video_grid_thw"][0].tolist()
    rows = [91] * (h * w // 4)
    times = [(metadata.frames_indices[2 * i] + metadata.frames_indices[2 * i + 1]) / 2 / FPS for i in range(groups)]
    shown = sum(([94 + i, 92] + rows + [93] for i in range(groups)), []) if by_groups else [92] + rows * groups + [93]
    special = QWEN_SPECIAL | ({94 + i: f"<{time:.1f} seconds>" for i, time in enumerate(times)} if by_groups else {})
    ids = [5, 17] + shown + [23, 9]
    more = {"second_per_grid_ts": [2 / metadata.sampled_fps]} if hasattr(model.config.vision_config, "tokens_per_second") else {}

    def run(answer):
        tokens = torch.tensor([ids + answer])
        return model(input_ids=tokens, pixel_values_videos=seen["pixel_values_videos"], video_grid_thw=seen["video_grid_thw"],
                     mm_token_type_ids=2 * (tokens == 91).int(), **more).logits[0]

    greedy = []
    while len(greedy) < N_TURN and (token := int(run(greedy)[-1].argmax())) not in (90, 91):
        greedy.append(token)
    directory = folder(name)
    processor.save_pretrained(directory)
    np.save(directory / "video.npy", run([]).float().numpy())
    prompt = "".join(special.get(i, chr(0x100 + i)) for i in [5, 17, 92, 91, 93, 23, 9])
    (directory / "video.json").write_text(json.dumps({"tokens": ids, "greedy": greedy, "prompt": prompt}, ensure_ascii=False) + "\n")
    write_tokenizer(directory, model.config.text_config.vocab_size, special)


def qwen_rows(model, inputs):
    """The rows of each picture, beside them those of earlier layers."""
    out = model.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"])
    return torch.cat([torch.cat(list(rows)) for rows in [out.pooler_output, *(getattr(out, "deepstack_features", None) or [])]], -1)


def qwen2_vl():
    vision = dict(depth=2, embed_dim=16, hidden_size=32, num_heads=2, mlp_ratio=2, patch_size=PATCH)
    qwen("qwen2_vl", t.Qwen2VLConfig(text_config=QWEN_TEXT, vision_config=vision, **QWEN_IDS), t.Qwen2VLForConditionalGeneration,
         video=t.Qwen2VLVideoProcessor)


def qwen2_5_vl():
    vision = dict(depth=3, hidden_size=16, intermediate_size=24, num_heads=2, patch_size=PATCH, out_hidden_size=32,
                  window_size=16, fullatt_block_indexes=[1])
    qwen("qwen2_5_vl", t.Qwen2_5_VLConfig(text_config=QWEN_TEXT, vision_config=vision, **QWEN_IDS), t.Qwen2_5_VLForConditionalGeneration,
         video=t.Qwen2VLVideoProcessor, **ONE)


def qwen3_vl():
    """The table of positions is 5 x 5; three layers of the picture encoder add to layers of the text."""
    text = dict(QWEN_TEXT, head_dim=8, num_hidden_layers=3, rope_parameters={
        "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1], "mrope_interleaved": True})
    vision = dict(depth=4, hidden_size=16, intermediate_size=24, num_heads=2, patch_size=PATCH, out_hidden_size=32,
                  num_position_embeddings=25, deepstack_visual_indexes=[0, 1, 3])
    config = t.Qwen3VLConfig(text_config=text, vision_config=vision, **QWEN_IDS)

    qwen("qwen3_vl", config, t.Qwen3VLForConditionalGeneration, video=t.Qwen3VLVideoProcessor)


SPARSE = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12)


def qwen3_vl_moe():
    text = dict(QWEN_TEXT, head_dim=8, num_hidden_layers=3, **SPARSE, rope_parameters={
        "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1], "mrope_interleaved": True})
    vision = dict(depth=3, hidden_size=8, intermediate_size=12, num_heads=1, patch_size=PATCH, out_hidden_size=32,
                  num_position_embeddings=25, deepstack_visual_indexes=[0, 1, 2])
    hub = lambda n, x: (n, x.transpose(1, 2) if ".experts." in n else x)
    qwen("qwen3_vl_moe", t.Qwen3VLMoeConfig(text_config=text, vision_config=vision, **QWEN_IDS), t.Qwen3VLMoeForConditionalGeneration, hub=hub, **ONE)


def qwen3_5_moe():
    text = dict(QWEN_TEXT, head_dim=16, layer_types=["linear_attention", "full_attention"], linear_key_head_dim=8, linear_value_head_dim=8,
                linear_num_key_heads=2, linear_num_value_heads=4, shared_expert_intermediate_size=12, **SPARSE, rope_parameters={
                    "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1], "mrope_interleaved": True,
                    "partial_rotary_factor": 0.5})
    vision = dict(depth=1, hidden_size=8, intermediate_size=12, num_heads=1, patch_size=PATCH, out_hidden_size=32, num_position_embeddings=25)
    qwen("qwen3_5_moe", t.Qwen3_5MoeConfig(text_config=text, vision_config=vision, **QWEN_IDS), t.Qwen3_5MoeForConditionalGeneration, **ONE)


def qwen3_5():
    """A gated delta net in one layer, attention with a gate in the other."""
    text = dict(QWEN_TEXT, head_dim=16, layer_types=["linear_attention", "full_attention"], linear_key_head_dim=8, linear_value_head_dim=8,
                linear_num_key_heads=2, linear_num_value_heads=4, rope_parameters={
                    "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1], "mrope_interleaved": True,
                    "partial_rotary_factor": 0.5})
    vision = dict(depth=2, hidden_size=16, intermediate_size=24, num_heads=2, patch_size=PATCH, out_hidden_size=32, num_position_embeddings=25)
    qwen("qwen3_5", t.Qwen3_5Config(text_config=text, vision_config=vision, **QWEN_IDS), t.Qwen3_5ForConditionalGeneration,
         video=t.Qwen3VLVideoProcessor)


GLM_TEXT = dict(QWEN_TEXT, pad_token_id=0, hidden_size=32, num_attention_heads=2, num_key_value_heads=1, rope_parameters={
    "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2], "partial_rotary_factor": 0.5})


def glm4v():
    """Patches in a table of 5 x 5, by cubic interpolation; half of each head of the text rotates, by neighbours."""
    glm("glm4v", t.Glm4vConfig, GLM_TEXT, t.Glm4vForConditionalGeneration)


def glm4v_moe():
    experts = dict(n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=12, n_shared_experts=1, first_k_dense_replace=1, n_group=1,
                   topk_group=1, attention_bias=True)
    glm("glm4v_moe", t.Glm4vMoeConfig, GLM_TEXT | experts, t.Glm4vMoeForConditionalGeneration)


def glm(name, config, text, model, **more):
    vision = dict(depth=2, hidden_size=16, out_hidden_size=32, intermediate_size=24, num_heads=2, patch_size=PATCH, image_size=20)
    config = config(text_config=text, vision_config=vision, image_token_id=90, video_token_id=91, image_start_token_id=92,
                    image_end_token_id=93, video_start_token_id=94, video_end_token_id=95)
    processor = t.Glm4vImageProcessor(patch_size=PATCH, merge_size=2, temporal_patch_size=2,
                                      size={"shortest_edge": 8 * 8 * 4, "longest_edge": 2 * 8 * 8 * 40})
    special = {90: "<|image|>", 91: "<|video|>", 92: "<|begin_of_image|>", 93: "<|end_of_image|>"}
    qwen(name, config, model, special=special, processor=processor, **more)


def kimi_k25():
    """Latent attention and experts in the text; the picture encoder's table of positions is 5 x 5."""
    text = t.DeepseekV3Config(**dict(TEXT, num_key_value_heads=4), q_lora_rank=12, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4,
                              v_head_dim=8, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=12, n_shared_experts=1,
                              first_k_dense_replace=1, n_group=1, topk_group=1, pad_token_id=0)
    vision = dict(patch_size=PATCH, pos_emb_height=5, pos_emb_width=5, num_attention_heads=2, num_hidden_layers=2, hidden_size=16,
                  intermediate_size=24)
    config = t.Kimi_K25Config(text_config=text.to_dict(), vision_config=vision, projection_hidden_size=16, image_token_id=90, video_token_id=91,
                              vision_start_token_id=92, vision_end_token_id=93, tie_word_embeddings=False)
    processor = t.Kimi_K25ImageProcessor(patch_size=PATCH, merge_size=2, max_patches=48, size={"max_height": 12, "max_width": 12})
    special = {90: "<|media_pad|>", 91: "<|media_content|>", 92: "<|media_begin|>", 93: "<|media_end|>"}
    hub = lambda n, x: (n.replace("model.blocks", "model.layers").replace("encoder.patch", "patch").replace("model.mm_", "mm_"), x)
    qwen("kimi_k25", config, t.Kimi_K25ForConditionalGeneration, special=special, processor=processor, typed=False, hub=hub)


PIXTRAL_VISION = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=40, patch_size=PATCH)
PIXTRAL_SPECIAL = {90: "[IMG]", 91: "[IMG_BREAK]", 92: "[IMG_END]"}


def pixtral():
    """Pixtral is a LLaVA whose picture encoder takes pictures of any size."""
    config = t.LlavaConfig(vision_config=t.PixtralVisionConfig(**PIXTRAL_VISION), text_config=t.MistralConfig(**TEXT), image_token_index=90,
                           vision_feature_layer=-1, vision_feature_select_strategy="full")
    by_lines(t.LlavaForConditionalGeneration(config), "pixtral", PATCH, tokens=FIRST_AND_LAST)


def mistral3():
    config = t.Mistral3Config(vision_config=t.PixtralVisionConfig(**PIXTRAL_VISION), text_config=t.MistralConfig(**TEXT), image_token_index=90,
                              spatial_merge_size=2, tie_word_embeddings=False)
    by_lines(t.Mistral3ForConditionalGeneration(config), "mistral3", 2 * PATCH, files=PICTURES[:1], tokens=FIRST_AND_LAST[:-1])


def by_lines(model, name, unit, **more):
    """A token between the lines of a picture's rows, and one behind."""
    processor = t.PixtralImageProcessor(size={"longest_edge": 40}, patch_size={"height": unit, "width": unit})
    line = lambda h, w: (([90] * (w // unit) + [91]) * (h // unit))[:-1] + [92]
    speaker(name, model, processor, 90, lambda i: [line(h, w) for h, w in i["image_sizes"].tolist()], special=PIXTRAL_SPECIAL,
            rows=lambda i: by_lines_rows(model, processor(images=[pictures()], return_tensors="pt")), **more)


def by_lines_rows(model, inputs):
    return torch.cat(list(model.model.get_image_features(inputs["pixel_values"], image_sizes=inputs["image_sizes"]).pooler_output))


ALL = [clip, clip_pair, siglip, siglip_pair, siglip2, vit, vit_model, dinov2, dinov3, llava, llava_siglip, llava_next,
       llava_onevision, paligemma, internvl, idefics3, lfm2_vl, llama4, gemma3, gemma4,
       qwen2_vl, qwen2_5_vl, qwen3_vl, qwen3_vl_moe, qwen3_5, qwen3_5_moe, glm4v, glm4v_moe, kimi_k25, pixtral, mistral3]

if __name__ == "__main__":
    draw()
    for make in ALL:
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
    pixels()
