#include "cli/ask.h"

#include "base/file.h"
#include "base/size.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/npy.h"
#include "engine/request.h"

#include <stdlib.h>
#include <string.h>

viv_status ask_model(struct opened *o, const viv_request *request, const viv_sink *sink, struct error *err)
{
    struct architecture architecture;
    viv_status status = host_architecture(o->host, spec_architecture(model_spec(o->model)), &architecture, err);
    return status == VIV_OK ? architecture_run(&architecture, host_viv(o->host), o->model, request, sink, err)
                            : status;
}

/* --- vectors ----------------------------------------------------------------------------------------------- */

static viv_status take_event(const viv_sink *sink, const viv_event *event)
{
    struct vectors *v = sink->ctx;
    if (event->kind == VIV_EVENT_PROGRESS)
        progress_show(v->progress, event->text, event->done, event->total);
    if (event->kind != VIV_EVENT_VECTOR)
        return VIV_OK;
    v->dim = event->dim;
    v->rows++;
    if (buf_append(&v->numbers, (const char *)event->vector, event->dim * sizeof *event->vector))
        return VIV_OK;
    error_leave(VIV_ENOMEM, "out of memory");
    return VIV_ENOMEM;
}

viv_status ask_vectors(struct opened *o, viv_request *request, struct vectors *out, struct error *err)
{
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = out, .emit = take_event};
    *out = (struct vectors){.progress = &o->progress};
    request->cancel = interrupt_watch();
    viv_status status = ask_model(o, request, &sink, err);
    progress_clear(&o->progress);
    if (status == VIV_OK && interrupted())
        status = error_set(err, VIV_ECANCELLED, "interrupted");
    if (status == VIV_OK)
        status = npy_begin(&out->npy, out->rows, out->dim, &out->data, err);
    if (status == VIV_OK && out->numbers.size)
        memcpy(out->data, out->numbers.data, out->numbers.size);
    buf_release(&out->numbers);
    return status;
}

void vectors_release(struct vectors *v)
{
    buf_release(&v->npy);
    buf_release(&v->numbers);
}

/* --- texts ------------------------------------------------------------------------------------------------- */

viv_status texts_make(struct texts *t, const char *first, const char *const *texts, size_t n, struct error *err)
{
    const uint32_t each = first ? 2 : 1;
    *t = (struct texts){0};
    if (n > UINT32_MAX / 2)
        return error_set(err, VIV_ELIMIT, "%zu texts are too many", n);
    t->parts = calloc(n * each + 1, sizeof *t->parts);
    t->part_list = calloc(n * each + 1, sizeof *t->part_list);
    t->messages = calloc(n + 1, sizeof *t->messages);
    t->message_list = calloc(n + 1, sizeof *t->message_list);
    if (!t->parts || !t->part_list || !t->messages || !t->message_list)
        return error_nomem(err);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < each; k++) {
            const char *text = first && k == 0 ? first : texts[i];
            t->parts[i * each + k] = (viv_part){
                .struct_size = sizeof(viv_part), .kind = VIV_PART_TEXT, .data = text, .size = strlen(text)};
            t->part_list[i * each + k] = &t->parts[i * each + k];
        }
        t->messages[i] =
            (viv_message){.struct_size = sizeof(viv_message), .n_parts = each, .parts = t->part_list + i * each};
        t->message_list[i] = &t->messages[i];
    }
    t->n = (uint32_t)n;
    return VIV_OK;
}

void texts_release(struct texts *t)
{
    free(t->parts);
    free(t->part_list);
    free(t->messages);
    free(t->message_list);
}

static const uint64_t LONGEST_FILE = 256u << 20;

viv_status texts_read(const char *file, struct buf *lines, const char *const *words, size_t n_words,
                      const char ***out, size_t *n, struct error *err)
{
    bool from_words = n_words > 0 && !file;
    viv_status status = VIV_OK;
    if (!from_words)
        status = read_input(file, LONGEST_FILE, lines, err);
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
