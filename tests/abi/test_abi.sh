#!/bin/sh
# The public headers: each compiles alone as C11 and C++11 to C++20, warning-free and without padding; a plugin in C++ is
# built and computes; each function pointer says who may call it, and when; and the table of the headers is the one in abi-0.1.txt.
set -u
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
CC=${CC:-cc}
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME COMMAND...
check() {
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $name"
        cat "$work/log"
    fi
}

build=${VIV_BUILD:-.}
# C++ compilers that are here; $CXX may hold options
compilers=
for cxx in ${CXX:+"$CXX"} g++ clang++; do
    $cxx --version >/dev/null 2>&1 && compilers="$compilers${compilers:+|}$cxx"
done

# each_cxx NAME FUNCTION: runs FUNCTION COMPILER STANDARD for each C++ compiler and standard
each_cxx() {
    old_ifs=$IFS
    IFS='|'
    for cxx in $compilers; do
        IFS=$old_ifs
        for standard in c++11 c++14 c++17 c++20; do
            check "$1 as $standard by $cxx" "$2" "$cxx" "$standard"
        done
    done
    IFS=$old_ifs
}

strict='-Wall -Wextra -Wpedantic -Wpadded -Werror'
for header in "$source"/include/vivarium/*.h; do
    name=vivarium/$(basename "$header")
    printf '#include <%s>\n#include <%s>\ntypedef int not_empty;\n' "$name" "$name" >"$work/alone.c"
    # shellcheck disable=SC2086
    check "$name alone as C11" $CC -std=c11 $strict -fsyntax-only -I"$source/include" "$work/alone.c"
    # shellcheck disable=SC2086
    alone() { $1 -x c++ "-std=$2" $strict -fsyntax-only -I"$source/include" "$work/alone.c"; }
    each_cxx "$name alone" alone
done

# a plugin in C++, in both forms
# shellcheck disable=SC2086
whole() { $1 "-std=$2" $strict -Wno-padded -DWHOLE -fsyntax-only -I"$source/include" "$here/plugin.cc"; }
each_cxx "a plugin" whole
# shellcheck disable=SC2086
parts() { $1 "-std=$2" $strict -Wno-padded -shared -fPIC -I"$source/include" -o "$work/plugins/scaled.so" "$here/plugin.cc"; }
mkdir "$work/plugins"
each_cxx "a plugin with its parts one by one" parts

# spec LAYER: an embedding, and its transpose by this layer
spec() {
    cat <<END
viv: 1
family: trial
architecture: llm
checkpoint: $source/specs/embedded/llm.gguf
params:
  vocab_size: {gguf: rows(token_embd.weight)}
  hidden_size: {gguf: .embedding_length}
  max_position_embeddings: {gguf: .context_length, default: 256}
graph:
  - embedding: {weight: embed}
  - $1
weights:
  embed: {hf: x, gguf: token_embd.weight, shape: [vocab_size, hidden_size]}
ignore: ["*"]
END
}
viv() { XDG_CACHE_HOME=/dev/null "$build/viv" "$@" --plugin-path "$work/plugins"; }
logits() { viv logits "$1" --tokens 1,2,3 -o "$2"; }
if [ -e "$work/plugins/scaled.so" ] && [ -x "$build/viv" ]; then
    spec 'linear: {weight: embed}' >"$work/linear.yaml"
    spec 'scaled_linear: {weight: embed}' >"$work/scaled.yaml"
    spec 'scaled_linear: {weight: embed, factor: 0}' >"$work/wrong.yaml"
    viv plugin list >"$work/list"
    check "the plugin in C++ computes" logits "$work/scaled.yaml" "$work/scaled.npy"
    check "as linear does" logits "$work/linear.yaml" "$work/linear.npy"
    check "the same bits" cmp "$work/scaled.npy" "$work/linear.npy"
    check "its attributes are checked" grep -q '0.001' <<END
$(viv logits "$work/wrong.yaml" --tokens 1 2>&1)
END
    # shellcheck disable=SC2016
    check "its version is listed" sh -c 'grep -A 2 "^scaled accepted" "$1" | grep -q "version 1.0, by tests"' sh "$work/list"
fi

# every function pointer says which thread may call it, and when
tagged() { # FILE
    awk -f "$here/untagged.awk" "$1" >"$work/tags"
    cat "$work/tags"
    [ "$(wc -l <"$work/tags")" -eq 1 ]
}
for header in "$source"/include/vivarium/*.h; do
    [ "$(basename "$header")" = helpers.h ] || check "$(basename "$header"): threads and times" tagged "$header"
done
sed 's/\[any: after create\]//' "$source/include/vivarium/scheduler.h" >"$work/untagged.h"
# shellcheck disable=SC2016
check "a function without them is found" sh -c 'awk -f "$1" "$2" | grep -q n_workers' sh "$here/untagged.awk" "$work/untagged.h"

compare_table() {
    "$here/abi-table" >"$work/table" && diff -u "$here/abi-0.1.txt" "$work/table" && return
    echo "The ABI is not the one in tests/abi/abi-0.1.txt. Is the change meant? Then write the table anew with"
    echo "tests/abi/abi-table >tests/abi/abi-0.1.txt, and, once there has been a release, raise VIV_ABI_MINOR."
    return 1
}
if [ "$(uname -m)" = x86_64 ] || [ "$(uname -m)" = aarch64 ]; then
    check "the table of the ABI" compare_table
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
