#!/bin/sh
# Sparse models from outside: what is traced and counted of their routers, and what --expert-memory says of itself.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

sparse=$work/sparse
mkdir "$sparse"
cp "$source/tests/golden/mixtral/config.json" "$source/tests/golden/mixtral/model.safetensors" "$sparse/"
cp "$source/tests/golden/letters.json" "$sparse/tokenizer.json"
answer() { ends 0 "$viv" run "$sparse" -p ABCabc -n 4 --temp 0 "$@"; }

# --- --trace-experts -------------------------------------------------------------------------------------------------
line='{"layer":"layers\.[01]\.router","token":[0-9]+,"id":[0-9]+,"experts":\[[0-4],[0-4]\],"weights":\[[0-9.e-]+,[0-9.e-]+\]}'
# of 6 tokens of prompt and 3 of the 4 of the answer, as nothing is computed of the last; in 2 layers
traced() {
    answer -q --trace-experts "$work/trace" "$@" && [ "$(grep -cE "^$line\$" "$work/trace")" -eq 18 ] &&
        [ "$(wc -l <"$work/trace")" -eq 18 ] && [ "$(sort -u "$work/trace" | wc -l)" -eq 18 ] &&
        [ "$(sed 's/,"experts".*//; s/.*"token"/"token"/' "$work/trace" | sort -u | wc -l)" -eq 9 ]
}
check 'a line for each token and layer' traced
as_before() {
    cp "$work/trace" "$work/a"
    traced "$@" && cmp "$work/trace" "$work/a"
}
check 'the same on other threads' as_before --threads 3
check 'and with experts in the file' as_before --threads 2 --expert-memory 60000
agree() { # the experts of viv experts, over the prompt alone
    printf ABCabc >"$work/text"
    "$viv" experts "$sparse" "$work/text" --json >"$work/counts" </dev/null 2>"$work/err" || return 1
    for expert in 0 1 2 3 4; do
        grep -E '"layer":"layers.0.router","token":[0-5],' "$work/trace" | grep -cE "\"experts\":\[($expert,[0-4]|[0-4],$expert)\]"
    done >"$work/a"
    tr -d ' \n' <"$work/counts" | sed 's/.*"router":"layers.0.router"[^[]*"chosen":\[//; s/\].*//' | tr , '\n' >"$work/b"
    echo >>"$work/b"
    cmp "$work/a" "$work/b"
}
check 'viv experts counts the same' agree

cp "$work/trace" "$work/a"
untouched() { cmp "$work/trace" "$work/a" && [ "$(ls "$work"/trace*)" = "$work/trace" ]; }
check 'a dense model has none' fails 'no experts whose work could be traced' "$viv" run llm -p A -n 1 --trace-experts "$work/trace"
check 'and the file stays' untouched
truncate -s 100000 "$sparse/model.safetensors"
check 'a model that is cut short fails' fails 'model.safetensors' \
    "$viv" run "$sparse" -p A -n 1 --trace-experts "$work/trace"
check 'and leaves the file as it was' untouched
cp "$source/tests/golden/mixtral/model.safetensors" "$sparse/"
check 'a place that is not there is refused' fails '/no/such/trace: cannot write beside it' "$viv" run "$sparse" -p A --trace-experts /no/such/trace
check 'a device is left a device' fails '/dev/null: a file cannot be written there: it is a device' \
    "$viv" run "$sparse" -p A --trace-experts /dev/null
traced() {
    tail -n 1 "$work/trace" | grep -E "^$line\$" && [ "$(wc -l <"$work/trace")" -gt 100 ] &&
        [ "$(ls "$work"/trace*)" = "$work/trace" ]
}
check 'Ctrl-C keeps what there is' interrupts traced "$viv" run "$sparse" -p A -n 100000000 --context 100000000 \
    --ignore-eos --json --trace-experts "$work/trace"

# --- --expert-memory -------------------------------------------------------------------------------------------------
figures='experts in memory: [0-9]+ % of the time in prefill, [0-9]+ % in decode; read [0-9.]+ [KM]iB, waited'
closing() { answer --expert-memory 60000 && grep -qE "^viv: $figures" "$work/err"; }
check 'the closing lines tell of the expert cache' closing
done_event() {
    answer --expert-memory 60000 --json && tail -n 1 "$work/out" | grep '"event":"done"' |
        grep -E '"experts":{"budget":60000,"peak":[1-9][0-9]*,"prefill":{"hits":[0-9]+,"misses":[1-9][0-9]*,"hit_rate":[0-9.]+,"bytes_read":[1-9]' |
        grep -E '"decode":{"hits":[0-9]+,"misses":[0-9]+,"hit_rate":[0-9.]+,"bytes_read":[0-9]+,"stalled_seconds":'
}
check 'and so does the last event' done_event
without() {
    answer && ! grep -q 'experts in memory' "$work/err" && answer --json && tail -n 1 "$work/out" | grep -q '"experts":null'
}
check 'nothing is said where there is none' without
same_text() {
    answer -q && cp "$work/out" "$work/a" && answer -q --expert-memory 60000 && cmp "$work/out" "$work/a"
}
check 'the answer is the same' same_text
check 'too little is refused with the least that works' fails 'needs ' "$viv" run "$sparse" -p A --expert-memory 1000
too_little() {
    ends 1 "$viv" run "$sparse" -p A --expert-memory 1000
    least=$(sed 's/.*needs \([0-9]*\) .*/\1/' "$work/err")
    ends 1 "$viv" run "$sparse" -p A -n 1 --expert-memory $((least - 1)) && ends 0 "$viv" run "$sparse" -p A -n 1 --expert-memory "$least"
}
check 'and that is the least' too_little

# --- viv experts -----------------------------------------------------------------------------------------------------
check 'experts has help' says 'viv experts' "$viv" experts --help
check 'loads are shown' says 'layers.1.router' "$viv" experts "$sparse" "$work/text"
drawn() { ends 0 "$viv" experts "$sparse" "$work/text" --svg "$work/x.svg" --profile "$work/x.json" && grep -q '</svg>' "$work/x.svg"; }
check 'and drawn' drawn
check 'the profile is read again' answer -q --expert-memory 120K --expert-profile "$work/x.json"
check 'a profile alone is of no use' fails 'with --expert-memory only' "$viv" run "$sparse" -p A --expert-profile "$work/x.json"
check 'a dense model has no experts' fails 'has no experts' "$viv" experts llm "$work/text"

finish
