#!/bin/sh
# viv compare by what models say: prompts, a text, tasks; who cannot take part says why, and what is wrong with a file is said
# before anything takes long.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
model=$golden/quality near=$golden/quality-near text=$golden/quality/text.txt

compare() { # WORDS ARGUMENT...: prints these words
    words=$1
    shift
    says "$words" "$viv" compare --on l4 "$@"
}
# value KEY I: of the I-th model, from the JSON in $work/out
value() { tr -d ' \n' <"$work/out" | sed 's/"structure"/\n/g' | sed -n "$2s/.*\"$1\":\([^,]*\),.*/\1/p"; }
is() { # KEY I VALUE
    [ "$(value "$1" "$2")" = "$3" ] || { echo "$1 of $2 is $(value "$1" "$2"), expected $3"; return 1; }
}
begins() { # KEY I VALUE
    case $(value "$1" "$2") in "$3"*) ;; *) echo "$1 of $2 is $(value "$1" "$2"), expected $3..."; return 1 ;; esac
}

# --- types of weights ---------------------------------------------------------------------------------------------
types() {
    ends 0 "$viv" compare --on l4 llm --types q5_0,q4_0 --types q8_0 --file "$text" --json || return 1
    [ "$(value weight_bytes 2)" -lt "$(value weight_bytes 1)" ] && [ "$(value weight_bytes 3)" -lt "$(value weight_bytes 2)" ] &&
        is weight_bytes 4 "$(value weight_bytes 1)" && is kl 4 0.0 &&
        python3 -c 'import sys; q5, q4 = map(float, sys.argv[1:]); assert 0 < q5 < q4, (q5, q4)' "$(value kl 2)" "$(value kl 3)"
}
check 'types of weights have a column each' compare 'quality as q4_0' "$model" --types q8_0,q4_0 --file "$text"
if python3 -c '' 2>/dev/null; then check 'the fewer bytes, the farther from the first' types; fi
check 'a report has them' ends 0 "$viv" compare --on l4 "$model" --types q4_0 --html "$work/types.html"
check 'a type that is none' ends 2 "$viv" compare "$model" --types q8_0,q9
check 'no type at all' ends 2 "$viv" compare "$model" --types ''
check 'too many types' ends 2 "$viv" compare "$model" --types "$(yes q8_0 | head -n 70 | tr '\n' ,)q8_0"
check 'types on several machines' ends 2 "$viv" compare "$model" --types q8_0 --on l4 --on h100-sxm
check 'a type at load is a type in a file' says '' "$viv" run llm -p a -n 2 --weight-type q8_0
check 'a type at load that is none' fails "weights cannot be made of type 'q9'" "$viv" run llm -p a --weight-type q9
check 'a type at load and a budget' fails 'without --weight-type' "$viv" run llm -p a --weight-type q8_0 --memory 500MiB

# --- prompts -----------------------------------------------------------------------------------------------------
check 'a prompt has answers in a block of its own' compare 'To be, or' llm "$model" -p 'To be, or' -n 8
same_as_run() {
    "$viv" run llm -p 'To be, or' -n 8 --temp 0 --no-echo </dev/null 2>/dev/null | tr -d '\n' >"$work/a"
    ends 0 "$viv" compare --on l4 llm -p 'To be, or' -n 8 --csv && tr -d '\r\n' <"$work/out" >"$work/b" &&
        [ -s "$work/a" ] && grep -qF -- "$(cat "$work/a")" "$work/b"
}
check 'the answer is that of viv run' same_as_run
check 'several prompts have several rows' compare '"answer_2_tokens": ' "$model" -p a -p b -n 3 --json
check 'escape sequences reach no terminal' compare 'ROMEO?[31m' "$model" -p "$(printf 'ROMEO\033[31m')" -n 2
check 'Markdown has the answers' compare '| **answers** |' "$model" -p a -n 3 --markdown

namesakes() {
    mkdir "$work/one" "$work/two" && cp -r "$model" "$work/one/m" && cp -r "$near" "$work/two/m" && compare one/m "$work/one/m" "$work/two/m" &&
        grep -q two/m "$work/out"
}
check 'models of one name are told apart by where they lie' namesakes

# --- a text ------------------------------------------------------------------------------------------------------
numbers() {
    ends 0 "$viv" compare --on l4 "$model" "$near" --file "$text" --json && begins perplexity 1 1729. && begins bits_per_byte 1 6.195 &&
        is kl 1 null && begins kl 2 0.1728 && begins same_top 2 0.5766 && is text_tokens 1 163
}
check 'a text has perplexity, bits per byte, and divergence from the first' numbers
check 'a text comes from standard input' ends 1 "$viv" compare --on l4 "$model" --file -
check 'other vocabularies are not diverged' compare 'llm: the vocabularies differ: quality has 311 tokens, llm has 2048' \
    "$model" llm --file "$text"
no_first() {
    ends 0 "$viv" compare --on l4 "$golden/bert-old" "$model" --file "$text" --json && is perplexity 1 null && begins perplexity 2 1729. && is kl 2 null &&
        grep -q '"kl": "the first model has no probabilities of the text to compare with"' "$work/out"
}
check 'a first model that has no probabilities is no reference' no_first

# --- tasks -------------------------------------------------------------------------------------------------------
cat >"$work/quiz.jsonl" <<'END'
{"question": "Who ate", "choices": ["the moss?", "it"], "answer": "it"}

{"question": "Who ate", "choices": ["the moss?", "it"], "answer": 0, "id": 3}
{"question": "The snail", "answers": ["was the eldest"]}
END
scores() {
    ends 0 "$viv" compare --on l4 "$model" "$near" --tasks "$work/quiz.jsonl" --json && begins task_1 1 0.333 && is task_1_by_length 1 0.5 &&
        grep -q '"label": "quiz, by length"' "$work/out"
}
check 'tasks are scored' scores
check 'with an interval' compare '33.3 % ±37' "$model" --tasks "$work/quiz.jsonl"
encoders() {
    ends 0 "$viv" compare --on l4 "$golden/bert-old" "$model" mistral-7b --tasks "$work/quiz.jsonl" -p a --file "$text" &&
        grep -q '^bert-old: .*quiz.jsonl:1: bert-old gives vectors of texts' "$work/out" && grep -q '^bert-old: .*viv embed' "$work/out" &&
        grep -q '^mistral-7b: mistral-7b has no weights' "$work/out" && grep -q '33.3 %' "$work/out"
}
check 'who cannot take part says why, and the rest goes on' encoders
none() {
    ends 1 "$viv" compare --on l4 mistral-7b "$golden/bert-old" -p a && grep -q 'none of the models could be evaluated: mistral-7b has no weights' "$work/err" &&
        grep -q '^parameters by part' "$work/out"
}
turns() {
    printf 'Hello\n' | "$viv" chat "$golden/chat" --temp 0 -n 12 2>/dev/null >"$work/a"
    ends 0 "$viv" compare --on l4 "$golden/chat" llm -p Hello -n 12 --chat && [ -s "$work/a" ] &&
        grep -qF -- "$(cat "$work/a")" "$work/out" && grep -q '^llm: .*chat template' "$work/out"
}
check 'prompts are turns of each model as viv chat has them, if it has a template' turns
check 'that none can is a failure, after what the specs say' none

# --- bad files, before anything else --------------------------------------------------------------------------------
printf '{"question": "a", "answer": "b"}\n{"question": "a"}\n' >"$work/bad.jsonl"
printf '' >"$work/empty"
printf 'a\377' >"$work/binary"
check 'a task that is wrong is named with its line' fails 'bad.jsonl:2: answer: expected a string, found nothing' \
    "$viv" compare --on l4 "$model" --tasks "$work/bad.jsonl"
check 'a file without tasks is no file of tasks' fails 'expected a task on each line, found none' "$viv" compare "$model" --tasks "$work/empty"
check 'a missing file of tasks is named' fails "$work/none" "$viv" compare "$model" --tasks "$work/none"
check 'a missing text is named' fails "$work/none" "$viv" compare "$model" --file "$work/none"
check 'an empty prompt is refused' fails '--prompt: the text is empty' "$viv" compare "$model" -p ''
check 'an answer has a token' ends 2 "$viv" compare "$model" -p a -n 0
bad_text() { # FILE WORDS
    ends 1 "$viv" compare --on l4 "$model" --file "$work/$1" && grep -qF "$2" "$work/err"
}
check 'an empty text predicts nothing' bad_text empty 'the text is empty'
check 'a text is UTF-8' bad_text binary 'found the byte 0xff at offset 1'

# --- interrupted ---------------------------------------------------------------------------------------------------
head -c 3000000 /dev/zero | tr '\0' 'a' >"$work/long"
evaluated() {
    grep -q '^viv: interrupted: results until then are shown$' "$work/err" &&
        [ "$(value answer_1_tokens 1)" -gt 0 ] && is perplexity 1 null && is answer_1_tokens 2 null && grep -q '"answer_1": "interrupted"' "$work/out"
}
check 'an interruption keeps the results' interrupts evaluated "$viv" compare --on l4 "$model" "$near" -p a -n 3 \
    --file "$work/long" --json --threads 1

finish
