/* test_bfcl.c - the questions of the Berkeley function calling leaderboard (../shared/data/bfcl), for one dialect
 * of each payload:
 *   - whatever a model's weights are, what the grammar lets it write is read as calls that fit their schemas;
 *   - every accepted answer can be written, and is read as itself. One that its own schema does not have cannot.
 * A few questions are tried; with VIV_BFCL=all every one is, and what was counted is printed. */
#include "events.h"
#include "formats/checkpoint.h"
#include "grammar/grammar.h"
#include "grammar/recogniser.h"
#include "testing.h"
#include "tokenizer/tokenizer.h"

#include <math.h>

static const char *const dialect_names[] = {"hermes", "deepseek-v3.1", "qwen3-coder", "llama-4-pythonic"};
enum { N_DIALECTS = 4, EVERY = 12, MOST_TOKENS = 150, MOST_BYTES = 1 << 20 };

static struct dialect_list dialects;
static struct tokenizer *tokenizer;
static struct token_trie *trie;
static size_t n_questions, n_sampled, n_calls, n_accepted, n_expressed, n_refused, n_contradictions, n_answered,
    n_unanswered;

static bool all_of_it(void)
{
    const char *what = getenv("VIV_BFCL");
    return what && strcmp(what, "all") == 0;
}

/* --- the data ------------------------------------------------------------------------------------------------- */

static const char *const json_types[][2] = {
    {"dict", "object"}, {"float", "number"}, {"tuple", "array"}, {"any", NULL}};

/* The leaderboard has the names of Python's types; a text may be a type, or the name of a property. */
static void to_json_schema(json_t *schema)
{
    const char *key, *type = json_string_value(json_object_get(schema, "type"));
    json_t *v, *items = json_object_get(schema, "items");
    for (size_t i = 0; type && i < sizeof json_types / sizeof *json_types; i++)
        if (strcmp(type, json_types[i][0]) == 0) {
            if (json_types[i][1])
                json_object_set_new(schema, "type", json_string(json_types[i][1]));
            else
                json_object_del(schema, "type");
            break;
        }
    json_object_foreach(json_object_get(schema, "properties"), key, v) to_json_schema(v);
    if (items)
        to_json_schema(items);
}

static json_t *next_line(FILE *f)
{
    char *line = NULL;
    size_t capacity = 0;
    json_t *v = NULL;
    const ssize_t n = getline(&line, &capacity, f);
    if (n > 0)
        ck_assert_msg((v = json_loadb(line, (size_t)n, 0, NULL)) != NULL, "%.200s", line);
    free(line);
    return v;
}

/* The answers of a file by the name of their question. */
static json_t *read_answers(const char *name)
{
    char path[4096];
    json_t *answers = json_object(), *one;
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", shared_path("bfcl/possible_answer"), name);
    FILE *f = stat(path, &st) == 0 ? fopen(path, "r") : NULL; /* where no call is right, there are none */
    while (f && (one = next_line(f))) {
        json_object_set(answers, json_string_value(json_object_get(one, "id")),
                        json_object_get(one, "ground_truth"));
        json_decref(one);
    }
    if (f)
        fclose(f);
    return answers;
}

/* --- what fits a schema: written apart from the grammar's reading of it ----------------------------------------
 */

static bool has_type(const char *type, const json_t *v)
{
    if (!type)
        return true;
    if (strcmp(type, "integer") == 0)
        return json_is_integer(v) || (json_is_real(v) && floor(json_real_value(v)) == json_real_value(v));
    return (strcmp(type, "object") == 0 && json_is_object(v)) || (strcmp(type, "array") == 0 && json_is_array(v)) ||
           (strcmp(type, "string") == 0 && json_is_string(v)) ||
           (strcmp(type, "number") == 0 && json_is_number(v)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(v));
}

static bool is_date(const char *s)
{
    int year, month, day, end = 0;
    return s && strlen(s) == 10 && sscanf(s, "%4d-%2d-%2d%n", &year, &month, &day, &end) == 3 && end == 10 &&
           month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* ALL: arguments that a tool does not have are none. FREE: texts that are written without quotes keep to no format.
 */
enum { ALL = 1, FREE = 2, TEXT_IS_FREE = 4 };
static bool fits(json_t *schema, json_t *v, unsigned how)
{
    json_t *properties = json_object_get(schema, "properties"), *items = json_object_get(schema, "items"), *one;
    const json_t *values = json_object_get(schema, "enum"), *low = json_object_get(schema, "minimum"),
                 *high = json_object_get(schema, "maximum"), *least = json_object_get(schema, "minItems"),
                 *most = json_object_get(schema, "maxItems"), *format = json_object_get(schema, "format");
    const char *key;
    size_t i;
    bool listed = !values;
    if (!has_type(json_string_value(json_object_get(schema, "type")), v))
        return false;
    json_array_foreach(values, i, one) listed =
        listed || json_equal(one, v) ||
        (json_is_number(one) && json_is_number(v) && json_number_value(one) == json_number_value(v));
    if (!listed || (format && json_is_string(v) && !(how & TEXT_IS_FREE) && !is_date(json_string_value(v))))
        return false;
    if (json_is_number(v) && ((low && json_number_value(v) < json_number_value(low)) ||
                              (high && json_number_value(v) > json_number_value(high))))
        return false;
    if (json_is_array(v) && ((least && json_array_size(v) < (size_t)json_integer_value(least)) ||
                             (most && json_array_size(v) > (size_t)json_integer_value(most))))
        return false;
    if (json_is_object(v))
        json_array_foreach(json_object_get(schema, "required"), i,
                           one) if (!json_object_get(v, json_string_value(one))) return false;
    if (json_is_object(v))
        json_object_foreach(v, key, one)
        {
            json_t *property = json_object_get(properties, key);
            if ((!property && (how & ALL)) || (property && !fits(property, one, how & FREE ? TEXT_IS_FREE : 0)))
                return false;
        }
    if (json_is_array(v) && items)
        json_array_foreach(v, i, one) if (!fits(items, one, 0)) return false;
    return true;
}

static bool call_fits(const struct dialect *d, const struct tool *t, json_t *arguments)
{
    return json_is_object(arguments) &&
           fits(t->parameters, arguments, d->payload == PAYLOAD_TAGGED ? ALL | FREE : ALL);
}

/* --- one question --------------------------------------------------------------------------------------------- */

/* A required argument that is an integer and one of ["1", "2"]: there is no such call. */
static bool contradicts_itself(json_t *schema)
{
    json_t *values = json_object_get(schema, "enum"), *one;
    bool any = !values;
    size_t i;
    json_array_foreach(values, i, one) any =
        any || has_type(json_string_value(json_object_get(schema, "type")), one);
    json_array_foreach(json_object_get(schema, "required"), i, one)
    {
        json_t *property = json_object_get(json_object_get(schema, "properties"), json_string_value(one));
        any = any && !(property && contradicts_itself(property));
    }
    return !any;
}

/* NULL: a tool contradicts itself, and the sentence says which. */
static struct recogniser *compile(const struct dialect *d, const struct tools *tools, struct program **program,
                                  const char *where)
{
    struct buf lark = {0};
    struct recogniser *m = NULL;
    struct error err;
    const struct dialect_asked asked = {.tools = tools, .choice = TOOLS_REQUIRED, .plain = true};
    const struct tool *wrong = NULL;
    for (size_t i = tools->n; i-- > 0;)
        if (contradicts_itself(tools->v[i].parameters))
            wrong = &tools->v[i];
    const viv_status status = dialect_grammar(d, &asked, &lark, &err);
    ck_assert_msg(wrong ? status == VIV_EINVAL && strstr(err.text, wrong->name) : status == VIV_OK, "%s, %s: %s",
                  where, d->name, err.text);
    if (status == VIV_OK) {
        const struct grammar_source source = {
            .kind = VIV_GRAMMAR_LARK, .text = lark.data, .size = lark.size, .trie = trie};
        ck_assert_msg(grammar_compile(&source, program, NULL, &err) == VIV_OK, "%s, %s: %s", where, d->name,
                      err.text);
        ck_assert_int_eq(recogniser_create(*program, trie, &m, &err), VIV_OK);
    }
    buf_release(&lark);
    return m;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* One of the tokens of a mask, each as likely as the others. */
static int32_t any_token(const uint64_t *mask, uint64_t *seed)
{
    uint64_t n = 0;
    for (uint32_t w = 0; w < trie->n_words; w++)
        n += (uint64_t)__builtin_popcountll(mask[w]);
    uint64_t left = next_random(seed) % n;
    for (uint32_t id = 0;; id++)
        if (mask[id / 64] >> id % 64 & 1 && left-- == 0)
            return (int32_t)id;
}

/* An answer by weights that know nothing: any token that is allowed; now and then, and when it gets long, the
 * shortest way on. */
static void write_anything(struct recogniser *m, uint64_t *seed, struct buf *out)
{
    recogniser_state s;
    struct error err;
    ck_assert_int_eq(recogniser_start(m, &s, &err), VIV_OK);
    for (size_t i = 0; i < MOST_TOKENS; i++) {
        const uint64_t *mask;
        bool any;
        ck_assert_int_eq(recogniser_mask(m, s, &mask, &any, &err), VIV_OK);
        const bool may_end = recogniser_may_end(m, s);
        ck_assert_msg(any || may_end, "nothing is allowed behind '%s'", buf_text(out));
        if (!any || (may_end && next_random(seed) % 4 == 0))
            break;
        const int32_t token = any_token(mask, seed);
        struct buf more = {0};
        if (next_random(seed) % 3 == 0)
            ck_assert_int_eq(recogniser_finish(m, s, 1, &more, &err), VIV_OK);
        if (!more.size)
            buf_append(&more, trie->bytes + trie->first[token], trie->first[token + 1] - trie->first[token]);
        ck_assert_msg(recogniser_take_bytes(m, &s, more.data, more.size, &err) == VIV_OK, "%s", err.text);
        buf_append(out, more.data, more.size);
        buf_release(&more);
    }
    ck_assert_int_eq(recogniser_finish(m, s, MOST_BYTES, out, &err), VIV_OK);
    recogniser_drop(m, s);
}

/* Of "name({...});" the tool and its arguments, and what follows. */
static json_t *read_call(const char **at, const struct tools *tools, const struct tool **tool)
{
    const char *open = strchr(*at, '(');
    json_error_t e;
    ck_assert(open != NULL);
    *tool = tools_find(tools, *at, (size_t)(open - *at));
    json_t *v = json_loads(open + 1, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
    *at = v ? open + 1 + e.position + 2 : NULL;
    return v;
}

static void check_anything(const struct dialect *d, const struct tools *tools, struct recogniser *m, uint64_t *seed,
                           const char *where)
{
    struct buf text = {0};
    struct heard h = {0};
    struct error err;
    write_anything(m, seed, &text);
    ck_assert_msg(parse_pieces(d, tools, NULL, buf_text(&text), text.size, SIZE_MAX, 64, &h, &err) == VIV_OK, "%s",
                  err.text);
    ck_assert_msg(h.n_calls > 0 && h.text.size == 0, "%s, %s: %zu calls, and the text '%s', in '%s'", where,
                  d->name, h.n_calls, buf_text(&h.text), buf_text(&text));
    const char *at = buf_text(&h.calls);
    for (size_t i = 0; i < h.n_calls; i++) {
        const struct tool *tool;
        json_t *v = read_call(&at, tools, &tool);
        ck_assert_msg(v && tool && call_fits(d, tool, v), "%s, %s: call %zu of '%s' does not fit", where, d->name,
                      i, buf_text(&text));
        json_decref(v);
    }
    n_sampled++;
    n_calls += h.n_calls;
    heard_release(&h);
    buf_release(&text);
}

/* --- accepted answers ----------------------------------------------------------------------------------------- */

static size_t forms_of_value(json_t *v);

/* How many numbers there are for pick_object: no fewer than forms. */
static size_t forms_of(json_t *accepted)
{
    const char *key;
    json_t *alternatives, *one;
    size_t forms = 1, i;
    json_object_foreach(accepted, key, alternatives)
    {
        size_t most = json_is_array(alternatives) ? 1 : forms_of_value(alternatives);
        json_array_foreach(alternatives, i, one) most = forms_of_value(one) > most ? forms_of_value(one) : most;
        forms *= most * (json_array_size(alternatives) ? json_array_size(alternatives) : 1);
    }
    return forms;
}

static size_t forms_of_value(json_t *v)
{
    json_t *one;
    size_t forms = 1, i;
    json_array_foreach(v, i, one) forms *= forms_of_value(one);
    return json_is_object(v) ? forms_of(v) : forms;
}

/* One digit of a number to the base n. */
static size_t digit(size_t *number, size_t n)
{
    const size_t d = *number % n;
    *number /= n;
    return d;
}

static json_t *pick(json_t *schema, json_t *accepted, size_t *number);

static bool is_required(json_t *schema, const char *key)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i,
                       one) if (strcmp(json_string_value(one), key) == 0) return true;
    return false;
}

/* {key: [accepted value, ...], ...}, in the order of the schema; "" may be left out. */
static json_t *pick_object(json_t *schema, json_t *accepted, size_t *number)
{
    json_t *out = json_object(), *order = json_object(), *alternatives;
    const char *key;
    json_object_update(order, json_object_get(schema, "properties"));
    json_object_update_missing(order, accepted);
    json_object_foreach(order, key, alternatives)
    {
        json_t *property = json_object_get(json_object_get(schema, "properties"), key);
        alternatives = json_object_get(accepted, key);
        json_t *one = json_is_array(alternatives) && json_array_size(alternatives)
                          ? json_array_get(alternatives, digit(number, json_array_size(alternatives)))
                      : json_is_array(alternatives) ? NULL
                                                    : alternatives;
        if (one && !(json_is_string(one) && !*json_string_value(one) && !is_required(schema, key)))
            json_object_set_new(out, key, pick(property, one, number));
    }
    json_decref(order);
    return out;
}

/* A value: objects have alternatives in them, also those of a list. */
static json_t *pick(json_t *schema, json_t *accepted, size_t *number)
{
    if (json_is_object(accepted))
        return pick_object(schema, accepted, number);
    if (!json_is_array(accepted))
        return json_incref(accepted);
    json_t *out = json_array(), *one;
    size_t i;
    json_array_foreach(accepted, i, one)
        json_array_append_new(out, pick(json_object_get(schema, "items"), one, number));
    return out;
}

/* The calls of an answer in their form `k`, each; *fit: its own schema has it. */
static json_t *calls_of(const struct dialect *d, json_t *answer, const struct tools *tools, size_t k, bool *fit)
{
    json_t *calls = json_array(), *one, *accepted;
    const char *name;
    size_t i;
    *fit = true;
    json_array_foreach(answer, i, one) json_object_foreach(one, name, accepted)
    {
        const struct tool *t = tools_find(tools, name, strlen(name));
        size_t number = k % forms_of(accepted);
        ck_assert_msg(t != NULL, "%s", name);
        json_t *arguments = pick_object(t->parameters, accepted, &number);
        *fit = *fit && call_fits(d, t, arguments);
        json_array_append_new(calls, json_pack("[s, o]", name, arguments));
    }
    return calls;
}

/* Of the call that has most. */
static size_t forms_of_answer(json_t *answer)
{
    json_t *one, *accepted;
    const char *name;
    size_t i, most = 0;
    json_array_foreach(answer, i, one) json_object_foreach(one, name, accepted) most =
        forms_of(accepted) > most ? forms_of(accepted) : most;
    return most;
}

static bool may_write(struct recogniser *m, const struct buf *text)
{
    recogniser_state s;
    struct error err;
    ck_assert_int_eq(recogniser_start(m, &s, &err), VIV_OK);
    const bool ok =
        recogniser_take_bytes(m, &s, text->data, text->size, &err) == VIV_OK && recogniser_may_end(m, s);
    recogniser_drop(m, s);
    return ok;
}

/* Numbers of the same value are equal. */
static bool same_value(json_t *a, json_t *b)
{
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    if (json_is_object(a) && json_is_object(b) && json_object_size(a) == json_object_size(b)) {
        json_object_foreach(a, key, v) if (!same_value(v, json_object_get(b, key))) return false;
        return true;
    }
    if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b)) {
        json_array_foreach(a, i, v) if (!same_value(v, json_array_get(b, i))) return false;
        return true;
    }
    return a && b && json_equal(a, b);
}

static void check_accepted(const struct dialect *d, const struct tools *tools, struct recogniser *m, json_t *calls,
                           bool fit, const char *where)
{
    struct buf text = {0};
    struct heard h = {0};
    struct error err;
    json_t *one;
    size_t i;
    json_array_foreach(calls, i, one)
    {
        const char *name = json_string_value(json_array_get(one, 0));
        ck_assert_int_eq(dialect_write(d, tools_find(tools, name, strlen(name)), "abcDEF123",
                                       json_array_get(one, 1), i, i == 0, i + 1 == json_array_size(calls), &text,
                                       &err),
                         VIV_OK);
    }
    const bool ok = may_write(m, &text);
    /* true for a text is the text "true", where texts have no quotes */
    ck_assert_msg(ok == fit || (!fit && d->payload == PAYLOAD_TAGGED), "%s, %s: %s may %sbe written", where,
                  d->name, buf_text(&text), ok ? "" : "not ");
    n_accepted++;
    n_expressed += fit;
    n_refused += !fit;
    if (fit) {
        ck_assert_int_eq(parse_pieces(d, tools, NULL, text.data, text.size, SIZE_MAX, 64, &h, &err), VIV_OK);
        ck_assert_uint_eq(h.n_calls, json_array_size(calls));
        const char *at = h.calls.data;
        json_array_foreach(calls, i, one)
        {
            const struct tool *tool;
            json_t *v = read_call(&at, tools, &tool);
            ck_assert_msg(tool && strcmp(tool->name, json_string_value(json_array_get(one, 0))) == 0 &&
                              same_value(v, json_array_get(one, 1)),
                          "%s, %s: %s was read as %s", where, d->name, buf_text(&text), h.calls.data);
            json_decref(v);
        }
    }
    heard_release(&h);
    buf_release(&text);
}

static void check_question(json_t *question, json_t *answer)
{
    const char *where = json_string_value(json_object_get(question, "id"));
    json_t *functions = json_object_get(question, "function"), *one;
    struct tools tools;
    struct error err;
    uint64_t seed = n_questions + 1;
    size_t i;
    json_array_foreach(functions, i, one) to_json_schema(json_object_get(one, "parameters"));
    ck_assert_msg(tools_read(where, functions, &tools, &err) == VIV_OK, "%s", err.text);
    for (i = 0; i < dialects.n; i++) {
        const struct dialect *d = dialects.v[i];
        struct program *program = NULL;
        bool chosen = false;
        for (size_t k = 0; k < N_DIALECTS; k++)
            chosen = chosen || strcmp(dialect_names[k], d->name) == 0;
        if (!chosen)
            continue;
        struct recogniser *m = compile(d, &tools, &program, where);
        if (!m) {
            n_contradictions++;
            continue;
        }
        check_anything(d, &tools, m, &seed, where);
        bool any = false;
        for (size_t k = 0; k < forms_of_answer(answer); k++) {
            bool fit;
            json_t *calls = calls_of(d, answer, &tools, k, &fit);
            check_accepted(d, &tools, m, calls, fit, where);
            json_decref(calls);
            any = any || fit;
        }
        n_answered += any;
        n_unanswered += !any && json_array_size(answer) > 0;
        recogniser_destroy(m);
        program_destroy(program);
    }
    n_questions++;
    tools_release(&tools);
}

static void check_file(const char *name)
{
    char path[4096];
    json_t *question, *answers = read_answers(name);
    snprintf(path, sizeof path, "%s/%s", shared_path("bfcl"), name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s", path);
    for (size_t i = 0; (question = next_line(f)); i++) {
        if (all_of_it() || i % EVERY == 0)
            check_question(question, json_object_get(answers, json_string_value(json_object_get(question, "id"))));
        json_decref(question);
    }
    fclose(f);
    json_decref(answers);
}

/* --- all of them ---------------------------------------------------------------------------------------------- */

/* The vocabulary is that of the model that ships. */
static void setup(void)
{
    const char *directories[] = {source_path("specs"), NULL};
    struct checkpoint c;
    struct error err;
    int32_t end = -1;
    ck_assert_msg(dialects_read(directories, &dialects, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(checkpoint_open(&c, source_path("specs/embedded/llm.gguf"), &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(tokenizer_open(&c, &tokenizer, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(token_trie_create(tokenizer, tokenizer_vocab_size(tokenizer), &end, 0, &trie, &err) == VIV_OK,
                  "%s", err.text);
    checkpoint_close(&c);
}

TEST(bfcl__every_call_that_is_allowed_fits_and_every_accepted_answer_is_allowed)
{
    static const char *const files[] = {"simple_python", "multiple",       "parallel",      "parallel_multiple",
                                        "irrelevance",   "live_relevance", "live_parallel", "live_simple"};
    setup();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[64];
        snprintf(name, sizeof name, "BFCL_v4_%s.json", files[i]);
        check_file(name);
    }
    printf("%zu questions in %d dialects: %zu random answers have %zu calls, all of which fit\n"
           "accepted answers: %zu can be written, %zu have no form that fits their own schema; of %zu forms, %zu "
           "can be "
           "written, %zu do not fit\n"
           "tools that contradict themselves, and are refused: %zu times\n",
           n_questions, N_DIALECTS, n_sampled, n_calls, n_answered, n_unanswered, n_accepted, n_expressed,
           n_refused, n_contradictions);
    ck_assert_uint_gt(n_answered, 20 * n_unanswered);
    token_trie_destroy(trie);
    tokenizer_destroy(tokenizer);
    dialects_release(&dialects);
}
END_TEST

TESTS_UNLESS(shared_path("bfcl") ? NULL : "shared/data/bfcl is not here",
             bfcl__every_call_that_is_allowed_fits_and_every_accepted_answer_is_allowed)
