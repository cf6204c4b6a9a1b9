#!/bin/sh
# The table of viv-kernels(7) is that of the kernels that there are, and no type of weights lacks one for any processor.
set -u
cd "${VIV_SOURCE:-.}" || exit 1
passed=0 failed=0

fail() {
    echo "FAIL: $1"
    failed=$((failed + 1))
}

page=$(sed -n '/written by build-aux\/kernels-table/,/^\.TE/p' man/viv-kernels.7 | sed '1d;$d')
table=$(build-aux/kernels-table)
if [ "$page" = "$table" ]; then
    passed=$((passed + 1))
else
    fail "man/viv-kernels.7 is not what build-aux/kernels-table writes"
fi
# generic, avx2, avx_vnni, neon; avx512 has its own or those of avx2
lacking=$(echo "$table" | awk -F '\t' '/^product / && ($2 != "yes" || $3 != "yes" || ($4 != "yes" && !/bf16|f16|f32/) || ($5 != "yes" && $6 != "yes") || $7 != "yes" || ($8 != "yes" && !/bf16|f16|f32/))')
if [ -z "$lacking" ]; then
    passed=$((passed + 1))
else
    fail "products without a kernel for some processor: $lacking"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
