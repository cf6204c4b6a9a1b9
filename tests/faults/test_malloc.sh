#!/bin/sh
# Every allocation of whole commands fails, alone (for the first command also with all that come after it): the command ends
# with status 1 and a sentence, or with status 0 and what it always prints, and leaves nothing allocated that it does not
# always leave. An allocation is failed once for every way that leads to it; ALL_FAULTS=1 fails each single one.
set -u
source=${VIV_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
viv=${VIV_BUILD:-$(pwd)}/viv
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME

if nm "$viv" | grep -q __asan_; then
    echo "SKIP: the sanitizer has its own malloc"
    exit 77
fi
if ! ${CC:-cc} -O1 -shared -fPIC -o "$work/fail_malloc.so" "$source/tests/faults/fail_malloc.c" -ldl -lpthread 2>"$work/err"; then
    cat "$work/err"
    echo "SKIP: no library that can be preloaded can be built here"
    exit 77
fi

# without_times: events without what differs from run to run
without_times() {
    sed -E 's/"([a-z0-9_]*(per_second|seconds|bytes)|value)":[^,}]*//g'
}

# try HOW N COMMAND...: one failure
try() {
    how=$1 n=$2
    shift 2
    status=0 why=
    timeout 20 env "$how=$n" FAIL_LIVE="$work/live" LD_PRELOAD="$work/fail_malloc.so" "$@" >"$work/all" 2>"$work/err" </dev/null || status=$?
    case $status in
    0)
        without_times <"$work/all" >"$work/out"
        cmp -s "$work/out" "$work/expected" || why="status 0, but other output"
        ;;
    1) [ -s "$work/err" ] || why="status 1 without a sentence" ;;
    *) why="status $status" ;;
    esac
    # more blocks of an object than usual; a dlopen that fails leaves two blocks of its own
    leak=$(awk -F+ 'FILENAME ~ /usual$/ {usual[$1]++; next} {left[$1]++}
        END {for (o in left) if (left[o] > usual[o] + (o ~ /^libc[.]/ ? 2 : 0)) print o, left[o]}' "$work/usual" "$work/live")
    [ -z "$leak" ] || why="$why${why:+, }leaves blocks of $(echo "$leak" | tr '\n' ' ')"
    [ -n "$why" ] || return 0
    wrong=$((wrong + 1))
    echo "FAIL: $how=$n: $why: $*"
    head -c 1000 "$work/err"
    [ -z "$leak" ] || sort "$work/live" | uniq -c | grep -v 'libc.so' | head -5
}

# walk COMMAND...: all failures of one command
walk() {
    wrong=0
    "$@" >"$work/all" 2>"$work/err" </dev/null || {
        failed=$((failed + 1))
        echo "FAIL: does not run at all: $*"
        cat "$work/err"
        return
    }
    without_times <"$work/all" >"$work/expected"
    FAIL_PATHS=$work/paths FAIL_LIVE=$work/usual LD_PRELOAD=$work/fail_malloc.so "$@" >"$work/out" 2>&1 </dev/null
    if [ -n "${ALL_FAULTS-}" ]; then
        seq 1 "$(tail -n 1 "$work/paths")" >"$work/points"
    else
        cp "$work/paths" "$work/points"
    fi
    while read -r n; do
        try FAIL_AT "$n" "$@"
        [ -n "${ALL_FAULTS-}${alone-}" ] || try FAIL_FROM "$n" "$@"
    done <"$work/points"
    if [ "$wrong" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

tiny=$source/tests/golden/llama-gqa
walk "$viv" run shakespeare -p "ROMEO:" -n 3 --temp 0 --threads 1 --scheduler serial
alone=yes
walk "$viv" run shakespeare -p "ROMEO:" -n 2 --seed 7 --threads 1 --scheduler serial --json
walk "$viv" logits "$tiny" --tokens 1,2,3 --threads 1 --scheduler serial
walk "$viv" logits "$source/tests/golden/t5" --tokens 3,4,5 --decoder-tokens 0,6 --threads 1 --scheduler serial
walk "$viv" inspect "$tiny" --json
walk "$viv" draw "$tiny"
walk "$viv" compare "$tiny" --on 80GB/s,2TFLOP/s --html "$work/report.html"
walk "$viv" diff "$tiny" "$source/tests/golden/llama-gqa-gguf/model.gguf" --tokens 1,2 --on-b rows=1 --json --threads 1 --scheduler serial
walk "$viv" tokenize shakespeare "To be" --json
walk "$viv" embed "$source/tests/golden/bert-gguf/model.gguf" --tokens 5,6,7 --json --threads 1 --scheduler serial
walk "$viv" logits "$tiny" --lora "$source/tests/golden/lora-two/b:0.5" --tokens 1,2,3 --threads 1 --scheduler serial
walk "$viv" logits "$source/tests/golden/llama-gqa-gguf/model.gguf" --lora "$source/tests/golden/lora-patterns" --tokens 1 --threads 1 --scheduler serial
walk "$viv" inspect "$source/tests/golden/llama-mqa-tied" --lora "$source/tests/golden/lora-tied-embedding" --json
"$viv" run "$source/tests/golden/chat" -p Hi -n 3 --temp 0 --session "$work/session" >/dev/null 2>&1 # and again, as it is:
walk "$viv" run "$source/tests/golden/chat" -n 0 --session "$work/session" --threads 1 --scheduler serial
printf 'Hi\n/regen\n/system x\n' >"$work/turns"
walk "$viv" chat "$source/tests/golden/chat" -f "$work/turns" -n 2 --temp 0 --seed 1 --threads 1 --scheduler serial --json
walk "$viv" render "$source/tests/golden/chat-gguf/model.gguf" "$source/tests/golden/chat/messages.json"
cat >"$work/quiz" <<END
{"question": "Who ate", "choices": ["the moss?", "it"], "answer": "it"}
{"question": "The snail", "answers": ["was the eldest of them", "b"]}
END
mkdir "$work/sparse"
cp "$source/tests/golden/mixtral/config.json" "$source/tests/golden/mixtral/model.safetensors" "$work/sparse/"
cp "$source/tests/golden/letters.json" "$work/sparse/tokenizer.json"
walk "$viv" run "$work/sparse" -p AB -n 2 --temp 0 --expert-memory 60000 --trace-experts "$work/routes" --threads 1 --scheduler serial
walk "$viv" perplexity "$source/tests/golden/quality" --file "$source/tests/golden/quality/text.txt" --window 100 --threads 1 --scheduler serial --json
walk "$viv" diverge "$source/tests/golden/quality" "$source/tests/golden/quality-near" --tokens 5,6,7 --threads 1 --scheduler serial --json
walk "$viv" compare --on l4 "$source/tests/golden/quality" --text "$source/tests/golden/quality/text.txt" --prompt a --tasks "$work/quiz" --answer 2 --threads 1 --scheduler serial --json
walk "$viv" spec check "$source/specs/families/llama.yaml"
walk "$viv" plugin list --json

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
