/* Each way of getting a spec wrong, with the whole sentence that answers it. */
#include "world.h"

/* A small family, in three parts, so that a case needs only the part that is wrong. */
#define HEAD    "viv: 1\nfamily: tiny\narchitecture: llm\n"             /* lines 1 to 3 */
#define PARAMS  "params: {dim: 8, n: 2, words: {default: 16}}\n"        /* line 4 */
#define WEIGHTS "weights: {w: {hf: w, gguf: w, shape: [words, dim]}}\n" /* line 5 */
#define GRAPH   "graph:\n  - embedding: {weight: w}\n"                  /* lines 6, 7 */
#define WHOLE   HEAD PARAMS WEIGHTS GRAPH

struct spec_case {
    const char *text, *sentence;
};

static void check_cases(const struct spec_case *cases, size_t n)
{
    struct world w;
    world_init(&w);
    unsigned wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const char *found = complaint(&w, cases[i].text, strlen(cases[i].text), NULL);
        if (strcmp(found, cases[i].sentence) == 0)
            continue;
        fprintf(stderr, "%s\nexpected: %s\nfound:    %s\n\n", cases[i].text, cases[i].sentence, found);
        wrong++;
    }
    world_release(&w);
    ck_assert_uint_eq(wrong, 0);
}
#define CHECK_CASES(...)                                                                                           \
    do {                                                                                                           \
        static const struct spec_case cases[] = {__VA_ARGS__};                                                     \
        check_cases(cases, sizeof cases / sizeof *cases);                                                          \
    } while (0)

TEST(spec__accepts_a_small_whole)
{
    CHECK_CASES({WHOLE, ""}, {WHOLE "x-note: {anything: [goes]}\n", ""});
}

TEST(spec__refuses_unknown_and_missing_keys)
{
    CHECK_CASES(
        {WHOLE "sheduler: serial\n", "x.yaml:8:1: unknown key 'sheduler', did you mean 'scheduler'?"},
        {WHOLE "colour: red\n", "x.yaml:8:1: unknown key 'colour'"},
        {"family: x\n", "x.yaml:1:1: the key 'viv' is missing: version of the language: 1"},
        {"viv: 1\nfamily: x\n", "x.yaml:1:1: the key 'graph' is missing, here and in what this file uses"},
        {"viv: 1\n" GRAPH, "x.yaml:1:1: the key 'architecture' is missing, here and in what this file uses"},
        {"viv: 2\nnew_key: 1\n", "x.yaml:1:6: version '2' of the spec language, this program knows version 1"},
        {"viv: one\n", "x.yaml:1:6: version 'one' of the spec language, this program knows version 1"},
        {"viv: 99999999999999999999\n",
         "x.yaml:1:6: version '99999999999999999999' of the spec language, this program knows version 1"},
        {"- viv: 1\n", "x.yaml:1:1: expected a mapping, found a list"},
        {"hello\n", "x.yaml:1:1: expected a mapping, found a word"},
        {"viv: 1\nfamily: [a]\n", "x.yaml:2:9: 'family': expected a word, found a list"},
        {"viv: 1\ngraph: {a: b}\n", "x.yaml:2:8: 'graph': expected a list, found a mapping"},
        {"viv: 1\nfamily:\ngraph: []\n", "x.yaml:2:8: 'family': expected a word, found nothing"},
        {HEAD "matches: {hf: {a: [b]}}\n" PARAMS WEIGHTS GRAPH,
         "x.yaml:4:15: 'hf': expected a word, a list of words or a mapping of words to words, found a mapping"},
        {HEAD "matches: {onnx: x}\n" PARAMS WEIGHTS GRAPH, "x.yaml:4:11: unknown key 'onnx'"},
        {"viv: 1\nuse: {vision: a, language: b}\n", "x.yaml:2:7: unknown key 'vision'"}, );
}

TEST(spec__refuses_wrong_params)
{
    CHECK_CASES(
        {HEAD "params: {n: {default: 0777}}\n" WEIGHTS GRAPH,
         "x.yaml:4:23: '0777': a number must not begin with 0"},
        {HEAD "params: {n: {defalt: 1}}\n" WEIGHTS GRAPH,
         "x.yaml:4:14: unknown key 'defalt', did you mean 'default'?"},
        {HEAD "params: {n: {type: integer}}\n" WEIGHTS GRAPH,
         "x.yaml:4:20: a type is int, float, bool, string, activation, [one of these, length] or [one of these]"},
        {HEAD "params: {n-heads: 1}\n" WEIGHTS GRAPH, "x.yaml:4:10: a param cannot be called 'n-heads'"},
        {HEAD "params: {i: 1}\n" WEIGHTS GRAPH, "x.yaml:4:10: a param cannot be called 'i'"},
        {HEAD "params: {words: 16, dim: wrds}\n" WEIGHTS GRAPH,
         "x.yaml:4:26: there is no param 'wrds', did you mean 'words'?"},
        {HEAD "params: {words: {default: dim}, dim: words}\n" WEIGHTS GRAPH,
         "x.yaml:4:38: the param 'words' depends on itself"},
        {HEAD "params: {words: {type: bool, default: no}, dim: 8}\n" WEIGHTS GRAPH,
         "x.yaml:4:39: 'no' is not known here: booleans are true and false, no value is none"},
        {HEAD "params: {words: {type: bool, default: 1}, dim: 8}\n" WEIGHTS GRAPH,
         "x.yaml:4:10: 'words' is an integer, expected a boolean"},
        {HEAD "params: {words: {default: 1.5}, dim: 8}\n" WEIGHTS GRAPH,
         "x.yaml:4:10: 'words' is a number, expected an integer"},
        {HEAD "params: {words: {default: 0, min: 1}, dim: 8}\n" WEIGHTS GRAPH,
         "x.yaml:4:10: 'words' is 0, expected at least 1"},
        {HEAD "params: {words: {default: 17, max: dim * 2}, dim: 8}\n" WEIGHTS GRAPH,
         "x.yaml:4:10: 'words' is 17, expected at most 16"},
        {HEAD
         "params: {words: 8, dim: 8, act: {type: string, default: swishy, choices: [silu, gelu]}}\n" WEIGHTS GRAPH,
         "x.yaml:4:28: 'act' is 'swishy', expected one of silu, gelu"},
        {HEAD "params: {words: 8, dim: 8, l: {type: [int, 3], default: [1, 2]}}\n" WEIGHTS GRAPH,
         "x.yaml:4:28: 'l' is a list of 2, expected one of 3"},
        {HEAD "params: {words: 8, dim: 8, l: {type: [int, 99999999], default: 1}}\n" WEIGHTS GRAPH,
         "x.yaml:4:44: the length of a list must be an integer from 0 to 65536"},
        {HEAD "params: {words: 8, dim: 8, l: {gguf: length(x), default: 1}}\n" WEIGHTS GRAPH,
         "x.yaml:4:38: 'length(x)' is not a place in a checkpoint: expected a key, has(), lacks(), rows() or "
         "size() of "
         "a tensor, or len() or where() of a key"},
        {HEAD "params: {words: {}, dim: {}}\n" WEIGHTS GRAPH,
         "x is a family: it gets words, dim from a checkpoint, or from a spec that uses it"}, );
}

TEST(spec__refuses_wrong_layers)
{
    CHECK_CASES(
        {HEAD PARAMS WEIGHTS "graph:\n  - embeding: {weight: w}\n",
         "x.yaml:7:5: there is no layer 'embeding', did you mean 'embedding'?"},
        {HEAD PARAMS WEIGHTS "graph:\n  - quux: {weight: w}\n",
         "x.yaml:7:5: there is no layer 'quux' (`viv layers` lists them)"},
        {HEAD PARAMS WEIGHTS "graph:\n  - embedding: {wieght: w}\n",
         "x.yaml:7:17: layer 'embedding' has no attribute 'wieght', did you mean 'weight'?"},
        {HEAD PARAMS WEIGHTS "graph:\n  - embedding: {}\n",
         "x.yaml:7:5: layer 'embedding' needs the attribute 'weight': a row for each token: [vocab_size, dim]"},
        {HEAD PARAMS WEIGHTS "graph:\n  - embedding: {weight: other}\n", "x.yaml:7:25: there is no weight 'other'"},
        {HEAD PARAMS WEIGHTS "graph:\n  - embedding: w\n",
         "x.yaml:7:16: layer 'embedding': expected a mapping of attributes, found a word"},
        {HEAD PARAMS WEIGHTS "graph:\n  - embedding: {weight: [w]}\n",
         "x.yaml:7:25: 'weight': expected a value, found a list"},
        {HEAD PARAMS WEIGHTS "graph: []\n", "x.yaml:6:8: expected at least one layer, found an empty list"},
        {WHOLE "  - scale: {factor: 1, factor: 2}\n", "x.yaml:8:24: key 'factor' appears twice"},
        {WHOLE "  - scale: {factor: big}\n", "x.yaml:8:21: there is no param 'big'"},
        {WHOLE "  - scale: {factor: true}\n", "x.yaml:8:21: 'factor': expected a number, found a boolean"},
        {WHOLE "  - rms_norm: {weight: w, eps: 2}\n", "x.yaml:8:32: 'eps' is 2, expected 1e-30 to 1"},
        {WHOLE "  - mlp: {up: w, down: w, activation: swish}\n", "x.yaml:8:39: there is no param 'swish'"},
        {WHOLE "  - mlp: {up: w, down: w, activation: 3}\n",
         "x.yaml:8:39: 'activation' is '3', expected one of "
         "none|silu|gelu|gelu_tanh|relu|relu2|quick_gelu|sigmoid|tanh"},
        {WHOLE "  - attention: {ropes: {}}\n",
         "x.yaml:8:17: layer 'attention' has no attribute 'ropes', did you mean 'rope.axes'?"},
        {WHOLE "  - attention: {rope: 3}\n",
         "x.yaml:8:23: 'rope': expected a mapping, or the name of one of `groups`, and '3' is none"},
        {WHOLE "  - attention: {rope: {thetta: 1.0}}\n",
         "x.yaml:8:24: layer 'attention' has no attribute 'rope.thetta', did you mean 'rope.theta'?"},
        {WHOLE "  - scale: {factor: 2}\n    softcap: {cap: 3}\n",
         "x.yaml:9:5: 'softcap' stands beside 'scale': each layer needs an item of its own"},
        {WHOLE "  - scale\n", "x.yaml:8:5: expected one layer, as `name: {attributes}`, found a word"}, );
}

TEST(spec__refuses_wrong_structure)
{
    CHECK_CASES(
        {WHOLE "  - repeat: -1\n    layers:\n      - scale: {factor: 2}\n",
         "x.yaml:8:13: repeat: -1 is -1, expected 0 to 4096"},
        {WHOLE "  - repeat: 1000000000\n    layers:\n      - scale: {factor: 2}\n",
         "x.yaml:8:13: repeat: 1000000000 is 1000000000, expected 0 to 4096"},
        {WHOLE "  - repeat: 1.5\n    layers:\n      - scale: {factor: 2}\n",
         "x.yaml:8:13: repeat: expected an integer, found a number"},
        {WHOLE "  - repeat: 4096\n    layers:\n      - repeat: 4096\n        layers: [scale: {factor: 2}]\n",
         "x.yaml:11:18: more than 16384 layers"},
        {WHOLE "  - repeat: 2\n", "x.yaml:8:5: the key 'layers' is missing: the layers to repeat"},
        {WHOLE "  - repeat: 2\n    layers: []\n", "x.yaml:9:13: expected at least one layer, found an empty list"},
        {WHOLE "  - repeat: 2\n    layers: [scale: {factor: 2}]\n    carry: x\n",
         "x.yaml:10:5: unknown key 'carry'"},
        {WHOLE "  - residual: []\n", "x.yaml:8:15: expected at least one layer, found an empty list"},
        {WHOLE "  - sum: []\n", "x.yaml:8:10: 'sum': expected a list of branches, each a list of layers"},
        {WHOLE "  - sum: [scale: {factor: 2}]\n", "x.yaml:8:11: expected a list of layers, found a mapping"},
        {WHOLE "  - load: nowhere\n", "x.yaml:8:11: no value was saved as 'nowhere' before this"},
        {WHOLE "  - switch: n\n    cases: {1: [], 3: []}\n",
         "x.yaml:8:13: switch: 'n' is 2, which is not one of the cases"},
        {WHOLE "  - scale: {factor: i}\n", "x.yaml:8:21: `i` exists only inside of a repeat"},
        {WHOLE "  - save: a\n  - scale: {factor: 2}\n  - load: a\n",
         "x.yaml:9:5: nothing uses the result of scale"}, );
}

TEST(spec__refuses_wrong_encoders)
{
    CHECK_CASES(
        {WHOLE "encoder: {a: b}\n", "x.yaml:8:10: 'encoder': expected a list, found a mapping"},
        {WHOLE "encoder: []\n", "x.yaml:8:10: expected at least one layer, found an empty list"},
        {WHOLE "encoder: [scail: {factor: 2}]\n", "x.yaml:8:11: there is no layer 'scail', did you mean 'scale'?"},
        {WHOLE "encoder: [save: ids]\n", "x.yaml:8:10: the encoder has no layers"},
        {WHOLE "encoder:\n  - repeat: 0\n    layers: [scale: {factor: 2}]\n",
         "x.yaml:9:3: the encoder has no layers"},
        /* an encoder that ends with the token ids has made nothing of them */
        {WHOLE "encoder:\n  - save: ids\n  - embedding: {weight: w}\n  - load: ids\n",
         "x.yaml:10:5: nothing uses the result of encoder.embedding"},
        {WHOLE "  - load: read\nencoder:\n  - embedding: {weight: w}\n  - save: read\n",
         "x.yaml:8:11: no value was saved as 'read' before this"},
        {WHOLE "encoder:\n  - embedding: {weight: w}\n  - scale: {factor: i}\n",
         "x.yaml:10:21: `i` exists only inside of a repeat"},
        {HEAD PARAMS WEIGHTS "encoder:\n  - embedding: {weight: w}\n",
         "x.yaml:1:1: the key 'graph' is missing, here and in what this file uses"},
        {WHOLE "encodr: []\n", "x.yaml:8:1: unknown key 'encodr', did you mean 'encoder'?"}, );
}

TEST(spec__refuses_wrong_weights)
{
#define WITH(entry) HEAD PARAMS "weights: {w: " entry "}\n" GRAPH
    CHECK_CASES(
        {WITH("{hf: w}"), "x.yaml:5:14: the key 'shape' is missing: expressions, outermost dimension first"},
        {WITH("{shape: [words, dim]}"),
         "x.yaml:5:11: weight 'w' has no name in any kind of file: give 'hf', 'gguf', both or 'values'"},
        {WITH("{gguf: w, shape: [words, dim]}"), "x.yaml:5:11: weight 'w' has no name in hf files"},
        {WITH("{hf: w, shape: [words, dm]}"), "x.yaml:5:37: there is no param 'dm', did you mean 'dim'?"},
        {WITH("{hf: w, shape: [words, dim / 3]}"), "x.yaml:5:37: 'dim / 3': 8 is not divisible by 3"},
        {WITH("{hf: w, shape: [words, -dim]}"),
         "x.yaml:5:37: a dimension must be an integer from 0 to 2^40, '-dim' is not"},
        {WITH("{hf: w, shape: [1, 1, 1, 1, 1, 1, 1, 1, 1]}"), "x.yaml:5:29: 9 dimensions, at most 8"},
        {WITH("{hf: 'w.{j}', shape: [words, dim]}"),
         "x.yaml:5:19: 'w.{j}': only {i}, {e} and params can be filled in"},
        {WITH("{hf: 'w.{i}', shape: [words, dim]}"),
         "x.yaml:5:19: 'w.{i}' has {i}, but is used outside of any repeat"},
        {WITH("{hf: w, shape: [words, i]}"), "x.yaml:5:37: `i` exists only in weights with {i} in their names"},
        {WITH("{hf: w, shape: [words, dim], else: v}"), "x.yaml:5:49: there is no weight 'v'"},
        {WITH("{hf: w, shape: [words, dim], when: false}"),
         "x.yaml:5:11: weight 'w' is used where its `when` is false, and has no `else`"},
        {WITH("{hf: w, shape: [words, dim], when: false, else: none}"),
         "x.yaml:7:25: 'weight' is needed, and this weight is absent"},
        {WITH("{hf: w, shape: [words, dim], when: false, else: w}"),
         "x.yaml:5:11: the `else` of weight 'w' leads back to itself"},
        {WITH("{hf: [w, v], shape: [words, dim]}"),
         "x.yaml:5:11: weight 'w' has 2 names and no transform that joins them"},
        {WITH("{hf: 'w.{e}', shape: [words, dim]}"), "x.yaml:5:19: 'w.{e}' has {e}, but no `each`"},
        {WITH("{values: dim, shape: [words, dim]}"),
         "x.yaml:5:23: expected a list of numbers, 'dim' is an integer"},
        {WITH("{values: none, shape: [words, dim]}"), "x.yaml:5:11: weight 'w' has no name in hf files"},
        {WITH("{values: none, shape: [words, dim], when: true, else: none}"),
         "x.yaml:5:11: weight 'w' has no name in hf files"},
        {WITH("{values: none, shape: [words, dim], else: none}"),
         "x.yaml:7:25: 'weight' is needed, and this weight is absent"},
        {WITH("{hf: w, shape: [words, dim]}, v: {hf: v, shape: [dim]}"),
         "x.yaml:5:44: weight 'v' is used by no layer"},
        {WITH("{hf: w, shape: [words, dim]}, v: {hf: 'v.{i}', shape: [dim], unread: true}"),
         "x.yaml:5:83: a weight that no layer reads cannot be one for each layer: its names have {i}"},
        {WITH("{hf: w, shape: [words, dim]}, v: {hf: v, shape: [dim], unread: dim}"),
         "x.yaml:5:77: expected a boolean, found an integer"},
        {WITH("{hf: w, shape: [words, dim], transform: [{rotate: 1}]}"), "x.yaml:5:56: unknown key 'rotate'"},
        {WITH("{hf: w, shape: [words, dim], transform: transpose}"),
         "x.yaml:5:54: 'transform': expected a list, or {hf: list, gguf: list}, found a word"},
        {WITH("{hf: w, shape: [words, dim], transform: [{split: {axis: 0, of: [8, 8], take: 2}}]}"),
         "x.yaml:5:63: part 2 of 2"},
        {WITH("{hf: w, shape: [words, dim], transform: [{split: {axis: 0, of: [8, 8], take: [0, 3, 1]}}]}"),
         "x.yaml:5:63: part 3 of 2"},
        {WITH("{hf: w, shape: [words, dim], transform: [{split: {axis: 0, of: [8, 8], take: 0, times: 0}}]}"),
         "x.yaml:5:101: how many times is an integer from 1"},
        {WITH("{hf: w, shape: [words, dim], transform: [{permute: {view: [16, 8], order: [0, 0]}}]}"),
         "x.yaml:5:65: 'order' must name each axis of 'view' once"},
        {WITH("{hf: w, shape: [words, dim], bias: true}"),
         "x.yaml:5:19: a weight with a 'bias' has one name, which ends in '.weight'"}, );
}

TEST(spec__refuses_for_the_reason_that_it_gives)
{
    CHECK_CASES({WHOLE "refuse: [{when: n > 1 and dim == 8, because: two is company}]\n",
                 "x.yaml:8:17: two is company (n = 2, dim = 8)"},
                {WHOLE "refuse: [{when: n > 2, because: three is a crowd}]\n", ""},
                {WHOLE "refuse: [{when: n}]\n", "x.yaml:8:10: the key 'because' is missing: the error message"},
                {WHOLE "refuse: [{when: n, because: x}]\n", "x.yaml:8:17: expected a boolean, found an integer"}, );
}

TEST(spec__answers_in_bounded_time)
{
    struct world w;
    struct buf wide = {0};
    world_init(&w);
    buf_puts(&wide, WHOLE);
    for (int i = 0; i < 16000; i++)
        buf_puts(&wide, "  - scale: {factor: 2}\n");
    ck_assert_str_eq(complaint(&w, wide.data, wide.size, NULL), "");
    buf_clear(&wide);
    buf_puts(&wide, WHOLE);
    for (int i = 0; i < 40; i++)
        buf_printf(&wide, "%*s- residual:\n", 2 + 2 * i, "");
    buf_printf(&wide, "%*s- scale: {factor: 2}\n", 82, "");
    ck_assert_str_eq(complaint(&w, wide.data, wide.size, NULL), "x.yaml:40:67: nested more than 64 deep");
    buf_release(&wide);
    world_release(&w);
}

TESTS(spec__accepts_a_small_whole, spec__refuses_unknown_and_missing_keys, spec__refuses_wrong_params,
      spec__refuses_wrong_layers, spec__refuses_wrong_structure, spec__refuses_wrong_encoders,
      spec__refuses_wrong_weights, spec__refuses_for_the_reason_that_it_gives, spec__answers_in_bounded_time)
