#!/bin/sh
# Memory runs out under what looks at models, measures and compares them.
. "${VIV_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/faults/walks.sh"

alone=yes
cat >"$work/quiz" <<END
{"question": "Who ate", "choices": ["the moss?", "it"], "answer": "it"}
{"question": "The snail", "answers": ["was the eldest of them", "b"]}
END
walk "$viv" inspect "$tiny" --json
walk "$viv" draw "$tiny"
walk "$viv" compare "$tiny" --on 80GB/s,2TFLOP/s --html "$work/report.html"
walk "$viv" diff "$tiny" "$source/tests/golden/llama-gqa-gguf/model.gguf" --tokens 1,2 --on-b rows=1 --json --threads 1 --scheduler serial
walk "$viv" tokenize llm "To be" --json
walk "$viv" embed "$source/tests/golden/bert-gguf/model.gguf" --tokens 5,6,7 --json --threads 1 --scheduler serial
walk "$viv" inspect "$source/tests/golden/llama-mqa-tied" --lora "$source/tests/golden/lora-tied-embedding" --json
walk "$viv" perplexity "$source/tests/golden/quality" --file "$source/tests/golden/quality/text.txt" --window 100 --threads 1 --scheduler serial --json
walk "$viv" diverge "$source/tests/golden/quality" "$source/tests/golden/quality-near" --tokens 5,6,7 --threads 1 --scheduler serial --json
walk "$viv" compare --on l4 "$source/tests/golden/quality" --file "$source/tests/golden/quality/text.txt" --prompt a --tasks "$work/quiz" --answer 2 --threads 1 --scheduler serial --json
walk "$viv" quantize "$source/tests/golden/llama-blocks-gguf/model.gguf" --type q4_k_m --rule 'output.weight=q8_0' --threads 1 -o "$work/q.gguf" --force --json
walk "$viv" spec check "$source/specs/families/llama.yaml"
walk "$viv" plugin list --json
finish
