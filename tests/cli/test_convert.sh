#!/bin/sh
# quantize on models of safetensors: what it writes is the same model in GGUF. The checkpoints are those whose logits are
# compared with transformers' elsewhere.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
quantize() { "$viv" quantize "$@" --force; }
# same NAME TYPE: the result computes what the checkpoint does, layer by layer, within 1e-4 of the largest number
same() { quantize "$golden/$1" --type "$2" -o "$work/c.gguf" && "$viv" diff "$golden/$1" "$work/c.gguf" --tolerance 1e-4; }

for name in llama-gqa llama-mqa-tied llama-bias llama-rope-linear llama-rope-llama3 llama-rope-llama3-v5 llama-rope-yarn mistral-full \
    qwen2 qwen3 gemma gemma2 gemma3 phi phi3 phi3-longrope smollm3 minicpm mixtral qwen2_moe qwen3_moe olmoe granite granitemoe gpt_oss falcon \
    falcon-groups bloom gpt2 gptj gpt_neox stablelm starcoder2 cohere cohere2 glm glm4 olmo2 exaone4 nemotron mpt t5 bert deepseek_v2 deepseek_v3; do
    check "$name" same "$name" f32
done
check 'tensors in several files, of bf16' same llama-bf16-sharded bf16
check 'f16 stays f16' same llama-f16 f16
# weights that were quantized for safetensors are numbers before they are quantized anew; as such they compute in f32
numbers() {
    quantize "$golden/$1" --type f32 -o "$work/n.gguf" && ends 0 "$viv" diff "$golden/$1" "$work/n.gguf" --tolerance "$2"
}
check 'bf16 in f32' numbers qwen2-bf16 1e-2
check 'FP8 with scales' numbers packed-fp8-block 1e-2
check 'GPTQ in act-order' numbers packed-gptq-3-order 5e-2
check 'experts of gpt-oss in MXFP4' numbers gpt_oss-mxfp4 5e-2
once() {
    quantize "$golden/mixtral" --type q8_0 -o "$work/direct.gguf" && quantize "$golden/mixtral" --type f32 -o "$work/f32.gguf" &&
        quantize "$work/f32.gguf" --type q8_0 -o "$work/twice.gguf" && cmp "$work/direct.gguf" "$work/twice.gguf"
}
check 'types are those of the same model in GGUF' once
window() { same mistral f32 && grep -q 'the context becomes its 17 tokens' "$work/said" && says 'at the context of 17' "$viv" inspect "$work/c.gguf"; }
check 'a window that GGUF does not have becomes the context' window

# --- the tokenizer ---------------------------------------------------------------------------------------------------
ids() { "$viv" tokenize "$1" --file "$golden/quality/text.txt" --json; }
tokens() {
    quantize "$golden/quality" --type f32 -o "$work/q.gguf" && ids "$golden/quality" >"$work/a" && ids "$work/q.gguf" >"$work/b" && cmp "$work/a" "$work/b"
}
check 'the tokenizer makes the same tokens' tokens
answers() {
    for model in "$golden/quality" "$work/q.gguf"; do "$viv" run "$model" -q -p 'The ' -n 40 --temp 0 >"$work/$(basename "$model").txt" || return 1; done
    [ -s "$work/quality.txt" ] && cmp "$work/quality.txt" "$work/q.gguf.txt"
}
check 'and the model answers the same' answers
words() {
    cp -r "$golden/quality" "$work/other" && sed 's/"add_prefix_space": *false/"add_prefix_space": true/' "$golden/quality/tokenizer.json" >"$work/other/tokenizer.json" &&
        ! cmp -s "$golden/quality/tokenizer.json" "$work/other/tokenizer.json" &&
        fails 'as none of the pre-tokenizers does' "$viv" quantize "$work/other" --type f32 -o "$work/x.gguf"
}
check 'a tokenizer that GGUF has no name for is refused' words

# --- what GGUF cannot say ----------------------------------------------------------------------------------------------
refused() { fails "$1" "$viv" quantize "$golden/$2" --type f32 -o "$work/x.gguf" && [ ! -e "$work/x.gguf" ]; }
check 'a family without a name' refused 'the family has no name in GGUF files' opt
check 'a weight without a name' refused "weight 'attn_q_norm': it has no name in GGUF files" phi-norms
check 'another activation' refused 'cannot say that activation of layers.0.mlp is gelu' llama-gelu
check 'another scale' refused 'cannot say that scale of layers.0.attention' gemma2-scalar
check 'positions that stretch as they grow' refused "stretched by 'dynamic'" llama-rope-dynamic
check 'other layers' refused 'build other layers' qwen3_moe-sparse-step
check 'a model that sees, which is two files in GGUF' refused 'a model that sees is two GGUF files' vision/llava
planned() { ends 0 "$viv" quantize "$golden/qwen3_moe" --type q4_0 --dry-run && grep -q 'blk.0.ffn_down_exps.weight' "$work/out"; }
adapted() {
    printf 'viv: 1\nuse: llama\ncheckpoint: llama\nadapters: [lora]\n' >"$work/adapted.yaml" && cp -r "$golden/llama-gqa" "$work/llama" &&
        cp -r "$golden/lora-plain" "$work/lora" && fails 'the spec has adapters' "$viv" quantize "$work/adapted.yaml" --type f32 -o "$work/x.gguf"
}
check 'a spec with adapters' adapted
check 'a dry run names the tensors of the result' planned
check 'a matrix has the names of GGUF' fails 'no importance matrix' "$viv" quantize "$golden/qwen3" --type q4_0 --imatrix "$golden/quality/text.txt" -o "$work/x.gguf"
finish
