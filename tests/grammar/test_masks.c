/* Masks allow exactly the tokens that the grammar can read: each mask is compared with a trial of every token,
 * along random walks. On the vocabularies of tests/golden and, where it is here, of real ones. */
#include "testing.h"

#include "grammar/token_trie.h"
#include "grammars.h"
#include "tokenizer/tokenizer.h"

enum { STEPS = 40 };

static const struct sample {
    uint32_t kind;
    const char *text;
} samples[] = {
    {VIV_GRAMMAR_REGEX, "(?s).*"},
    {VIV_GRAMMAR_REGEX, "\"([^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\/bfnrt]){0,40}\""},
    {VIV_GRAMMAR_REGEX, "\"([^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\/bfnrt]){3,9}\",? [a-z]*"},
    {VIV_GRAMMAR_REGEX, "[^\"\\\\\\x00-\\x1f]{5,11}([a-z ]*|x)"},
    {VIV_GRAMMAR_REGEX, "(.{0,50}x){3}"},
    {VIV_GRAMMAR_REGEX, "(.{0,7}e){4}"},
    {VIV_GRAMMAR_REGEX, "([^,]{0,5},?){3}"},
    {VIV_GRAMMAR_REGEX, ".{3,6}.{0,12}x|.{0,9}\\xC3.?"},
    {VIV_GRAMMAR_REGEX, "([^\"]{1,6}(a[^\"]{0,4}|th|\\xE9))+"},
    {VIV_GRAMMAR_REGEX, "([a-z]{200,300} ?){2,4}"},
    {VIV_GRAMMAR_REGEX, "[^\"\\\\\\x00-\\x1f]{60,}\\."},
    {VIV_GRAMMAR_REGEX, "\\p{L}+( \\p{L}+)*[.!?]"},
    {VIV_GRAMMAR_CHOICE, "yes\nno\nnot sure\nnobody knows\n"},
    {VIV_GRAMMAR_GBNF, "root ::= \"(\" root \")\" | [a-z ]{0,12} | \"[\" root \",\" root \"]\""},
    {VIV_GRAMMAR_GBNF, "root ::= item item item \"t\"\nitem ::= [^,]{0,5}"},
    {VIV_GRAMMAR_GBNF, "root ::= line{2,3}\nline ::= \"- \" [^\\n]{1,30} \"\\n\""},
};
enum { N_SAMPLES = sizeof samples / sizeof *samples };

static void check_mask(struct recogniser *m, const struct token_trie *t, recogniser_state s, const uint64_t *mask)
{
    struct error err;
    for (uint32_t id = 0; id < t->n_ids; id++) {
        bool is_end = false, allowed = false;
        for (size_t i = 0; i < t->n_ends; i++)
            is_end = is_end || (uint32_t)t->ends[i] == id;
        if (is_end) {
            allowed = recogniser_may_end(m, s);
        } else {
            recogniser_state next = recogniser_copy(m, s);
            allowed = recogniser_take(m, &next, (int32_t)id, &err) == VIV_OK;
            recogniser_drop(m, next);
        }
        ck_assert_msg((mask[id / 64] >> id % 64 & 1) == allowed, "token %u: %d, tried: %d", id, !allowed, allowed);
    }
}

/* The k-th token of a mask, k below their number. */
static int32_t pick_token(const struct token_trie *t, const uint64_t *mask, uint64_t *seed)
{
    uint64_t n = 0;
    for (uint32_t w = 0; w < t->n_words; w++)
        n += (uint64_t)__builtin_popcountll(mask[w]);
    uint64_t k = next_random(seed) % n;
    for (uint32_t id = 0; id < t->n_ids; id++)
        if (mask[id / 64] >> id % 64 & 1 && k-- == 0)
            return (int32_t)id;
    return -1;
}

static struct program *compile_with(const struct token_trie *t, const struct sample *sample)
{
    const struct grammar_source source = {
        .kind = sample->kind, .text = sample->text, .size = strlen(sample->text), .trie = t};
    struct program *p = NULL;
    struct error err = {0};
    ck_assert_msg(grammar_compile(&source, &p, NULL, &err) == VIV_OK, "%s", err.text);
    return p;
}

static void walk_grammar(const struct token_trie *t, const struct sample *sample, uint64_t seed, int n_steps)
{
    struct error err = {0};
    struct program *p;
    struct recogniser *m;
    recogniser_state s;
    p = compile_with(t, sample);
    ck_assert_int_eq(recogniser_create(p, t, &m, &err), VIV_OK);
    ck_assert_int_eq(recogniser_start(m, &s, &err), VIV_OK);
    for (int i = 0; i < n_steps; i++) {
        const uint64_t *mask;
        bool any;
        ck_assert_msg(recogniser_mask(m, s, &mask, &any, &err) == VIV_OK, "%s", err.text);
        ck_assert_msg(any, "%s: nothing may follow", sample->text);
        uint64_t *kept = malloc(t->n_words * sizeof *kept);
        memcpy(kept, mask, t->n_words * sizeof *kept);
        check_mask(m, t, s, kept);
        const int32_t token = pick_token(t, kept, &seed);
        free(kept);
        bool ends = false;
        for (size_t k = 0; k < t->n_ends; k++)
            ends = ends || t->ends[k] == token;
        if (ends)
            break;
        ck_assert_msg(recogniser_take(m, &s, token, &err) == VIV_OK, "%s", err.text);
    }
    recogniser_drop(m, s);
    recogniser_destroy(m);
    program_destroy(p);
}

static struct tokenizer *tokenizer; /* of the trie */

static struct token_trie *open_trie(const char *path)
{
    struct error err = {0};
    struct token_trie *t;
    ck_assert_msg(tokenizer_open_file(path, &tokenizer, &err) == VIV_OK, "%s", err.text);
    int32_t ends[] = {tokenizer_eos(tokenizer)};
    if (ends[0] < 0)
        ends[0] = 0;
    ck_assert_int_eq(token_trie_create(tokenizer, tokenizer_vocab_size(tokenizer) + 70, ends, 1, &t, &err), VIV_OK);
    return t;
}

static void walk_vocabulary(const char *path, int n_steps, uint64_t n_seeds)
{
    if (!path)
        return;
    struct token_trie *t = open_trie(path);
    for (int i = 0; i < N_SAMPLES; i++)
        for (uint64_t seed = 0; seed < n_seeds; seed++)
            walk_grammar(t, &samples[i], seed, n_steps);
    token_trie_destroy(t);
    tokenizer_destroy(tokenizer);
}

TEST(masks__allow_what_can_be_read_and_nothing_else)
{
    walk_vocabulary(source_path("tests/golden/quality/tokenizer.json"), STEPS, 3);
    const int n_steps = SANITIZED ? 2 : 5;
    walk_vocabulary(shared_path("tokenizers/sentencepiece/llama2.model"), n_steps, 1);
    walk_vocabulary(shared_path("tokenizers/tokenizers/gpt2.json"), n_steps, 1);
}

static bool allows(struct recogniser *m, const char *before, const char *token)
{
    struct error err = {0};
    recogniser_state s;
    const uint64_t *mask;
    bool any;
    int32_t id;
    ck_assert(tokenizer_id(tokenizer, token, &id) && recogniser_start(m, &s, &err) == VIV_OK);
    for (int32_t i; *before; before++) {
        ck_assert(tokenizer_id(tokenizer, *before == '!' ? "<|im_start|>" : (char[]){*before, 0}, &i));
        ck_assert_msg(recogniser_take(m, &s, i, &err) == VIV_OK, "%s", err.text);
    }
    ck_assert_int_eq(recogniser_mask(m, s, &mask, &any, &err), VIV_OK);
    const bool allowed = mask[id / 64] >> id % 64 & 1;
    recogniser_drop(m, s);
    return allowed;
}

static const char *refused_with(const struct token_trie *t, const char *text)
{
    static struct error err;
    const struct grammar_source source = {.kind = VIV_GRAMMAR_LARK, .text = text, .size = strlen(text), .trie = t};
    struct program *p = NULL;
    ck_assert_int_eq(grammar_compile(&source, &p, NULL, &err), VIV_EINVAL);
    return err.text;
}

/* <s> 0 (the end), </s> 1, <|im_start|> 2, <|im_end|> 3: special tokens, which are no text. */
TEST(tokens__that_are_special_come_only_where_a_grammar_names_them)
{
    static const struct sample named[] = {{VIV_GRAMMAR_LARK, "start: <|im_start|> /a+/ <[3]>"},
                                          {VIV_GRAMMAR_GBNF, "root ::= <|im_start|> \"a\"+ <[3]>"}};
    struct token_trie *t = open_trie(source_path("tests/golden/chat/tokenizer.json"));
    for (int i = 0; i < 2; i++) {
        struct program *p = compile_with(t, &named[i]);
        struct recogniser *m;
        struct error err;
        ck_assert_int_eq(recogniser_create(p, t, &m, &err), VIV_OK);
        ck_assert(allows(m, "", "<|im_start|>") && !allows(m, "", "<") && !allows(m, "", "<|im_end|>"));
        ck_assert(allows(m, "!", "a") && !allows(m, "!", "<|im_end|>") && !allows(m, "!", "<|im_start|>"));
        ck_assert(allows(m, "!a", "a") && allows(m, "!a", "<|im_end|>") && !allows(m, "!a", "</s>"));
        recogniser_destroy(m);
        program_destroy(p);
        walk_grammar(t, &named[i], 3, STEPS);
    }
    const struct sample any = {VIV_GRAMMAR_REGEX, "(?s).*"};
    struct program *p = compile_with(t, &any);
    struct recogniser *m;
    struct error err;
    ck_assert_int_eq(recogniser_create(p, t, &m, &err), VIV_OK);
    ck_assert(allows(m, "", "a") && allows(m, "", "<s>") && !allows(m, "", "<|im_start|>"));
    ck_assert(!allows(m, "", "</s>") && !allows(m, "<", "<|im_end|>"));
    recogniser_destroy(m);
    program_destroy(p);
    /* A token that is text is its text. */
    const struct sample text = {VIV_GRAMMAR_LARK, "start: <[34]> \"a\""}; /* "<" */
    p = compile_with(t, &text);
    ck_assert_int_eq(recogniser_create(p, t, &m, &err), VIV_OK);
    ck_assert(allows(m, "", "<") && allows(m, "<", "a"));
    recogniser_destroy(m);
    program_destroy(p);
    ck_assert_msg(strstr(refused_with(t, "start: <|im_stop|>"), "no token '<|im_stop|>'") != NULL, "%s",
                  refused_with(t, "start: <|im_stop|>"));
    ck_assert(strstr(refused_with(t, "start: <[9999]>"), "no token 9999") != NULL);
    ck_assert(strstr(refused_with(t, "start: \"a\" <s>"), "ends answers") != NULL);
    token_trie_destroy(t);
    tokenizer_destroy(tokenizer);
}

/* A table that is full loses what no sequence needs, and nothing else. */
TEST(tables__are_collected_when_they_are_full)
{
    struct error err = {0};
    struct program *p;
    struct recogniser *m;
    struct recogniser_stats stats;
    recogniser_state s, kept;
    ck_assert_int_eq(compile(VIV_GRAMMAR_REGEX, "([a-f]{1,100000},){2}", &p, &err), VIV_OK);
    ck_assert_int_eq(recogniser_create(p, NULL, &m, &err), VIV_OK);
    ck_assert_int_eq(recogniser_start(m, &s, &err), VIV_OK);
    ck_assert_int_eq(recogniser_take_bytes(m, &s, "abc", 3, &err), VIV_OK);
    kept = recogniser_copy(m, s);
    for (int i = 0; i < 99997; i++)
        ck_assert_msg(recogniser_take_bytes(m, &s, "f", 1, &err) == VIV_OK, "%d: %s", i, err.text);
    ck_assert_int_eq(recogniser_take_bytes(m, &s, "f", 1, &err), VIV_EINVAL); /* 100,001 of them */
    ck_assert_int_eq(recogniser_take_bytes(m, &s, ",a,", 3, &err), VIV_OK);
    ck_assert(recogniser_may_end(m, s));
    recogniser_stats(m, &stats);
    ck_assert_int_gt(stats.collections, 0);
    ck_assert_int_le(stats.configurations, MAX_CONFIGS);
    ck_assert_int_eq(recogniser_take_bytes(m, &kept, "d,e,", 4, &err), VIV_OK);
    ck_assert(recogniser_may_end(m, kept));
    recogniser_destroy(m);
    program_destroy(p);
}

/* Text and text alone: special, unused and padding tokens never, two tokens of the same bytes both. */
TEST(tokens__have_the_bytes_they_have_inside_a_text)
{
    const char *path = shared_path("tokenizers/sentencepiece/llama2.model");
    struct error err = {0};
    struct tokenizer *t;
    struct buf b = {0};
    int32_t id;
    if (!path)
        return;
    ck_assert_int_eq(tokenizer_open_file(path, &t, &err), VIV_OK);
    for (id = 0; id < 3; id++)
        ck_assert(!tokenizer_token_bytes(t, id, &b)); /* <unk>, <s>, </s> */
    ck_assert(tokenizer_token_bytes(t, 3 + 'A', &b)); /* <0x41> */
    ck_assert_str_eq(buf_text(&b), "A");
    buf_clear(&b);
    ck_assert(tokenizer_id(t, "\xE2\x96\x81the", &id) && tokenizer_token_bytes(t, id, &b));
    ck_assert_str_eq(buf_text(&b), " the");
    buf_release(&b);
    tokenizer_destroy(t);
}

TESTS(masks__allow_what_can_be_read_and_nothing_else, tokens__that_are_special_come_only_where_a_grammar_names_them,
      tables__are_collected_when_they_are_full, tokens__have_the_bytes_they_have_inside_a_text)
