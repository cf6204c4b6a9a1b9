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
    "$viv" run shakespeare -p ROMEO: -n 16 --temp 0 "$@"
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
expect "the spec is found" 0 family "$viv" spec expand shakespeare
expect "the embedded model speaks" 0 . speak

mkdir "$work/outside" "$work/code"
for file in "$source"/plugins/llm/*.[ch]; do
    sed 's/VIV_PLUGIN("llm"/VIV_PLUGIN("other"/' "$file" >"$work/code/$(basename "$file")"
done
# shellcheck disable=SC2086 # lists of words
expect "the renamed copy builds" 0 '' $CC -shared -fPIC -O2 $flags -o "$work/outside/other.so" "$work"/code/*.c -lm
expect "the renamed copy is taken" 0 '^other accepted' "$viv" plugin list --plugin-path "$work/outside"
expect "the one it stands before is named" 0 'as does plugin other' "$viv" plugin list --plugin-path "$work/outside"
speak >"$work/ours" 2>/dev/null
speak --plugin-path "$work/outside" >"$work/theirs" 2>/dev/null
expect "it says the same" 0 '' cmp "$work/ours" "$work/theirs"

if [ -z "${VIV-}" ]; then
    truncate -s 5000 "$llm"
    expect "a truncated plugin is named" 1 'llm.so) is refused: truncated' speak
    rm "$llm"
    expect "a missing plugin is named" 1 "no plugin brings architecture 'llm'; llm.so or another was looked for" speak
    expect "another serves in its place" 0 . speak --plugin-path "$work/outside"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
