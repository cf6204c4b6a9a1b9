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

TOWER = {"embeddings.class_embedding": "v.class_embd", "embeddings.patch_embedding": "v.patch_embd",
         "embeddings.position_embedding": "v.position_embd", "pre_layrnorm": "v.pre_ln", "post_layernorm": "v.post_ln"}
BLOCK = {"layer_norm1": "ln1", "layer_norm2": "ln2", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down", "self_attn.q_proj": "attn_q",
         "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_out"}


def tower_name(hf, swapped):
    """The name of a tensor of a picture's encoder, in old files with the two matrices of the MLP exchanged."""
    stem, _, kind = hf.rpartition(".")
    if hf in TOWER:
        return TOWER[hf]
    if stem in TOWER:
        return f"{TOWER[stem]}.{kind}"
    _, _, i, part = stem.split(".", 3)
    name = BLOCK[part]
    if swapped:
        name = {"ffn_up": "ffn_down", "ffn_down": "ffn_up"}.get(name, name)
    return f"v.blk.{i}.{name}.{kind}"


def write_pair(name, twin, architecture, values, change, special, projector, keys, n_layers, swapped=False):
    """The folder `twin` as model.gguf and mmproj-model.gguf, as converters write them; its answers are the same.
    projector: GGUF names of the projector's tensors, with what is done to them; n_layers: of the encoder that are written."""
    directory, source = vision.folder(name), vision.OUT / twin
    tensors = {k: v.float().numpy() for k, v in load_file(source / "model.safetensors").items()}
    config = json.loads((source / "config.json").read_text())
    text = gguf.GGUFWriter(str(directory / "model.gguf"), architecture)
    names = gguf.get_tensor_name_map(next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == architecture), vision.TEXT["num_hidden_layers"])
    for key, value in values.items():
        {int: text.add_uint32, float: text.add_float32, list: text.add_array}[type(value)](f"{architecture}.{key}", value)
    n = vision.TEXT["vocab_size"]
    text.add_tokenizer_model("llama")
    text.add_add_space_prefix(False)
    text.add_add_bos_token(False)
    text.add_token_list([special.get(i, chr(0x100 + i)) for i in range(n)])
    text.add_token_types([3 if i in special else 1 for i in range(n)])
    text.add_token_scores([0.0] * n)
    sight = gguf.GGUFWriter(str(directory / "mmproj-model.gguf"), "clip")
    tower = config["vision_config"]
    sight.add_string("general.type", "mmproj")
    sight.add_bool("clip.has_vision_encoder", True)
    for key, value in {"embedding_length": "hidden_size", "feed_forward_length": "intermediate_size", "image_size": "image_size",
                       "patch_size": "patch_size", "attention.head_count": "num_attention_heads"}.items():
        sight.add_uint32(f"clip.vision.{key}", tower[value])
    sight.add_uint32("clip.vision.block_count", n_layers)
    sight.add_float32("clip.vision.attention.layer_norm_epsilon", tower["layer_norm_eps"])
    settings = json.loads((source / "preprocessor_config.json").read_text())
    sight.add_array("clip.vision.image_mean", settings["image_mean"])
    sight.add_array("clip.vision.image_std", settings["image_std"])
    for key, value in keys.items():
        {int: sight.add_uint32, bool: sight.add_bool, str: sight.add_string}[type(value)](f"clip.{key}", value)

    def add(writer, name, array):
        kind = gguf.GGMLQuantizationType.BF16 if array.ndim > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quantize(np.ascontiguousarray(array), kind), raw_dtype=kind)

    for hf, array in tensors.items():
        if hf.startswith("language_model."):
            hf = hf.removeprefix("language_model.")
            add(text, names.get_name(hf, (".weight", ".bias")), change(hf, array))
        elif hf.startswith("vision_tower."):
            hf = hf.removeprefix("vision_tower.")
            if not any(hf.startswith(f"encoder.layers.{i}.") for i in range(n_layers, tower["num_hidden_layers"])):
                add(sight, tower_name(hf, swapped), array)
        else:
            to, how = projector[hf.removeprefix("multi_modal_projector.")]
            add(sight, to, how(array))
    for w in (text, sight):
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()
    for file in ("tokens.json", "logits.npy"):
        if directory != source:
            shutil.copy(source / file, directory / file)


def same(array):
    return array


def text_values(**more):
    t = vision.TEXT
    return {"block_count": t["num_hidden_layers"], "context_length": t["max_position_embeddings"], "embedding_length": t["hidden_size"],
            "feed_forward_length": t["intermediate_size"], "attention.head_count": t["num_attention_heads"],
            "attention.head_count_kv": t["num_key_value_heads"], "attention.key_length": 8, "attention.value_length": 8,
            "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0} | more


def llava():
    """As the old scripts write it: without the encoder's last layer, the MLP's matrices exchanged."""
    heads = {"q_proj": vision.TEXT["num_attention_heads"], "k_proj": vision.TEXT["num_key_value_heads"]}

    def change(hf, array):
        part = hf.split(".")[-2]
        return golden.neighbours(array, heads[part]) if part in heads else array

    projector = {f"linear_{i}.{kind}": (f"mm.{2 * i - 2}.{kind}", same) for i in (1, 2) for kind in ("weight", "bias")}
    write_pair("llava-gguf", "llava", "llama", text_values(**{"rope.dimension_count": 8}), change, {90: "<image>"}, projector,
               {"has_llava_projector": True, "projector_type": "mlp", "vision.projection_dim": 16, "use_gelu": False}, 2, swapped=True)


def gemma3():
    def change(hf, array):
        return array + 1 if hf.endswith("norm.weight") else array

    vision.gemma3("gemma3-gguf", ["sliding_attention", "sliding_attention"])  # as such a file says of two layers
    projector = {"mm_input_projection_weight": ("mm.input_projection.weight", same),
                 "mm_soft_emb_norm.weight": ("mm.soft_emb_norm.weight", lambda a: a + 1)}
    write_pair("gemma3-gguf", "gemma3-gguf", "gemma3", text_values(**{"attention.sliding_window": 24, "rope.freq_base": 1000000.0}),
               change, {88: "<start_of_image>", 89: "<end_of_image>", 90: "<image_soft_token>"}, projector,
               {"projector_type": "gemma3", "vision.projection_dim": 32, "use_gelu": True, "vision.projector.scale_factor": 2}, 3)
    for file in ("model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json"):
        (vision.OUT / "gemma3-gguf" / file).unlink()


if __name__ == "__main__":
    for make in (llava, gemma3):
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
