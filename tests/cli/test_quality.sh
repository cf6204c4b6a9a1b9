#!/bin/sh
# perplexity and diverge as their users meet them. That their numbers are right, tests/quality/test_quality.c says.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
model=$golden/quality near=$golden/quality-near text=$golden/quality/text.txt

# figure NAME: of the JSON in $work/out
figure() { sed -n "s/^ *\"$1\": \([^,]*\),\{0,1\}\$/\1/p" "$work/out"; }
is() { # NAME VALUE
    [ "$(figure "$1")" = "$2" ] || { echo "$1 is $(figure "$1"), expected $2"; return 1; }
}

# --- perplexity --------------------------------------------------------------------------------------------------
check 'a text has a perplexity' says 'perplexity     1729' "$viv" perplexity "$model" --file "$text"
check 'and bits per byte' says 'bits per byte  6.0' "$viv" perplexity "$model" --file "$text" --window 64 --stride 32
check 'how it was read is said' says 'predicted      163 of 163 tokens, in windows of 64, one every 32' \
    "$viv" perplexity "$model" --file "$text" --window 64
json() {
    ends 0 "$viv" perplexity "$model" --file "$text" --window 64 --stride 16 --json && is tokens 163 && is predicted 163 &&
        is bytes 283 && is window 64 && is stride 16 && is exact true && is complete true &&
        [ "$(figure nats | cut -c 1-6)" = 1202.3 ]
}
check 'scripts read it as JSON' json
same() { cmp "$work/a" "$work/b"; }
numbers() { "$viv" perplexity "$@" --json | grep -v seconds; }
stdin() { numbers "$model" --file "$text" >"$work/a" && numbers "$model" --file - <"$text" >"$work/b" && same; }
check 'a text comes from standard input' stdin
ids() {
    numbers "$model" --tokens 5,6 --tokens 7 >"$work/out" && is tokens 3 && is predicted 2 && is bits_per_byte null && is bytes null
}
check 'or as its tokens, which have no bytes' ids
threads() {
    numbers "$model" --file "$text" --threads 1 >"$work/a" && numbers "$model" --file "$text" --threads 3 >"$work/b" && same
}
check 'threads change nothing' threads

printf '' >"$work/empty"
printf 'abc\377def' >"$work/binary"
check 'an empty text is refused' fails 'the text is empty' "$viv" perplexity "$model" --file "$work/empty"
check 'bytes that are no UTF-8 are refused' fails 'found the byte 0xff at offset 3' "$viv" perplexity "$model" --file "$work/binary"
check 'a missing file is named' fails "$work/none" "$viv" perplexity "$model" --file "$work/none"
check 'a directory is no text' fails 'expected a file or a pipe, found a directory' "$viv" perplexity "$model" --file "$work"
check 'one token predicts nothing' fails 'a text of 1 token has no token to predict' "$viv" perplexity "$model" --tokens 5
check 'a token beyond the vocabulary is refused' fails 'token 311 at position 1' "$viv" perplexity "$model" --tokens 5,311
check 'a window beyond the context is refused' fails 'the context has room for 512' "$viv" perplexity "$model" --file "$text" --window 513
check 'a stride that leaves tokens out is refused' fails 'a stride of 64 tokens leaves tokens out' \
    "$viv" perplexity "$model" --file "$text" --window 64 --stride 64
check 'a text comes in one way' ends 2 "$viv" perplexity "$model" --file "$text" --tokens 1,2
check 'and in some way' ends 2 "$viv" perplexity "$model"
check 'an encoder has no next token' fails 'bert gives vectors of texts: it has no probabilities' "$viv" perplexity "$golden/bert" --tokens 1,2
check 'a model of two texts has no probability of one' fails 't5 reads one text and writes another' "$viv" perplexity "$golden/t5" --tokens 3,4
check 'a tokenizer is missed' fails 'no tokenizer.json' "$viv" perplexity "$golden/llama-gqa" --file "$text"
check 'a spec without weights predicts nothing' fails 'has no weights' "$viv" perplexity mistral-7b --tokens 1,2
line() {
    head -c 40000 /dev/zero | tr '\0' 'a' >"$work/line" && ends 0 "$viv" perplexity "$model" --file "$work/line" --window 512 --stride 500 --json &&
        is bytes 40000 && is exact true
}
check 'a text may be one long line' line
nan() {
    cp -r "$model" "$work/nan" && n=$(od -An -tu8 -N8 "$model/model.safetensors" | tr -d ' ') &&
        printf '\000\000\300\177' | dd of="$work/nan/model.safetensors" bs=1 seek=$((8 + n)) conv=notrunc 2>/dev/null &&
        fails 'are no numbers: are the weights?' "$viv" perplexity "$work/nan" --file "$text"
}
check 'weights of NaN have no perplexity' nan

# what was counted before Ctrl-C is printed, and the sentence says of how much
head -c 30000 "$work/line" >"$work/long"
long="--file $work/long --window 512 --stride 1 --json --threads 1"
counted() {
    is complete false && [ "$(figure predicted)" -gt 0 ] &&
        grep -q '^viv: interrupted: what is counted are the first [0-9]* of [0-9]* tokens to predict$' "$work/err"
}
check 'an interruption keeps what was counted' interrupts counted "$viv" perplexity "$model" $long

# --- diverge -----------------------------------------------------------------------------------------------------
check 'a neighbour is near' says 'KL, in nats  mean 0.1728' "$viv" diverge "$model" "$near" --file "$text"
check 'the same top' says 'same top     57.67 %' "$viv" diverge "$model" "$near" --file "$text"
itself() { ends 0 "$viv" diverge "$model" "$model" --file "$text" --json && is mean 0.0 && is max 0.0 && is same_top 1.0; }
check 'a model is not far from itself' itself
both_ways() {
    "$viv" diverge "$model" "$near" --tokens 5,6,7 --json </dev/null | sed -n '/perplexity/,/]/p' | tr -d ' ,\n' >"$work/a"
    "$viv" diverge "$near" "$model" --tokens 5,6,7 --json </dev/null | sed -n '/perplexity/,/]/p' | tr -d ' ,\n' >"$work/b"
    [ -s "$work/a" ] && ! cmp -s "$work/a" "$work/b"
}
check 'the reference is the first of them' both_ways
check 'vocabularies of two sizes are refused' fails 'the vocabularies differ: quality has 311 tokens, llama-gqa has 101' \
    "$viv" diverge "$model" "$golden/llama-gqa" --tokens 5,6
other_words() {
    cp -r "$near" "$work/other" && sed -i 's/"snail"/"slug"/' "$work/other/tokenizer.json" && sed -i 's/"z":/"zz":/' "$work/other/tokenizer.json" &&
        fails "the vocabularies differ: token" "$viv" diverge "$model" "$work/other" --file "$text"
}
check 'and one of other words' other_words
check 'an encoder cannot be diverged' fails 'bert gives vectors' "$viv" diverge "$model" "$golden/bert" --tokens 5,6
check 'two models are wanted' ends 2 "$viv" diverge "$model" --file "$text"
check 'an interruption keeps what was compared' interrupts counted "$viv" diverge "$model" "$near" $long

finish
