/* What a grammar may cost: too much to compile, or too many ways to read a text, is refused with a sentence; a
 * step whose tables are warm allocates nothing. And what a sampler does where a mask or logits leave no choice. */
#include "testing.h"

#include "grammar/token_trie.h"
#include "grammars.h"
#include "sampling/sample.h"
#include "tokenizer/tokenizer.h"

#include <math.h>

static bool counting;
static uint64_t n_allocations;

#if defined __GLIBC__ && !SANITIZED
static const bool counts = true;
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *malloc(size_t n)
{
    n_allocations += counting;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    n_allocations += counting;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    n_allocations += counting;
    return __libc_realloc(p, n);
}
#else
static const bool counts = false; /* the C library's own cannot be replaced */
#endif

static struct tokenizer *tokenizer; /* of the trie */

static struct token_trie *open_trie(const char *path, uint32_t more)
{
    struct error err = {0};
    struct token_trie *t;
    ck_assert_msg(tokenizer_open_file(path, &tokenizer, &err) == VIV_OK, "%s", err.text);
    const int32_t end = tokenizer_eos(tokenizer) >= 0 ? tokenizer_eos(tokenizer) : 0;
    ck_assert_int_eq(token_trie_create(tokenizer, tokenizer_vocab_size(tokenizer) + more, &end, 1, &t, &err),
                     VIV_OK);
    return t;
}

/* --- compiling ------------------------------------------------------------------------------------------------ */

/* `n` times a text between two others. */
static const char *repeated(const char *begin, const char *part, int n, const char *end)
{
    static struct buf b;
    buf_clear(&b);
    buf_puts(&b, begin);
    for (int i = 0; i < n; i++)
        buf_puts(&b, part);
    buf_puts(&b, end);
    ck_assert(!b.failed);
    return buf_text(&b);
}

#define REFUSED(kind, grammar, part)                                                                               \
    do {                                                                                                           \
        const char *sentence_ = refusal(kind, grammar);                                                            \
        ck_assert_msg(strstr(sentence_, part), "'%s'", sentence_);                                                 \
    } while (0)

TEST(a_grammar_too_large__is_refused_with_a_sentence)
{
    REFUSED(VIV_GRAMMAR_REGEX, repeated("", "abcdefgh", 8193, ""), "at most 65536 are allowed");
    REFUSED(VIV_GRAMMAR_GBNF, repeated("root ::= \"", "abcdefgh", 1 << 19, "\""), "a grammar has at most 4194304");
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA, repeated("{\"enum\": [0", ", 1", 100000, "]}"), "more than 100000 values");
    REFUSED(VIV_GRAMMAR_CHOICE, repeated("", "yes\n", 100001, ""), "100000");
    REFUSED(VIV_GRAMMAR_REGEX, "a{1048577}", "1048576");
    struct buf pairs = {0};
    for (int i = 0; i < 20; i++)
        buf_printf(&pairs, "%s\"a%d\": [\"b%d\"]", i ? ", " : "", i, i);
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA, repeated("{\"dependentRequired\": {", buf_text(&pairs), 1, "}}"),
            "#/dependentRequired: 20 keys make 2^20 cases");
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA,
            repeated("{\"allOf\": [", "{\"anyOf\": [{\"minimum\": 1}, {\"minLength\": 1}]}, ", 17, "true]}"),
            "too many references, allOf or cases");
    buf_release(&pairs);
}

TEST(bad_grammars__end_in_a_sentence)
{
    for (uint32_t kind = VIV_GRAMMAR_JSON_SCHEMA; kind <= VIV_GRAMMAR_CHOICE; kind++)
        REFUSED(kind, "\"a\xFF\"", "expected UTF-8, found the byte 0xff at offset 2");
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA, "", "the schema:1:0: unexpected token");
    REFUSED(VIV_GRAMMAR_LARK, "", "no rule 'start'");
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA, repeated("", "{\"items\": ", 10000, ""), "maximum parsing depth");
    REFUSED(VIV_GRAMMAR_LARK, repeated("start: ", "(", 10000, ""), "nest too deep");
    REFUSED(VIV_GRAMMAR_LARK, "start: a\na: b \"x\"\nb: \"z\"? a | \"y\"", "'a' begins with itself (a -> b -> a)");
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA, "{\"$ref\": \"other.json#/a\"}", "schemas elsewhere are never fetched");
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA,
            "{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"$ref\": \"#/$defs/b\"}, \"b\": {\"$ref\": "
            "\"#/$defs/a\"}}}",
            "#/$ref/$ref/$ref: the schema refers to itself");
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA, "{\"not\": {\"$ref\": \"#\"}}", "allows no text at all");
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA, "{\"const\": \"\\ud800\"}", "invalid Unicode");
    REFUSED(VIV_GRAMMAR_JSON_SCHEMA, "{\"pattern\": \"(?<!a)b\"}", "#/pattern: byte 1 of '(?<!a)b': lookaround");
}

static struct program *compiled(uint32_t kind, const char *grammar)
{
    struct program *p = NULL;
    struct error err = {0};
    ck_assert_msg(compile(kind, grammar, &p, &err) == VIV_OK, "%s", err.text);
    return p;
}

TEST(large_schemas__are_read)
{
    struct buf chain = {0};
    buf_puts(&chain, "{\"$ref\": \"#/$defs/d0\", \"$defs\": {");
    for (int i = 0; i < 2000; i++)
        buf_printf(&chain, "\"d%d\": {\"properties\": {\"n\": {\"$ref\": \"#/$defs/d%d\"}}}, ", i, i + 1);
    buf_puts(&chain, "\"d2000\": {\"type\": \"null\"}}}");
    program_destroy(compiled(VIV_GRAMMAR_JSON_SCHEMA, buf_text(&chain)));
    buf_release(&chain);
    struct buf wide = {0}; /* 938 KB */
    buf_puts(&wide, "{\"properties\": {");
    for (int i = 0; i < 500; i++) {
        buf_printf(&wide, "%s\"key%d\": {\"type\": \"boolean\", \"description\": \"", i ? ", " : "", i);
        for (int k = 0; k < 84; k++)
            buf_puts(&wide, "of which much is said ");
        buf_puts(&wide, "\"}");
    }
    buf_puts(&wide, "}}");
    ck_assert_uint_gt(wide.size, 938000);
    program_destroy(compiled(VIV_GRAMMAR_JSON_SCHEMA, buf_text(&wide)));
    buf_release(&wide);
}

/* --- running -------------------------------------------------------------------------------------------------- */

/* Doublings of a rule that may be empty: the stacks that may be below the next byte are 2^60. */
TEST(a_text_with_too_many_readings__is_refused_with_a_sentence)
{
    struct buf lark = {0};
    struct error err = {0};
    struct program *p;
    struct recogniser *m;
    recogniser_state s;
    buf_puts(&lark, "start: a0\na60: \"x\"|\n");
    for (int i = 0; i < 60; i++)
        buf_printf(&lark, "a%d: a%d a%d\n", i, i + 1, i + 1);
    ck_assert_int_eq(compile(VIV_GRAMMAR_LARK, buf_text(&lark), &p, &err), VIV_OK);
    ck_assert_int_eq(recogniser_create(p, NULL, &m, &err), VIV_OK);
    ck_assert_int_eq(recogniser_start(m, &s, &err), VIV_ELIMIT);
    ck_assert_msg(strstr(err.text, "too many ways to read this text"), "%s", err.text);
    recogniser_destroy(m);
    program_destroy(p);
    buf_release(&lark);
}

/* Which of a million ways to the end is the shortest would take too long to find. */
TEST(counters_in_each_other__have_no_shortest_text)
{
    struct program *p = compiled(VIV_GRAMMAR_REGEX, "^([a-z]{0,1000}x){1000}$");
    struct recogniser *m;
    struct error err = {0};
    struct buf shortest = {0};
    recogniser_state s;
    ck_assert_int_eq(recogniser_create(p, NULL, &m, &err), VIV_OK);
    ck_assert_int_eq(recogniser_start(m, &s, &err), VIV_OK);
    ck_assert_int_eq(recogniser_finish(m, s, 2000, &shortest, &err), VIV_ELIMIT);
    ck_assert_msg(strstr(err.text, "too many ways to read this text"), "%s", err.text);
    buf_release(&shortest);
    recogniser_destroy(m);
    program_destroy(p);
}

/* (.{0,50}x){30} may be at any count of a round after any x; of threads that allow the same or less, one is kept.
 */
TEST(ambiguous_counters__have_few_threads)
{
    struct error err = {0};
    struct program *p;
    struct recogniser *m;
    struct recogniser_stats stats;
    recogniser_state s;
    uint64_t seed = 7;
    ck_assert_int_eq(compile(VIV_GRAMMAR_REGEX, "(.{0,50}x){30}", &p, &err), VIV_OK);
    ck_assert_int_eq(recogniser_create(p, NULL, &m, &err), VIV_OK);
    ck_assert_int_eq(recogniser_start(m, &s, &err), VIV_OK);
    for (int i = 0; i < 400; i++)
        ck_assert_msg(recogniser_take_bytes(m, &s, next_random(&seed) % 3 ? "x" : "y", 1, &err) == VIV_OK, "%d: %s",
                      i, err.text);
    recogniser_stats(m, &stats);
    ck_assert_int_le(stats.threads, 80 * stats.configurations); /* two or so for each count of x, not 50 */
    recogniser_destroy(m);
    program_destroy(p);
}

/* The same walk twice: the second finds its tables and masks, and allocates nothing. */
TEST(steps__allocate_nothing_once_tables_are_warm)
{
    struct token_trie *t = open_trie(source_path("tests/golden/quality/tokenizer.json"), 0);
    struct error err = {0};
    struct program *p;
    struct recogniser *m;
    const uint64_t *mask;
    recogniser_state s;
    bool any;
    ck_assert_int_eq(
        compile(VIV_GRAMMAR_JSON_SCHEMA,
                "{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\"}, \"tags\": {\"type\": "
                "\"array\", \"items\": {\"type\": \"integer\"}}}}",
                &p, &err),
        VIV_OK);
    ck_assert_int_eq(recogniser_create(p, t, &m, &err), VIV_OK);
    for (int round = 0; round < 2; round++) {
        uint64_t seed = 3;
        bool ok = true; /* the assertions of check allocate */
        counting = round == 1;
        ok = recogniser_start(m, &s, &err) == VIV_OK;
        for (int i = 0; ok && i < 200; i++) {
            ok = recogniser_mask(m, s, &mask, &any, &err) == VIV_OK;
            uint32_t id = (uint32_t)(next_random(&seed) % t->n_ids);
            for (uint32_t k = 0; ok && any && k < t->n_ids && !(mask[id / 64] >> id % 64 & 1); k++)
                id = (id + 1) % t->n_ids;
            if (!ok || !any || (int32_t)id == t->ends[0])
                break;
            ok = recogniser_take(m, &s, (int32_t)id, &err) == VIV_OK;
        }
        counting = false;
        ck_assert_msg(ok, "%s", err.text);
        recogniser_drop(m, s);
    }
    if (counts)
        ck_assert_int_eq(n_allocations, 0);
    recogniser_destroy(m);
    program_destroy(p);
    token_trie_destroy(t);
    tokenizer_destroy(tokenizer);
}

/* --- tokens that are no text ------------------------------------------------------------------------------------
 */

/* Any text at all: all tokens that have bytes, and none of the others; none behind the vocabulary. */
static void check_any_text(const char *path)
{
    if (!path)
        return;
    struct token_trie *t = open_trie(path, 70);
    struct error err = {0};
    struct program *p;
    struct recogniser *m;
    const uint64_t *mask;
    recogniser_state s;
    bool any;
    ck_assert_int_eq(compile(VIV_GRAMMAR_REGEX, "(?s).*", &p, &err), VIV_OK);
    ck_assert_int_eq(recogniser_create(p, t, &m, &err), VIV_OK);
    ck_assert_int_eq(recogniser_start(m, &s, &err), VIV_OK);
    ck_assert_int_eq(recogniser_mask(m, s, &mask, &any, &err), VIV_OK);
    for (uint32_t id = 0; id < t->n_words * 64; id++) {
        const bool allowed = mask[id / 64] >> id % 64 & 1, known = id < tokenizer_vocab_size(tokenizer);
        if ((int32_t)id == t->ends[0])
            continue;
        ck_assert_msg(!allowed || known, "token %u of padding is allowed", id);
        ck_assert_msg(!allowed || !tokenizer_is_special(tokenizer, (int32_t)id), "special token %u is allowed", id);
    }
    recogniser_destroy(m);
    program_destroy(p);
    token_trie_destroy(t);
    tokenizer_destroy(tokenizer);
}

TEST(special_and_unused_tokens__never_leak)
{
    check_any_text(source_path("tests/golden/quality/tokenizer.json"));
    check_any_text(shared_path("tokenizers/sentencepiece/llama2.model"));
    check_any_text(shared_path("tokenizers/tokenizers/gpt2.json"));
    check_any_text(shared_path("tokenizers/more/phi-3/tokenizer.json"));
    check_any_text(shared_path("tokenizers/more/phi-2/tokenizer.json"));
}

/* --- choosing
 * ----------------------------------------------------------------------------------------------------- */

struct chooser {
    struct token_trie *t;
    struct program *p;
    struct recogniser *m;
    viv_sampler *s;
    float *logits;
};

static void open_chooser(struct chooser *c, const char *regex, float logit)
{
    struct error err = {0};
    const viv_sampling how = {
        .struct_size = sizeof how, .temperature = 0, .top_p = 1, .typical_p = 1, .repetition_penalty = 1};
    c->t = open_trie(source_path("tests/golden/quality/tokenizer.json"), 0);
    ck_assert_int_eq(compile(VIV_GRAMMAR_REGEX, regex, &c->p, &err), VIV_OK);
    ck_assert_int_eq(recogniser_create(c->p, c->t, &c->m, &err), VIV_OK);
    ck_assert_msg(sampler_create(&how, c->t->n_ids, &c->s, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(sampler_constrain(c->s, c->m, "the grammar", NULL, NULL, &err) == VIV_OK, "%s", err.text);
    c->logits = malloc(c->t->n_ids * sizeof *c->logits);
    for (uint32_t i = 0; i < c->t->n_ids; i++)
        c->logits[i] = logit;
}

static void close_chooser(struct chooser *c)
{
    free(c->logits);
    sampler_destroy(c->s);
    recogniser_destroy(c->m);
    program_destroy(c->p);
    token_trie_destroy(c->t);
    tokenizer_destroy(tokenizer);
}

TEST(sampler__refuses_logits_that_leave_nothing)
{
    struct chooser c;
    struct error err = {0};
    int32_t token;
    open_chooser(&c, "[0-9]{3}", 1);
    c.logits[c.t->n_ids / 2] = NAN;
    ck_assert_int_ne(sampler_choose(c.s, c.logits, &token, NULL, &err), VIV_OK);
    ck_assert_msg(strstr(err.text, "nan") || strstr(err.text, "NaN"), "%s", err.text);
    close_chooser(&c);
    open_chooser(&c, "[0-9]{3}", -INFINITY);
    ck_assert_int_eq(sampler_choose(c.s, c.logits, &token, NULL, &err), VIV_EINVAL);
    ck_assert_msg(strstr(err.text, "the grammar: all tokens that it allows have the logit -inf"), "%s", err.text);
    close_chooser(&c);
}

TEST(sampler__ends_where_the_text_is_whole)
{
    struct chooser c;
    struct error err = {0};
    int32_t token = 0;
    struct buf text = {0};
    open_chooser(&c, "[0-9]{3}", 1);
    for (int i = 0; i < 10; i++) {
        ck_assert_msg(sampler_choose(c.s, c.logits, &token, NULL, &err) == VIV_OK, "%s", err.text);
        if (token < 0 || token == c.t->ends[0])
            break;
        buf_append(&text, c.t->bytes + c.t->first[token], c.t->first[token + 1] - c.t->first[token]);
    }
    ck_assert_int_eq(text.size, 3);
    ck_assert(token < 0 || token == c.t->ends[0]);
    buf_release(&text);
    close_chooser(&c);
}

TESTS(a_grammar_too_large__is_refused_with_a_sentence, bad_grammars__end_in_a_sentence, large_schemas__are_read,
      counters_in_each_other__have_no_shortest_text, a_text_with_too_many_readings__is_refused_with_a_sentence,
      ambiguous_counters__have_few_threads, steps__allocate_nothing_once_tables_are_warm,
      special_and_unused_tokens__never_leak, sampler__refuses_logits_that_leave_nothing,
      sampler__ends_where_the_text_is_whole)
