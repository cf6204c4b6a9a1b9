#!/bin/sh
# embed, rerank and classify as their users meet them: what goes in, what comes out, and what is refused by name.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
embedder=$golden/bert-old reranker=$golden/xlm-roberta-reranker classifier=$golden/bert-classifier

# --- embed -----------------------------------------------------------------------------------------------------
vector() { "$viv" embed "$@" </dev/null; }
same() { # A, B: two outputs
    [ -s "$work/a" ] && cmp "$work/a" "$work/b"
}
counts() { vector "$embedder" 'the fox' a '' >"$work/a" && [ "$(wc -l <"$work/a")" -eq 3 ] && [ "$(wc -w <"$work/a")" -eq 108 ]; }
check 'a text is a line, a feature a number' counts
lines() {
    vector "$embedder" 'the fox' '' dog >"$work/a" && printf 'the fox\n\ndog\n' >"$work/texts" &&
        "$viv" embed "$embedder" --file "$work/texts" >"$work/b" && same &&
        "$viv" embed "$embedder" <"$work/texts" >"$work/b" && same &&
        sed 's/$/\r/' "$work/texts" | "$viv" embed "$embedder" --file - >"$work/b" && same
}
check 'texts are words, lines of a file or of standard input' lines
array() {
    ends 0 "$viv" embed "$embedder" 'the fox' dog -o "$work/x.npy" && [ ! -s "$work/out" ] &&
        [ "$(wc -c <"$work/x.npy")" -eq $((128 + 2 * 36 * 4)) ] &&
        says '"shape":[2,36]' "$viv" embed "$embedder" 'the fox' dog --json -o "$work/x.npy"
}
check 'vectors go into a .npy file' array
check 'or into JSON' says '{"dim":36,"vectors":[[' "$viv" embed "$embedder" a --json
none() { vector "$embedder" 'the fox' --pooling none >"$work/a" && [ "$(wc -l <"$work/a")" -eq 4 ]; }
check 'without pooling, a line for each token' none
pooled() {
    vector "$embedder" 'the fox' --pooling none | head -n 1 >"$work/a" && vector "$embedder" 'the fox' >"$work/b" && same &&
        vector "$embedder" 'the fox' --pooling none | tail -n 1 >"$work/a" && vector "$embedder" 'the fox' --pooling last >"$work/b" && same
}
check 'cls is the first token, last the last' pooled
long() {
    text=$(printf 'a %.0s' $(seq "$1"))
    vector "$embedder" "$text" >"$work/a"
    vector "$embedder" "$text$text" >"$work/b"
}
cut() { long 46 && same && long 45 && ! cmp -s "$work/a" "$work/b"; }
check 'a text is cut where the files say' cut

# --- what the files of sentence-transformers say -----------------------------------------------------------------
copy() { # EDIT FILE, by sed
    rm -rf "$work/model"
    cp -r "$embedder" "$work/model"
    sed -i "$1" "$work/model/$2"
}
prompts() {
    vector "$embedder" --prompt-name query fox 'the dog' >"$work/a" && vector "$embedder" 'find: fox' 'find: the dog' >"$work/b" && same &&
        vector "$embedder" --prompt-name document fox >"$work/a" && vector "$embedder" fox >"$work/b" && same
}
check 'a prompt stands before each text' prompts
preset() {
    copy 's/"default_prompt_name": null/"default_prompt_name": "query"/' config_sentence_transformers.json
    vector "$work/model" fox >"$work/a" && vector "$embedder" 'find: fox' >"$work/b" && same &&
        vector "$work/model" --prompt-name '' fox >"$work/a" && vector "$embedder" fox >"$work/b" && same &&
        vector "$work/model" --tokens 2,9,3 >"$work/a" && vector "$embedder" --tokens 2,9,3 >"$work/b" && same
}
check 'one may be preset' preset
check 'an unknown prompt is named' fails "no prompt 'qurey', did you mean 'query'?" "$viv" embed "$embedder" --prompt-name qurey fox
copy 's/"query": /"query": 5, "x": /' config_sentence_transformers.json
check 'a prompt is a text' fails 'prompts.query: expected a string, found an integer' "$viv" embed "$work/model" fox
copy 's/: null/: "other"/' config_sentence_transformers.json
check 'a preset prompt must be there' fails "default_prompt_name is 'other', but there is no prompt of that name" "$viv" embed "$work/model" fox
copy 's/{/{"include_prompt": false, /' 1_Pooling/config.json
check 'vectors without the prompt are refused' fails include_prompt "$viv" embed "$work/model" --prompt-name query fox
check 'unless there is none' ends 0 "$viv" embed "$work/model" fox
copy 's/"pooling_mode_max_tokens": false/"pooling_mode_max_tokens": true/' 1_Pooling/config.json
check 'two ways of pooling are refused' fails 'several at once' "$viv" embed "$work/model" fox
copy 's/Pooling"/Dense"/' modules.json
check 'an unknown module is named' fails "a module 'Dense'" "$viv" embed "$work/model" fox
lower() {
    copy 's/"lowercase":true/"lowercase":false/; s/"lowercase": true/"lowercase": false/' tokenizer.json
    vector "$work/model" FOX >"$work/a" && vector "$embedder" fox >"$work/b" && ! cmp -s "$work/a" "$work/b" || return 1
    sed -i 's/"do_lower_case": false/"do_lower_case": true/' "$work/model/sentence_bert_config.json"
    vector "$work/model" FOX >"$work/a" && same
}
check 'do_lower_case lowers texts' lower
tokenizers_length() {
    copy 's/"model_max_length": [0-9]*/"model_max_length": 6/' tokenizer_config.json
    sed -i 's/"max_seq_length": 48, //' "$work/model/sentence_bert_config.json"
    vector "$work/model" 'a b c d' >"$work/a" && vector "$work/model" 'a b c d e' >"$work/b" && same &&
        vector "$work/model" 'a b c' >"$work/a" && ! cmp -s "$work/a" "$work/b"
}
check "the tokenizer's length holds where there is no other" tokenizers_length

# --- tokenizers without tokenizer.json ----------------------------------------------------------------------------
pieces() { # by their ids, one a line
    sed -n '/"vocab"/,$ s/^ *"\(.*\)": \([0-9]*\),\{0,1\}$/\2 \1/p' "$1/tokenizer.json" | sort -n | sed 's/^[0-9]* //'
}
lines_of_pieces() {
    copy 's/"TokenizersBackend"/"BertTokenizer"/' tokenizer_config.json
    pieces "$embedder" >"$work/model/vocab.txt"
    rm "$work/model/tokenizer.json"
    [ "$(wc -l <"$work/model/vocab.txt")" -eq 83 ] && [ "$(sed -n 3p "$work/model/vocab.txt")" = '[CLS]' ] &&
        vector "$work/model" 'The quick fox.' 'caf\303\251 [SEP]' '' >"$work/a" &&
        vector "$embedder" 'The quick fox.' 'caf\303\251 [SEP]' '' >"$work/b" && same
}
check 'vocab.txt is enough for BERT' lines_of_pieces
sed -i 's/"BertTokenizer"/"BertJapaneseTokenizer"/' "$work/model/tokenizer_config.json"
check 'of a tokenizer that is known' fails "the class 'BertJapaneseTokenizer'" "$viv" embed "$work/model" fox
sed -i 's/"BertJapaneseTokenizer"/"BertTokenizer"/' "$work/model/tokenizer_config.json"
sed -i 's/^.CLS.$/[KLS]/' "$work/model/vocab.txt"
check 'and with its tokens' fails "vocab.txt: no line is '[CLS]', the cls_token" "$viv" embed "$work/model" fox
around() {
    rm "$work/model/vocab.txt"
    echo '{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "ab": 6}' >"$work/model/vocab.json"
    printf '#version: 0.2\na b\n' >"$work/model/merges.txt"
    echo '{"tokenizer_class": "RobertaTokenizer"}' >"$work/model/tokenizer_config.json"
    says '{"ids":[0,6,2]}' "$viv" tokenize "$work/model" ab --json
}
check 'RoBERTa puts tokens on both sides of a text' around

# --- rerank and classify -----------------------------------------------------------------------------------------
ranks() {
    "$viv" rerank "$reranker" 'a fox' 'the dog' fox '' >"$work/a" </dev/null &&
        sort -rn "$work/a" | cmp - "$work/a" && [ "$(wc -l <"$work/a")" -eq 3 ] &&
        printf 'the dog\nfox\n\n' | "$viv" rerank "$reranker" 'a fox' --file - >"$work/b" && same &&
        head -n 1 "$work/a" >"$work/b" && "$viv" rerank "$reranker" 'a fox' 'the dog' fox '' --top 1 >"$work/a" </dev/null && same
}
check 'documents come the best first' ranks
check 'with their places in JSON' says '"index": 1' "$viv" rerank "$reranker" 'a fox' 'the dog' fox --json
check 'bytes that are no UTF-8 are printed as what they stand for' says 'x' "$viv" rerank "$reranker" q "$(printf 'x\377')" --json
check 'no documents are no question' fails 'no documents' "$viv" rerank "$reranker" q
check 'three labels rank nothing' fails '3 labels' "$viv" rerank "$classifier" q d
check 'labels have names' says '  good' "$viv" classify "$classifier" 'the fox'
check 'and scores' says '{"text":"the fox","labels":[{"label":"middling","score":0.7' "$viv" classify "$classifier" 'the fox' --json
pairs() {
    "$viv" classify "$classifier" --pair 'a fox' dog --json </dev/null | sed 's/.*"labels"//' >"$work/a" &&
        "$viv" classify "$classifier" 'a fox' dog --json </dev/null | sed 's/.*"labels"//' >"$work/b" && ! grep -qFf "$work/a" "$work/b"
}
check 'a pair is another thing than two texts' pairs
hundred=$(printf 'a %.0s' $(seq 100))
check 'a text that is too long is refused' fails 'text 2 has 102 tokens, and the context holds 64' "$viv" classify "$classifier" a "$hundred"
shorter() {
    "$viv" classify "$classifier" --cut "$hundred" </dev/null | tail -n 3 >"$work/a" &&
        "$viv" classify "$classifier" "$(printf 'a %.0s' $(seq 62))" </dev/null | tail -n 3 >"$work/b" && same
}
check 'or cut, if one says so' shorter

# --- the wrong verb ---------------------------------------------------------------------------------------------
check 'an encoder writes no text' fails 'viv embed' "$viv" run "$embedder" -p x
check 'an encoder has no logits' fails 'vectors of texts (viv embed)' "$viv" logits "$embedder" --tokens 1,2
check 'a classifier has none either' fails 'scores of a classifier' "$viv" logits "$classifier" --tokens 1,2
check 'an encoder answers no prompt to measure' fails 'vectors of texts (viv embed)' "$viv" bench "$embedder"
check 'a decoder makes no vectors' fails 'logits of a next token (viv run)' "$viv" embed llm x
check 'an embedder has no labels' fails 'vectors of texts (viv embed)' "$viv" classify "$embedder" x
check 'a classifier makes no vectors' fails 'viv classify' "$viv" embed "$classifier" x
check 'texts come in one way' ends 2 "$viv" embed "$embedder" a --file x
check 'a prompt stands before no tokens' ends 2 "$viv" embed "$embedder" --tokens 1,2 --prompt-name query
check 'a missing tokenizer is missed' fails 'roberta: no tokenizer.json' "$viv" embed "$golden/roberta" x
check 'tokens need none' ends 0 "$viv" embed "$golden/roberta" --tokens 5,6
check 'a token beyond the vocabulary is refused' fails 'token 83 is outside the vocabulary of 83' "$viv" embed "$embedder" --tokens 83
check 'an encoder without weights cannot embed' fails 'has no weights' "$viv" embed bert-base x
check 'its parameters are those that are published' says '"params_total": 109482240' "$viv" inspect bert-base --json

# --- tensors that are not as they should be ------------------------------------------------------------------------
header() { # EDIT of the tensors' names, types and shapes, as long as what it replaces
    rm -rf "$work/model"
    cp -r "$golden/distilbert-classifier" "$work/model"
    LC_ALL=C sed -i "1s/$1/" "$work/model/model.safetensors"
}
layer=distilbert.transformer.layer.1.
tensor() { # NAME EDIT WORDS
    header "$2"
    check "a tensor that is $1 is named" fails "$3" "$viv" embed "$work/model" --tokens 5,6
}
tensor missing "${layer}ffn.lin1.weight/${layer}ffn.lin1.height" \
    "no tensor 'transformer.layer.1.ffn.lin1.weight'; the nearest of its names is 'distilbert.transformer.layer."
tensor misshapen "\(\"${layer}ffn.lin1.weight\":{[^}]*\)\[50,36\]/\1[36,50]" \
    "'${layer}ffn.lin1.weight': expected [50, 36], $work/model has [36, 50]"
tensor 'of another type' "\(\"${layer}ffn.lin1.weight\":{\"dtype\":\"\)F32/\1F33" "'${layer}ffn.lin1.weight'"
tensor 'of another type, and a norm' "\(\"${layer}sa_layer_norm.weight\":{\"dtype\":\"\)F32/\1F33" "'${layer}sa_layer_norm.weight'"
header x/x
sed -i 's/"n_layers": 3/"n_layers": 2/' "$work/model/config.json"
check 'a tensor that is too many is named' fails "'distilbert.transformer.layer.2.attention.k_lin.bias' [36] (and 15 more) is neither used" \
    "$viv" classify "$work/model" x
nan() {
    header x/x
    n=$(od -An -tu8 -N8 "$work/model/model.safetensors" | tr -d ' ')
    printf '\000\000\300\177' | dd of="$work/model/model.safetensors" bs=1 seek=$((8 + n)) conv=notrunc 2>/dev/null
    cp "$classifier/tokenizer.json" "$work/model"
    fails 'the model'\''s answer is no number' "$viv" classify "$work/model" x
}
check 'weights of NaN give no answer' nan

finish
