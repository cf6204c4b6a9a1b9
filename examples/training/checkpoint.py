"""Writes a trained model as a directory of Hugging Face's, which transformers and viv read."""
import json
import pathlib

import gguf
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from tokenizer import END


def save(folder: pathlib.Path, weights: dict[str, torch.Tensor], config: dict, tokenizer: Tokenizer, template: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: w.detach().cpu().float().contiguous() for name, w in weights.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "bos_token": END, "add_bos_token": False}
    if template:
        about["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=1) + "\n")


def save_mmproj(path: pathlib.Path, weights: dict[str, torch.Tensor], vision: dict, processor: dict) -> None:
    """The vision tower and the projector of a LLaVA as the second file of a pair of GGUF files (llama.cpp's clip)."""
    w = gguf.GGUFWriter(str(path), "clip")
    w.add_type("mmproj")
    w.add_bool("clip.has_vision_encoder", True)
    w.add_bool("clip.has_llava_projector", True)
    w.add_string("clip.projector_type", "mlp")
    w.add_bool("clip.use_gelu", True)
    for key, name in (("embedding_length", "hidden_size"), ("feed_forward_length", "intermediate_size"),
                      ("block_count", "num_hidden_layers"), ("attention.head_count", "num_attention_heads"),
                      ("image_size", "image_size"), ("patch_size", "patch_size"), ("projection_dim", "projection_dim")):
        w.add_uint32(f"clip.vision.{key}", vision[name])
    w.add_float32("clip.vision.attention.layer_norm_epsilon", vision["layer_norm_eps"])
    w.add_array("clip.vision.image_mean", processor["image_mean"])
    w.add_array("clip.vision.image_std", processor["image_std"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision["num_hidden_layers"])
    for name, tensor in weights.items():
        part, _, rest = name.partition(".")
        if part == "vision_tower":
            name = names.get_name(f"vision_tower.vision_model.{rest}", (".weight", ".bias"))
        else:
            name = rest.replace("linear_1", "mm.0").replace("linear_2", "mm.2")
        w.add_tensor(name, tensor.detach().cpu().float().numpy())
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
