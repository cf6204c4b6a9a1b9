/* script.c - see script.h. */
#include "engine/script.h"

#include "grammar/grammar.h"
#include "grammar/recogniser.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t LONGEST_ANSWER = 64u << 20;

struct script {
    char *path;
    FILE *file; /* may be a pipe, whose other end answers when it has seen what was asked */
    struct buf answer;
    size_t line; /* of the last answer */
    bool paragraphs;
};

viv_status script_open(const char *path, bool paragraphs, struct script **out, struct error *err)
{
    struct script *s = calloc(1, sizeof *s);
    if (!s || !(s->path = strdup(path))) {
        script_close(s);
        return error_nomem(err);
    }
    if (!(s->file = fopen(path, "re"))) {
        const int e = errno;
        script_close(s);
        return error_set(err, e == ENOENT ? VIV_ENOTFOUND : VIV_EIO, "%s: %s", path, strerror(e));
    }
    s->paragraphs = paragraphs;
    *out = s;
    return VIV_OK;
}

void script_close(struct script *s)
{
    if (!s)
        return;
    if (s->file)
        fclose(s->file);
    free(s->path);
    buf_release(&s->answer);
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

/* The next line, without its end; or the next lines, up to an empty one. */
static viv_status read_answer(struct script *s, struct error *err)
{
    int c = EOF;
    buf_clear(&s->answer);
    for (int before = '\n'; s->answer.size <= LONGEST_ANSWER && !s->answer.failed && (c = getc(s->file)) != EOF;
         before = c) {
        if (c == '\n' && (!s->paragraphs || before == '\n'))
            break;
        buf_putc(&s->answer, (char)c);
    }
    if (s->paragraphs && s->answer.size && s->answer.data[s->answer.size - 1] == '\n')
        s->answer.size--;
    if (s->answer.failed)
        return error_nomem(err);
    if (ferror(s->file))
        return error_set(err, VIV_EIO, "%s: it cannot be read: %s", s->path, strerror(errno));
    if (s->answer.size > LONGEST_ANSWER)
        return error_set(err, VIV_ELIMIT, "%s:%zu: the answer has more than 64 MiB", s->path, s->line + 1);
    return s->answer.size > 0 || c == '\n'
               ? VIV_OK
               : error_set(err, VIV_ENOTFOUND, "%s has no more answers: %zu were asked for", s->path, s->line + 1);
}

viv_status script_next(struct script *s, const viv_grammar *grammar, struct buf *out, struct error *err)
{
    viv_status status = read_answer(s, err);
    if (status != VIV_OK)
        return status;
    const char *answer = buf_text(&s->answer);
    const size_t n = s->answer.size;
    s->line++;
    status = grammar ? check(s, grammar, answer, n, err) : VIV_OK;
    return status == VIV_OK && !buf_append(out, answer, n) ? error_nomem(err) : status;
}
