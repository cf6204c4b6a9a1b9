"""Models that see, of vision.py, as pairs of GGUF files: model.gguf, and mmproj-model.gguf with the encoder of pictures and its
projector. The answers are those of their twins.

    vision_pairs.py [NAME...]
"""
import json
import shutil
import sys

import gguf
import numpy as np
from safetensors.torch import load_file

import golden
import vision

SPECIAL = {90: "<image>"}


def write_pair(name, twin, architecture, values, change, special, keys, n_layers, swapped=False, rename=None, projector=None):
    """The folder `twin` as model.gguf and mmproj-model.gguf, as converters write them; its answers are the same.
    change: what is done to tensors of the text; projector: the same of those of the encoder and the projector: of (name, array)
    the GGUF name, or None for that of gguf's own table, with an array, or a list of such; n_layers: of the encoder that are
    written; rename: of the twin's names, what the table knows."""
    directory, source = vision.folder(name), vision.OUT / twin
    tensors = {k: v.float().numpy() for k, v in load_file(source / "model.safetensors").items()}
    config = json.loads((source / "config.json").read_text())
    text = gguf.GGUFWriter(str(directory / "model.gguf"), architecture)
    n_text = config["text_config"]["num_hidden_layers"]
    names = gguf.get_tensor_name_map(next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == architecture), n_text)
    for key, value in values.items():
        {int: text.add_uint32, float: text.add_float32, list: text.add_array}[type(value)](f"{architecture}.{key}", value)
    n = config["text_config"]["vocab_size"]
    text.add_tokenizer_model("llama")
    text.add_add_space_prefix(False)
    text.add_add_bos_token(False)
    text.add_token_list([special.get(i, chr(0x100 + i)) for i in range(n)])
    text.add_token_types([3 if i in special else 1 for i in range(n)])
    text.add_token_scores([0.0] * n)
    sight = gguf.GGUFWriter(str(directory / "mmproj-model.gguf"), "clip")
    tower = config["vision_config"]
    depth = tower.get("num_hidden_layers", tower.get("depth"))
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, depth)
    sight.add_string("general.type", "mmproj")
    sight.add_bool("clip.has_vision_encoder", True)
    sizes = {"embedding_length": ["embed_dim", "hidden_size"], "feed_forward_length": ["intermediate_size", "hidden_size"],
             "image_size": ["image_size"], "patch_size": ["patch_size"], "attention.head_count": ["num_attention_heads", "num_heads"]}
    for key, options in sizes.items():
        value = next((tower[o] for o in options if o in tower), 560)
        sight.add_uint32(f"clip.vision.{key}", value[0] if isinstance(value, list) else value)
    sight.add_uint32("clip.vision.block_count", n_layers)
    sight.add_float32("clip.vision.attention.layer_norm_epsilon", tower.get("layer_norm_eps", 1e-6))
    settings = json.loads((source / "preprocessor_config.json").read_text())
    sight.add_array("clip.vision.image_mean", settings["image_mean"])
    sight.add_array("clip.vision.image_std", settings["image_std"])
    for key, value in keys.items():
        {int: sight.add_uint32, bool: sight.add_bool, str: sight.add_string}[type(value)](f"clip.{key}", value)

    def add(writer, name, array):
        kind = gguf.GGMLQuantizationType.BF16 if array.ndim > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quantize(np.ascontiguousarray(array), kind), raw_dtype=kind)

    def name_of(hf):
        for old, new in (rename or {}).items():
            hf = hf.replace(old, new)
        name = table.get_name(hf, (".weight", ".bias"))
        assert name, hf
        if swapped:
            name = {"ffn_up": name.replace("ffn_up", "ffn_down"), "ffn_down": name.replace("ffn_down", "ffn_up")}.get(name.split(".")[-2], name)
        return name

    for hf, array in tensors.items():
        plain = hf.removeprefix("model.language_model.").removeprefix("language_model.").removeprefix("model.text_model.")
        if "lm_head" in hf or plain != hf or (hf.startswith("model.") and names.get_name(hf, (".weight", ".bias"))):
            plain = plain if plain.startswith(("model.", "lm_head")) else f"model.{plain}"
            add(text, names.get_name(plain, (".weight", ".bias")), change(plain, array))
        elif not any(f".layers.{i}." in hf for i in range(n_layers, depth)):
            written = projector(hf, array) if projector else None
            for to, what in written if isinstance(written, list) else [written or (None, array)]:
                add(sight, to or name_of(hf), what)
    for w in (text, sight):
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()
    for file in ("tokens.json", "logits.npy"):
        if directory != source:
            shutil.copy(source / file, directory / file)


def text_values(**more):
    t = vision.TEXT
    return {"block_count": t["num_hidden_layers"], "context_length": t["max_position_embeddings"], "embedding_length": t["hidden_size"],
            "feed_forward_length": t["intermediate_size"], "attention.head_count": t["num_attention_heads"],
            "attention.head_count_kv": t["num_key_value_heads"], "attention.key_length": 8, "attention.value_length": 8,
            "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0} | more


HEADS = {"q_proj": vision.TEXT["num_attention_heads"], "k_proj": vision.TEXT["num_key_value_heads"]}


def rotated(hf, array):
    """q and k of Llama: rotating features become neighbours."""
    part = hf.split(".")[-2]
    return golden.neighbours(array, HEADS[part]) if part in HEADS else array


def unchanged(hf, array):
    return array


def llava():
    """As the old scripts write it: without the encoder's last layer, the MLP's matrices exchanged."""
    linear = {f"linear_{i}.{kind}": f"mm.{2 * i - 2}.{kind}" for i in (1, 2) for kind in ("weight", "bias")}
    write_pair("llava-gguf", "llava", "llama", text_values(**{"rope.dimension_count": 8}), rotated, SPECIAL,
               {"has_llava_projector": True, "projector_type": "mlp", "vision.projection_dim": 16, "use_gelu": False}, 2, swapped=True,
               rename={"vision_tower.": "vision_tower.vision_model."},
               projector=lambda hf, a: (linear.get(hf.removeprefix("multi_modal_projector.")), a))


def gemma3():
    def change(hf, array):
        return array + 1 if hf.endswith("norm.weight") else array

    vision.gemma3("gemma3-gguf", ["sliding_attention", "sliding_attention"])  # as such a file says of two layers
    parts = {"mm_input_projection_weight": ("mm.input_projection.weight", 0), "mm_soft_emb_norm.weight": ("mm.soft_emb_norm.weight", 1)}

    def projector(hf, array):
        to, more = parts.get(hf.removeprefix("multi_modal_projector."), (None, 0))
        return to, array + more

    write_pair("gemma3-gguf", "gemma3-gguf", "gemma3", text_values(**{"attention.sliding_window": 24, "rope.freq_base": 1000000.0}),
               change, {88: "<start_of_image>", 89: "<end_of_image>", 90: "<image_soft_token>"},
               {"projector_type": "gemma3", "vision.projection_dim": 32, "use_gelu": True, "vision.projector.scale_factor": 2}, 3,
               rename={"vision_tower.": "vision_tower.vision_model."}, projector=projector)
    for file in ("model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json"):
        (vision.OUT / "gemma3-gguf" / file).unlink()


def special_of(twin):
    added = json.loads((vision.OUT / twin / "tokenizer.json").read_text())["added_tokens"]
    return {t["id"]: t["content"] for t in added}


def idefics3():
    write_pair("idefics3-gguf", "idefics3", "llama", text_values(**{"rope.dimension_count": 8}), rotated, special_of("idefics3"),
               {"projector_type": "idefics3", "vision.projection_dim": 32, "use_gelu": True, "vision.projector.scale_factor": 2,
                "vision.preproc_image_size": 56}, 3)


def internvl():
    linear = {"layer_norm": "mm.model.mlp.0", "linear_1": "mm.model.mlp.1", "linear_2": "mm.model.mlp.3"}

    def projector(hf, array):
        part, _, kind = hf.removeprefix("multi_modal_projector.").rpartition(".")
        if hf.split(".")[-1].startswith("lambda"):
            return f"v.blk.{hf.split('.')[3]}.ls{hf[-1]}.weight", array
        known = {"cls_token": "v.class_embd", "position_embeddings": "v.position_embd.weight"}.get(hf.split(".")[-1])
        return known or (f"{linear[part]}.{kind}" if part in linear else None), array.squeeze(0) if known else array

    for name, architecture in (("internvl", "qwen2"), ("internvl_rms", "qwen3")):
        write_pair(f"{name}-gguf", name, architecture, text_values(), unchanged, special_of(name),
                   {"projector_type": "internvl", "vision.projection_dim": 32, "use_gelu": True, "vision.projector.scale_factor": 2,
                    "vision.preproc_min_tiles": 1, "vision.preproc_max_tiles": 4}, 3,
                   rename={"vision_tower.": "model.vision_tower."}, projector=projector)


def pixtral():
    def projector(hf, array):
        if hf.endswith(("q_proj.weight", "k_proj.weight")):
            return None, golden.neighbours(array, vision.PIXTRAL_VISION["num_attention_heads"])
        linear = {"linear_1": "mm.1", "linear_2": "mm.2", "norm": "mm.input_norm", "patch_merger.merging_layer": "mm.patch_merger"}
        part, _, kind = hf.removeprefix("multi_modal_projector.").rpartition(".")
        return f"{linear[part]}.{kind}" if part in linear else None, array

    for name, more in (("pixtral", {}), ("mistral3", {"vision.spatial_merge_size": 2})):
        write_pair(f"{name}-gguf", name, "llama", text_values(**{"rope.dimension_count": 8}), rotated, special_of(name),
                   {"projector_type": "pixtral", "vision.projection_dim": 32, "use_gelu": True, **more}, 2, projector=projector)


def qwen():
    """The three parts of attn.qkv apart, and a tensor for each of the two frames of a patch."""
    def projector(hf, array):
        if "attn.qkv" in hf:
            to = f"v.blk.{hf.split('.')[2]}.attn_%s.{hf.split('.')[-1]}"
            return [(to % part, a) for part, a in zip("qkv", np.split(array, 3))]
        if hf.endswith("patch_embed.proj.weight"):
            return [("v.patch_embd.weight", array[:, :, 0]), ("v.patch_embd.weight.1", array[:, :, 1])]
        return hf.replace("visual.merger.mlp", "mm") if "merger.mlp" in hf else None, array

    side = {"vision.image_min_pixels": 8 * 8 * 4, "vision.image_max_pixels": 8 * 8 * 48, "vision.projection_dim": 32}
    for name, depth, more in (("qwen2_vl", 2, {"projector_type": "qwen2vl_merger"}),
                              ("qwen2_5_vl", 3, {"projector_type": "qwen2.5vl_merger", "use_silu": True, "vision.n_wa_pattern": 2,
                                                 "vision.window_size": 16})):
        write_pair(f"{name}-gguf", name, "qwen2vl", text_values(**{"rope.dimension_sections": [1, 1, 2, 0]}), unchanged,
                   special_of(name), side | more, depth, projector=projector)


if __name__ == "__main__":
    for make in (llava, gemma3, idefics3, internvl, pixtral, qwen):
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
