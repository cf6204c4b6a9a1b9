#!/bin/sh
# viv run --session: a text that is cut goes on as if it had not been, and a file of another's is refused.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

chat=$source/tests/golden/chat
run() { "$viv" run -q "$@" </dev/null; }
same() { [ -s "$work/a" ] && cmp "$work/a" "$work/b"; }
# in_pieces OPTION...: 90 tokens at once, and in three pieces
in_pieces() {
    rm -f "$work/s"
    run "$chat" -p 'Hello you' "$@" -n 90 >"$work/a" &&
        run "$chat" -p 'Hello you' "$@" -n 31 --session "$work/s" >"$work/b" &&
        run "$chat" "$@" -n 1 --session "$work/s" --no-echo >>"$work/b" &&
        run "$chat" "$@" -n 58 --session "$work/s" --no-echo >>"$work/b" && same &&
        run "$chat" "$@" -n 0 --session "$work/s" >"$work/b" && same
}
check 'a greedy text goes on' in_pieces --temp 0 --ignore-eos
check 'one that is drawn by a seed goes on' in_pieces --temp 0.9 --seed 5 --ignore-eos
check 'so does one with penalties' in_pieces --temp 1 --seed 6 --ignore-eos \
    --repeat-penalty 1.3 --presence-penalty 0.7 --frequency-penalty 0.2
seed() { # it need not be said again
    rm -f "$work/s"
    run "$chat" -p Hi --temp 1 --seed 8 -n 60 --ignore-eos >"$work/a" &&
        run "$chat" -p Hi --temp 1 --seed 8 -n 30 --ignore-eos --session "$work/s" >"$work/b" &&
        run "$chat" --temp 1 -n 30 --ignore-eos --session "$work/s" --no-echo >>"$work/b" && same
}
check 'the seed is in the session' seed
prompts() { # as one text: nothing is put between
    rm -f "$work/s"
    run "$chat" -p Once --temp 0 -n 12 --session "$work/s" >"$work/b" &&
        run "$chat" -p Two --temp 0 -n 12 --session "$work/s" >"$work/b" &&
        run "$chat" -p "$(run "$chat" -p Once --temp 0 -n 12)Two" --temp 0 -n 12 >"$work/a" && same
}
check 'a further prompt stands behind the text' prompts
computes() { # WORDS: what the line of the end says
    grep -qF "$1" "$work/events" || { cat "$work/events"; return 1; }
}
kept() {
    rm -f "$work/s"
    run "$chat" -p 0123456789 --temp 0 -n 20 --session "$work/s" --json >"$work/events" &&
        computes '"prompt_tokens":10,"cached_tokens":0' &&
        run "$chat" -p abc --temp 0 -n 5 --session "$work/s" --json >"$work/events" &&
        computes '"prompt_tokens":33,"cached_tokens":29'
}
check 'what was computed is not computed again' kept
stdin() { # only where there is nothing yet to go on with
    rm -f "$work/s"
    echo Hi | "$viv" run -q "$chat" --temp 0 -n 5 --session "$work/s" >"$work/a" &&
        echo Hi | "$viv" run -q "$chat" --temp 0 -n 5 --session "$work/s" >"$work/b" && [ "$(wc -c <"$work/b")" -eq 12 ]
}
check 'a session that is there does not wait for a prompt' stdin
cut() {
    rm -f "$work/s"
    env --default-signal=INT "$viv" run -q "$chat" -p Hi --temp 0 --ignore-eos --context 1000000 --session "$work/s" >"$work/b" </dev/null &
    while [ "$(wc -c <"$work/b")" -lt 100 ] && kill -0 $!; do sleep 0.1; done
    kill -INT $!
    wait $!
    [ $? -eq 130 ] && run "$chat" --temp 0 -n 20 --ignore-eos --context 1000000 --no-echo --session "$work/s" >>"$work/b" &&
        n=$(wc -c <"$work/b") && run "$chat" -p Hi --temp 0 --ignore-eos --context 1000000 -n $((2 * n)) >"$work/a" &&
        cmp -n "$n" "$work/a" "$work/b"
}
check 'Ctrl-C saves it' cut

# --- what is refused, and leaves the file as it was -----------------------------------------------------------------
refused() { # WORDS OPTION...
    words=$1
    shift
    cp "$work/s" "$work/before" &&
        fails "$words" "$viv" run "$@" -p x -n 1 --session "$work/s" && cmp "$work/s" "$work/before"
}
prepare() { rm -f "$work/s" && run "$chat" -p Ore --temp 0 -n 20 --session "$work/s"; }
check 'a session is there' prepare
check 'by another model' refused 'the spec differs' "$chat-gguf/model.gguf"
check 'with an adapter' refused 'without the adapters' "$chat" --lora "$chat-lora"
check 'with another cache type' refused 'is f16 now' "$chat" --cache-type f16
check 'with less room than it has tokens' refused 'the context holds 12' "$chat" --context 12
full() {
    cp "$work/s" "$work/before" &&
        fails 'the context holds' "$viv" run "$chat" -p "$(printf '%0600d' 0)" --session "$work/s" && cmp "$work/s" "$work/before"
}
check 'with a prompt that has no room' full
damaged() { printf x | dd of="$work/s" bs=1 seek=3000 conv=notrunc 2>/dev/null && refused 'damaged' "$chat"; }
check 'damaged' damaged
check 'where no file can be' fails 'cannot write beside it' "$viv" run "$chat" -p x --session "$work/none/s"
check 'where a folder is' fails 'found a directory' "$viv" run "$chat" -p x --session "$work"
check 'where a device is' fails 'found a device' "$viv" run "$chat" -p x --session /dev/null
check 'by a model with an encoder' fails 'has an encoder' "$viv" run "$source/tests/golden/t5" -p x --session "$work/t"

full() { # the session of before survives, and the reason is the disk's
    ends 0 "$viv" run llm -p ROMEO: -n 3 --session "$work/full" && cp "$work/full" "$work/full.was" || return 1
    limits='trap "" XFSZ; ulimit -f 1'
    ends 1 "$viv" run llm -n 40 --session "$work/full"
    status=$?
    limits=:
    [ "$status" -eq 0 ] && grep -q 'File too large' "$work/err" && cmp "$work/full" "$work/full.was" && [ "$(find "$work" -name 'full.*' | wc -l)" -eq 1 ]
}
check 'a disk that is full' full
finish
