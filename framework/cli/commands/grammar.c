/* viv grammar - what grammars allow: checked, tried on a text, sampled. */
#include "grammar/grammar.h"
#include "base/file.h"
#include "cli/grammar_sample.h"
#include "cli/input.h"
#include "cli/shared.h"
#include "cli/token_source.h"
#include "engine/generation.h"
#include "engine/grammar_file.h"
#include "grammar/recogniser.h"
#include "grammar/token_trie.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct grammar_options {
    struct common common;
    const char *language, *model, *file;
    int64_t n, seed, max_tokens;
    bool lenient, json;
};
static const struct grammar_options defaults = {.n = 1, .seed = -1, .max_tokens = 400, .model = "llm"};

#define OPT(field) offsetof(struct grammar_options, field)
static const struct option table[] = {
    {"language", 0, OPTION_CHOICE, OPT(language), "NAME",
     .help =
         "what the grammar is written in; without it, the end of its name tells: .json, .gbnf, .lark, .regex, .txt",
     .choices = GRAMMAR_LANGUAGES},
    {"lenient", 0, OPTION_FLAG, OPT(lenient),
     .help = "keywords of a JSON Schema that cannot be kept are left out, and named, instead of refused"},
    FILE_OPTION(OPT(file), "of `check`: the text to try"),
    {"model", 'm', OPTION_STRING, OPT(model), "MODEL",
     .help = "of `sample`: whose vocabulary; a tokenizer alone will do; default llm"},
    {"count", 'n', OPTION_INT, OPT(n), "N", .help = "of `sample`: how many texts; default 1", .min = 1, .max = 1e6},
    {"seed", 's', OPTION_INT, OPT(seed), "N",
     .help = "the same seed gives the same text; without it, or with -1, each run differs", .min = -1,
     .max = 9.2e18},
    {"longest", 0, OPTION_INT, OPT(max_tokens), "N",
     .help = "of `sample`: tokens after which a text goes straight to its end; default 400", .min = 1, .max = 1e6},
    JSON_OPTION(OPT(json), "of `check` one object; of `sample` one line {\"text\": ...} for each text"),
    {0}};

static const uint64_t LONGEST_TEXT = 64u << 20;
enum { MAX_EXAMPLE = 2000 };

/* --- check ---------------------------------------------------------------------------------------------------- */

struct trial {
    struct buf text;
    bool given, allowed;
    size_t stops; /* the first byte that is not allowed */
};

static viv_status try_text(struct recogniser *m, struct trial *t, struct error *err)
{
    recogniser_state s;
    struct error refused;
    viv_status status = recogniser_start(m, &s, err);
    if (status != VIV_OK)
        return status;
    while (t->stops < t->text.size && recogniser_take_bytes(m, &s, t->text.data + t->stops, 1, &refused) == VIV_OK)
        t->stops++;
    t->allowed = t->stops == t->text.size && recogniser_may_end(m, s);
    recogniser_drop(m, s);
    return VIV_OK;
}

static viv_status shortest(struct recogniser *m, struct buf *out, struct error *err)
{
    recogniser_state s;
    viv_status status = recogniser_start(m, &s, err);
    if (status == VIV_OK) {
        status = recogniser_finish(m, s, MAX_EXAMPLE, out, err);
        recogniser_drop(m, s);
    }
    return status;
}

static viv_status print_check(const struct grammar_options *o, const struct program *p, const struct trial *t,
                              const struct buf *example, const struct buf *notes, struct error *err)
{
    if (o->json) {
        json_t *line = json_pack("{s:I, s:I, s:o, s:o}", "rules", (json_int_t)p->n_rules, "instructions",
                                 (json_int_t)p->n_code, "shortest", cli_json_text(buf_text(example), example->size),
                                 "notes", cli_json_text(buf_text(notes), notes->size));
        if (line && t->given)
            json_object_update_new(line,
                                   json_pack("{s:b, s:I}", "allowed", t->allowed, "stops", (json_int_t)t->stops));
        return cli_print_json(line, true, err);
    }
    printf("%zu rules, %zu instructions, %zu ranges of bytes\nshortest text: ", p->n_rules, p->n_code, p->n_edges);
    cli_print_safe(stdout, buf_text(example), example->size);
    printf("%s\n", example->size >= MAX_EXAMPLE ? "..." : "");
    if (t->given && t->allowed)
        puts("the text is allowed");
    else if (t->given && t->stops == t->text.size)
        puts("the text is not allowed: it is not whole at its end");
    else if (t->given)
        printf("the text is not allowed: its byte %zu leads out of the grammar\n", t->stops + 1);
    return VIV_OK;
}

static viv_status check(const struct grammar_options *o, const struct program *p, struct trial *t,
                        const struct buf *notes, struct error *err)
{
    struct recogniser *m = NULL;
    struct buf example = {0};
    viv_status status = recogniser_create(p, NULL, &m, err);
    if (status == VIV_OK && t->given)
        status = try_text(m, t, err);
    if (status == VIV_OK)
        status = shortest(m, &example, err);
    if (status == VIV_OK)
        status = print_check(o, p, t, &example, notes, err);
    if (status == VIV_OK && t->given && !t->allowed && !o->json)
        status = error_set(err, VIV_EINVAL, "the grammar does not have the text");
    buf_release(&example);
    recogniser_destroy(m);
    return status;
}

/* --- sample --------------------------------------------------------------------------------------------------- */

static viv_status sample_all(const struct grammar_options *o, const struct program *p, const struct token_trie *t,
                             struct error *err)
{
    struct recogniser *m = NULL;
    struct buf text = {0};
    struct grammar_sampler sampler = {.seed = (uint64_t)(o->seed >= 0 ? o->seed : generation_any_seed()),
                                      .longest = o->max_tokens};
    viv_status status = recogniser_create(p, t, &m, err);
    for (int64_t i = 0; status == VIV_OK && i < o->n; i++) {
        status = grammar_sample(&sampler, m, &text, err);
        if (status == VIV_OK && o->json)
            status =
                cli_print_json(json_pack("{s:o}", "text", cli_json_text(buf_text(&text), text.size)), true, err);
        else if (status == VIV_OK) {
            cli_print_safe(stdout, buf_text(&text), text.size);
            putchar('\n');
        }
    }
    recogniser_destroy(m);
    buf_release(&text);
    return status;
}

static int sample(const struct grammar_options *o, struct grammar_source *grammar, struct error *err)
{
    struct token_source source = {0};
    struct token_trie *t = NULL;
    struct program *p = NULL;
    struct buf notes = {0};
    viv_status status = token_source_open(&source, &o->common, o->model, err);
    if (status == VIV_OK)
        status = grammar_vocabulary(source.tokenizer, &t, err);
    grammar->trie = t;
    if (status == VIV_OK)
        status = grammar_compile(grammar, &p, &notes, err);
    if (status == VIV_OK)
        cli_print_safe(stderr, buf_text(&notes), notes.size);
    if (status == VIV_OK)
        status = sample_all(o, p, t, err);
    program_destroy(p);
    buf_release(&notes);
    token_trie_destroy(t);
    return token_source_close(&source, status, err);
}

/* --- the verb ------------------------------------------------------------------------------------------------- */

static int grammar(const struct arguments *a)
{
    const struct grammar_options *o = a->options;
    const bool samples = strcmp(a->words[0], "sample") == 0;
    struct grammar_file file = {0};
    struct trial trial = {.given = a->n_words > 2 || o->file};
    struct program *p = NULL;
    struct buf notes = {0};
    struct error err = {0};
    int exit_status;
    if (!samples && strcmp(a->words[0], "check") != 0)
        return cli_usage_error(
            "grammar", "there is no 'grammar %s'; there are 'grammar check' and 'grammar sample'", a->words[0]);
    if (a->n_words > 2 + (size_t)(!samples && !o->file))
        return cli_usage_error("grammar", samples ? "a text is tried by 'grammar check'"
                                                  : "one of TEXT and --file is wanted, not both");
    viv_status status = grammar_file_read(&file, a->words[1], o->language, o->lenient, &err);
    if (status == VIV_OK && o->file)
        status = cli_read_input(o->file, LONGEST_TEXT, &trial.text, &err);
    else if (status == VIV_OK && trial.given)
        status = buf_puts(&trial.text, a->words[2]) ? VIV_OK : error_nomem(&err);
    struct grammar_source source = {.kind = file.grammar.kind,
                                    .name = file.grammar.name,
                                    .text = file.grammar.text,
                                    .size = file.grammar.size,
                                    .lenient = o->lenient};
    if (status == VIV_OK && samples) {
        exit_status = sample(o, &source, &err);
    } else {
        if (status == VIV_OK)
            status = grammar_compile(&source, &p, &notes, &err);
        if (status == VIV_OK && notes.size && !o->json)
            cli_print_safe(stderr, buf_text(&notes), notes.size);
        if (status == VIV_OK)
            status = check(o, p, &trial, &notes, &err);
        if (status == VIV_OK)
            status = cli_flush_output(&err);
        exit_status = status == VIV_OK ? EXIT_DONE : cli_fail(&err);
    }
    program_destroy(p);
    buf_release(&notes);
    buf_release(&trial.text);
    grammar_file_release(&file);
    return exit_status;
}

const struct command command_grammar = {
    .name = "grammar",
    .summary = "what a grammar or JSON Schema allows",
    .words = "check|sample FILE [TEXT]",
    .text =
        "A grammar says what an answer may be: a JSON Schema, GBNF, Lark, a regular expression, or choices, one a "
        "line. `check` compiles it, says how large it is and what its shortest text is, or what in it cannot be "
        "kept and where; with a TEXT, whether the grammar has it. `sample` writes random texts that it allows, "
        "token by token of a model's vocabulary.\n"
        "A JSON Schema is kept or refused: whatever is written under it validates. Its properties come in the "
        "order in which the schema has them.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct grammar_options),
    .examples = "viv grammar check person.json\n"
                "viv grammar check person.json '{\"name\": \"Ada\"}'\n"
                "viv grammar check list.gbnf --json\n"
                "viv grammar sample person.json -n 20 --json\n"
                "viv grammar sample date.regex --model ./my-checkpoint --seed 1",
    .group = GROUP_LOOK,
    .main = grammar,
};
