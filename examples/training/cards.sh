#!/bin/sh
# cards.sh VIV: the rows of the text models in specs/embedded/README.md, as they are measured here.
set -eu
export LC_ALL=C
embedded=$(cd "$(dirname "$0")/../../specs/embedded" && pwd)
export VIV_SPEC_PATH="${embedded%/*}"
# field NAME: of the JSON on standard input
field() { sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p" | head -n 1; }
for name in llm moe slm; do
    sizes=$("$1" inspect $name --json)
    bits=$("$1" perplexity $name --file "$embedded/held-out.txt" --stride 511 --activations f32 --json 2>/dev/null | field bits_per_byte)
    printf '| `%s` | %s | %s | %s | %.3f |\n' $name "$(echo "$sizes" | field params_total)" \
        "$(echo "$sizes" | field params_active)" "$(wc -c <"$embedded/$name.gguf")" "$bits"
done
