#!/bin/sh
# viv compare from outside: its forms, its options, and what it refuses.
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

here=80GB/s,2TFLOP/s,16GiB
compare() { # WORDS ARGUMENT...: prints these words
    words=$1
    shift
    says "$words" "$viv" compare --on "$here" "$@"
}
check "six kinds in one table" compare "the best 2 of 8" \
    mixtral-8x7b mistral-7b llama-3.2-1b phi-3-mini bert-base t5-base
check "published counts" compare "46.7 B" mixtral-8x7b
check "a context that a model has not" compare "bert-base: the context is 512" bert-base mistral-7b --at 4096
check "what fits" compare "context that fits in 8.00 GiB" mistral-7b --memory 8GiB --type q4_0
check "every type of weights" compare '"weight_bytes_iq3_xxs": 47' llama-3.2-1b --type iq3_xxs --json
check "no such type" ends 2 "$viv" compare mistral-7b --on l4 --type q4_9
check "JSON" compare '"params_active": 12879925248' mixtral-8x7b --json
check "comma-separated values" compare 'size,params_total,count,7241732096' mistral-7b --csv
check "Markdown" compare '| **ceiling** |' mistral-7b --markdown
check "weights, where there are some" compare 'weights, as they are' llm
check "the list of machines" says h100-sxm "$viv" compare --devices
check "a machine by name" says "ceilings of l4" "$viv" compare mistral-7b --on l4
check "two machines are two columns" says 'mistral-7b on rtx-4090' "$viv" compare mistral-7b --on l4 --on rtx-4090
check "of each its ceilings" says 'ceilings of rtx-4090' "$viv" compare mistral-7b --on l4 --on rtx-4090
check "measured is one machine" ends 2 "$viv" compare mistral-7b --on l4 --on rtx-4090 --measure
check "the cache type counts" compare '"cache_bytes_per_token": 262144' mistral-7b --cache-type f32 --json
check "f32 models have an f32 cache" compare '"cache_bytes_per_token": 320' "$VIV_SOURCE/tests/golden/llama-gqa" --json
check "a dash has its reason" compare "mistral-7b: no parameters of its own for 'experts'" mistral-7b mixtral-8x7b
check "no exponents" says '3.35 TB/s, 67 TFLOP/s f32, 1979 TOP/s int8' "$viv" compare mistral-7b --on h100-sxm
check "this machine, measured" ends 0 "$viv" compare llm --threads 1
check "and remembered" test -s "$XDG_CACHE_HOME/vivarium/limits-1"
check "an unknown machine" fails "did you mean 'rtx-4090'?" "$viv" compare mistral-7b --on rtx-409
check "an unknown model" fails "did you mean" "$viv" compare mistral-7b mistral-7c --on l4
check "no model" ends 2 "$viv" compare
check "two forms at once" ends 2 "$viv" compare mistral-7b --json --csv
check "no tokens" fails "a text has 1 to" "$viv" compare mistral-7b --on l4 --at 0

# --- measured: the embedded model, one without weights, one that does not fit
measure() { # WORDS ARGUMENT...
    words=$1
    shift
    seconds=300
    says "$words" "$viv" compare --on "$here" --measure --rounds 1 "$@"
}
check "measured beside predicted" measure "of the ceiling" llm --at 16
check "without lengths, those that the context has room for" measure '"measured_decode_480"' llm --json
check "no weights" measure "mistral-7b: no weights here" llm mistral-7b --at 16
check "no room" measure "the context has no room for the text" llm --at 500
check "the rows of measuring" measure '"measured_decode_16"' llm --at 16 --json

# --- history
db=$work/state/history.db
kept() {
    ends 0 "$viv" compare llm --on "$here" --measure --rounds 1 --at 16 --save --history-file "$db"
}
has_history() { "$viv" compare llm --on "$here" --save --history-file "$work/probe.db" 2>&1 | grep -qv "without SQLite"; }
if has_history; then
    check "nothing kept yet" says "nothing was kept yet" "$viv" compare --history --history-file "$db"
    check "one run kept" kept
    check "another" kept
    check "both shown" says "tokens/s written at 16" "$viv" compare --history --history-file "$db"
    check "for scripts" says '"measured_decode_16"' "$viv" compare --history llm --json --history-file "$db"
    check "of another model, nothing" says "nothing was kept" "$viv" compare --history mistral-7b --history-file "$db"
    echo "no database, but long enough to be taken for one, by somebody who is in a hurry and does not look; more, more" >"$work/text"
    cp "$work/text" "$work/text.db"
    check "no database" fails "file is not a database" "$viv" compare --history --history-file "$work/text.db"
    check "which is left alone" cmp "$work/text" "$work/text.db"
    check "a place that cannot be written, before measuring" \
        fails "cannot be opened" "$viv" compare llm --measure --save --on "$here" --history-file /dev/null/x.db
fi

# --- the memory in use is within 3 % of the prediction, for a model of 240 MiB whose weights are a hole in a file
large=$work/large
tensors() {
    echo "model.embed_tokens.weight 4000,1024
model.norm.weight 1024
lm_head.weight 4000,1024"
    i=0
    while [ $i -lt 12 ]; do
        p=model.layers.$i
        echo "$p.input_layernorm.weight 1024
$p.self_attn.q_proj.weight 1024,1024
$p.self_attn.k_proj.weight 256,1024
$p.self_attn.v_proj.weight 256,1024
$p.self_attn.o_proj.weight 1024,1024
$p.post_attention_layernorm.weight 1024
$p.mlp.gate_proj.weight 2560,1024
$p.mlp.up_proj.weight 2560,1024
$p.mlp.down_proj.weight 1024,2560"
        i=$((i + 1))
    done
}
make_large() {
    mkdir "$large"
    cat >"$large/config.json" <<END
{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 1024, "intermediate_size": 2560,
 "num_hidden_layers": 12, "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 4000,
 "max_position_embeddings": 1024, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false,
 "hidden_act": "silu", "torch_dtype": "float16"}
END
    tensors | awk '{split($2, d, ","); n = d[1] * (d[2] ? d[2] : 1) * 2
        printf "%s\"%s\":{\"dtype\":\"F16\",\"shape\":[%s],\"data_offsets\":[%d,%d]}", NR == 1 ? "{" : ",", $1, $2, at, at + n
        at += n} END {print "}"; print at >"/dev/stderr"}' >"$work/header" 2>"$work/bytes"
    n=$(wc -c <"$work/header")
    printf "%*s" $(((120 - n % 64) % 64)) "" >>"$work/header" # data begins at a multiple of 64
    n=$(wc -c <"$work/header")
    # shellcheck disable=SC2059 # octal
    printf "\\$(printf %o $((n % 256)))\\$(printf %o $((n / 256)))\\0\\0\\0\\0\\0\\0" >"$large/model.safetensors"
    cat "$work/header" >>"$large/model.safetensors"
    truncate -s $((8 + n + $(cat "$work/bytes"))) "$large/model.safetensors"
}
value() { # KEY
    sed -n "s/^ *\"$1\": \([0-9]*\).*/\1/p" "$work/out"
}
predicts() {
    seconds=300
    ends 0 "$viv" compare "$large" --on "$here" --measure --rounds 1 --at 16,300 --threads 1 --json || return 1
    for at in 16 300; do
        predicted=$(value memory_peak_$at) measured=$(value measured_memory_peak_$at)
        echo "at $at: $predicted predicted, $measured measured"
        [ $((100 * (predicted - measured))) -lt $((3 * measured)) ] || return 1
        [ $((100 * (measured - predicted))) -lt $((3 * measured)) ] || return 1
    done
}
if nm "$viv" | grep -q __asan_; then
    echo "the sanitizer's own memory is not predicted"
else
    make_large
    check "memory as predicted" predicts
fi
finish
