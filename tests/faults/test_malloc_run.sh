#!/bin/sh
# Memory runs out under what runs a model and speaks.
. "${VIV_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/faults/walks.sh"

walk "$viv" run "$source/tests/golden/chat-gguf/model.gguf" -p "Hi" -n 3 --temp 0 --threads 1 --scheduler serial
alone=yes
walk "$viv" run "$source/tests/golden/chat" -p "Hi" -n 2 --seed 7 --threads 1 --scheduler serial --json
walk "$viv" logits "$tiny" --tokens 1,2,3 --threads 1 --scheduler serial
walk "$viv" logits "$source/tests/golden/t5" --tokens 3,4,5 --decoder-tokens 0,6 --threads 1 --scheduler serial
walk "$viv" logits "$tiny" --lora "$source/tests/golden/lora-two/b:0.5" --tokens 1,2,3 --threads 1 --scheduler serial
walk "$viv" logits "$source/tests/golden/llama-gqa-gguf/model.gguf" --lora "$source/tests/golden/lora-patterns" --tokens 1 --threads 1 --scheduler serial
"$viv" run "$source/tests/golden/chat" -p Hi -n 3 --temp 0 --session "$work/session" >/dev/null 2>&1 # and again, as it is:
walk "$viv" run "$source/tests/golden/chat" -n 0 --session "$work/session" --threads 1 --scheduler serial
walk "$viv" run "$source/tests/golden/chat" -p "you and you and" -n 6 --temp 0 --draft ngram --draft-tokens 2 --threads 1 --scheduler serial
walk "$viv" run "$source/tests/golden/chat" -p Hi -n 6 --temp 0 --draft "$source/tests/golden/chat-gguf/model.gguf" --draft-tokens 2 --threads 1 --scheduler serial
printf 'Hi\n/regen\n/system x\n' >"$work/turns"
walk "$viv" chat "$source/tests/golden/chat" -f "$work/turns" -n 2 --temp 0 --seed 1 --threads 1 --scheduler serial --json
walk "$viv" run "$source/tests/golden/chat" --messages "$source/tests/golden/chat/messages.json" --system "<|im_end|>" -n 2 --temp 0 --seed 7 --threads 1 --scheduler serial --json
walk "$viv" render "$source/tests/golden/chat-gguf/model.gguf" "$source/tests/golden/chat/messages.json"
mkdir "$work/sparse"
cp "$source/tests/golden/mixtral/config.json" "$source/tests/golden/mixtral/model.safetensors" "$work/sparse/"
cp "$source/tests/golden/letters.json" "$work/sparse/tokenizer.json"
walk "$viv" run "$work/sparse" -p AB -n 2 --temp 0 --expert-memory 60000 --trace-experts "$work/routes" --threads 1 --scheduler serial
finish
