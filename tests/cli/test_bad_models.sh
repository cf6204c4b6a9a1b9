#!/bin/sh
# Models that are wrong, change while they run, or are interrupted: a sentence and an exit status, in little time and memory.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

# a sanitizer's own memory and time are not held against the program
if ! nm "$viv" | grep -q __asan_; then
    seconds=20 limits='ulimit -d 262144'
fi

# --- models without weights: looked at, and a sentence where weights are needed ----------------------------------
mkdir "$work/bare"
cp "$source/tests/golden/llama-gqa/config.json" "$work/bare/"
head -c 3000 "$source/tests/golden/llama-gqa-gguf/model.gguf" >"$work/cut.gguf"
for model in "$work/bare" "$work/cut.gguf"; do
    check "inspect ${model##*/}" says 'without weights' "$viv" inspect "$model"
    check "compare ${model##*/}" says 'parameters' "$viv" compare "$model" mistral-7b --on l4
    check "draw ${model##*/}" ends 0 "$viv" draw "$model" -o "$work/drawing.svg"
    check "spec expand ${model##*/}" says 'family: llama' "$viv" spec expand "$model"
done
check 'weights that are not there' fails 'a directory without weights; expected' "$viv" logits "$work/bare" --tokens 1
check 'a file that ends behind its header' fails 'the file is cut short' "$viv" logits "$work/cut.gguf" --tokens 1
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' >"$work/bare/model.safetensors"
check 'a Git LFS pointer' fails 'git lfs pull' "$viv" logits "$work/bare" --tokens 1
check 'a config.json given as a model' fails 'give the directory that it is in' "$viv" inspect "$work/bare/config.json"

# --- a config.json that lies about good tensors -----------------------------------------------------------------
good=$source/tests/golden/llama-gqa
changed() { # EDIT, by sed
    rm -rf "$work/model"
    mkdir "$work/model"
    cp "$good/config.json" "$good/model.safetensors" "$work/model/"
    sed -i "$1" "$work/model/config.json"
}
config() { # NAME EDIT WORDS
    changed "$2"
    check "$1" fails "$3" "$viv" logits "$work/model" --tokens 1,2
}
config '10^9 layers' 's/"num_hidden_layers": 2/"num_hidden_layers": 1000000000/' num_hidden_layers
config 'a width that heads do not divide' 's/"hidden_size": 48/"hidden_size": 50/; /"head_dim"/d' '50 is not divisible by 6'
config 'no heads' 's/"num_attention_heads": 6/"num_attention_heads": 0/' num_attention_heads
config 'heads that groups do not divide' 's/"num_key_value_heads": 2/"num_key_value_heads": 4/' \
    'n_kv_heads 4 does not divide n_heads 6'
config 'a word where a number belongs' 's/"vocab_size": 101/"vocab_size": "many"/' vocab_size
config 'a shape that tensors contradict' 's/"intermediate_size": 52/"intermediate_size": 53/' '[52, 48]'
config 'a tensor that is missing' 's/"num_hidden_layers": 2/"num_hidden_layers": 3/' model.layers.2.
config 'tensors that nothing asks for' 's/"num_hidden_layers": 2/"num_hidden_layers": 1/' model.layers.1.
config 'an unknown activation' 's/"silu"/"sillu"/' silu
config 'an unknown architecture' 's/LlamaForCausalLM/LlamaForCausalLn/; s/"model_type": "llama"/"model_type": "llamma"/' \
    "(the nearest: LlamaForCausalLM, "

config 'packed weights' 's/"hidden_size"/"quantization_config": {"quant_method": "hqq", "bits": 4}, "hidden_size"/' \
    '(quant_method = hqq): expected one of awq, bitsandbytes, '

changed 's/"hidden_size"/"hiden_size": 1, "x\\u001b[2J": 2, "hidden_size"/'
unknown_options() {
    ends 0 "$viv" logits "$work/model" --tokens 1,2 && grep 'hiden_size, x\\x1b\[2J' "$work/err" &&
        ends 0 "$viv" inspect "$work/model" && grep 'unread  *hiden_size, x' "$work/out" &&
        ends 0 "$viv" inspect "$work/model" --json && grep -A 1 '"unread_options": \[' "$work/out" | grep hiden_size
}
check 'options that no family knows are named' unknown_options

same_logits() {
    changed 's/float32/bfloat16/'
    ends 0 "$viv" logits "$good" --tokens 1,2,3 -o "$work/a.npy" &&
        ends 0 "$viv" logits "$work/model" --tokens 1,2,3 -o "$work/b.npy" && cmp "$work/a.npy" "$work/b.npy"
}
check 'tensors have the type that they say they have, whatever config.json says' same_logits

# --- bytes that are no model ------------------------------------------------------------------------------------
bad() { # NAME WORDS
    check "a bad model: $1" fails "$2" "$viv" run "$work/bad.gguf" -p x
}
: >"$work/bad.gguf"
bad 'empty' 'empty file'
printf GGUF >"$work/bad.gguf"
bad 'four bytes' 'bytes'
printf 'GGUF\001\000\000\000' >"$work/bad.gguf"
bad 'version 1' 'version 1'
printf 'GGUF\003\000\000\000\377\377\377\377\377\377\377\377\001\000\000\000\000\000\000\000' >"$work/bad.gguf"
bad 'too many tensors' 'tensors'
head -c 100000 "$source/specs/embedded/llm.gguf" >"$work/bad.gguf"
bad 'cut short' 'bad.gguf'
mkfifo "$work/fifo.gguf"
check 'a FIFO is not waited on' fails fifo "$viv" run "$work/fifo.gguf" -p x
check 'a device is not read' ends 1 "$viv" run /dev/zero -p x
check 'a directory without weights says what was looked for' fails model.safetensors "$viv" run "$work/" -p x


survives() { # whatever it makes of it
    bounded "$@" || [ $? -eq 1 ]
}
for file in "$source"/tests/formats/corpus_*/*; do
    check "${file##*/}" survives "$viv" inspect "$file"
done

# --- what happens while a model runs ----------------------------------------------------------------------------
copy=$work/copy.gguf
cp "$source/specs/embedded/llm.gguf" "$copy"
endless="run $copy -p ROMEO: -n 100000000 --context 100000000 --json"

done_comes() { tail -n 1 "$work/out" | grep '"event":"done"'; }
# shellcheck disable=SC2086 # words
check 'Ctrl-C ends an answer with its last event' interrupts done_comes "$viv" $endless

# shellcheck disable=SC2086 # words
during() { # COMMAND: run once the answer has begun; the answer's exit status is $status
    : >"$work/out"
    "$viv" $endless >"$work/out" 2>"$work/err" </dev/null &
    answer=$!
    for _ in $(seq 300); do
        [ "$(wc -c <"$work/out")" -gt 40 ] && break
        sleep 0.2
    done
    "$@"
    status=0
    wait "$answer" || status=$?
}
empty() { : >"$copy"; }
shrinks() {
    during empty
    [ "$status" -eq 1 ] || { echo "exit status $status"; return 1; }
    grep copy.gguf "$work/err"
}
check 'a file that shrinks under a model is named' shrinks

cp "$source/specs/embedded/llm.gguf" "$copy"
replace() {
    echo new >"$work/new" && mv "$work/new" "$copy"
    before=$(wc -c <"$work/out")
    for _ in $(seq 300); do # as long as a busy machine may take
        after=$(wc -c <"$work/out")
        [ "$after" -eq "$before" ] || break
        sleep 0.1
    done
    kill -KILL "$answer"
}
replaced() {
    during replace
    [ "$after" -gt "$before" ] || { echo "no more text"; cat "$work/err"; return 1; }
}
check 'a model goes on where its file is replaced' replaced

finish
