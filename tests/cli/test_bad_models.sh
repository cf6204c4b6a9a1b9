#!/bin/sh
# Models that are wrong, change while they run, or are interrupted: a sentence and an exit status, in little time and memory.
set -u
viv=${VIV_BUILD:-.}/viv
source=${VIV_SOURCE:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME
passed=0 failed=0

# what a sanitizer adds is not held against the program
limits='ulimit -d 262144'
seconds=2
if nm "$viv" 2>/dev/null | grep -q __asan_; then
    limits=: seconds=20
fi

result() { # NAME WHY: passed where WHY is empty
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $1: $2"
        head -c 600 "$work/err"
    fi
}

# refused NAME WORDS COMMAND...: status 1 and one sentence that holds WORDS, within 2 seconds and 256 MiB
refused() {
    name=$1 words=$2
    shift 2
    status=0 why=
    (eval "$limits" && exec timeout "$seconds" "$@") >"$work/out" 2>"$work/err" </dev/null || status=$?
    [ "$status" -eq 1 ] || why="exit status $status"
    grep -qF -- "$words" "$work/err" || why="$why no '$words'"
    [ "$(wc -l <"$work/err")" -eq 1 ] || why="$why not one sentence"
    result "$name" "$why"
}

# changed EDIT: a copy of a good checkpoint, its config.json edited by sed
good=$source/tests/golden/llama-gqa
changed() {
    rm -rf "$work/model"
    mkdir "$work/model"
    cp "$good/config.json" "$good/model.safetensors" "$work/model/"
    sed -i "$1" "$work/model/config.json"
}
config() { # NAME EDIT WORDS
    changed "$2"
    refused "$1" "$3" "$viv" logits "$work/model" --tokens 1,2
}

config '57: 10^9 layers' 's/"num_hidden_layers": 2/"num_hidden_layers": 1000000000/' num_hidden_layers
config '57: width that heads do not divide' 's/"hidden_size": 48/"hidden_size": 50/; /"head_dim"/d' '50 is not divisible by 6'
config 'no heads' 's/"num_attention_heads": 6/"num_attention_heads": 0/' num_attention_heads
config 'heads that groups do not divide' 's/"num_key_value_heads": 2/"num_key_value_heads": 4/' ''
config 'a word where a number belongs' 's/"vocab_size": 101/"vocab_size": "many"/' vocab_size
config 'a config that contradicts a shape' 's/"intermediate_size": 52/"intermediate_size": 53/' '[52, 48]'
config 'a tensor that is missing' 's/"num_hidden_layers": 2/"num_hidden_layers": 3/' model.layers.2.
config 'tensors that nothing asks for' 's/"num_hidden_layers": 2/"num_hidden_layers": 1/' model.layers.1.
config 'an unknown activation' 's/"silu"/"sillu"/' "silu"
config 'an unknown architecture' 's/LlamaForCausalLM/LlamaForCausalLn/; s/"model_type": "llama"/"model_type": "llamma"/' "the nearest is 'LlamaForCausalLM'"

changed 's/float32/bfloat16/'
"$viv" logits "$good" --tokens 1,2,3 -o "$work/a.npy" 2>"$work/err"
"$viv" logits "$work/model" --tokens 1,2,3 -o "$work/b.npy" 2>>"$work/err"
result '58: the tensors say what they are, whatever config.json says' "$(cmp "$work/a.npy" "$work/b.npy" 2>&1)"

for bytes in '' 'GGUF' 'FUGG' '{' 'PK'; do
    printf '%s' "$bytes" >"$work/tiny.gguf"
    refused "a file that holds '$bytes'" tiny.gguf "$viv" inspect "$work/tiny.gguf"
done
refused 'a model that is not there' nowhere "$viv" run "$work/nowhere" -p x
refused 'a folder without a model' "$work" "$viv" run "$work" -p x

for file in "$source"/tests/formats/corpus_gguf/* "$source"/tests/formats/corpus_safetensors/*; do
    status=0
    (eval "$limits" && exec timeout "$seconds" "$viv" inspect "$file") >"$work/out" 2>"$work/err" </dev/null || status=$?
    [ "$status" -le 1 ]
    result "${file##*/}" "$([ "$status" -le 1 ] || echo "exit status $status")"
done

# --- what happens while a model runs --------------------------------------------------------------------------
model=$source/specs/embedded/shakespeare.gguf
wait_for_text() { # until the answer has begun
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ "$(wc -c <"$work/out")" -gt 40 ] && return
        sleep 0.2
    done
}
# during COMMAND...: does that to an answer without end; its status goes to $status
during() {
    : >"$work/out"
    "$viv" run "$work/copy.gguf" -p 'ROMEO:' -n 100000000 --context 100000000 --json >"$work/out" 2>"$work/err" </dev/null &
    answer=$!
    wait_for_text
    "$@"
    status=0
    wait "$answer" || status=$?
}
# a shell's background job ignores SIGINT, so the test of Ctrl-C goes by way of a shell that does not
cp "$model" "$work/copy.gguf"
status=0
timeout -s INT 2 "$viv" run "$work/copy.gguf" -p 'ROMEO:' -n 100000000 --context 100000000 --json >"$work/out" 2>"$work/err" </dev/null || status=$?
why=
tail -n 1 "$work/out" | grep -q '"event":"done"' || why="the last event is $(tail -n 1 "$work/out" | cut -c1-100)"
case $status in
124 | 130) ;; # timeout's own, which hides the program's
*) why="$why exit status $status" ;;
esac
result 'Ctrl-C ends an answer with its last event' "$why"

shrink() { : >"$work/copy.gguf"; }
during shrink
why=
[ "$status" -eq 1 ] || why="exit status $status"
grep -q 'copy.gguf' "$work/err" || why="$why no file named"
result 'a file that shrinks under a running model' "$why"

cp "$model" "$work/copy.gguf"
replace() {
    mv "$work/copy.gguf" "$work/old.gguf"
    echo new >"$work/copy.gguf"
    sleep 0.3
    kill -KILL "$answer" 2>/dev/null
}
during replace
result 'a file that is replaced under a running model goes on' "$([ "$status" -eq 137 ] || echo "exit status $status")"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
