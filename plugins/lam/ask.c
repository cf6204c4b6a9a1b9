/* ask.c - asks the model of a stage: what is there and the pictures of it as one message, and an answer that keeps
 * to a schema, to calls of the model's own dialect, or to the words of another format. */
#include "loop.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHORTEST_PROMPT = 256 }; /* bytes of what a model is told of a task */

/* Adds what a model calls in place of writing JSON; both texts are malloc'ed. */
static viv_status add_functions(const struct loop *l, const json_t *schema, viv_generation *what, char *texts[2])
{
    json_t *kept = functions_of(schema, &l->mcp, false),
           *shown = json_pack("{s:o}", "tools", functions_of(schema, &l->mcp, true));
    texts[0] = kept ? json_dumps(kept, JSON_COMPACT) : NULL;
    texts[1] = shown ? json_dumps(shown, JSON_COMPACT) : NULL;
    json_decref(kept);
    json_decref(shown);
    what->grammar = NULL;
    what->functions = texts[0];
    what->variables = texts[1];
    return texts[0] && texts[1] ? VIV_OK : viv_fail(l->host, VIV_ENOMEM, "out of memory");
}

/* The grammar of answers that are no JSON; or NULL. */
static const char *pattern_of(const struct loop *l, enum stage_id id)
{
    return id == PLAN && l->words ? l->words->pattern : NULL;
}

static viv_status read_answer(struct loop *l, enum stage_id id, const char *text, uint64_t size, json_t **out)
{
    json_error_t e = {0};
    *out = pattern_of(l, id) ? l->words->read(text, size, &l->misread)
                             : json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    const bool unread = !*out && *e.text && json_error_code(&e) != json_error_premature_end_of_input;
    if (unread)
        l->misread = "the answer cannot be read: it has a key twice, or a number or a text that is out of bounds";
    if (*out && l->settings.stages[id].native) {
        json_t *call = *out;
        *out = action_of_function(&l->mcp, call);
        json_decref(call);
    }
    return *out ? VIV_OK
           : unread
               ? viv_fail(l->host, VIV_EFORMAT, "stage %s: the answer cannot be read: %s", stage_names[id], e.text)
               : viv_fail(l->host, VIV_EFORMAT,
                          "stage %s: the answer is no whole JSON after %" PRIu64 " bytes: raise its max_tokens",
                          stage_names[id], size);
}

static viv_status generate(struct loop *l, enum stage_id id, const char *system, const struct text *user,
                           const json_t *schema, json_t **out)
{
    const struct stage *stage = &l->settings.stages[id];
    char *grammar_text = json_dumps(schema, JSON_COMPACT);
    if (!grammar_text || user->failed) {
        free(grammar_text);
        return viv_fail(l->host, VIV_ENOMEM, "out of memory");
    }
    struct text pictures[2] = {{0}, {0}};
    const char *const seen[2] = {l->browser ? l->browser->picture : NULL, l->desktop ? l->desktop->picture : NULL};
    for (int i = 0; (id == THINK || id == PLAN) && i < 2; i++)
        if (seen[i] && !base64_read(seen[i], &pictures[i]))
            text_release(&pictures[i]);
    viv_part parts[4] = {
        {.struct_size = sizeof *parts, .kind = VIV_PART_TEXT, .data = system, .size = strlen(system)},
        {.struct_size = sizeof *parts, .kind = VIV_PART_TEXT, .data = text_or_empty(user), .size = user->size}};
    uint32_t n = 1; /* parts of the user */
    for (int i = 0; i < 2; i++)
        if (pictures[i].size)
            parts[1 + n++] = (viv_part){.struct_size = sizeof *parts,
                                        .kind = VIV_PART_IMAGE,
                                        .data = pictures[i].data,
                                        .size = pictures[i].size};
    const viv_part *const part_of[4] = {&parts[0], &parts[1], &parts[2], &parts[3]};
    const viv_message messages[2] = {
        {.struct_size = sizeof *messages, .n_parts = 1, .role = "system", .parts = &part_of[0]},
        {.struct_size = sizeof *messages, .n_parts = n, .role = "user", .parts = &part_of[1]}};
    const viv_message *const list[2] = {&messages[0], &messages[1]};
    const char *pattern = pattern_of(l, id), *keeps_to = pattern ? pattern : grammar_text;
    const viv_grammar grammar = {.struct_size = sizeof grammar,
                                 .kind = pattern ? VIV_GRAMMAR_REGEX : VIV_GRAMMAR_JSON_SCHEMA,
                                 .text = keeps_to,
                                 .size = strlen(keeps_to),
                                 .name = stage_names[id],
                                 .flags = l->mcp.n_tools ? VIV_GRAMMAR_LENIENT : 0}; /* a server checks, too */
    viv_generation what = {.struct_size = sizeof what,
                           .n_messages = 2,
                           .messages = list,
                           .grammar = &grammar,
                           .max_tokens = stage->max_tokens,
                           .cancel = l->task->cancel};
    const char *text = NULL;
    uint64_t size = 0, n_tokens = 0;
    char *functions[2] = {NULL, NULL};
    viv_status status = stage->native ? add_functions(l, schema, &what, functions) : VIV_OK;
    if (status == VIV_OK)
        status = l->generator->generate(l->generator, stage->use, &what, &text, &size, &n_tokens);
    l->n_tokens += (int64_t)n_tokens;
    free(grammar_text);
    free(functions[0]);
    free(functions[1]);
    text_release(&pictures[0]);
    text_release(&pictures[1]);
    return status == VIV_OK ? read_answer(l, id, text, size, out) : status;
}

/* False: it is short enough; something else is too long. */
static bool shorten(struct loop *l, size_t size)
{
    l->room = (size < l->room ? size : l->room) / 4 * 3;
    return l->room >= SHORTEST_PROMPT;
}

/* A model refuses a prompt that its context does not hold: then it is made shorter, and stays so. */
viv_status ask_model(struct loop *l, enum stage_id id, const char *system, const char *ending, const json_t *schema,
                     json_t **out)
{
    const struct prompt p = prompt_of(l);
    viv_status status;
    size_t size;
    do {
        struct text user = {0};
        prompt_show(&p, l->room, &user);
        text_printf(&user, "\n%s", ending);
        status = generate(l, id, system, &user, schema, out);
        size = user.size;
        text_release(&user);
    } while (status == VIV_ELIMIT && shorten(l, size));
    return status;
}
