#!/usr/bin/env python3
"""Makes tests/golden/packed-*: tiny models whose matrices are quantized and packed as other programs do it, with what
transformers computes for the exactly decoded weights.

    pip install torch transformers safetensors numpy gguf torchao
    tests/golden/make/packed.py [NAME...]

Each packer below follows the document of its format: it takes a matrix [out, in], and returns the tensors of a file and the
matrix that these stand for, in f32."""
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
import transformers as t

import golden

SIZES = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
             vocab_size=101, max_position_embeddings=128, tie_word_embeddings=False)
f16, f32 = np.float16, np.float32


def bit_stream(values, bits, axis):
    """Integers bit by bit along an axis, low bits first, as int32."""
    values = np.moveaxis(np.asarray(values, np.uint64), axis, -1)
    n = values.shape[-1]
    bit = (values[..., None] >> np.arange(bits, dtype=np.uint64) & 1).reshape(*values.shape[:-1], n * bits // 32, 32)
    words = (bit << np.arange(32, dtype=np.uint64)).sum(-1).astype(np.uint32)
    return np.ascontiguousarray(np.moveaxis(words, -1, axis)).view(np.int32)


def grid(w, bits, group, symmetric, low_zero=0):
    """Integers [out, in], scales and zero points [out, groups], all of round-to-nearest quantization."""
    out, n = w.shape
    g = w.reshape(out, n // group, group)
    most = 2**bits - 1
    if symmetric:
        scale = (2 * np.abs(g).max(-1) / most).astype(f16)
        zero = np.full(scale.shape, 2**(bits - 1))
    else:
        scale = ((g.max(-1) - g.min(-1)) / most).astype(f16)
        zero = np.clip(np.rint(-g.min(-1) / scale.astype(f32)), low_zero, most).astype(int)
    q = np.clip(np.rint(g / scale.astype(f32)[..., None]) + zero[..., None], 0, most).astype(int)
    return q.reshape(out, n), scale, zero


def gptq(w, random, bits, group=-1, symmetric=False, v2=False, order=False):
    group = w.shape[1] if group < 0 else group
    permutation = random.permutation(w.shape[1]) if order else np.arange(w.shape[1])
    q, scale, zero = grid(w[:, permutation], bits, group, symmetric, low_zero=0 if v2 else 1)
    group_of = np.empty(w.shape[1], np.int32)
    group_of[permutation] = np.arange(w.shape[1]) // group
    original = np.empty_like(q)
    original[:, permutation] = q
    tensors = {".qweight": bit_stream(original.T, bits, 0), ".qzeros": bit_stream(zero.T - (not v2), bits, 1),
               ".scales": np.ascontiguousarray(scale.T), ".g_idx": group_of}
    return tensors, scale.astype(f32)[:, group_of] * (original - zero[:, group_of]).astype(f32)


def gptq_config(bits, group=-1, symmetric=False, v2=False, order=False):
    return dict(quant_method="gptq", bits=bits, group_size=group, sym=symmetric, desc_act=order, damp_percent=0.1,
                checkpoint_format="gptq_v2" if v2 else "gptq", true_sequential=True)


def awq(w, random, group):
    q, scale, zero = grid(w, 4, group, False)
    columns = np.array([0, 2, 4, 6, 1, 3, 5, 7])
    pack = lambda x: bit_stream(x.reshape(-1, 8)[:, columns].reshape(x.shape), 4, 1)
    tensors = {".qweight": pack(q.T), ".qzeros": pack(zero.T), ".scales": np.ascontiguousarray(scale.T)}
    return tensors, np.repeat(scale.astype(f32), group, 1) * (q - np.repeat(zero, group, 1)).astype(f32)


E4M3 = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float().numpy()
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], f32)
NF4 = np.array([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
                -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
                0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0], f32)
BNB_FP4 = np.array([0, 0.005208333333, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25], f32)
BNB_FP4 = np.concatenate([BNB_FP4, -BNB_FP4])


def e4m3(x):
    """The nearest e4m3 as torch tensors, and their values."""
    q = torch.from_numpy(np.clip(x, -448, 448).astype(f32)).to(torch.float8_e4m3fn)
    return q, q.float().numpy()


def nearest(x, table):
    return np.abs(x[..., None] - table).argmin(-1).astype(np.uint8)


def pairs(codes, high_first=False):
    a, b = codes[..., ::2], codes[..., 1::2]
    return (b | a << 4 if high_first else a | b << 4).astype(np.uint8)


def spread(scales, rows, columns, shape):
    return np.repeat(np.repeat(scales, rows, 0), columns, 1)[:shape[0], :shape[1]]


def fp8(w, random, rows, columns, name=".weight_scale_inv", kind=torch.float32, shape=None):
    """rows, columns: of a block with one scale; 0: all."""
    rows, columns = rows or w.shape[0], columns or w.shape[1]
    padded = np.zeros((-(-w.shape[0] // rows) * rows, -(-w.shape[1] // columns) * columns), f32)
    padded[:w.shape[0], :w.shape[1]] = w
    scales = np.abs(padded).reshape(padded.shape[0] // rows, rows, -1, columns).max((1, 3)) / 448
    scales = torch.from_numpy(scales.astype(f32)).to(kind)
    full = spread(scales.float().numpy(), rows, columns, w.shape)
    q, value = e4m3(w / full)
    tensors = {".weight": q, name: scales.reshape(shape) if shape else scales, ".input_scale": np.ones(1, f32)}
    return tensors, value * full


def mxfp8(w, random):
    exponent = np.ceil(np.log2(np.abs(w).reshape(w.shape[0], -1, 32).max(-1) / 448)).astype(int)
    full = np.repeat(np.exp2(exponent.astype(f32)), 32, 1)
    q, value = e4m3(w / full)
    return {".weight": q, ".weight_scale": (exponent + 127).astype(np.uint8)}, value * full


def pack_quantized(w, random, bits, group, symmetric, order=False, kind=torch.bfloat16):
    group = w.shape[1] if group < 0 else group
    permutation = random.permutation(w.shape[1]) if order else np.arange(w.shape[1])
    q, scale, zero = grid(w[:, permutation], bits, group, symmetric)
    scale = torch.from_numpy(scale.astype(f32)).to(kind)
    group_of = np.empty(w.shape[1], np.int32)
    group_of[permutation] = np.arange(w.shape[1]) // group
    original = np.empty_like(q)
    original[:, permutation] = q
    tensors = {".weight_packed": bit_stream(original, bits, 1), ".weight_scale": scale, ".weight_shape": np.array(w.shape, np.int64)}
    if not symmetric:
        tensors[".weight_zero_point"] = bit_stream(zero, bits, 0)
    if order:
        tensors[".weight_g_idx"] = group_of
    return tensors, scale.float().numpy()[:, group_of] * (original - zero[:, group_of]).astype(f32)


def int_quantized(w, random, symmetric):
    q, scale, zero = grid(w, 8, w.shape[1], symmetric)
    tensors = {".weight": (q - 128).astype(np.int8), ".weight_scale": scale}
    if not symmetric:
        tensors[".weight_zero_point"] = (zero - 128).astype(np.int8)
    return tensors, scale.astype(f32) * (q - zero).astype(f32)


def mxfp4(w, random):
    exponent = np.ceil(np.log2(np.abs(w).reshape(w.shape[0], -1, 32).max(-1) / 6)).astype(int)
    full = np.repeat(np.exp2(exponent.astype(f32)), 32, 1)
    codes = nearest(w / full, E2M1)
    return {".weight_packed": pairs(codes), ".weight_scale": (exponent + 127).astype(np.uint8)}, E2M1[codes] * full


def nvfp4(w, random, modelopt=False):
    largest = np.abs(w).reshape(w.shape[0], -1, 16).max(-1) / 6
    factor = f32(largest.max() / 448)
    if modelopt:
        q, value = e4m3(largest / factor)
        scale = value * factor
        names = {".weight_scale_2": np.array(factor, f32), ".input_scale": np.array(1, f32)}
    else:
        divisor = f32(1) / factor
        q, value = e4m3(largest * divisor)
        scale = value / divisor
        names = {".weight_global_scale": np.array([divisor], f32)}
    full = np.repeat(scale.astype(f32), 16, 1)
    codes = nearest(w / np.maximum(full, 1e-20), E2M1)
    return {".weight" if modelopt else ".weight_packed": pairs(codes), ".weight_scale": q} | names, E2M1[codes] * full


def bnb4(w, random, kind, nested, size=64):
    table = NF4 if kind == "nf4" else BNB_FP4
    absmax = np.abs(w).reshape(-1, size).max(-1).astype(f32)
    state = dict(quant_type=kind, blocksize=size, dtype="float16", shape=list(w.shape))
    tensors = {}
    if nested:
        offset = f32(absmax.mean())
        code = np.sort(random.uniform(-1, 1, 256)).astype(f32)
        groups = -(-absmax.size // 256)
        scales = np.abs(np.pad(absmax - offset, (0, groups * 256 - absmax.size))).reshape(groups, 256).max(1).astype(f32)
        each = np.repeat(scales, 256)[:absmax.size]
        codes = nearest((absmax - offset) / each, code)
        absmax = code[codes] * each + offset
        tensors |= {".weight.nested_absmax": scales, ".weight.nested_quant_map": code, ".weight.absmax": codes}
        state |= dict(nested_blocksize=256, nested_dtype="float32", nested_offset=float(offset))
    else:
        tensors[".weight.absmax"] = absmax
    full = np.repeat(absmax, size).reshape(w.shape)
    codes = nearest(w / full, table)
    tensors |= {".weight": pairs(codes.reshape(-1), True)[:, None], ".weight.quant_map": table,
                f".weight.quant_state.bitsandbytes__{kind}": np.frombuffer(json.dumps(state).encode(), np.uint8)}
    return tensors, table[codes] * full


def bnb8(w, random):
    scb = np.abs(w).max(1).astype(f32)
    q = np.rint(w * 127 / scb[:, None]).astype(np.int8)
    return {".weight": q, ".SCB": scb, ".weight_format": np.array(0, np.uint8)}, q * (scb / f32(127))[:, None]


BF16 = {"_type": "torch.dtype", "_data": "bfloat16"}


def torchao(kind, w, data, parts):
    """The tensors of a tensor subclass, and what the file's metadata says of it."""
    names = [name.removeprefix("._weight_") for name in parts]
    return parts | {"entry": {"_type": kind, "_data": data, "_tensor_data_names": names}}


def torchao_int8(w, random):
    scale = (np.abs(w).max(1, keepdims=True) / f32(127.5)).astype(f32)
    q = np.clip(np.rint(w / scale), -128, 127).astype(np.int8)
    parts = {"._weight_qdata": q, "._weight_scale": scale, "._weight_zero_point": np.zeros(scale.shape, np.int8)}
    return torchao("Int8Tensor", w, dict(block_size=[1, w.shape[1]], dtype=BF16, act_quant_kwargs=None), parts), q * scale


def torchao_intx(w, random, bits, group):
    q, scale, zero = grid(w, bits, group, False)
    scale = torch.from_numpy(scale.astype(f32)).to(torch.bfloat16)
    half = 2**(bits - 1)
    parts = {"._weight_qdata": (q - half).astype(np.int8), "._weight_scale": scale, "._weight_zero_point": (zero - half).astype(np.int8)}
    data = dict(target_dtype={"_type": "torch.dtype", "_data": f"int{bits}"}, block_size=[1, group], dtype=BF16, activation_quantization=None)
    exact = np.repeat(scale.float().numpy(), group, 1) * (q - np.repeat(zero, group, 1)).astype(f32)
    return torchao("IntxUnpackedToInt8Tensor", w, data, parts), exact


def torchao_int4(w, random, group, tiles=False):
    """Integers of 4 bits with a zero point that is a float: plain, or as torch's _convert_weight_to_int4pack lays them down, with
    inputs padded to 128 (torchao pads them to 1024)."""
    n, k = w.shape
    bf16 = lambda x: torch.from_numpy(np.ascontiguousarray(x, f32)).to(torch.bfloat16)
    rows, columns = (-(-n // 8) * 8, -(-k // 128) * 128) if tiles else (n, k)
    padded = np.zeros((rows, columns), f32)
    padded[:n, :k] = w
    g = padded.reshape(rows, -1, group)
    scale = bf16((g.max(-1) - g.min(-1)).clip(1e-6) / 15)
    zero = bf16(g.min(-1) + 8 * scale.float().numpy())
    full = lambda x: np.repeat(x.float().numpy(), group, 1)
    q = np.clip(np.rint((padded - full(zero)) / full(scale)) + 8, 0, 15).astype(np.uint8)
    exact = (full(scale) * (q.astype(f32) - 8) + full(zero))[:n, :k]
    data = dict(block_size=[1, group], shape=[n, k])
    if not tiles:
        parts = {"._weight_qdata": pairs(q ^ 8).view(np.int8), "._weight_scale": scale.T, "._weight_zero_point": zero.T}
        return torchao("Int4Tensor", w, data | dict(activation_dtype=BF16), parts), exact
    words = np.zeros((rows // 8, columns // 128, 32, 4), np.uint32)
    for lane in range(32):
        for nibble in range(8):
            inputs = 2 * (lane % 4) + nibble % 4 * 8 + nibble // 4 + 32 * np.arange(4)
            words[:, :, lane] |= q.reshape(rows // 8, 8, columns // 128, 128)[:, lane // 4][:, :, inputs].astype(np.uint32) << 4 * nibble
    both = torch.stack([scale.T, zero.T], -1)
    return torchao("Int4TilePackedTo4dTensor", w, data, {"._weight_qdata": words.view(np.int32), "._weight_scale_and_zero": both}), exact


def torchao_fp8(w, random):
    scale = (np.abs(w).max(1, keepdims=True) / 448).astype(f32)
    q, value = e4m3(w / scale)
    data = dict(block_size=[1, w.shape[1]], mm_config=None, act_quant_kwargs=None, kernel_preference={"_type": "KernelPreference", "_data": "AUTO"},
                dtype=BF16)
    return torchao("Float8Tensor", w, data, {"._weight_qdata": q, "._weight_scale": scale}), value * scale


def check_torchao(tensors, metadata, plain):
    """Where torchao is installed and can decode a subclass on a processor: that it decodes the same."""
    try:
        from torchao.prototype.safetensors.safetensors_support import unflatten_tensor_state_dict
    except ImportError:
        return print("torchao is not here to be compared with")
    read, _ = unflatten_tensor_state_dict(tensors, metadata)
    for name, tensor in read.items():
        if type(tensor) is not torch.Tensor and "dequantize" in vars(type(tensor)):
            exact = plain[name].to(torch.bfloat16).float()
            assert (tensor.dequantize().float() - exact).abs().max() <= 2**-8 * exact.abs().max(), name


CASES = {}


def case(case_name, pack, config, file=None, **options):
    CASES[case_name] = (pack, config, file, options)


for name, options in {"gptq-4": dict(bits=4, group=32), "gptq-v2-8": dict(bits=8, v2=True), "gptq-8-sym": dict(bits=8, group=32, symmetric=True),
                      "gptq-2": dict(bits=2, group=32, v2=True), "gptq-3-order": dict(bits=3, group=32, order=True)}.items():
    case(name, gptq, gptq_config(**options), **options)
case("gptq-old", gptq, {k: v for k, v in gptq_config(4, 32, True).items() if k not in ("quant_method", "checkpoint_format")},
     file="quantize_config.json", bits=4, group=32, symmetric=True)
case("awq", awq, dict(quant_method="awq", bits=4, group_size=32, version="gemm", zero_point=True), group=32)
case("fp8-block", fp8, dict(quant_method="fp8", weight_block_size=[32, 64], activation_scheme="dynamic"), rows=32, columns=64)
case("fp8-tensor", fp8, dict(quant_method="fp8", activation_scheme="static"), rows=0, columns=0, name=".weight_scale", shape=(1,))
case("fbgemm", fp8, dict(quant_method="fbgemm_fp8", activation_scale_ub=1200.0), rows=1, columns=0, name=".weight_scale")


def compressed(format, **weights):
    return dict(quant_method="compressed-tensors", format=format, ignore=["lm_head"], quantization_status="compressed",
                config_groups={"group_0": {"targets": ["Linear"], "weights": weights}})


case("float-quantized", fp8, compressed("float-quantized", num_bits=8, type="float", strategy="channel"), rows=1, columns=0,
     name=".weight_scale", kind=torch.bfloat16)
case("mxfp8", mxfp8, compressed("mxfp8-quantized", num_bits=8, type="float", strategy="group", group_size=32))
for name, options in {"int4-group": dict(bits=4, group=32, symmetric=True), "int4-zero": dict(bits=4, group=32, symmetric=False),
                      "int8-channel": dict(bits=8, group=-1, symmetric=True), "int4-f32": dict(bits=4, group=32, symmetric=True, kind=torch.float32),
                      "int4-order": dict(bits=4, group=32, symmetric=False, order=True)}.items():
    case(f"{name}", pack_quantized, compressed("pack-quantized", num_bits=options["bits"], type="int", symmetric=options["symmetric"],
         strategy="group" if options["group"] > 0 else "channel", group_size=options["group"] if options["group"] > 0 else None), **options)
case("int8", int_quantized, compressed("int-quantized", num_bits=8, type="int", symmetric=True, strategy="channel"), symmetric=True)
case("int8-zero", int_quantized, compressed("int-quantized", num_bits=8, type="int", symmetric=False, strategy="channel"), symmetric=False)
case("mxfp4-compressed", mxfp4, compressed("mxfp4-pack-quantized", num_bits=4, type="float", strategy="group", group_size=32))
case("nvfp4", nvfp4, compressed("nvfp4-pack-quantized", num_bits=4, type="float", strategy="tensor_group", group_size=16))
case("nvfp4-modelopt", nvfp4, dict(producer=dict(name="modelopt", version="0.29"), quantization=dict(quant_algo="NVFP4", group_size=16,
     exclude_modules=["lm_head"])), file="hf_quant_config.json", modelopt=True)
case("nf4", bnb4, dict(quant_method="bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="nf4"), kind="nf4", nested=False)
case("nf4-nested", bnb4, dict(quant_method="bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True),
     kind="nf4", nested=True)
case("bnb-fp4", bnb4, dict(quant_method="bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="fp4"), kind="fp4", nested=False)
case("bnb-int8", bnb8, dict(quant_method="bitsandbytes", load_in_8bit=True))


MOE = dict(num_hidden_layers=2, num_experts_per_tok=2, moe_intermediate_size=32)
MODELS = {  # where a name begins like this
    "moe": lambda: t.Qwen3MoeConfig(**SIZES | MOE, num_experts=4, norm_topk_prob=True),
    "mla": lambda: t.DeepseekV3Config(**SIZES | MOE | dict(num_key_value_heads=4, head_dim=8), n_routed_experts=4, n_shared_experts=1, first_k_dense_replace=1,
                                      q_lora_rank=32, kv_lora_rank=32, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, n_group=1, topk_group=1),
}
# experts, whose tensors have a name each; and the matrix of latent attention that is absorbed into others
case("moe-gptq", gptq, gptq_config(4, 32, True), bits=4, group=32, symmetric=True)
case("moe-fp8", fp8, dict(quant_method="fp8", weight_block_size=[32, 32], activation_scheme="dynamic"), rows=32, columns=32)
case("mla-fp8", fp8, dict(quant_method="fp8", weight_block_size=[32, 32], activation_scheme="dynamic"), rows=32, columns=32)


def torchao_config(kind, **data):
    return dict(quant_method="torchao", quant_type={"default": {"_type": kind, "_data": data, "_version": 2}}, modules_to_not_convert=None,
                include_input_output_embeddings=False, untie_embedding_weights=False)


case("torchao-int8", torchao_int8, torchao_config("Int8WeightOnlyConfig", group_size=None))
case("torchao-intx", torchao_intx, torchao_config("IntxWeightOnlyConfig", weight_dtype={"_type": "torch.dtype", "_data": "int4"}), bits=4, group=32)
case("torchao-int4", torchao_int4, torchao_config("Int4WeightOnlyConfig", group_size=32), group=32)
case("torchao-tiles", torchao_int4, torchao_config("Int4WeightOnlyConfig", group_size=32), group=32, tiles=True)
case("torchao-fp8", torchao_fp8, torchao_config("Float8WeightOnlyConfig"))


def with_weights(model, tensors):
    """A model of these weights, by the names of a file."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        golden.save_file(tensors, pathlib.Path(folder) / "model.safetensors", metadata={"format": "pt"})
        return type(model).from_pretrained(folder, dtype=torch.float32).eval()


def make(name, seed):
    pack, quantization, file, options = CASES[name]
    random = np.random.default_rng(seed)
    config = MODELS.get(name.split("-")[0], lambda: t.LlamaConfig(**SIZES))()
    model = golden.randomise(t.AutoModelForCausalLM.from_config(config), seed)
    directory = golden.HERE / f"packed-{name}"
    directory.mkdir(exist_ok=True)
    tensors, plain, metadata = {}, {}, {"format": "pt"}
    for key, p in golden.weights_of(model).items():
        if ".layers." in key and p.dim() == 2 and "_proj" in key:
            parts, exact = pack(p.half().float().numpy(), random, **options)
            plain[key] = torch.from_numpy(np.ascontiguousarray(exact, dtype=f32))
            if "entry" in parts:
                metadata[key] = json.dumps(parts.pop("entry"))
            tensors |= {key.removesuffix(".weight") + part: x for part, x in parts.items()}
            if name == "gptq-old":  # as AutoGPTQ did, wanted or not
                tensors[key.replace(".weight", ".bias")] = torch.zeros(p.shape[0]).half()
        else:
            tensors[key] = p.half()
            plain[key] = p.half().float()
            if name.startswith("torchao"):
                metadata[key] = json.dumps({"_type": "Tensor"})
    to_torch = {k: x.contiguous() if isinstance(x, torch.Tensor) else torch.from_numpy(np.array(x, order="C")) for k, x in tensors.items()}
    if name.startswith("torchao"):
        metadata["tensor_names"] = json.dumps(list(plain))
        check_torchao(to_torch, metadata, plain)
    golden.save_file(to_torch, directory / "model.safetensors", metadata=metadata)
    config = golden.config_json(model, True) | {"torch_dtype": "float16"}
    if file:
        (directory / file).write_text(json.dumps(quantization) + "\n")
    else:
        config["quantization_config"] = quantization
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    golden.write_answers(directory, with_weights(model, plain), n_tokens=24)


for i, name in enumerate(CASES):
    if len(sys.argv) < 2 or name in sys.argv[1:]:
        make(name, 100 + i)
