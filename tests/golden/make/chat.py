#!/usr/bin/env python3
"""Makes tests/golden/chat, chat-gguf and chat-lora: a tiny Llama that speaks in characters, with a chat template; an adapter.

A token is a printable character, so that a text and its tokens are the same whichever way one goes, and what a second turn
begins with is token for token what the first one ended with. conversations.json holds what transformers makes of some
messages: the text, and its ids; messages.json is one of them by itself.

    pip install torch transformers gguf
    python chat.py
"""
import json

import gguf
import torch
from golden import HERE, neighbours, randomise, weights_of
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<unk>"]
VISIBLE = ["Ċ", "Ġ"] + [chr(c) for c in range(33, 127)] + ["~~"]  # and one merge, since GGUF files must have some
TEMPLATE = """\
{{- bos_token }}
{%- for message in messages %}
    {%- if message.role not in ['system', 'user', 'assistant'] %}
        {{- raise_exception('a role is system, user or assistant, not ' ~ message.role) }}
    {%- endif %}
    {{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content }}
    {%- if tools and loop.first %}
        {{- '\\ntools: ' ~ tools | tojson }}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""
TOOLS = [{"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}}]
CONVERSATIONS = [
    {"messages": [{"role": "user", "content": "Hello"}]},
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}, {"role": "assistant", "content": " Hi? <s>"}, {"role": "user", "content": "2 + 2\nis?"}]},
    {"messages": [{"role": "user", "content": "What time is it?"}], "tools": TOOLS},
]

tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(SPECIAL + VISIBLE)}, merges=[("~", "~")], unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
# the end of a turn is the template's alone: no file says that <|im_end|> ends anything
reference = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=TEMPLATE)

model = randomise(LlamaForCausalLM(LlamaConfig(
    vocab_size=len(SPECIAL) + len(VISIBLE), hidden_size=40, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=10, max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=False, bos_token_id=0,
    eos_token_id=1)), 29)
model.lm_head.weight.data[-1] = 0  # which the model never says

folder = HERE / "chat"
folder.mkdir(exist_ok=True)
save_file({k: v.contiguous() for k, v in weights_of(model).items()}, folder / "model.safetensors", metadata={"format": "pt"})
config = json.loads(model.config.to_json_string())
for key in ("transformers_version", "_name_or_path"):
    config.pop(key, None)
config["architectures"] = ["LlamaForCausalLM"]
(folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
(folder / "tokenizer_config.json").write_text(json.dumps({
    "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "PreTrainedTokenizerFast",
    "chat_template": TEMPLATE}, indent=1) + "\n")
cases = []
for c in CONVERSATIONS:
    how = {"tools": c.get("tools"), "add_generation_prompt": True}
    text = reference.apply_chat_template(c["messages"], tokenize=False, **how)
    ids = reference.apply_chat_template(c["messages"], tokenize=True, return_dict=False, **how)
    cases.append(c | {"text": text, "ids": ids})
(folder / "conversations.json").write_text(json.dumps(cases) + "\n")
(folder / "messages.json").write_text(json.dumps(CONVERSATIONS[1]["messages"]) + "\n")

folder = HERE / "chat-gguf"
folder.mkdir(exist_ok=True)
w = gguf.GGUFWriter(str(folder / "model.gguf"), "llama")
for key, value in {"embedding_length": 40, "block_count": 2, "feed_forward_length": 56, "context_length": 512, "attention.head_count": 4,
                   "attention.head_count_kv": 2, "attention.key_length": 10, "attention.value_length": 10, "rope.dimension_count": 10,
                   "vocab_size": model.config.vocab_size}.items():
    w.add_uint32(f"llama.{key}", value)
w.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
w.add_float32("llama.rope.freq_base", 10000.0)
w.add_tokenizer_model("gpt2")
w.add_tokenizer_pre("default")
w.add_token_list(SPECIAL + VISIBLE)
w.add_token_types([gguf.TokenType.CONTROL] * 4 + [gguf.TokenType.UNKNOWN] + [gguf.TokenType.NORMAL] * len(VISIBLE))
w.add_token_merges(["~ ~"])
w.add_bos_token_id(0)
w.add_eos_token_id(1)
w.add_unk_token_id(4)
w.add_chat_template(TEMPLATE)
names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
for hf, tensor in weights_of(model).items():
    array = tensor.float().numpy()
    if "q_proj" in hf or "k_proj" in hf:
        array = neighbours(array, 4 if "q_proj" in hf else 2)
    w.add_tensor(names.get_name(hf, try_suffixes=(".weight", ".bias")), array)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()

folder = HERE / "chat-lora"
folder.mkdir(exist_ok=True)
torch.manual_seed(31)
module = "base_model.model.model.layers.0.self_attn.q_proj"
save_file({f"{module}.lora_A.weight": torch.randn(2, 40), f"{module}.lora_B.weight": torch.randn(40, 2)}, folder / "adapter_model.safetensors",
          metadata={"format": "pt"})
(folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 2, "bias": "none",
                                                        "target_modules": ["q_proj"]}, indent=1) + "\n")
