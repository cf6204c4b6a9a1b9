#!/bin/sh
# quantize --keep-vocab: a model with fewer tokens gives those the logits that it gave them before.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

quality=$source/tests/golden/quality
text='The sea was calm and the ship went on'
printf '%s\n' "$text" >"$work/phrases"
quantize() { ends 0 "$viv" quantize "$@" --force; }

# column NPY: the numbers of its last row, one a line
last_row() { # FILE TOKENS
    bytes=$(($(wc -c <"$1") - 128))
    tail -c $((bytes / $2)) "$1" | od -An -v -t f4 -w4 | tr -d ' '
}
# list NAME: a list of numbers of the JSON in $work/out, one a line
list() { tr -d '\n ' <"$work/out" | sed "s/.*\"$1\":\[\([^]]*\)\].*/\1/" | tr ',' '\n' && echo; }
ids() { # MODEL: of the text, one a line
    ends 0 "$viv" tokenize "$1" "$text" --json && list ids
}

# smaller MODEL NAME LIST: $work/NAME.gguf, and $work/NAME.kept, the ids that its tokens had
smaller() {
    quantize "$1" --type f32 --keep-vocab "$3" -o "$work/$2.gguf" --json && list kept_tokens >"$work/$2.kept"
}
# agree MODEL NAME: the text has the same tokens, and those that stay have the same logits
agree() {
    ids "$1" >"$work/full.ids" && ids "$work/$2.gguf" >"$work/small.ids" || return 1
    awk 'NR == FNR { was[NR - 1] = $1; next } { print was[$1] }' "$work/$2.kept" "$work/small.ids" | cmp - "$work/full.ids" || return 1
    n=$(wc -l <"$work/full.ids")
    ends 0 "$viv" logits "$1" --tokens "$(paste -sd, "$work/full.ids")" -o "$work/full.npy" &&
        ends 0 "$viv" logits "$work/$2.gguf" --tokens "$(paste -sd, "$work/small.ids")" -o "$work/small.npy" || return 1
    last_row "$work/full.npy" "$n" >"$work/full.row" && last_row "$work/small.npy" "$n" >"$work/small.row"
    [ "$(wc -l <"$work/small.row")" -eq "$(wc -l <"$work/$2.kept")" ] && [ "$(wc -l <"$work/small.row")" -lt "$(wc -l <"$work/full.row")" ] ||
        { echo "$(wc -l <"$work/small.row") logits for $(wc -l <"$work/$2.kept") tokens"; return 1; }
    awk 'FNR == 1 { file++ } file == 1 { full[FNR - 1] = $1; a = $1 < 0 ? -$1 : $1; if (a > most) most = a } file == 2 { was[FNR] = $1 }
        file == 3 { d = $1 - full[was[FNR]]; if (d > 1e-5 * most || d < -1e-5 * most) bad++ } END { exit bad > 0 || !most }' \
        "$work/full.row" "$work/$2.kept" "$work/small.row" || { echo 'logits differ'; return 1; }
}

check 'a text says which tokens stay' smaller "$quality" text "@$work/phrases"
check 'they answer as before' agree "$quality" text
check 'also in a GGUF file' sh -c "'$viv' quantize '$quality' --type f32 -o '$work/whole.gguf' >'$work/out'"
check 'with merges' smaller "$work/whole.gguf" merges "@$work/phrases"
check 'which gives the same model' cmp "$work/text.gguf" "$work/merges.gguf"
numbers() {
    ids "$quality" | sed 's/$/ # a token/' >"$work/ids" && echo '300-304' >>"$work/ids" && smaller "$quality" ids "$work/ids" && agree "$quality" ids &&
        grep -qx 302 "$work/ids.kept" && ! grep -qx 299 "$work/ids.kept"
}
check 'ids and ranges do so, too' numbers
specials() { quantize "$quality" --type f32 --keep-vocab /dev/null -o "$work/least.gguf" --json && list kept_tokens >"$work/least.kept" && [ "$(wc -l <"$work/least.kept")" -ge 256 ]; }
check 'bytes and control tokens stay' specials
any() { ids "$work/least.gguf" >"$work/any" && [ -s "$work/any" ] && says "$text" "$viv" tokenize "$work/least.gguf" --decode "$(paste -sd, "$work/any")"; }
check 'so that any text can be read' any
runs() { ends 0 "$viv" run "$work/text.gguf" -q -p "$text" -n 5 --temp 0 && [ -s "$work/out" ]; }
check 'it runs' runs
quantized() { quantize "$quality" --type q8_0 --keep-vocab "@$work/phrases" -o "$work/q.gguf" && ends 0 "$viv" run "$work/q.gguf" -q -p "$text" -n 5 --temp 0; }
check 'in other types, too' quantized
sizes() { ends 0 "$viv" quantize "$quality" --type f16 --keep-vocab /dev/null --dry-run && grep -q '^tokens  *[0-9]* of [0-9]*$' "$work/out"; }
check 'a dry run says how many' sizes
check 'an id that is not there' fails 'there is no token 99999' sh -c "echo 99999 | '$viv' quantize '$quality' --type f16 --keep-vocab - --dry-run"
check 'a text in place of ids' fails 'takes the file as a text' "$viv" quantize "$quality" --type f16 --keep-vocab "$work/phrases" --dry-run
check 'a model without a tokenizer' fails 'no list of tokens' "$viv" quantize "$source/tests/golden/llama-gqa" --type f16 --keep-vocab /dev/null --dry-run
check 'nor does it have ids' fails 'no list of tokens' sh -c "echo 0 | '$viv' quantize '$source/tests/golden/llama-gqa' --type f16 --keep-vocab - --dry-run"
check '--verify wants the same tokens' ends 2 "$viv" quantize "$quality" --type f16 --keep-vocab /dev/null --verify "$work/phrases"
finish
