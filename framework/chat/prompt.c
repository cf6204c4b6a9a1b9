/* prompt.c - see prompt.h.
 *
 * The conversation is rendered twice: as it is, and with a mark, a character that it does not have, before each
 * special token in content. Where both are the same but for the marks, each mark says where content has brought a
 * token to. Where they are not, the template has looked at some of these tokens itself; halving the set finds
 * which. */
#include "chat/prompt.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { MARK_BYTES = 4, MAX_MARKS = 16, MAX_RENDERS = 64 };

struct marking {
    const struct chat_template *t;
    const struct tokenizer *tokenizer;
    json_t *data;
    struct chat_prompt *out;
    struct token_ids found; /* the special tokens that content has; -1: beginnings of one */
    size_t capacity;        /* of out->plain */
    unsigned n_renders;
    char mark[MARK_BYTES + 1];
    struct error *err;
};

static viv_status render(const struct marking *m, json_t *data, struct buf *out, struct error *err)
{
    return chat_render(m->t, &(struct template_options){.values = TEMPLATE_PYTHON}, data, out, err);
}

static bool among(const int32_t *ids, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* --- content ------------------------------------------------------------------------------------------------- */

/* What templates decide by, and nobody's words. */
static bool is_structure(const char *key)
{
    return strcmp(key, "role") == 0 || strcmp(key, "type") == 0;
}

/* Adds the special tokens of all strings in v to m->found. */
static viv_status find(struct marking *m, const json_t *v)
{
    viv_status status = VIV_OK;
    const char *key;
    json_t *one;
    size_t i;
    int32_t id;
    if (json_is_string(v)) {
        const char *text = json_string_value(v);
        const size_t n = json_string_length(v);
        for (size_t at = 0; (at = tokenizer_find_special(m->tokenizer, text, n, at, &id)) < n; at++)
            if (!among(m->found.ids, m->found.n, id) && !token_ids_add(&m->found, id))
                return error_nomem(m->err);
    }
    json_array_foreach(v, i, one) status = status == VIV_OK ? find(m, one) : status;
    json_object_foreach((json_t *)v, key, one) if (status == VIV_OK && !is_structure(key)) status = find(m, one);
    return status;
}

static json_t *marked_text(const struct marking *m, const json_t *v, const int32_t *ids, size_t n)
{
    const char *text = json_string_value(v);
    const size_t size = json_string_length(v);
    struct buf b = {0};
    size_t done = 0;
    int32_t id;
    for (size_t at = 0; (at = tokenizer_find_special(m->tokenizer, text, size, at, &id)) < size; at++) {
        if (!among(ids, n, id))
            continue;
        buf_append(&b, text + done, at - done);
        buf_puts(&b, m->mark);
        done = at;
    }
    buf_append(&b, text + done, size - done);
    json_t *out = b.failed ? NULL : json_stringn(buf_text(&b), b.size);
    buf_release(&b);
    return out;
}

/* A copy of v with marks before these tokens; NULL: memory is out. */
static json_t *marked(const struct marking *m, json_t *v, const int32_t *ids, size_t n)
{
    const char *key;
    json_t *one, *out = json_is_string(v)   ? marked_text(m, v, ids, n)
                        : json_is_array(v)  ? json_array()
                        : json_is_object(v) ? json_object()
                                            : json_incref(v);
    bool ok = out != NULL;
    size_t i;
    json_array_foreach(v, i, one) ok = ok && json_array_append_new(out, marked(m, one, ids, n)) == 0;
    json_object_foreach(v, key, one) ok =
        ok && json_object_set_new(out, key, is_structure(key) ? json_incref(one) : marked(m, one, ids, n)) == 0;
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

static const char *const content[] = {"messages", "tools", "documents"};
enum { N_CONTENT = sizeof content / sizeof *content };

/* --- marks --------------------------------------------------------------------------------------------------- */

/* A private character that the text does not have. */
static viv_status choose_mark(struct marking *m)
{
    const struct buf *text = &m->out->text;
    for (unsigned i = 0; i < MAX_MARKS; i++) {
        snprintf(m->mark, sizeof m->mark, "\xF4\x8F\xBF%c", (int)(0xBDu - i));
        if (!memmem(buf_text(text), text->size, m->mark, MARK_BYTES))
            return VIV_OK;
    }
    return error_set(
        m->err, VIV_EFORMAT,
        "the conversation holds special tokens beside each of the private characters U+10FFEE to U+10FFFD, "
        "by which their places are found");
}

static viv_status add_place(struct marking *m, size_t at)
{
    struct chat_prompt *p = m->out;
    if (!VEC_RESERVE(p->plain, p->n_plain, m->capacity))
        return error_nomem(m->err);
    p->plain[p->n_plain++] = at;
    return VIV_OK;
}

/* Whether the text is that of m->out but for marks; then their places are added. */
static viv_status compare(struct marking *m, const struct buf *text, bool *same)
{
    const struct chat_prompt *p = m->out;
    const size_t n_before = p->n_plain;
    const char *s = buf_text(text), *end = s + text->size, *plain = buf_text(&p->text);
    size_t done = 0; /* of the text without marks */
    viv_status status = VIV_OK;
    *same = false;
    while (status == VIV_OK) {
        const char *mark = memmem(s, (size_t)(end - s), m->mark, MARK_BYTES);
        const size_t n = (size_t)((mark ? mark : end) - s);
        if (n > p->text.size - done || (n && memcmp(s, plain + done, n) != 0))
            break;
        done += n;
        if (!mark) {
            *same = done == p->text.size;
            break;
        }
        s = mark + MARK_BYTES;
        status = add_place(m, done);
    }
    if (!*same)
        m->out->n_plain = n_before;
    return status;
}

/* Finds where these tokens stand in the text, as far as they are content. */
static viv_status place(struct marking *m, const int32_t *ids, size_t n)
{
    struct buf text = {0};
    struct error refused;
    bool same = false;
    if (m->n_renders++ == MAX_RENDERS)
        return error_set(m->err, VIV_ELIMIT,
                         "%s looks at too many of the %zu special tokens that the conversation holds as text",
                         m->t->where, m->found.n);
    json_t *data = json_copy(m->data);
    bool ok = data != NULL;
    for (size_t i = 0; ok && i < N_CONTENT; i++) {
        json_t *v = json_object_get(m->data, content[i]);
        ok = !v || json_object_set_new(data, content[i], marked(m, v, ids, n)) == 0;
    }
    viv_status status = ok ? VIV_OK : error_nomem(m->err);
    if (status == VIV_OK && render(m, data, &text, &refused) == VIV_OK)
        status = compare(m, &text, &same);
    else if (status == VIV_OK && refused.status == VIV_ENOMEM)
        status = error_nomem(m->err);
    json_decref(data);
    buf_release(&text);
    if (status == VIV_OK && !same && n > 1)
        status = place(m, ids, n / 2);
    if (status == VIV_OK && !same && n > 1)
        status = place(m, ids + n / 2, n - n / 2);
    return status;
}

static int by_offset(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* --- prompts ------------------------------------------------------------------------------------------------- */

viv_status chat_prompt_render(const struct chat_template *t, const struct tokenizer *tokenizer, json_t *data,
                              struct chat_prompt *out, struct error *err)
{
    *out = (struct chat_prompt){0};
    struct marking m = {.t = t, .tokenizer = tokenizer, .data = data, .out = out, .err = err};
    viv_status status = render(&m, data, &out->text, err);
    for (size_t i = 0; status == VIV_OK && i < N_CONTENT; i++)
        status = find(&m, json_object_get(data, content[i]));
    if (status == VIV_OK && m.found.n > 0)
        status = choose_mark(&m);
    if (status == VIV_OK && m.found.n > 0)
        status = place(&m, m.found.ids, m.found.n);
    if (status == VIV_OK && out->n_plain)
        qsort(out->plain, out->n_plain, sizeof *out->plain, by_offset);
    token_ids_release(&m.found);
    return status;
}

viv_status chat_prompt_encode(const struct chat_prompt *p, const struct tokenizer *tokenizer, struct token_ids *ids,
                              struct error *err)
{
    const struct plain_places plain = {p->plain, p->n_plain};
    return tokenizer_encode_prompt(tokenizer, buf_text(&p->text), p->text.size, &plain, ids, err);
}

void chat_prompt_release(struct chat_prompt *p)
{
    buf_release(&p->text);
    free(p->plain);
    *p = (struct chat_prompt){0};
}
