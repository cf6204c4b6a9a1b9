#!/bin/sh
# A viv that is configured with --enable-standalone: one static program with the plugins built in. VIV_EMULATOR runs it where
# it is built for another processor ("qemu-aarch64").
set -u
passed=0 failed=0
viv=$VIV_BUILD/viv
VIV_SPEC_PATH=$VIV_SOURCE/specs
export VIV_SPEC_PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! grep -q '^#define STANDALONE 1' "$VIV_BUILD/config.h"; then
    echo "skipped: this build loads plugins from files"
    exit 77
fi

# expect NAME STATUS PATTERN ARGUMENT...: viv with these ends with this status and, unless PATTERN is empty, prints a matching line
expect() {
    name=$1 expected=$2 pattern=$3
    shift 3
    status=0
    ${VIV_EMULATOR-} "$viv" "$@" >"$work/out" 2>&1 || status=$?
    if [ "$status" -eq "$expected" ] && { [ -z "$pattern" ] || grep -q -e "$pattern" "$work/out"; }; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $name: expected status $expected and '$pattern', got status $status of: viv $*"
        cat "$work/out"
    fi
}

for plugin in "$VIV_SOURCE"/plugins/*/; do
    # one that needs libraries of its own may be left out
    left_out=HAVE_$(basename "$plugin" | tr '[:lower:]' '[:upper:]')
    grep -q "#undef $left_out " "${VIV_BUILD:-.}/config.h" && continue
    expect "$(basename "$plugin") is built in" 0 "^$(basename "$plugin") accepted" plugin list
done
expect "other plugins are refused" 1 'has its plugins built in and loads no others' run llm -p ROMEO: --plugin-path /tmp
printf 'viv: 1\nuse: llm\narchitecture: none\n' >"$work/none.yaml"
expect "an architecture that is missing is named" 1 "no plugin provides architecture 'none'.*; this viv has its plugins built in" \
    run "$work/none.yaml" -p a
expect "a dense model answers" 0 . run llm -p ROMEO: -n 16 --temp 0 -q
expect "a routed model answers" 0 '' logits "$VIV_SOURCE/tests/golden/mixtral" --tokens 1,2,3 -o "$work/x.npy"
if readelf -d "$viv" 2>/dev/null | grep -q NEEDED; then
    failed=$((failed + 1))
    echo "FAIL: it needs shared libraries"
else
    passed=$((passed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
