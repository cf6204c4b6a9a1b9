/* ask.c - see ask.h. */
#include "cli/ask.h"

#include "base/file.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "engine/architecture.h"

#include <stdlib.h>
#include <string.h>

static viv_status show(struct answer *a, const viv_event *e, struct error *err)
{
    struct opened *o = a->show_ctx;
    (void)err;
    if (e->kind == VIV_EVENT_PROGRESS)
        progress_show(&o->progress, e->text, e->done, e->total);
    return VIV_OK;
}

viv_status ask_vectors(struct opened *o, struct request *r, struct answer *a, struct error *err)
{
    *a = (struct answer){.show = show, .show_ctx = o};
    r->viv.cancel = interrupt_watch();
    viv_status status = answer_ask(a, o->model, &r->viv, err);
    progress_clear(&o->progress);
    return status == VIV_OK && interrupt_happened() ? error_set(err, VIV_ECANCELLED, "interrupted") : status;
}

static const uint64_t LONGEST_FILE = 256u << 20;

viv_status ask_read_texts(const char *file, struct buf *lines, const char *const *words, size_t n_words,
                          const char ***out, size_t *n, struct error *err)
{
    bool from_words = n_words > 0 && !file;
    viv_status status = VIV_OK;
    if (!from_words)
        status = cli_read_input(file, LONGEST_FILE, lines, err);
    if (status != VIV_OK)
        return status;
    char *text = lines->data;
    size_t size = lines->size, count = from_words ? n_words : 0;
    if (!from_words && size > 0 && text[size - 1] == '\n')
        text[--size] = '\0';
    if (!from_words && size > 0 && memchr(text, '\0', size))
        return error_set(err, VIV_EFORMAT, "%s: a text holds the byte 0", file_input_name(file));
    for (size_t i = 0; !from_words && i < size; i++)
        count += text[i] == '\n';
    count += !from_words && size > 0;
    const char **list = calloc(count + 1, sizeof *list);
    if (!list)
        return error_nomem(err);
    for (size_t i = 0; i < count; i++) {
        list[i] = from_words ? words[i] : text;
        if (from_words)
            continue;
        size_t length = strcspn(text, "\n");
        text[length] = '\0';
        if (length > 0 && text[length - 1] == '\r')
            text[length - 1] = '\0';
        text += length + 1;
    }
    *out = list;
    *n = count;
    return VIV_OK;
}
