#!/bin/sh
# quantize and calibrate as their users meet them. How good the encoders are, tests/kernels/test_encode.c says.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
llm=$source/specs/embedded/llm.gguf experts=$golden/mixtral-gguf/model.gguf
blocks=$golden/llama-blocks-gguf/model.gguf
quantize() { "$viv" quantize "$@"; }
head -c 1500 "$golden/quality/text.txt" >"$work/text"

# figure NAME: of the JSON in $work/out, where it stands first
figure() { sed -n "s/^ *\"$1\": \([^,]*\),\{0,1\}\$/\1/p" "$work/out" | head -n 1; }
below() { awk -v a="$(figure "$1")" -v b="$2" 'BEGIN { exit !(a != "" && a + 0 < b) }' || { echo "$1 is $(figure "$1"), expected below $2"; return 1; }; }
# type_of TENSOR: its type in the plan that $work/out holds as JSON
type_of() {
    tr -d '\n' <"$work/out" | sed 's/} *, *{/}\n{/g' | grep -F "\"name\": \"$1\"" | sed 's/.*"type": "\([^"]*\)".*/\1/'
}
planned() { # TENSOR TYPE
    [ "$(type_of "$1")" = "$2" ] || { echo "$1 is $(type_of "$1"), expected $2"; return 1; }
}

# --- a mix -----------------------------------------------------------------------------------------------------------
check 'names of types have large or small letters' ends 0 "$viv" quantize llm --type Q4_K_M --dry-run
check 'a model is quantized' says '1.94 MiB, 5.92 bits per weight' "$viv" quantize llm --type q4_k_m -o "$work/m.gguf"
check 'and runs' says 'ROMEO:' "$viv" run "$work/m.gguf" -q -p ROMEO: -n 3 --temp 0
check 'its metadata says what it is' sh -c "'$viv' inspect '$work/m.gguf' --json | grep -q '\"q5_0\"'"
measured() {
    ends 0 "$viv" quantize llm --type q8_0 -o "$work/v.gguf" --verify "$work/text" --json && below kl 0.002 && below bits_per_weight 8.6
}
check 'its quality is measured' measured
threads() {
    quantize llm --type q4_k_s -o "$work/one.gguf" --threads 1 && quantize llm --type q4_k_s -o "$work/three.gguf" --threads 3 &&
        cmp "$work/one.gguf" "$work/three.gguf"
}
check 'threads change nothing' threads
kernels() {
    VIV_CPU=generic quantize llm --type iq4_xs -o "$work/generic.gguf" && quantize llm --type iq4_xs -o "$work/fast.gguf" &&
        cmp "$work/generic.gguf" "$work/fast.gguf"
}
check 'nor does the processor' kernels
again() {
    quantize llm --type q4_0 -o "$work/first.gguf" && quantize "$work/first.gguf" --type q4_0 -o "$work/second.gguf" 2>"$work/err" &&
        cmp "$work/first.gguf" "$work/second.gguf" && ! grep -q already "$work/err"
}
check 'what has its type is copied' again
f32() {
    quantize llm --type f32 -o "$work/f32.gguf" &&
        says 'same bytes' sh -c "'$viv' logits llm --tokens 5,6,7 --activations f32 -o '$work/a.npy' && '$viv' logits '$work/f32.gguf' --tokens 5,6,7 -o '$work/b.npy' --activations f32 --cache-type f16 &&
            cmp '$work/a.npy' '$work/b.npy' && echo same bytes"
}
check 'in f32 nothing is lost' f32
check 'a quantized source is mentioned' sh -c "'$viv' quantize '$blocks' --type q4_k_m -o '$work/b.gguf' 2>&1 | grep -q 'are quantized already'"

# --- the plan --------------------------------------------------------------------------------------------------------
plan() {
    ends 0 "$viv" quantize "$blocks" --type q4_k_m --dry-run --json && planned blk.0.attn_q.weight q4_k && planned blk.1.attn_v.weight q6_k &&
        planned blk.0.ffn_down.weight q5_0 && planned blk.1.ffn_down.weight q8_0 && planned blk.0.attn_norm.weight f32 &&
        planned output.weight q6_k
}
check 'more bits go where they matter, and other types where blocks do not fit' plan
small() { ends 0 "$viv" quantize "$blocks" --type q2_k --dry-run --json && planned blk.0.attn_v.weight q3_k && planned token_embd.weight q2_k; }
check 'mixes differ' small
rules() {
    ends 0 "$viv" quantize "$blocks" --type q4_k_m --rule 'blk.*.attn_?.weight=q5_k' --rule 'blk.1.*=q8_0' --dry-run --json &&
        planned blk.0.attn_q.weight q5_k && planned blk.1.attn_q.weight q8_0 && planned blk.0.ffn_up.weight q4_k
}
check 'rules change single tensors, the last first' rules
routed() {
    ends 0 "$viv" quantize "$experts" --type q4_0 --dry-run --json && planned blk.0.ffn_gate_inp.weight f32 && planned blk.0.ffn_up_exps.weight f16
}
check 'routers stay as they are' routed
nothing() { ends 0 "$viv" quantize llm --type q4_0 -o "$work/dry.gguf" --dry-run && [ ! -e "$work/dry.gguf" ]; }
check 'a dry run writes nothing' nothing
check 'a type is wanted' ends 2 "$viv" quantize llm
check 'one that there is' ends 2 "$viv" quantize llm --type q8_9
check 'a rule has a pattern and a type' fails 'expected PATTERN=TYPE' "$viv" quantize llm --type q4_0 --rule output.weight
check 'and a type that can be written' fails "did you mean 'q6_k'?" "$viv" quantize llm --type q4_0 --rule '*=q6_x'
check 'a rule that names nothing is refused' fails "the nearest names are 'blk.0.ffn_down.weight'" \
    "$viv" quantize "$blocks" --type q4_0 --rule 'blk.0.ffn_dwn.weight=q8_0'
check 'so is one that names vectors alone' fails 'stays as it is' "$viv" quantize "$blocks" --type q4_0 --rule 'output_norm*=q8_0'
check 'q2_k_s needs a matrix' fails 'viv calibrate' "$viv" quantize llm --type q2_k_s

# --- the file --------------------------------------------------------------------------------------------------------
echo old >"$work/old"
kept() { [ "$(cat "$work/old")" = old ] && [ "$(find "$work" -name 'old.*' | wc -l)" -eq 0 ]; }
exists() { fails 'give --force' "$viv" quantize llm --type q4_0 -o "$work/old" && kept; }
check 'a file that exists is kept' exists
full() { limits='trap "" XFSZ; ulimit -f 200'; fails 'File too large' "$viv" quantize llm --type q8_0 -o "$work/old" --force; status=$?; limits=:; [ "$status" -eq 0 ] && kept; }
check 'also if the disk is full' full
cp "$llm" "$work/own.gguf"
own() { fails 'is read as well' "$viv" quantize "$work/own.gguf" --type q4_0 -o "$work/own.gguf" --force && cmp "$llm" "$work/own.gguf"; }
check 'the source is not written to' own
link() { ln "$work/own.gguf" "$work/link.gguf" && fails 'is read as well' "$viv" quantize "$work/own.gguf" --type q4_0 -o "$work/link.gguf" --force; }
check 'nor by another name' link
replaced() { ends 0 "$viv" quantize llm --type q4_0 -o "$work/old" --force && [ "$(head -c 4 "$work/old")" = GGUF ]; }
check '--force replaces a file' replaced
named() { (cd "$work" && "$viv" quantize "$llm" --type q4_0 >out) && [ -f "$work/llm-q4_0.gguf" ]; }
case $viv in /*) check 'a file has a name without --output' named ;; esac
# a weight in the middle of the last matrix
damaged() {
    "$viv" quantize llm --type f32 -o "$work/nan.gguf" --force >"$work/out" &&
        printf '\000\000\300\177' | dd of="$work/nan.gguf" bs=1 seek=$(($(wc -c <"$work/nan.gguf") - 100000)) conv=notrunc 2>"$work/err" &&
        fails 'is nan: the file is damaged' "$viv" quantize "$work/nan.gguf" --type q8_0 -o "$work/never.gguf" && [ ! -e "$work/never.gguf" ]
}
check 'a weight that is no number is named' damaged
check 'a model goes to a file' fails 'written to a file' "$viv" quantize llm --type q4_0 -o -

# --- importance ------------------------------------------------------------------------------------------------------
check 'a text gives an importance matrix' says '43 of 43 were seen' "$viv" calibrate llm "$work/text" -o "$work/imatrix.gguf"
used() { ends 0 "$viv" quantize llm --type q4_0 --imatrix "$work/imatrix.gguf" -o "$work/i.gguf" -v && grep -q 'q4_0, by importance' "$work/err"; }
check 'it is used' used
differs() { ! cmp -s "$work/i.gguf" "$work/first.gguf"; }
check 'and changes the weights' differs
check 'that of another model is refused' fails 'of another model: ' "$viv" quantize "$blocks" --type q4_0 --imatrix "$work/imatrix.gguf" -o "$work/x.gguf"
check 'a model is no matrix' fails 'this is a model, not an importance matrix' "$viv" quantize llm --type q4_0 --imatrix "$llm" -o "$work/x.gguf"
check 'nor is a text' fails 'no importance matrix' "$viv" quantize llm --type q4_0 --imatrix "$work/text" -o "$work/x.gguf"
check 'a matrix that exists is kept' fails 'give --force' "$viv" calibrate llm "$work/text" -o "$work/imatrix.gguf"
check 'names of Hugging Face are refused' fails 'calibrate the GGUF file' "$viv" calibrate "$golden/quality" "$work/text" -o "$work/x.gguf"
check 'one text is wanted' ends 2 "$viv" calibrate llm
# --- what is read is never replaced -------------------------------------------------------------------------------
cp "$llm" "$work/model.gguf"
check 'calibrate keeps its model' fails 'is read as well' "$viv" calibrate "$work/model.gguf" "$work/text" -o "$work/model.gguf" --force
check 'calibrate keeps its text' fails 'is read as well' "$viv" calibrate "$work/model.gguf" "$work/text" -o "$work/text" --force
check 'quantize keeps the text of --verify' fails 'is read as well' "$viv" quantize "$work/model.gguf" --type q8_0 --verify "$work/text" \
    -o "$work/text" --force
cp -r "$golden/quality" "$work/checkpoint"
printf 'viv: 1\nuse: llama\ncheckpoint: %s\n' "$(realpath "$work/model.gguf")" >"$work/spec.yaml"
unharmed() { # FILE COMMAND...: it is read as well, and stays as it is
    kept=$1
    shift
    cp "$kept" "$work/before" && fails 'is read as well' "$@" -o "$kept" --force && cmp "$work/before" "$kept"
}
for file in config.json tokenizer.json model.safetensors; do
    check "quantize keeps $file" unharmed "$work/checkpoint/$file" "$viv" quantize "$work/checkpoint" --type q8_0
    check "calibrate keeps $file" unharmed "$work/checkpoint/$file" "$viv" calibrate "$work/checkpoint" "$work/text" --sensitivity
done
check 'quantize keeps the list of tokens' unharmed "$work/text" "$viv" quantize "$work/model.gguf" --type q8_0 --keep-vocab "@$work/text"
check 'quantize keeps a spec' unharmed "$work/spec.yaml" "$viv" quantize "$work/spec.yaml" --type q8_0
check 'quantize keeps the weights of a spec' unharmed "$work/model.gguf" "$viv" quantize "$work/spec.yaml" --type q8_0
check 'calibrate keeps the weights of a spec' unharmed "$work/model.gguf" "$viv" calibrate "$work/spec.yaml" "$work/text"
beside() { for _ in 1 2; do ends 0 "$viv" quantize "$work/checkpoint" --type q8_0 -o "$work/checkpoint/q8_0.gguf" --force || return 1; done; }
check 'a GGUF file beside a checkpoint is replaced' beside
check 'a text that is missing is told before the work' fails ' --verify: ' "$viv" quantize "$work/model.gguf" --type q8_0 \
    --verify "$work/none.txt" -o "$work/early.gguf"
check 'and nothing is written' test ! -e "$work/early.gguf"
finish
