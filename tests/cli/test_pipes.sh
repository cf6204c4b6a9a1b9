#!/bin/sh
# A file that is read once may be a pipe: a FIFO, /dev/stdin, -. What is mapped must be a regular file.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
chat=$golden/chat quality=$golden/quality text=$golden/quality/text.txt
mkfifo "$work/pipe"

# alike FILE COMMAND...: with a FIFO, with /dev/stdin and with - where @ stands, it prints what it prints with FILE
alike() {
    file=$1
    shift
    quiet "$file" "$@" >"$work/a" && [ -s "$work/a" ] || { echo 'nothing with a file'; cat "$work/err"; return 1; }
    cat "$file" >"$work/pipe" &
    quiet "$work/pipe" "$@" >"$work/b" && cmp "$work/a" "$work/b" || { echo 'with a FIFO:'; cat "$work/err"; kill $! 2>"$work/none"; return 1; }
    for piped in /dev/stdin -; do
        # shellcheck disable=SC2002 # a pipe is wanted
        cat "$file" | quiet "$piped" "$@" >"$work/b" && cmp "$work/a" "$work/b" || { echo "with $piped:"; cat "$work/err"; return 1; }
    done
}
# quiet FILE COMMAND...: without times, which differ, and without the name of the file
quiet() {
    given=$1
    shift
    for word do
        shift
        [ "$word" = @ ] && word=$given
        set -- "$@" "$word"
    done
    timeout "$seconds" "$@" >"$work/all" 2>"$work/err" || return
    [ "$given" = - ] && given='standard input'
    sed -E "/second|, time|tokens.s/d; s!$given!NAME!g" "$work/all"
}

printf 'First\nSecond one\n' >"$work/lines"
printf '[{"role":"user","content":"Hello"}]' >"$work/messages"
printf '[{"type":"function","function":{"name":"f"}}]' >"$work/tools"
printf '{"who":"world"}' >"$work/data"
printf 'Hello {{ who }}!' >"$work/plain.jinja"
printf '{%% for m in messages %%}<{{ m.content }}>{%% endfor %%}' >"$work/chat.jinja"
printf '{"question": "a", "answers": ["b"]}\n' >"$work/tasks"
head -c 400 "$text" >"$work/short"

check 'run: the prompt' alike "$work/lines" "$viv" run -q llm -n 5 --temp 0 -f @
check 'chat: the turns' alike "$work/lines" "$viv" chat "$chat" -n 5 --temp 0 -f @
check 'chat: the template' alike "$work/chat.jinja" "$viv" chat "$chat" -n 5 --temp 0 --template @ -f "$work/lines"
check 'render: the messages' alike "$work/messages" "$viv" render "$chat" @
check 'render: the tools' alike "$work/tools" "$viv" render "$chat" "$work/messages" --tools @
check 'render: the template' alike "$work/plain.jinja" "$viv" render --template @ "$work/data"
check 'render: the data' alike "$work/data" "$viv" render --template "$work/plain.jinja" @
check 'tokenize: the text' alike "$work/lines" "$viv" tokenize llm -f @
check 'embed: the texts' alike "$work/lines" "$viv" embed "$golden/bert-old" -f @
check 'classify: the texts' alike "$work/lines" "$viv" classify "$golden/bert-classifier" -f @
check 'rerank: the documents' alike "$work/lines" "$viv" rerank "$golden/xlm-roberta-reranker" query -f @
check 'perplexity: the text' alike "$work/short" "$viv" perplexity "$quality" -f @ --json
check 'diverge: the text' alike "$work/short" "$viv" diverge "$quality" "$golden/quality-near" -f @ --json
check 'compare: the text' alike "$work/short" "$viv" compare "$quality" --on l4 --file @
check 'compare: the tasks' alike "$work/tasks" "$viv" compare "$quality" --on l4 --csv --tasks @

sparse=$work/sparse
mkdir "$sparse"
cp "$golden/mixtral/config.json" "$golden/mixtral/model.safetensors" "$sparse/"
cp "$golden/letters.json" "$sparse/tokenizer.json"
printf 'ABCABDABE' >"$work/letters"
check 'experts: the text' alike "$work/letters" "$viv" experts "$sparse" @
"$viv" experts "$sparse" "$work/letters" --profile "$work/profile" >"$work/out" 2>"$work/err"
check 'the profile of experts' alike "$work/profile" \
    "$viv" run -q "$sparse" -p A -n 2 --temp 0 --expert-memory 120K --expert-profile @

# --- what is refused -------------------------------------------------------------------------------------------------
check 'an endless pipe ends at a limit' fails '/dev/zero: more than 67108864 bytes' "$viv" run llm -f /dev/zero
check 'of each file' fails '/dev/zero: more than 4194304 bytes' "$viv" chat "$chat" --template /dev/zero
check 'and so does one of tasks' fails '/dev/zero: more than' "$viv" compare "$quality" --on l4 --tasks /dev/zero
check 'a directory is refused' fails 'expected a file or a pipe, found a directory' "$viv" render "$chat" "$work"
in_the_folder() { # no pipe of somebody else's is waited on
    cp -r "$chat" "$work/model" && rm -f "$work/model/chat_template.jinja" && mkfifo "$work/model/chat_template.jinja" &&
        fails 'expected a regular file, found a FIFO' "$viv" render "$work/model" "$work/messages"
}
check 'files of a checkpoint are regular files' in_the_folder
check 'a session is a regular file' fails 'expected a regular file, found a FIFO' "$viv" run llm -p A --session "$work/pipe"

finish
