#!/bin/sh
# viv compare from outside: its forms, its options, and what it refuses.
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

here=80GB/s,2TFLOP/s,16GiB
compare() { # WORDS ARGUMENT...: prints these words
    words=$1
    shift
    says "$words" "$viv" compare --on "$here" "$@"
}
check "six kinds in one table" compare "the best 2 of 8" \
    mixtral-8x7b mistral-7b llama-3.2-1b phi-3-mini bert-base t5-base
check "published counts" compare "46.7 B" mixtral-8x7b
check "a context that a model has not" compare "bert-base: its context is 512" bert-base mistral-7b --at 4096
check "what fits" compare "context that fits in 8.00 GiB" mistral-7b --memory 8GiB --type q4_0
check "JSON" compare '"params_active": 12879925248' mixtral-8x7b --json
check "comma-separated values" compare 'size,params_total,count,7241732096' mistral-7b --csv
check "Markdown" compare '| **ceiling** |' mistral-7b --markdown
check "weights, where there are some" compare 'weights, as they are' shakespeare
check "the list of machines" says h100-sxm "$viv" compare --devices
check "a machine by name" says "ceilings of l4" "$viv" compare mistral-7b --on l4
check "this machine, measured" ends 0 "$viv" compare shakespeare --threads 1
check "and remembered" test -s "$XDG_CACHE_HOME/vivarium/limits-1"
check "an unknown machine" fails "did you mean 'rtx-4090'?" "$viv" compare mistral-7b --on rtx-409
check "an unknown model" fails "did you mean" "$viv" compare mistral-7b mistral-7c --on l4
check "no model" ends 2 "$viv" compare
check "two forms at once" ends 2 "$viv" compare mistral-7b --json --csv
check "no tokens" fails "a text has 1 to" "$viv" compare mistral-7b --on l4 --at 0
finish
