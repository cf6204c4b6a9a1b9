#!/bin/sh
# viv list from outside: folders, and the caches of other programs as they lay them out.
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
gguf=$golden/llama-gqa-gguf/model.gguf
bytes=$(wc -c <"$gguf")
HOME=$work/home
export HOME
unset HF_HOME HF_HUB_CACHE OLLAMA_MODELS LLAMA_CACHE
check 'no caches are no mistake' ends 0 "$viv" list

hub=$HOME/.cache/huggingface/hub
snapshot=$hub/models--some-org--a-model/snapshots/0123
mkdir -p "$snapshot/1_Pooling" "$hub/models--some-org--a-model/blobs"
cp "$golden/llama-gqa/config.json" "$snapshot/"
cp "$golden/llama-gqa/model.safetensors" "$hub/models--some-org--a-model/blobs/abc"
ln -s ../../blobs/abc "$snapshot/model.safetensors"
cp "$golden/llama-gqa/config.json" "$snapshot/1_Pooling/"

ollama=$HOME/.ollama/models
mkdir -p "$ollama/blobs" "$ollama/manifests/registry.ollama.ai/library/tiny" "$ollama/manifests/hf.co/you/other"
cp "$gguf" "$ollama/blobs/sha256-beef"
printf '{"layers": [{"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:aa"}, {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:beef"}]}' \
    >"$ollama/manifests/registry.ollama.ai/library/tiny/1b"
printf '{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:gone"}]}' >"$ollama/manifests/hf.co/you/other/Q4"
printf 'no JSON' >"$ollama/manifests/hf.co/you/other/Q8"

check 'the cache of Hugging Face is looked into, by the names of its models' says 'some-org/a-model' "$viv" list
once() { ends 0 "$viv" list && [ "$(grep -c a-model "$work/out")" -eq 1 ]; }
check 'folders within a model are parts of it' once
check 'and that of ollama' says 'tiny:1b' "$viv" list
check 'with family and size' says '"family": "llama"' "$viv" list --json
check 'in bytes' says "\"bytes\": $bytes" "$viv" list --json
check 'what is gone has its reason' says 'sha256-gone' "$viv" list
runs() { ends 0 "$viv" inspect "$ollama/blobs/sha256-beef"; }
check 'the path is what other verbs take' runs

mkdir -p "$work/models/split"
cp "$gguf" "$work/models/split/m-00001-of-00002.gguf"
cp "$gguf" "$work/models/split/m-00002-of-00002.gguf"
parts() { ends 0 "$viv" list "$work/models" --json && [ "$(grep -c '"path"' "$work/out")" -eq 1 ] && grep -q "\"bytes\": $((2 * bytes))" "$work/out"; }
check 'parts of one file are one model' parts
ln -s "$work/models" "$work/models/split/loop"
check 'links to folders are not followed' parts
ln -s "$golden/llama-gqa" "$work/models/linked"
check 'but a link to a model is one' says "$work/models/linked" "$viv" list "$work/models"
ln -s / "$ollama/manifests/root"
check 'and links among manifests are nothing' says 'tiny:1b' "$viv" list
check 'a folder that is not there' fails 'there is no folder' "$viv" list "$work/nowhere"
finish
