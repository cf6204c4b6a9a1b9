#!/bin/sh
# draw as its users meet it: pictures of every published size, well-formed, alone in the world, and to the right place.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

sound() { # FILE: an SVG that needs nothing from elsewhere
    grep -q '^<svg xmlns="http://www.w3.org/2000/svg"' "$1" && [ "$(tail -n 1 "$1")" = '</svg>' ] &&
        ! grep -q -e 'href' -e 'url(' -e '@import' -e '<script' -e 'nan' -e 'inf"' "$1" &&
        [ "$(wc -c <"$1")" -lt 100000 ] || return 1
    ! command -v xmllint >/dev/null || xmllint --noout "$1"
}
whole_zoo() {
    for spec in "$source"/specs/zoo/*.yaml; do
        name=$(basename "$spec" .yaml)
        ends 0 "$viv" draw "$name" -o "$work/$name.svg" && sound "$work/$name.svg" || { echo "$name"; return 1; }
    done
}
check 'every published size' whole_zoo
output() {
    ends 0 "$viv" draw llama-3.2-1b && cmp "$work/out" "$work/llama-3.2-1b.svg" &&
        ends 0 "$viv" draw llama-3.2-1b -o - && cmp "$work/out" "$work/llama-3.2-1b.svg"
}
check 'without -o, and with -o -, it goes to standard output' output
check 'rounds that are equal stand once' says '<desc>embedding, 16 times (residual of (rms_norm, attention), residual of (rms_norm, mlp)), rms_norm, linear</desc>' "$viv" draw llama-3.2-1b
check 'two stacks stand side by side' says '>encoder</text>' "$viv" draw t5-small
check 'what the encoder made goes to who reads it' says 'wire dash' "$viv" draw t5-small
check 'a checkpoint is drawn as well as a spec' says 'drawn to scale by parameters' "$viv" draw "$source/tests/golden/llama-mqa-tied"
check 'operations are another scale' says 'drawn to scale by operations' "$viv" draw llama-3.2-1b --scale flops --seen 2
strange() {
    mkdir -p "$work/d" && cp "$source/specs/zoo/llama-3.2-1b.yaml" "$work/d/<script>&\"'.yaml" &&
        says '&lt;script&gt;&amp;&quot;&#39;' "$viv" draw "$work/d/<script>&\"'.yaml" && cp "$work/out" "$work/x.svg" && sound "$work/x.svg"
}
check 'a name may hold anything' strange
check 'a model that is not there' fails 'llama-9' "$viv" draw llama-9
check 'a file that cannot be written' fails "$work/none/x.svg" "$viv" draw llama-3.2-1b -o "$work/none/x.svg"
check 'a scale that there is not' ends 2 "$viv" draw llama-3.2-1b --scale bytes
finish
