#!/bin/sh
# A layer, a kernel and a spec are a file each: in a scratch copy of the tree they are added, nothing is edited, and the
# program that comes of it knows all three. A plugin is a folder: without that of moe, dense models run; put back, it alone is
# built.
set -u
source=${VIV_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! autoreconf --version >/dev/null 2>&1 || ! libtoolize --version >/dev/null 2>&1; then
    echo "skipped: autoconf, automake or libtool is not here"
    exit 77
fi

if nm -D "${VIV_BUILD:-.}/viv" 2>/dev/null | grep -q __asan_; then
    echo "skipped: the copy would be built without the sanitizers of this build, as it is elsewhere"
    exit 77
fi

# expect NAME PATTERN COMMAND...: the command succeeds and prints a line that matches
expect() {
    name=$1 pattern=$2
    shift 2
    if "$@" >"$work/out" 2>&1 && grep -q -e "$pattern" "$work/out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $name: $*"
        cat "$work/out"
    fi
}

give_up() {
    echo "FAIL: $1"
    tail -n 40 "$work/log"
    echo "$passed passed, $((failed + 1)) failed"
    exit 1
}

mkdir "$work/tree"
for entry in include framework plugins specs build-aux/lists configure.ac Makefile.am vivarium.pc.in autogen; do
    mkdir -p "$(dirname "$work/tree/$entry")"
    cp -R "$source/$entry" "$work/tree/$entry"
done
chmod -R u+w "$work/tree"
cd "$work/tree" || exit 1
rm -rf framework/registry
mv plugins/moe "$work/moe"
mkdir tests man examples
touch LICENSE CHANGELOG.md CONTRIBUTING.md

sed -e 's/layer_scale/layer_magnify/' -e 's/"scale"/"magnify"/' framework/layers/scale.c >framework/layers/magnify.c
sed -e 's/kernel_generic_softcap/kernel_generic_softer/' \
    -e 's/\.name = "generic"/.name = "softer", .rank = 1000/' framework/kernels/generic/softcap.c \
    >framework/kernels/generic/softer.c
cat >specs/families/magnified.yaml <<'END'
viv: 1
family: magnified
architecture: llm
params:
  hidden_size: 8
  vocab_size: 16
graph:
  - embedding: {weight: embed}
  - magnify: {factor: 2.0}
  - linear: {weight: embed}
weights:
  embed: {hf: embed.weight, gguf: embed, shape: [vocab_size, hidden_size]}
END

./autogen >"$work/log" 2>&1 || give_up "./autogen"
mkdir "$work/build"
cd "$work/build" || exit 1
../tree/configure -q CFLAGS=-O0 >"$work/log" 2>&1 || give_up "./configure"
make -j2 viv plugins/llm/llm.la >"$work/log" 2>&1 || give_up "make"

cd / || exit 1
expect "the layer is listed" magnify "$work/build/viv" layers
expect "the kernel is chosen" softer "$work/build/viv" version -v
expect "the spec is found by name" magnify "$work/build/viv" spec expand magnified
expect "a dense model runs without moe" . "$work/build/viv" run llm -p ROMEO: -n 3 --temp 0
expect "a sparse one is refused by what is missing" "there is no layer 'router'" \
    sh -c "! '$work/build/viv' logits '$source/tests/golden/mixtral' --tokens 1,2"

cd "$work/tree" || exit 1
mv "$work/moe" plugins/moe
./autogen >"$work/log" 2>&1 || give_up "./autogen with moe back"
cd "$work/build" || exit 1
make -j2 viv plugins/moe/moe.la >"$work/log" 2>&1 || give_up "make with moe back"
# what was compiled or linked, without moe's own files
others() { ! sed -n 's/^ *\(CC\|CCLD\)  *//p' "$work/log" | grep -v -e '^plugins/moe/' -e '^libplugin_moe.la' && echo none; }
expect "moe is built" 'CC .*plugins/moe/' cat "$work/log"
expect "and nothing else" none others
expect "the sparse model runs" . "$work/build/viv" logits "$source/tests/golden/mixtral" --tokens 1,2

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
