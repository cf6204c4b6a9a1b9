#!/bin/sh
# viv diff: two models that agree, and one that was broken at a place that it must name.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
model=$golden/llama-gqa
agree() { says 'They agree.' "$viv" diff "$@"; }
# apart WORDS ARGUMENTS...: they part, and it says so
apart() {
    words=$1
    shift
    ends 1 "$viv" diff "$@" || return 1
    [ ! -s "$work/err" ] && grep -qF -- "$words" "$work/out" || { echo "no '$words' in:"; cat "$work/out" "$work/err"; return 1; }
}
zeros() { # COUNT ARGUMENTS...: so many layers, all of the same bits
    lines=$1
    shift
    agree --all "$@" && [ "$(grep -cE '^[a-z0-9_.]+ +0 +0 +1\.0000000' "$work/out")" -eq "$lines" ]
}

# --- what agrees ---------------------------------------------------------------------------------------------------
check 'a model agrees with itself' zeros 15 "$model"
check 'with itself by its name' zeros 15 "$model" "$model" --tokens 1,2,3
check 'on other threads, in the same bits' zeros 15 "$model" --on-a scheduler=serial --on-b threads=3
check 'token by token' zeros 15 "$model" --on-b rows=1
check 'experts in the file' zeros 17 "$golden/mixtral" --on-b expert-memory=60000
check 'an encoder and what looks at it' agree "$golden/t5" --on-b scheduler=serial
check 'vectors' agree "$golden/bert" --on-b kernels=generic
for name in llama-gqa gpt2 mixtral gpt_oss glm4 falcon bloom t5-gated bert; do
    check "$name agrees in both formats" agree "$golden/$name" "$golden/$name-gguf/model.gguf"
done
check 'generic kernels agree' agree "$model" --on-b kernels=generic
differ() { ! zeros 15 "$model" --on-b kernels=generic --on-a kernels=avx2; }
if "$viv" version -v | grep -q 'features:.*avx2'; then
    check 'but are others' differ
fi
check 'an adapter of scale 0 changes nothing' agree "$model" --on-b "lora=$golden/lora-two/a:0"
check 'types set the tolerance' says 'tolerance 0.05' "$viv" diff "$golden/llama-q8_0-gguf/model.gguf" --on-b kernels=generic
check 'to which a text is no bar' agree llm --on-b kernels=generic -p 'To be, or'

# --- what parts ----------------------------------------------------------------------------------------------------
# broken MODEL TENSOR: a copy in $work/broken, one number of this tensor another
broken() {
    rm -rf "$work/broken"
    cp -r "$golden/$1" "$work/broken"
    chmod -R u+w "$work/broken"
    file=$work/broken/model.safetensors
    header=$(od -An -t u8 -N 8 "$file" | tr -d ' ')
    at=$(dd if="$file" bs=1 skip=8 count="$header" 2>/dev/null | sed "s/.*\"$2\":[^}]*\"data_offsets\":\[\([0-9]*\),.*/\1/")
    [ "$at" -ge 0 ] && printf '\000\000\240\101' | dd of="$file" bs=1 seek=$((8 + header + at)) conv=notrunc 2>/dev/null # 20.0
}
# names MODEL TENSOR LAYER: with this tensor broken, that layer is the first that parts, and with --each the only one
names() {
    broken "$1" "$2" && apart "They part at $3:" "$golden/$1" "$work/broken" --all || return 1
    grep -qE "^$3 .*<- parts here" "$work/out" && [ "$(grep -c '<- parts here' "$work/out")" -eq 1 ] || return 1
    apart "They part at $3:" "$golden/$1" "$work/broken" --all --each || return 1
    grep -qE "^$3 .*<- parts here" "$work/out" && [ "$(grep -c '<- parts here' "$work/out")" -eq 1 ]
}
check 'a broken mlp is named' names llama-gqa model.layers.1.mlp.down_proj.weight layers.1.mlp
check 'a broken attention' names llama-gqa model.layers.1.self_attn.k_proj.weight layers.1.attention
check 'a broken norm' names llama-gqa model.layers.1.post_attention_layernorm.weight layers.1.rms_norm_2
check 'a broken router' names mixtral model.layers.1.block_sparse_moe.gate.weight layers.1.router
check 'a broken expert' names mixtral model.layers.0.block_sparse_moe.experts.1.w2.weight layers.0.experts
check 'a broken head' names llama-gqa lm_head.weight linear
encoder() {
    broken t5 encoder.block.1.layer.1.DenseReluDense.wo.weight && apart 'They part at encoder.layers.1.mlp:' "$golden/t5" "$work/broken"
}
check 'a broken encoder' encoder
shown() { broken llama-gqa model.layers.1.mlp.down_proj.weight && apart 'layers.1.mlp' "$model" "$work/broken" && [ "$(grep -c '^layers.0' "$work/out")" -eq 1 ]; }
check 'without --all a block has a line, and where they part another' shown
tolerated() { agree "$model" "$work/broken" --tolerance 1e6; }
check 'a tolerance is a tolerance' tolerated
check 'logits are told of' apart 'logits: the same best token for' "$model" "$work/broken"
json() {
    ends 1 "$viv" diff "$model" "$work/broken" --json && tr -d ' \n' <"$work/out" |
        grep -E '"tokens":16,"tolerance":0.0001[0-9]*,"agree":false,"first":"layers.1.mlp","mismatch":null,.*"logits":\{"rows":16,'
}
check 'and all of it in JSON' json
check 'an adapter parts at its first layer' apart 'They part at layers.0.attention' "$model" --on-b "lora=$golden/lora-two/a"

# --- other families ------------------------------------------------------------------------------------------------
check 'other families are aligned as far as they are alike' apart \
    'They cannot be aligned where A has layers.0.router, [4], and B has layers.0.mlp, [36].' "$golden/mixtral" "$golden/mistral"
after() { apart '' "$golden/mixtral" "$golden/mistral" --all && grep -qE '^layers.1.residual_2 +[0-9]' "$work/out" && grep -qE '^layers.1.mlp +in B alone' "$work/out"; }
check 'and after that again' after
other_places() { apart '' "$golden/gemma2" "$golden/mistral" --all && grep -q 'layers.0.rms_norm_3 = layers.0.rms_norm_2' "$work/out"; }
check 'by kind where paths differ' other_places
check 'unlike models are refused' fails 'A has embedding, [36], and B has embedding, [48]' "$viv" diff "$golden/gemma2" "$model"

# --- wrong usage ---------------------------------------------------------------------------------------------------
check 'an option of one side must exist' ends 2 "$viv" diff "$model" --on-a shceduler=serial
check 'and have a value' ends 2 "$viv" diff "$model" --on-a scheduler
check 'of its kind' ends 2 "$viv" diff "$model" --on-b rows=none
check 'tokens and a text are too much' ends 2 "$viv" diff "$model" --tokens 1 -p x
check 'three models are too many' ends 2 "$viv" diff "$model" "$model" "$model"
check 'a second model that is not there is named before the first one runs' fails /no/such "$viv" diff "$model" /no/such
check 'a token that one does not have' fails 'A: token 101' "$viv" diff "$model" --tokens 101
check 'a text needs a tokenizer' ends 1 "$viv" diff "$model" -p x
check 'a text looked at as a whole comes at once' fails 'attention is not causal' "$viv" diff "$golden/bert" --on-b rows=1

nan() {
    cp -r "$model" "$work/nan" && n=$(od -An -tu8 -N8 "$model/model.safetensors" | tr -d ' ') &&
        printf '\000\000\300\177' | dd of="$work/nan/model.safetensors" bs=1 seek=$((8 + n)) conv=notrunc 2>/dev/null &&
        apart 'They part at' "$work/nan" "$work/nan"
}
check 'NaN agrees with nothing, itself neither' nan

finish
