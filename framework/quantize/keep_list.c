/* keep_list.c - see keep_list.h. */
#include "quantize/keep_list.h"

#include "base/buf.h"
#include "base/file.h"
#include "chat/chat.h"
#include "tokenizer/tokenizer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_LIST = 256 << 20 };

struct marks {
    const char *path;
    bool *keep;
    uint64_t n;
};

/* --- ids ----------------------------------------------------------------------------------------------------- */

/* A number at *p; *p moves past it, and past blanks. */
static bool take_number(const char **p, const char *end, uint64_t *out)
{
    const char *s = *p;
    *out = 0;
    while (s < end && isdigit((unsigned char)*s) && *out < UINT32_MAX)
        *out = 10 * *out + (uint64_t)(*s++ - '0');
    const bool found = s > *p;
    while (s < end && (*s == ' ' || *s == '\t' || *s == '\r'))
        s++;
    *p = s;
    return found;
}

static viv_status mark_line(const struct marks *m, uint64_t line, const char *s, const char *end, struct error *err)
{
    const char *comment = memchr(s, '#', (size_t)(end - s)), *p = s;
    uint64_t first, last;
    end = comment ? comment : end;
    while (p < end && isspace((unsigned char)*p))
        p++;
    if (p == end)
        return VIV_OK;
    bool good = take_number(&p, end, &first);
    last = first;
    if (good && p < end && *p == '-') {
        p++;
        good = take_number(&p, end, &last);
    }
    if (!good || p != end || last < first)
        return error_set(err, VIV_EINVAL,
                         "%s:%" PRIu64
                         ": expected a token id or a range of ids, as 100-199, found '%.*s' (@%s takes "
                         "the file as a text)",
                         m->path, line, (int)(end - s < 60 ? end - s : 60), s, m->path);
    if (last >= m->n)
        return error_set(err, VIV_EINVAL, "%s:%" PRIu64 ": there is no token %" PRIu64 ", the model has %" PRIu64,
                         m->path, line, last, m->n);
    memset(m->keep + first, true, last - first + 1);
    return VIV_OK;
}

/* Calls `use` for each line, without its end. */
static viv_status each_line(const struct buf *text,
                            viv_status (*use)(void *ctx, uint64_t line, const char *s, const char *end,
                                              struct error *err),
                            void *ctx, struct error *err)
{
    const char *s = buf_text(text), *end = s + text->size;
    viv_status status = VIV_OK;
    for (uint64_t line = 1; status == VIV_OK && s < end; line++) {
        const char *newline = memchr(s, '\n', (size_t)(end - s)), *stop = newline ? newline : end;
        status = use(ctx, line, s, stop, err);
        s = stop + 1;
    }
    return status;
}

static viv_status use_ids(void *ctx, uint64_t line, const char *s, const char *end, struct error *err)
{
    return mark_line(ctx, line, s, end, err);
}

/* --- a text -------------------------------------------------------------------------------------------------- */

struct text_marks {
    const struct marks *marks;
    const struct tokenizer *tokenizer;
};

static viv_status mark_text(const struct text_marks *m, const char *s, size_t n, struct error *err)
{
    struct token_ids ids = {0};
    viv_status status =
        tokenizer_encode(m->tokenizer, s, n, TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL, &ids, err);
    for (size_t i = 0; status == VIV_OK && i < ids.n; i++)
        if (ids.ids[i] >= 0 && (uint64_t)ids.ids[i] < m->marks->n)
            m->marks->keep[ids.ids[i]] = true;
    token_ids_release(&ids);
    return status;
}

static viv_status use_text(void *ctx, uint64_t line, const char *s, const char *end, struct error *err)
{
    (void)line;
    return mark_text(ctx, s, (size_t)(end - s), err);
}

/* What the chat template puts around a message. A template that cannot be rendered so adds nothing. */
static viv_status mark_template(const struct text_marks *m, const struct checkpoint *header, struct error *err)
{
    struct chat_template template = {0};
    struct buf turn = {0};
    struct error ignored;
    viv_status status = chat_template_open(header, m->tokenizer, NULL, NULL, false, &template, err);
    if (status == VIV_ENOTFOUND)
        return VIV_OK;
    if (status == VIV_OK && chat_render_turn(&template, "", &turn, &ignored) == VIV_OK)
        status = mark_text(m, buf_text(&turn), turn.size, err);
    buf_release(&turn);
    chat_template_close(&template);
    return status;
}

static viv_status mark_by_text(const struct marks *m, const struct checkpoint *header, const struct buf *text,
                               struct error *err)
{
    struct tokenizer *t = NULL;
    viv_status status = tokenizer_open(header, &t, err);
    struct text_marks marks = {m, t};
    if (status == VIV_OK)
        status = mark_text(&marks, buf_text(text), text->size, err);
    if (status == VIV_OK)
        status = each_line(text, use_text, &marks, err);
    if (status == VIV_OK)
        status = mark_template(&marks, header, err);
    tokenizer_destroy(t);
    return status;
}

viv_status keep_list_read(const char *list, const struct checkpoint *header, bool *keep, uint64_t n_vocab,
                          struct error *err)
{
    const bool is_text = list[0] == '@';
    struct marks marks = {list + is_text, keep, n_vocab};
    struct buf text = {0};
    viv_status status = file_read_input(marks.path, LARGEST_LIST, &text, err);
    if (status == VIV_OK)
        status = is_text ? mark_by_text(&marks, header, &text, err) : each_line(&text, use_ids, &marks, err);
    buf_release(&text);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "--keep-vocab");
}
