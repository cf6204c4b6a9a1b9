"""Models that see, of vision.py, as pairs of GGUF files: model.gguf, and mmproj-model.gguf with the encoder of pictures and its
projector. The answers are those of their twins: of NAME-gguf those of NAME, unless it has its own.

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


def write_pair(name, twin, architecture, values, change, special, keys, n_layers, swapped=False, rename=None, projector=None, more=None,
               settings_beside=False):
    """The folder `twin` as model.gguf and mmproj-model.gguf, as converters write them; its answers are the same.
    change: what is done to tensors of the text; projector: the same of those of the encoder and the projector: of (name, array)
    the GGUF name, or None for that of gguf's own table, with an array, or a list of such; n_layers: of the encoder that are
    written; rename: of the twin's names, what the table knows; more: tensors of the text that the twin lacks; settings_beside: what is done to
    pictures is in the twin's file, since keys of GGUF do not say so much."""
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
    eps = next((tower[o] for o in ("layer_norm_eps", "norm_eps", "rms_norm_eps") if o in tower), 1e-6)
    sight.add_float32("clip.vision.attention.layer_norm_epsilon", eps)
    settings = json.loads((source / "preprocessor_config.json").read_text())
    sight.add_array("clip.vision.image_mean", settings["image_mean"])
    sight.add_array("clip.vision.image_std", settings["image_std"])
    for key, value in keys.items():
        {int: sight.add_uint32, bool: sight.add_bool, str: sight.add_string, list: sight.add_array}[type(value)](f"clip.{key}", value)

    def add(writer, name, array):
        kind = gguf.GGMLQuantizationType.BF16 if array.ndim > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quantize(np.ascontiguousarray(array), kind), raw_dtype=kind)

    def name_of(hf):
        for old, new in (rename or {}).items():
            hf = hf.replace(old, new)
        name = table.get_name(hf, (".weight", ".bias", ".input_min", ".input_max", ".output_min", ".output_max"))
        assert name, hf
        if swapped:
            name = {"ffn_up": name.replace("ffn_up", "ffn_down"), "ffn_down": name.replace("ffn_down", "ffn_up")}.get(name.split(".")[-2], name)
        return name

    for hf, array in tensors.items():
        plain = hf.removeprefix("model.language_model.").removeprefix("language_model.").removeprefix("model.text_model.")
        if "lm_head" in hf or plain != hf or (hf.startswith("model.") and names.get_name(hf, (".weight", ".bias"))):
            plain = plain if plain.startswith(("model.", "lm_head")) else f"model.{plain}"
            written = change(plain, array)
            for to, what in written if isinstance(written, list) else [(names.get_name(plain, (".weight", ".bias")), written)]:
                add(text, to, what)
        elif not any(f".layers.{i}." in hf for i in range(n_layers, depth)):
            written = projector(hf, array) if projector else None
            for to, what in written if isinstance(written, list) else [written or (None, array)]:
                add(sight, to or name_of(hf), what)
    for to, what in (more or {}).items():
        add(text, to, what)
    if settings_beside:
        shutil.copy(source / "preprocessor_config.json", directory)
    for w in (text, sight):
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()


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

    vision.gemma3("gemma3-gguf", ["sliding_attention", "sliding_attention"], crops=False)  # as such a file says of two layers
    parts = {"mm_input_projection_weight": ("mm.input_projection.weight", 0), "mm_soft_emb_norm.weight": ("mm.soft_emb_norm.weight", 1)}

    def projector(hf, array):
        to, more = parts.get(hf.removeprefix("multi_modal_projector."), (None, 0))
        return to, array + more

    write_pair("gemma3-gguf", "gemma3-gguf", "gemma3", text_values(**{"attention.sliding_window": 24, "rope.freq_base": 1000000.0}),
               change, vision.GEMMA3_SPECIAL,
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


def qwen3():
    """Layers whose rows are added to the text are numbered as in the encoder; attn.qkv stays whole."""
    layers = [0, 1, 3]

    def projector(hf, array):
        if hf.endswith("patch_embed.proj.weight"):
            return [("v.patch_embd.weight", array[:, :, 0]), ("v.patch_embd.weight.1", array[:, :, 1])]
        part, _, kind = hf.removeprefix("model.visual.").rpartition(".")
        if part.startswith("deepstack_merger_list."):
            _, k, what = part.split(".")
            return f"v.deepstack.{layers[int(k)]}.{what.replace('linear_', '')}.{kind}", array
        known = {"merger.linear_fc1": "mm.0", "merger.linear_fc2": "mm.2", "merger.norm": "v.post_ln", "pos_embed": "v.position_embd"}
        return f"{known[part]}.{kind}" if part in known else None, array

    write_pair("qwen3_vl-gguf", "qwen3_vl", "qwen3vl", text_values(**{"block_count": 3, "rope.dimension_sections": [2, 1, 1, 0], "n_deepstack_layers": 3}),
               unchanged, special_of("qwen3_vl"),
               {"projector_type": "qwen3vl_merger", "use_gelu": True, "vision.image_min_pixels": 8 * 8 * 4, "vision.image_max_pixels": 8 * 8 * 48,
                "vision.projection_dim": 32, "vision.spatial_merge_size": 2, "vision.is_deepstack_layers": [i in layers for i in range(4)]},
               4, rename={"model.visual.": "visual."}, projector=projector)


def glm4v():
    """Neighbours that rotate become halves."""
    def change(hf, array):
        part = hf.split(".")[-2]
        if part not in ("q_proj", "k_proj"):
            return array
        heads = array.reshape(-1, 16, *array.shape[1:])  # 8 of 16 features rotate
        return np.concatenate([heads[:, 0:8:2], heads[:, 1:8:2], heads[:, 8:]], 1).reshape(array.shape)

    def projector(hf, array):
        if hf.endswith("patch_embed.proj.weight"):
            return [("v.patch_embd.weight", array[:, :, 0]), ("v.patch_embd.weight.1", array[:, :, 1])]
        return None, array

    write_pair("glm4v-gguf", "glm4v", "glm4", text_values(**{
        "attention.head_count": 2, "attention.head_count_kv": 1, "attention.key_length": 16, "attention.value_length": 16,
        "attention.layer_norm_rms_epsilon": 1e-5, "rope.dimension_count": 8, "rope.dimension_sections": [1, 1, 2, 0]}),
        change, special_of("glm4v"),
        {"projector_type": "glm4v", "use_silu": True, "vision.projection_dim": 32, "vision.image_min_pixels": 8 * 8 * 4,
         "vision.image_max_pixels": 2 * 8 * 8 * 40}, 2, rename={"model.visual.": "visual."}, projector=projector)


def lfm2():
    def change(hf, array):
        return array.squeeze(1) if hf.endswith("conv.conv.weight") else array

    def projector(hf, array):
        if "patch_embedding.weight" in hf:
            return None, array.reshape(len(array), 7, 7, 3).transpose(0, 3, 1, 2)
        linear = {"layer_norm": "mm.input_norm", "linear_1": "mm.1", "linear_2": "mm.2"}
        part, _, kind = hf.removeprefix("model.").removeprefix("multi_modal_projector.").rpartition(".")
        return f"{linear[part]}.{kind}" if part in linear else None, array

    write_pair("lfm2_vl-gguf", "lfm2_vl", "lfm2", text_values(**{
        "block_count": 3, "attention.head_count_kv": [0, 2, 0], "attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": 1000000.0,
        "feed_forward_length": 40, "shortconv.l_cache": 3}), change, special_of("lfm2_vl"),
        {"projector_type": "lfm2", "use_gelu": True, "vision.projection_dim": 32, "vision.projector.scale_factor": 2}, 3,
        rename={"model.vision_tower.": "vision_tower.vision_model."}, projector=projector, settings_beside=True)


def llama4():
    """Keys of GGUF do not say which layers rotate, or how long chunks are."""
    vision.llama4("llama4-gguf", no_rope_layers=[1, 1], attention_chunk_size=8192, floor_scale=8192,
                  layer_types=["chunked_attention", "chunked_attention"])

    def change(hf, array):
        blk = f"blk.{hf.split('.')[2]}" if ".layers." in hf else ""
        if hf.endswith("experts.gate_up_proj"):
            gate, up = np.split(array.swapaxes(1, 2), 2, 1)
            return [(f"{blk}.ffn_gate_exps.weight", gate), (f"{blk}.ffn_up_exps.weight", up)]
        if hf.endswith("experts.down_proj"):
            return [(f"{blk}.ffn_down_exps.weight", array.swapaxes(1, 2))]
        return array

    def projector(hf, array):
        known = {"vision_adapter.mlp.fc1": "mm.model.mlp.1", "vision_adapter.mlp.fc2": "mm.model.mlp.2", "linear_1": "mm.model.fc"}
        part = hf.removeprefix("multi_modal_projector.").removeprefix("vision_model.").removesuffix(".weight")
        own = {"positional_embedding_vlm": "v.position_embd.weight", "class_embedding": "v.class_embd",
               "patch_embedding.linear": "v.patch_embd.weight"}
        if part == "patch_embedding.linear":
            array = array.reshape(len(array), 3, 7, 7)
        if ".post_attention_layernorm." in hf:  # gguf's table has another name, Gemma 4's
            return f"v.blk.{hf.split('.')[3]}.ln2.{hf.split('.')[-1]}", array
        return own.get(part, f"{known[part]}.weight" if part in known else None), array

    write_pair("llama4-gguf", "llama4-gguf", "llama4", text_values(**{
        "feed_forward_length": 24, "expert_feed_forward_length": 12, "expert_count": 2, "expert_used_count": 1, "interleave_moe_layer_step": 2,
        "attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": 500000.0, "rope.dimension_count": 8}), change, special_of("llama4-gguf"),
        {"projector_type": "llama4", "use_gelu": True, "vision.projection_dim": 32, "vision.projector.scale_factor": 2}, 2, projector=projector)
    for file in ("model.safetensors", "config.json", "tokenizer.json", "rows.npy"):
        (vision.OUT / "llama4-gguf" / file).unlink()


def gemma4():
    def change(hf, array):
        if hf.endswith("layer_scalar"):
            return [(f"blk.{hf.split('.')[2]}.layer_output_scale.weight", array)]
        return array

    def projector(hf, array):
        if hf.endswith("patch_embedder.input_proj.weight"):
            return "v.patch_embd.weight", array.reshape(len(array), 4, 4, 3).transpose(0, 3, 1, 2)
        known = {"position_embedding_table": "v.position_embd.weight", "std_bias": "v.std_bias", "std_scale": "v.std_scale",
                 "embedding_projection.weight": "mm.input_projection.weight"}
        return next((to for end, to in known.items() if hf.endswith(end)), None), array

    freqs = np.array([1.0] * 4 + [1e30] * 4, np.float32)
    common = {"feed_forward_length": 24, "attention.sliding_window": 24, "attention.sliding_window_pattern": [True, False],
              "attention.key_length": 16, "attention.value_length": 16, "attention.key_length_swa": 8, "attention.value_length_swa": 8,
              "attention.shared_kv_layers": 0, "embedding_length_per_layer_input": 0, "final_logit_softcapping": 20.0,
              "rope.freq_base_swa": 10000.0}
    small = {"block_count": 3, "embedding_length": 16, "feed_forward_length": [24, 24, 48], "attention.shared_kv_layers": 1,
             "attention.sliding_window_pattern": [True, False, False], "embedding_length_per_layer_input": 6}
    for name, more in (("gemma4_dense", {}), ("gemma4_small", small)):
        write_pair(f"{name}-gguf", name, "gemma4", text_values(**common | more), change, special_of(name),
                   {"vision.projector_type": "gemma4v", "vision.projection_dim": 32, "use_gelu": True}, 1 if more else 2,
                   rename={"model.vision_tower.encoder.": "vision_model.model.", ".linear.weight": ".weight"}, projector=projector,
                   more={"rope_freqs.weight": freqs}, settings_beside=True)


if __name__ == "__main__":
    for make in (llava, gemma3, idefics3, internvl, pixtral, qwen, qwen3, glm4v, lfm2, llama4, gemma4):
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
