/* list.c - the dialects that there are, and which of them a chat template speaks. */
#include "dialect/dialect.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIALECTS = 1000 };

static bool is_known(const struct dialect_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i]->name, name) == 0)
            return true;
    return false;
}

static viv_status add(struct dialect_list *l, const char *path, struct error *err)
{
    struct dialect *d = NULL;
    viv_status status = dialect_read(path, &d, err);
    if (status == VIV_OK && l->n == MAX_DIALECTS)
        status = error_set(err, VIV_ELIMIT, "%s: there are more than %d dialects", path, MAX_DIALECTS);
    if (status == VIV_OK && !is_known(l, d->name)) {
        if (VEC_RESERVE(l->v, l->n, l->capacity)) {
            l->v[l->n++] = d;
            return VIV_OK;
        }
        status = error_nomem(err);
    }
    dialect_destroy(d);
    return status;
}

static viv_status add_folder(struct dialect_list *l, const char *directory, struct error *err)
{
    char *folder = path_join(directory, "dialects");
    viv_status status = folder ? VIV_OK : error_nomem(err);
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *e; dir && status == VIV_OK && (e = readdir(dir));) {
        if (!text_ends_in(e->d_name, ".yaml"))
            continue;
        char *path = path_join(folder, e->d_name);
        status = path ? add(l, path, err) : error_nomem(err);
        free(path);
    }
    if (dir)
        closedir(dir);
    free(folder);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const struct dialect *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

viv_status dialects_read(const char *const *directories, struct dialect_list *out, struct error *err)
{
    viv_status status = VIV_OK;
    *out = (struct dialect_list){0};
    for (; *directories && status == VIV_OK; directories++)
        status = add_folder(out, *directories, err);
    if (status != VIV_OK)
        dialects_release(out);
    else if (out->n)
        qsort(out->v, out->n, sizeof *out->v, by_name);
    return status;
}

void dialects_release(struct dialect_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        dialect_destroy(l->v[i]);
    free(l->v);
    *l = (struct dialect_list){0};
}

const struct marker *dialect_trigger(const struct dialect *d)
{
    return d->section_begin.n ? &d->section_begin : d->call_begin.n ? &d->call_begin : &d->name_begin;
}

const char *dialect_payload_name(const struct dialect *d)
{
    static const char *const names[] = {"json", "name_json", "tagged", "literal"};
    return names[d->payload];
}

/* --- the dialect of a template -------------------------------------------------------------------------------- */

bool dialect_matches(const struct dialect *d, const struct chat_template *t)
{
    for (uint32_t i = 0; i < d->n_matches; i++)
        if (!strstr(buf_text(&t->source), d->matches[i]))
            return false;
    return d->n_matches > 0;
}

static size_t match_size(const struct dialect *d)
{
    size_t n = 0;
    for (uint32_t i = 0; i < d->n_matches; i++)
        n += strlen(d->matches[i]);
    return n;
}

/* The next candidate behind `after` (NULL: the first): those with the longest matches first, then by name. */
static const struct dialect *next_candidate(const struct dialect_list *l, const struct chat_template *t,
                                            const struct dialect *after)
{
    const struct dialect *best = NULL;
    bool passed = false;
    for (size_t i = 0; i < l->n; i++) {
        const struct dialect *d = l->v[i];
        const size_t n = match_size(d), limit = after ? match_size(after) : SIZE_MAX;
        const bool behind = n < limit || (n == limit && passed);
        passed = passed || d == after;
        if (behind && d != after && dialect_matches(d, t) && (!best || n > match_size(best)))
            best = d;
    }
    return best;
}

viv_status dialect_of_template(const struct dialect_list *l, const struct chat_template *t,
                               const struct dialect **out, bool *in_content, struct buf *why, struct error *err)
{
    const struct dialect *d = NULL;
    struct error refused = {0};
    *out = NULL;
    while ((d = next_candidate(l, t, d))) {
        viv_status status = dialect_probe(d, t, in_content, &refused);
        if (status == VIV_OK) {
            *out = d;
            return VIV_OK;
        }
        if (status == VIV_ENOMEM)
            return error_nomem(err);
        if (why)
            buf_printf(why, "%s%s", why->size ? "; " : "", refused.text);
    }
    if (why && !why->size)
        buf_puts(why, "its chat template writes calls in none of the forms that are known");
    return why && why->failed ? error_nomem(err) : VIV_OK;
}

const char *dialect_opened(const struct dialect *d, const char *prompt, size_t n)
{
    const struct marker *const all[] = {&d->reasoning_begin, &d->section_begin, &d->call_begin, &d->content_begin};
    while (n && (prompt[n - 1] == '\n' || prompt[n - 1] == ' '))
        n--;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (uint32_t k = 0; k < all[i]->n; k++) {
            const size_t size = strlen(all[i]->cores[k]);
            if (size && n >= size && memcmp(prompt + n - size, all[i]->cores[k], size) == 0)
                return all[i]->cores[k];
        }
    return "";
}

bool dialect_reasons(const struct dialect *d, const struct chat_template *t)
{
    for (uint32_t i = 0; i < d->reasoning_begin.n; i++)
        if (strstr(buf_text(&t->source), d->reasoning_begin.cores[i]))
            return true;
    return false;
}
