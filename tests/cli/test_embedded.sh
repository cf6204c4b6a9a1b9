#!/bin/sh
# The models that ship: greedy tokens are those of the PyTorch that trained them (tests/golden/make/embedded.py).
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"
golden=$source/tests/golden/embedded
export VIV_SPEC_PATH="$source/specs"

tokens() { grep -o '"token":[0-9]*' "$1" | cut -d: -f2 | tr '\n' ' '; }
expected() { sed 's/.*"ids": \[//; s/\].*//; s/,//g' "$golden/$1.json"; }
# prompt NAME: into a file, with the newline that is not the prompt's
prompt() { printf '%b\n' "$(sed 's/^{"prompt": "//; s/", "ids": .*//; s/\\"/"/g' "$golden/$1.json")" >"$work/prompt"; }
# greedy NAME MODEL OPTION...: 64 tokens
greedy() {
    of=$1
    shift
    prompt "$of"
    ends 0 "$viv" run "$@" --file "$work/prompt" --temp 0 -n 64 --ignore-eos --activations f32 --cache-type f32 --json &&
        [ "$(tokens "$work/out")" = "$(expected "$of") " ]
}
for name in llm moe slm; do
    check "$name says what PyTorch says" greedy $name $name
done
check 'lam says what PyTorch says' greedy lam "$source/specs/embedded/lam.gguf"
has_vlm() { "$viv" plugin list 2>/dev/null | grep -q vlm; }
has_vlm && check 'vlm says what PyTorch says' greedy vlm vlm --image "$source/specs/embedded/vlm.png"
finish
