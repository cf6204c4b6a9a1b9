/* script.c - see script.h. */
#include "engine/script.h"

#include "base/file.h"
#include "grammar/grammar.h"
#include "grammar/recogniser.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t LARGEST_SCRIPT = 64u << 20;

struct script {
    char *path;
    struct buf text;
    size_t at, line; /* of the next answer */
};

viv_status script_open(const char *path, struct script **out, struct error *err)
{
    struct script *s = calloc(1, sizeof *s);
    if (!s || !(s->path = strdup(path))) {
        script_close(s);
        return error_nomem(err);
    }
    const viv_status status = file_read(path, LARGEST_SCRIPT, &s->text, err);
    if (status == VIV_OK)
        *out = s;
    else
        script_close(s);
    return status;
}

void script_close(struct script *s)
{
    if (!s)
        return;
    free(s->path);
    buf_release(&s->text);
    free(s);
}

/* Byte by byte, to say where it is wrong. */
static viv_status match(const struct script *s, struct recogniser *m, const char *answer, size_t n,
                        struct error *err)
{
    recogniser_state state;
    struct error wrong;
    viv_status status = recogniser_start(m, &state, err);
    for (size_t i = 0; status == VIV_OK && i < n; i++)
        if (recogniser_take_bytes(m, &state, answer + i, 1, &wrong) != VIV_OK) {
            const size_t from = i < 40 ? 0 : i - 40;
            status = error_set(err, VIV_EINVAL,
                               "%s:%zu: the grammar of the stage does not allow byte %zu, behind '%.*s'", s->path,
                               s->line, i + 1, (int)(i - from), answer + from);
        }
    if (status == VIV_OK && !recogniser_may_end(m, state))
        status = error_set(err, VIV_EINVAL, "%s:%zu: the answer is not whole by the grammar of the stage", s->path,
                           s->line);
    return status;
}

static viv_status check(const struct script *s, const viv_grammar *grammar, const char *answer, size_t n,
                        struct error *err)
{
    const struct grammar_source source = {.kind = grammar->kind,
                                          .name = grammar->name,
                                          .text = grammar->text,
                                          .size = grammar->size,
                                          .lenient = (grammar->flags & VIV_GRAMMAR_LENIENT) != 0};
    struct program *program = NULL;
    struct recogniser *m = NULL;
    viv_status status = grammar_compile(&source, &program, NULL, err);
    if (status == VIV_OK)
        status = recogniser_create(program, NULL, &m, err);
    if (status == VIV_OK)
        status = match(s, m, answer, n, err);
    recogniser_destroy(m);
    program_destroy(program);
    return status;
}

viv_status script_next(struct script *s, const viv_grammar *grammar, struct buf *out, struct error *err)
{
    const char *answer = buf_text(&s->text) + s->at;
    const size_t left = s->text.size - s->at;
    if (left == 0)
        return error_set(err, VIV_ENOTFOUND, "%s has no more answers: %zu were asked for", s->path, s->line + 1);
    const char *end = memchr(answer, '\n', left);
    const size_t n = end ? (size_t)(end - answer) : left;
    s->line++;
    s->at += n + (end != NULL);
    const viv_status status = grammar ? check(s, grammar, answer, n, err) : VIV_OK;
    return status == VIV_OK && !buf_append(out, answer, n) ? error_nomem(err) : status;
}
