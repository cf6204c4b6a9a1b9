#!/bin/sh
# What users of other programs type: it is understood, or refused with a sentence that says what to do.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
# refuses WORDS COMMAND...: wrong usage, and one sentence that holds these words
refuses() {
    words=$1
    shift
    ends 2 "$@" || return 1
    grep -qF -- "$words" "$work/err" || { echo "no '$words' in:"; cat "$work/err"; return 1; }
    [ "$(wc -l <"$work/err")" -eq 1 ]
}
run() { "$viv" run -q llm "$@" </dev/null 2>"$work/err"; }

# --- sharing a machine -----------------------------------------------------------------------------------------------
run -p ROMEO: --temp 0 -n 9 >"$work/plain"
shares() { run -p ROMEO: --temp 0 -n 9 "$@" >"$work/out" && cmp "$work/out" "$work/plain"; }
check 'a share of the processor changes no answer' shares --cpu-share 40 --nice 5 --scheduler sleeping --threads 2
# niceness N OPTION...: that of a conversation that waits for its first turn, in /proc/PID/stat
niceness() {
    wanted=$1
    shift
    mkfifo "$work/turns"
    "$viv" chat "$golden/chat" "$@" <"$work/turns" >/dev/null 2>&1 &
    exec 3>"$work/turns"
    for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        got=$(sed 's/.*) //' "/proc/$!/stat" | cut -d ' ' -f 17)
        [ "$got" = "$wanted" ] && break
        sleep 0.5
    done
    exec 3>&-
    wait $!
    rm "$work/turns"
    [ "$got" = "$wanted" ]
}
if [ "$(nice)" -lt 17 ]; then
    check 'a process can be nice' niceness 17 --nice 17
    check 'and is not less nice than it was' niceness "$(nice)" --nice 0
fi
check 'a share is more than nothing' refuses '--cpu-share' "$viv" run llm -p A --cpu-share 0
check 'and no more than all' refuses '--cpu-share' "$viv" run llm -p A --cpu-share 101
check 'it is a number' refuses '--cpu-share' "$viv" run llm -p A --cpu-share nan
check 'niceness has an end' refuses '--nice' "$viv" run llm -p A --nice 20
# energy is a number, or there is a reason
energy() {
    run -p ROMEO: -n 4 --json | tail -n 1 | grep -qE '"energy_joules":([0-9.e-]+,"energy_joules_per_token":[0-9.e-]+,"energy_reason":null|null,"energy_joules_per_token":null,"energy_reason":"[^"]+")' &&
        "$viv" bench llm --no-limits -r 1 -n 4 --json | tr -d ' \n' | grep -qE '"reason":(null|"[^"]+")'
}
check 'energy is known, or it says why not' energy

# --- aliases ---------------------------------------------------------------------------------------------------------
run -p ROMEO: --temp 0 -n 9 --top-p 0.9 --context 64 >"$work/expected"
# same OPTION...: the answer of the options by their own names
same() { run "$@" >"$work/out" && [ -s "$work/out" ] && cmp "$work/out" "$work/expected" || { cat "$work/err"; return 1; }; }
check "llama.cpp's names" same --prompt ROMEO: --temp 0 --n-predict 9 --top-p 0.9 --ctx-size 64
check "and its letters" same -p ROMEO: -n 9 -c 64 -t 1 -s 1 --temp 0
check "ollama's names" same ROMEO: --temperature 0 --num_predict 9 --top_p 0.9 --num_ctx 64
check "vLLM's names" same -p ROMEO: --temperature=0 --max-tokens=9 --top_p=0.9 --max-model-len=64
check "transformers' names" same -p ROMEO: --temperature 0 --max_new_tokens 9 --repetition_penalty 1 --typical_p 1
check 'a text without an option' same ROMEO: --temp 0 -n 9
stops() { run -p ROMEO: --temp 0 -n 64 --reverse-prompt merry >"$work/out" && ! grep -q merry "$work/out"; }
check 'a reverse prompt is a text to stop at' stops
check '_ is - in own names, too' ends 0 "$viv" run -q llm -p A -n 2 --ignore_eos --no_echo
check 'an alias is checked as the option is' refuses '--temp takes a number' "$viv" run llm -p A --temperature hot
check 'and not in --help' sh -c "! '$viv' run --help | grep -q n-predict"

# --- what would mean something else ----------------------------------------------------------------------------------
check 'a near miss gets the nearest name' refuses 'did you mean --temp?' "$viv" run llm --tepm 0
check 'one of an alias the name' refuses 'did you mean --temp?' "$viv" run llm --temperture 0
check 'a model goes without an option' refuses 'the model goes without an option' "$viv" run -m llm -p A
check 'or with two dashes' refuses 'the model goes without an option' "$viv" run --model llm -p A
check 'there are no layers on a GPU' refuses 'computes on the processor' "$viv" run llm -ngl 99
check 'a long name has two dashes' refuses 'two dashes when it is written out: --temp' "$viv" run llm -temp 0
check 'keys have a type by the option of both' refuses '--cache-type k=TYPE,v=TYPE' "$viv" run llm --cache-type-k f16
check 'the prompt of bench is a length' refuses '--prompt-tokens N' "$viv" bench llm -p 128
check 'written out, too' refuses '--prompt-tokens N' "$viv" bench llm --prompt 128
check 'a text of compare comes from a file' refuses '--file FILE' "$viv" compare llm --text x
check 'a prompt of embed has a name' refuses '--prompt-name NAME' "$viv" embed "$golden/bert-old" --prompt query x
check 'a model without a chat template takes no system prompt' fails 'no chat template' "$viv" run llm --system x -p y
check 'chat has no prompt' refuses 'viv run' "$viv" chat "$golden/chat" -p x
check '-t is threads everywhere' refuses '--threads takes an integer' "$viv" render -t chat.jinja data.json
check 'one prompt is one' refuses 'one prompt is wanted' "$viv" run llm A -p B
check 'the format of an answer is free' refuses 'the form of the output' "$viv" run llm -p A --format json

# --- a file argument, -o ---------------------------------------------------------------------------------------------
quality=$golden/quality
head -c 300 "$quality/text.txt" >"$work/text"
word() {
    "$viv" perplexity "$quality" "$work/text" --json | grep -v seconds >"$work/a" && [ -s "$work/a" ] &&
        "$viv" perplexity "$quality" --file "$work/text" --json | grep -v seconds >"$work/b" && cmp "$work/a" "$work/b"
}
check 'the word FILE is --file FILE' word
check 'not both' refuses 'one text is wanted' "$viv" perplexity "$quality" "$work/text" --file "$work/text"
check 'nor none' refuses 'one text is wanted' "$viv" diverge "$quality" "$quality"
written() {
    "$viv" logits llm --tokens 1,2 -o "$work/x.npy" && "$viv" logits llm --tokens 1,2 -o - >"$work/y.npy" && cmp "$work/x.npy" "$work/y.npy" &&
        "$viv" embed "$golden/bert-old" a -o "$work/x.npy" && "$viv" embed "$golden/bert-old" a -o - >"$work/y.npy" && cmp "$work/x.npy" "$work/y.npy" &&
        "$viv" draw llm -o "$work/x.svg" && "$viv" draw llm -o - >"$work/y.svg" && cmp "$work/x.svg" "$work/y.svg"
}
check '-o - is standard output' written
check 'which takes one thing' refuses 'not both' "$viv" logits llm --tokens 1 -o - --json

# --- ./quickstart ----------------------------------------------------------------------------------------------------
without_sudo() { # nobody's machine: not root, one package missing, no sudo
    mkdir -p "$work/bin" && for tool in sh dirname sed cat; do ln -sf "$(command -v $tool)" "$work/bin/$tool"; done
    printf '#!/bin/sh\necho 1000\n' >"$work/bin/id"
    printf '#!/bin/sh\ncase $4 in libyaml-dev) exit 1 ;; *) echo ii ;; esac\n' >"$work/bin/dpkg-query"
    printf '#!/bin/sh\necho "apt-get was called" >&2\n' >"$work/bin/apt-get"
    chmod +x "$work/bin/id" "$work/bin/dpkg-query" "$work/bin/apt-get"
    PATH=$work/bin "$source/quickstart" >"$work/out" 2>"$work/err"
    [ $? -eq 1 ] && grep -q 'no sudo' "$work/err" && grep -q 'apt-get install --no-install-recommends libyaml-dev$' "$work/err" &&
        ! grep -q 'was called' "$work/err"
}
check 'without sudo, quickstart says what to install' without_sudo

finish
