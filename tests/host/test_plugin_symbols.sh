#!/bin/sh
# Our own plugins have no door that others lack: they export two symbols, and take none from the program.
set -u
build=${VIV_BUILD:-.}
passed=0 failed=0

fail() {
    echo "FAIL: $1"
    failed=$((failed + 1))
}

for plugin in "$build"/plugins/*/.libs/*.so; do
    [ -e "$plugin" ] || continue
    name=$(basename "$plugin")
    if nm -uD "$plugin" | grep -q __asan_; then
        echo "skipped: $name is built with sanitizers, whose runtime stands between it and the C library"
        exit 77
    fi
    exported=$(nm -D --defined-only "$plugin" | sed 's/.* //' | sort | tr '\n' ' ')
    if [ "$exported" = "viv_plugin_entry viv_plugin_identification " ]; then
        passed=$((passed + 1))
    else
        fail "$name exports: $exported"
    fi
    # what is left undefined must be in the libraries that it names itself
    foreign=$(ldd -r "$plugin" 2>&1 | grep 'undefined symbol')
    if [ -z "$foreign" ]; then
        passed=$((passed + 1))
    else
        fail "$name takes from the program: $foreign"
    fi
done
[ $((passed + failed)) -gt 0 ] || fail "there is no plugin under $build/plugins"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
