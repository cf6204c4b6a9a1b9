#!/bin/sh
# The program as its users meet it: what it says, where, and with which exit status.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

for verb in run embed rerank classify inspect logits tokenize bench experts diff layers plugin spec version help; do
    check "$verb has help" says "viv $verb" "$viv" $verb --help
done
check 'an unknown verb is wrong usage' ends 2 "$viv" rnu
check 'an unknown option is wrong usage' ends 2 "$viv" run llm --tmep 0
check 'a missing model is wrong usage' ends 2 "$viv" run
check 'an unknown model is named' fails "did you mean 'llm'" "$viv" run lllm -p x
no_letter() { fails "'q'" "$viv" layers q && ! grep 'did you mean' "$work/err"; }
check 'no word is near where no letter is shared' no_letter
both() { "$viv" run llm -p A -n 2 >"$work/both" 2>&1 && tail -n 1 "$work/both" | grep '^viv: '; }
check 'the closing line has its own line in a file of both' both
check 'layers are listed' says attention "$viv" layers
check 'plugins are listed' says llm "$viv" plugin list
check 'kernels are named' says product "$viv" version -v
check 'the cache of repacked weights is named' says 'vivarium: 0 files, 0 B of at most' "$viv" version -v
generic() { ends 0 "$viv" version -v --kernels generic && ! sed -n '/^kernels/,/^specs/p' "$work/out" | grep avx; }
check 'and are those that were asked for' generic
check 'specs are listed with parameters, architecture and source' says '39.2 B  moe           mixtral  https://huggingface.co/mistralai/Mixtral-8x22B-v0.1' "$viv" spec list 8X22 moe
check 'those with some words alone' says '"params_active": 12879925248' "$viv" spec list mixtral 8x7b --json
check 'one that acts is listed, too' says '"architecture": "lam"' env VIV_SPEC_PATH="$source/examples/tidy" "$viv" spec list lam --json
check 'none has these words' fails 'no spec has all of these words' "$viv" spec list mixtral zzz
check 'a spec is checked' ends 0 "$viv" spec check llama
printf 'viv: 1\nuse: llama-3.2-1b\narchitecture: mamba\n' >"$work/mamba.yaml"
check 'an architecture that no plugin provides is refused' fails "no plugin provides architecture 'mamba'" "$viv" spec check "$work/mamba.yaml"
check 'a checkpoint is checked up to its weights' says 'it can run' "$viv" spec check "$source/tests/golden/llama-gqa-gguf/model.gguf"
# the type of blk.0.ffn_gate.weight, behind its name, its number of dimensions and both of them, becomes Q8_1
cp "$source/tests/golden/stablelm-gguf/model.gguf" "$work/q8_1.gguf"
type_at=$(($(LC_ALL=C grep -abo 'blk\.0\.ffn_gate\.weight' "$work/q8_1.gguf" | cut -d: -f1) + 21 + 4 + 16))
printf '\011' | dd of="$work/q8_1.gguf" bs=1 seek="$type_at" conv=notrunc 2>/dev/null
mkdir -p "$work/config"
cp "$source/tests/golden/llama-gqa/config.json" "$work/config/"
check 'config.json alone is checked up to the graph' says 'its graph can be built' "$viv" spec check "$work/config"
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n' >"$work/config/config.json"
check 'a pointer of Git LFS in its place is named' fails 'say `git lfs pull` there' "$viv" inspect "$work/config"
printf '<!DOCTYPE html>\n' >"$work/config/config.json"
check 'and so is a web page' fails 'a web page, not the file itself' "$viv" inspect "$work/config"
check 'what cannot be computed is said' fails "/q8_1.gguf: tensor 'blk.0.ffn_gate.weight' is of type q8_1; this version computes with f32, f16, q4_0" "$viv" spec check "$work/q8_1.gguf"
check 'a spec is expanded' says attention "$viv" spec expand llama-3.2-1b
check 'a model without weights is inspected' says 1235814400 "$viv" inspect llama-3.2-1b
alternating() { says '  12 x' "$viv" inspect gpt-oss-20b && [ "$(grep -c '^    1 x$' "$work/out")" -eq 2 ] && [ "$(grep -c ' experts ' "$work/out")" -eq 2 ]; }
check 'its rounds stand once, also where they alternate' alternating
check 'a model without weights cannot run' fails 'has no weights' "$viv" run llama-3.2-1b -p x

# one text, whoever runs it and on how many threads
"$viv" run llm -p ROMEO: --temp 0 -n 64 --no-echo -q --threads 1 >"$work/expected" 2>"$work/err"
for how in '--scheduler serial' '--threads 2' '--threads 3'; do
    # shellcheck disable=SC2086 # two words
    greedy() { ends 0 "$viv" run llm -p ROMEO: --temp 0 -n 64 --no-echo -q $how && cmp "$work/out" "$work/expected"; }
    check "the text is the same ($how)" greedy
done
seeded() { "$viv" run llm -p KING -n 60 --seed 5 --temp 1 -q --threads "$1" </dev/null; }
same_seed() { seeded 1 >"$work/a" && seeded 2 >"$work/b" && cmp "$work/a" "$work/b"; }
check 'a seed gives one text' same_seed
check 'a stop string ends the answer' ends 0 "$viv" run llm -p ROMEO: --temp 0 -n 64 --stop bitter -q
check 'and is not printed' sh -c "! grep -q bitter '$work/out'"
check 'temperature below 0 is refused' ends 2 "$viv" run llm -p x --temp -1
check 'ids come back as text' says 'To be, or' "$viv" tokenize llm --decode "$("$viv" tokenize llm 'To be, or' --json | tr -dc '0-9,')"

logits() {
    ends 0 "$viv" logits llm --tokens 1,2,3 -o "$work/x.npy" && [ "$(wc -c <"$work/x.npy")" -eq $((128 + 3 * 2048 * 4)) ]
}
check 'logits are a .npy file of the right size' logits
two_texts() {
    ends 0 "$viv" logits "$source/tests/golden/t5" --tokens 3,4,5 --decoder-tokens 0,6 -o "$work/x.npy" &&
        [ "$(wc -c <"$work/x.npy")" -eq $((128 + 2 * 61 * 4)) ]
}
check 'a model with an encoder has logits for what it writes' two_texts
check 'which begins with a token of its own' says '"token":0' sh -c "'$viv' logits '$source/tests/golden/t5' --tokens 3 --json | tr -d ' \n'"
check 'tokens of the decoder need one' fails 'has no encoder' "$viv" logits llm --tokens 1 --decoder-tokens 1
check 'both stacks are shown' says 'encoder.layers.0.attention' "$viv" inspect flan-t5-small --json
check 'and counted' says 76961152 "$viv" inspect flan-t5-small
check 'an encoder is benched' says decode "$viv" bench "$source/tests/golden/t5" --prompt-tokens 20 -n 5 -r 1 --no-limits
check 'several texts are benched at once' says '"sequences": 3' "$viv" bench "$source/tests/golden/t5" --prompt-tokens 20 -n 5 -r 1 --no-limits --sequences 3 --json
per_token() { # SEQUENCES: bytes that a token of an answer costs
    "$viv" bench "$source/tests/golden/llama-gqa" --prompt-tokens 8 -n 4 -r 1 --no-limits --sequences "$1" --json </dev/null | sed -n 's/.*"bytes_per_token": \([0-9]*\),.*/\1/p'
}
shared() { one=$(per_token 1) && four=$(per_token 4) && [ "$four" -gt $((one / 4)) ] && [ "$four" -lt $((one / 2)) ]; }
check 'which share the reading of weights' shared
check 'more than a step takes, too' says 'sequences together' "$viv" bench "$source/tests/golden/llama-gqa" --prompt-tokens 2 -n 2 -r 1 --no-limits --sequences 700
check 'but makes no vectors of texts' fails 'viv run' "$viv" embed "$source/tests/golden/t5" --tokens 3,4
check 'a token beyond the vocabulary is refused' fails 2048 "$viv" logits llm --tokens 2048
check 'an unwritable place is refused' fails /no/such "$viv" logits llm --tokens 1 -o /no/such/x.npy

tiny=$source/tests/golden/llama-gqa adapter=$source/tests/golden/lora-two
adapted() { "$viv" logits "$tiny" --tokens 5,6,7 -o "$work/y.npy" "$@" && cmp -s "$work/y.npy" "$work/base.npy"; }
check 'logits without an adapter' ends 0 "$viv" logits "$tiny" --tokens 5,6,7 -o "$work/base.npy"
changes() { ! adapted --lora "$adapter/a"; }
check 'an adapter changes them' changes
check 'of scale 0 it does not' adapted --lora "$adapter/a:0"
check 'the adapters of a model are in its JSON' says '"scale": -0.5' \
    "$viv" inspect "$tiny" --lora "$adapter/a:0.5" --lora "$adapter/a:-0.5" --json
check 'an adapter is looked at' says '4 tensors changed by rank 5' "$viv" inspect "$tiny" --lora "$adapter/b"
check 'an adapter that is not there is named' fails /no/such "$viv" inspect "$tiny" --lora /no/such
check 'an adapter of another model is refused' fails 'is it for another model' "$viv" run "$source/tests/golden/qwen2" \
    --lora "$adapter/a" -p x

# the stories models, where the data lies beside the project
data=${VIV_SHARED_DATA:-$source/../shared/data}/weights/stories260K
if [ -d "$data" ]; then
    story() {
        ends 0 "$viv" run "$1" -p 'Once upon a time' --temp 0 -n 200 -q || return 1
        head -c "$(wc -c <"$data/expected_greedy200.txt")" "$work/out" | cmp - "$data/expected_greedy200.txt"
    }
    check 'the stories model tells its story from GGUF' story "$data/stories260K-f32.gguf"
    check 'and from safetensors' story "$data/hf"
    # a line feed and bytes of no character, in any order
    bytes() {
        for seed in 1 2 3 4 5 6; do
            ends 0 "$viv" run "$data/hf" -p "$1" -n 5 --temp 100 --seed $seed --ignore-eos --logit-bias 13=9000 \
                --logit-bias 229=9000 --logit-bias 131=9000 --no-echo -q || return 1
            iconv -f UTF-8 -t UTF-8 <"$work/out" >"$work/same" && cmp "$work/out" "$work/same" || return 1
        done
    }
    check 'byte tokens that complete no character are U+FFFD' bytes Hi
    check 'behind a prompt that ends in one, too' bytes 'Hi
'
    batch() {
        printf '["Once upon", [403, 407], "\\n"]' >"$work/batch.json"
        ends 0 "$viv" tokenize "$data/hf" --batch -f "$work/batch.json" || return 1
        printf '[1,403,407]\n"Once upon"\n[1,410,13]\n' | cmp - "$work/out"
    }
    check 'many texts and lists of ids are converted at once' batch
else
    echo "skipped: $data is not here"
fi

finish
