#!/bin/sh
# fit, and types of the KV cache, as their users meet them. How near predictions are: "memory as predicted" in test_compare.sh,
# and tests/bench/fit.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
small=$golden/llama-gqa # heads of 10

# figure NAME: of the JSON in $work/out
figure() { sed -n "s/^ *\"$1\": \([^,]*\),\{0,1\}\$/\1/p" "$work/out"; }
is() { # NAME VALUE
    [ "$(figure "$1")" = "$2" ] || { echo "$1 is $(figure "$1"), expected $2"; return 1; }
}

# --- fit ---------------------------------------------------------------------------------------------------------
# 16 layers of 8 key/value heads of 64: 16384 numbers a token
fit() { ends 0 "$viv" fit llama-3.2-1b --memory 64GiB --json "$@"; }
by_context() { fit -c 1k && is context 1024 && is kv_cache 33554432 && is weights 2471763968 && is fits true; }
check 'the cache of a context' by_context
by_type() { fit -c 1024 --cache-type k=q8_0,v=q4_0 && is kv_cache 13631488 && grep -q '"cache_type": "k=q8_0,v=q4_0"' "$work/out"; }
check 'keys and values have types of their own' by_type
by_users() { fit -c 1024 --users 4 && is users 4 && is kv_cache 134217728; }
check 'each user has a cache' by_users
sums() {
    fit -c 1024
    all=0
    for part in weights experts copies kv_cache recurrent_state activations workspace tokenizer program; do
        all=$((all + $(figure $part)))
    done
    [ $(($(figure total_bytes) - all)) -le 9 ] && [ $((all - $(figure total_bytes))) -le 9 ] && is machine_bytes "$(figure machine_bytes)" &&
        [ "$(figure left_bytes)" -eq $(((64 << 30) - $(figure total_bytes))) ]
}
check 'parts sum to the whole' sums
# the largest context fits, and one token more would need a page more than there is
largest() {
    ends 0 "$viv" fit llama-3.2-1b -c 1024 --memory 3GiB --json || return 1
    most=$(figure largest_context)
    ends 0 "$viv" fit llama-3.2-1b -c "$most" --memory 3GiB && ends 1 "$viv" fit llama-3.2-1b -c $((most + 1)) --memory 3GiB
}
check 'the largest context fits, a larger one does not' largest
missing() {
    ends 1 "$viv" fit llama-3.2-1b --memory 1GiB && grep -q 'does not fit in 1.00 GiB' "$work/out" && grep -q 'no context' "$work/out"
}
check 'what does not fit ends with 1' missing
check 'a checkpoint' says 'peak of resident memory' "$viv" fit "$small" --memory 1GiB
check 'another machine' says 'fits in 8.00 GiB' "$viv" fit llama-3.2-1b -c 4k --on raspberry-pi-5
check 'two memories' fails 'give one of them' "$viv" fit llama-3.2-1b --on raspberry-pi-5 --memory 1GiB
check 'no users' ends 2 "$viv" fit llama-3.2-1b --users 0
check 'no memory' ends 2 "$viv" fit llama-3.2-1b --memory 0
check 'a negative one' ends 2 "$viv" fit llama-3.2-1b --memory -1
check 'a context that is none' ends 2 "$viv" fit llama-3.2-1b -c 8kk

# --- types of the cache ------------------------------------------------------------------------------------------
unknown() { ends 2 "$viv" run "$small" x --cache-type f8 && grep -q 'f32, f16, bf16, q8_0 or q4_0' "$work/err"; }
check 'a type that there is not' unknown
check 'heads that blocks do not divide' fails 'by 10 features (head_dim) cannot be cached as q8_0' "$viv" run "$small" x --cache-type v=q8_0
check 'nor looked at' fails 'cannot be cached as q4_0' "$viv" inspect "$small" --cache-type q4_0
counted() { ends 0 "$viv" inspect llama-3.2-1b --json --cache-type q8_0 && is cache_bytes_per_token 17408; }
check 'bytes of a token' counted
near() {
    ends 0 "$viv" diverge llm llm --tokens 5,6,7,8,9,10,11,12,13,14,15,16 --on-reference cache-type=f32 \
        --on-model cache-type=bf16 --json && is same_top 1.0 && [ "$(figure mean)" != 0.0 ]
}
check 'two caches of one model diverge a little' near
check 'options of one model are checked' ends 2 "$viv" diverge llm llm --tokens 5,6 --on-model cache-type=q5

# --- a budget ----------------------------------------------------------------------------------------------------
within() { ends 0 "$viv" run llm -p To -n 4 "$@"; }
roomy() { within --memory 500MiB && grep -q 'within 500 MiB: context of 512 tokens, KV cache of f16, steps of 512 tokens' "$work/err"; }
check 'what fits is left as it is' roomy
# the smallest budget, as the error says, does; then steps are short, and the cache is small
tight() {
    fails 'the smallest budget that fits is' "$viv" run llm -p To -n 4 --memory 5MiB || return 1
    least=$(sed 's/.*fits is \([0-9]*\) MiB.*/\1/' "$work/err")
    within --memory "${least}MiB" && grep -q "within $least.*MiB: weights of [0-9.]* bits on average, context of" "$work/err" && grep -q 'steps of' "$work/err"
}
check 'the smallest budget that is named holds a model' tight
check 'a smaller one does not' fails 'the smallest budget that fits is' "$viv" run llm -p To -n 4 --memory "$((least - 1))MiB"
# between the least context and the usual one, memory goes to the context, not to weights made anew in the type they have
grows() {
    for kib in $(seq 7200 20 7600); do
        bounded "$viv" run "$source/tests/golden/chat" -p Hello -n 1 --memory "${kib}KiB"
        ! grep 'weights of 32.00 bits' "$work/err" || return 1
    done
}
check 'what weights do not need, the context gets' grows
check 'a context that is asked for is kept' says '' "$viv" run llm -p To -n 4 -c 64 --memory 500MiB
check 'more than there is' fails 'more than this machine has' "$viv" run llm -p To --memory 900TiB
check 'a budget of nothing' ends 2 "$viv" run llm -p To --memory 0
check 'a negative budget' ends 2 "$viv" chat llm --memory -5M
finish
