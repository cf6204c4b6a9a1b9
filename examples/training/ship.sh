#!/bin/sh
# ship.sh VIV ZOO: quantizes what the recipes wrote under ZOO (llm, moe, slm, vlm, lam) into specs/embedded/.
set -eu
viv=$1 zoo=$2 embedded=$(dirname "$0")/../../specs/embedded
for name in llm moe; do
    "$viv" quantize "$zoo/$name/model" --type q8_0 -o "$embedded/$name.gguf" --force
done
"$viv" quantize "$zoo/lam/model" --type q8_0 -o "$embedded/lam.gguf" --force
"$viv" quantize "$zoo/slm/model" --type q4_0 -o "$embedded/slm.gguf" --force
"$viv" quantize "$zoo/vlm/text" --type q8_0 -o "$embedded/vlm.gguf" --force
"$viv" quantize "$zoo/vlm/mmproj-vlm.gguf" --type q8_0 -o "$embedded/mmproj-vlm.gguf" --force
# a seventeenth of what none of the three has read, paragraph by paragraph
awk -v RS= -v ORS='\n\n' 'NR % 17 == 0' "$zoo/llm/held-out.txt" >"$embedded/held-out.txt"
ls -l "$embedded"/*.gguf "$embedded/held-out.txt"
