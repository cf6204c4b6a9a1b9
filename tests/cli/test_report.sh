#!/bin/sh
# The report of compare, looked at as a file: whole, alone in the world, small, and only where it was wanted.
# test_report_browser.sh opens it.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

cd "$work" || exit 1
machine=80GB/s,2TFLOP/s,16GiB
ten='mixtral-8x7b mistral-7b llama-3.2-1b phi-3-mini gpt-oss-120b bert-base t5-small gemma-3-1b gpt-j-6b glm-4.5-air'
report() { ends 0 "$viv" compare "$@" --on $machine --html "$work/r.html"; }

alone() { # FILE: nothing in it leads out of it
    ! grep -o -e 'src=[^ ]*' -e 'href="[^#][^"]*"' -e '@import' -e 'url([^)]*)' "$1" &&
        [ "$(grep -o 'https\{0,1\}://[^"]*' "$1" | sort -u)" = http://www.w3.org/2000/svg ]
}
sound() { # FILE: its pictures are XML, without what is no number
    rm -f "$work"/x*.svg
    awk -v to="$work/x" '/^<svg /{n++; on = 1} on{print >(to n ".svg")} /^<\/svg>/{on = 0; close(to n ".svg")}' "$1"
    [ -e "$work/x1.svg" ] && ! grep -il -e '"[^"]*nan[ "]' -e '="-\{0,1\}inf' "$work"/x*.svg || return 1
    ! command -v xmllint >/dev/null || xmllint --noout "$work"/x*.svg
}
ten_models() {
    report $ten && [ "$(wc -c <"$work/r.html")" -lt 1000000 ] && alone r.html && sound r.html &&
        [ "$(tail -n 1 r.html)" = '</html>' ] && [ "$(grep -c '<figure><h3>' r.html)" -ge 14 ]
}
check 'ten models are one file of less than 1 MB that needs no other' ten_models
tells() {
    grep -qF "compare $(echo $ten) --on $machine --html" r.html && grep -qF '46.7 B' r.html && grep -qF '12.9 B' r.html &&
        grep -qF '<title>mixtral-8x7b, mistral-7b' r.html && grep -qE '<dd>20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9:]{5} UTC</dd>' r.html
}
check 'it tells what was compared, when and how' tells
also() { "$viv" compare llama-3.2-1b --on $machine >plain && report llama-3.2-1b && cmp plain "$work/out"; }
check 'the table is printed as well' also
quoted() {
    mkdir -p 'my models' && cp "$source/specs/zoo/llama-3.2-1b.yaml" 'my models/a.yaml' && report 'my models/a.yaml' &&
        grep -qF '&#39;my models/a.yaml&#39;' r.html
}
check 'words with spaces are quoted' quoted

hostile() {
    mkdir -p d
    odd=$(printf '<script>alert(1)<!--&"\047\377\033')
    cp "$source/specs/zoo/llama-3.2-1b.yaml" "d/$odd.yaml"
    report "d/$odd.yaml" mistral-7b && [ "$(grep -c '<script' r.html)" -eq 1 ] && ! grep -q '<!--' r.html &&
        grep -qF '&lt;script&gt;alert(1)&lt;!--&amp;&quot;&#39;' r.html && sound r.html && iconv -f UTF-8 -t UTF-8 r.html >/dev/null
}
check 'a name may hold anything' hostile

refused() {
    fails "$work/none/r.html" "$viv" compare llama-3.2-1b --on $machine --html "$work/none/r.html" && [ ! -s "$work/out" ] &&
        mkdir -p dir && fails "$work/dir" "$viv" compare llama-3.2-1b --on $machine --html "$work/dir" && [ ! -s "$work/out" ]
}
check 'a place that cannot be written is refused before anything is done' refused
kept() {
    mkdir -p own && echo old >own/r.html && fails 'llama-9' "$viv" compare llama-9 --on $machine --html own/r.html &&
        [ "$(cat own/r.html)" = old ] && [ "$(ls own)" = r.html ]
}
check 'what was there stays when nothing comes of it' kept
interrupted() { # as soon as the draft is there
    mkdir -p soon && rm -f soon/*
    env --default-signal=INT "$viv" compare $ten --on $machine --html soon/r.html >plain 2>"$work/err" &
    i=0
    until ls soon/r.html* >/dev/null 2>&1 || [ $i -ge 500 ]; do i=$((i + 1)) && sleep 0.01; done
    kill -INT $!
    wait $!
    case $? in 0 | 130) ;; *) return 1 ;; esac
    [ "$(ls soon)" = r.html ] && tail -n 1 soon/r.html | grep -qx '</html>'
}
if env --default-signal=INT true 2>/dev/null; then # a shell's background jobs ignore it
    check 'an interruption leaves a whole report, and nothing else' interrupted
fi
finish
