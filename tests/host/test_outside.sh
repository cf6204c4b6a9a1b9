#!/bin/sh
# A copy of the llm plugin, renamed and built outside the tree with nothing but the public headers, runs the same model
# to the same text; a plugin that is gone or broken is named.
#
# `make check` runs it on a copy of the built program, `make installcheck` on the installed one: then VIV names that, and
# the headers are found by `pkg-config --cflags vivarium` (PKG_CONFIG_PATH).
set -u
source=${VIV_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
CC=${CC:-cc}
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME
cd / || exit 1

# expect NAME STATUS PATTERN COMMAND...: it ends with this status and, unless PATTERN is empty, prints a matching line
expect() {
    name=$1 expected=$2 pattern=$3
    shift 3
    status=0
    "$@" >"$work/out" 2>&1 || status=$?
    if [ "$status" -eq "$expected" ] && { [ -z "$pattern" ] || grep -q -e "$pattern" "$work/out"; }; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $name: expected status $expected and '$pattern', got status $status of: $*"
        cat "$work/out"
    fi
}

speak() {
    "$viv" run llm -p ROMEO: -n 16 --temp 0 "$@"
}

if [ -n "${VIV-}" ]; then
    viv=$VIV
    flags=$(pkg-config --cflags vivarium) || exit 1
else
    mkdir -p "$work/build/plugins/llm/.libs"
    viv=$work/build/viv
    llm=$work/build/plugins/llm/.libs/llm.so
    cp "$VIV_BUILD/viv" "$viv"
    cp "$VIV_BUILD/plugins/llm/.libs/llm.so" "$llm"
    echo "$source" >"$work/build/vivarium-build-tree"
    flags=-I$source/include
fi

expect "the plugin is found" 0 '^llm accepted' "$viv" plugin list
expect "the spec is found" 0 family "$viv" spec expand llm
expect "the embedded model speaks" 0 . speak

mkdir "$work/outside" "$work/code"
for file in "$source"/plugins/llm/*.[ch]; do
    sed 's/VIV_PLUGIN_BY("llm"/VIV_PLUGIN_BY("other"/' "$file" >"$work/code/$(basename "$file")"
done
# shellcheck disable=SC2086 # lists of words
expect "the renamed copy builds" 0 '' $CC -shared -fPIC -O2 $flags -o "$work/outside/other.so" "$work"/code/*.c -lm
expect "the renamed copy is taken" 0 '^other accepted' "$viv" plugin list --plugin-path "$work/outside"
expect "the one it stands before is named" 0 'and so does plugin other' "$viv" plugin list --plugin-path "$work/outside"
speak >"$work/ours" 2>/dev/null
speak --plugin-path "$work/outside" >"$work/theirs" 2>/dev/null
expect "it says the same" 0 '' cmp "$work/ours" "$work/theirs"

# a plugin that wraps llm for conversations: as if the system prompt had been given
chat=$source/tests/golden/chat
mkdir "$work/polite"
# shellcheck disable=SC2086
expect "a plugin that wraps llm builds" 0 '' $CC -shared -fPIC -O2 $flags -o "$work/polite/polite.so" "$source/tests/embed/polite.c"
printf 'viv: 1\nuse: llama\narchitecture: polite\ncheckpoint: %s\n' "$chat" >"$work/polite.yaml"
talk() { # MODEL OPTION...
    model=$1
    shift
    "$viv" run "$model" -p Hello --temp 0 -n 12 -q "$@"
}
talk "$chat" --system "Be polite." >"$work/ours" 2>/dev/null
printf '[{"role": "user", "content": "Hello"}]' >"$work/messages.json"
expect "it answers a conversation" 0 . "$viv" run "$work/polite.yaml" --messages "$work/messages.json" --temp 0 -n 12 -q --plugin-path "$work/polite"
"$viv" run "$work/polite.yaml" --messages "$work/messages.json" --temp 0 -n 12 -q --plugin-path "$work/polite" >"$work/theirs" 2>/dev/null
expect "as with the system prompt" 0 '' cmp "$work/ours" "$work/theirs"

# an application, with libvivarium
if [ -n "${VIV-}" ]; then
    libraries=$(pkg-config --libs vivarium)
    library_path=$(pkg-config --variable=libdir vivarium)
else
    libraries="-L$VIV_BUILD/.libs -lvivarium"
    library_path=$VIV_BUILD/.libs
    VIV_PLUGIN_PATH=$work/build/plugins/llm/.libs
    VIV_SPEC_PATH=$source/specs
    export VIV_PLUGIN_PATH VIV_SPEC_PATH
fi
LD_LIBRARY_PATH=$library_path
export LD_LIBRARY_PATH
if nm -uD "$library_path/libvivarium.so" | grep -q -e __asan_ -e __tsan_; then
    echo "skipped: a sanitizer's runtime must come first in a program, and an application here has none"
else
    # shellcheck disable=SC2086
    expect "an application builds" 0 '' $CC -O2 -Wall -Wextra -Werror $flags -o "$work/embed" "$source/examples/embed.c" $libraries
    echo Hello >"$work/turns" # one turn: an answer of random weights may fill the context
    expect "it talks" 0 . sh -c '"$1" "$2" <"$3"' sh "$work/embed" "$chat" "$work/turns"
    echo ROMEO: >"$work/turns"
    sh -c '"$1" llm <"$2"' sh "$work/embed" "$work/turns" >"$work/theirs" 2>"$work/err"
    "$viv" run llm -p ROMEO: -n 30 --temp 0 --no-echo -q >"$work/ours" 2>/dev/null && echo >>"$work/ours"
    expect "it continues a text as viv run does" 0 '' cmp "$work/ours" "$work/theirs"
fi
unset LD_LIBRARY_PATH VIV_PLUGIN_PATH VIV_SPEC_PATH

if [ -z "${VIV-}" ]; then
    truncate -s 5000 "$llm"
    expect "a truncated plugin is named" 1 'llm.so) is refused: truncated' speak
    rm "$llm"
    expect "a missing plugin is named" 1 "no plugin provides architecture 'llm'; searched for llm.so and others" speak
    expect "another serves in its place" 0 . speak --plugin-path "$work/outside"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
