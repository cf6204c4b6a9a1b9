/* choice.c - choices: one text a line, of which the answer is one. */
#include "grammar/sources.h"

#include <string.h>

viv_status read_choices(struct rules *r, const char *text, size_t n, struct error *err)
{
    struct tree_list l = {0};
    const char *end = text + n;
    for (const char *at = text; at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const size_t size = (size_t)((line_end ? line_end : end) - at);
        if (l.n == MAX_CHOICES) {
            tree_list_release(&l);
            return error_set(err, VIV_ELIMIT, "more than %d choices", MAX_CHOICES);
        }
        if (size)
            tree_list_add(&l, tree_bytes(r, at, size));
        at += size + 1;
    }
    const struct tree *all = l.failed ? NULL : tree_alt(r, l.v, l.n);
    const size_t count = l.n;
    tree_list_release(&l);
    if (count == 0)
        return error_set(err, VIV_EINVAL, "there are no choices: expected one text a line, such as \"yes\\nno\"");
    r->root = rules_add(r, "choices", 7);
    if (r->root == UINT32_MAX || !all)
        return error_nomem(err);
    r->v[r->root].body = all;
    return VIV_OK;
}
