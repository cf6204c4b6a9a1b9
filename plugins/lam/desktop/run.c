/* run.c - the desktop of a run: none, until something is started on it. */
#include "desktop.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct desktop *desktop_create(const viv_host *host, const struct root *root, int store,
                               const struct events *events, const struct settings *settings, const uint32_t *cancel)
{
    struct desktop *d = calloc(1, sizeof *d);
    if (d)
        *d = (struct desktop){.host = host,
                              .root = root,
                              .store = store,
                              .events = events,
                              .settings = settings,
                              .cancel = cancel,
                              .is_private = desktop_is_private(settings->desktop),
                              .folder = -1,
                              .sockets = -1,
                              .files = -1,
                              .look_limit = LOOK_MS,
                              .answer_limit = ANSWER_MS,
                              .numbers = json_object(),
                              .next_number = 1};
    return d;
}

void desktop_destroy(struct desktop *d)
{
    if (!d)
        return;
    desktop_close(d);
    text_release(&d->notes);
    json_decref(d->numbers);
    free(d);
}

void desktop_forget(struct desktop *d)
{
    for (size_t i = 0; i < d->n_elements; i++) {
        free(d->elements[i].role);
        free(d->elements[i].name);
        free(d->elements[i].value);
    }
    free(d->elements);
    d->elements = NULL;
    d->n_elements = 0;
    d->cut = d->silent = false;
}

int64_t desktop_number(struct desktop *d, const char *key)
{
    const json_t *known = json_object_get(d->numbers, key);
    if (known)
        return json_integer_value(known);
    json_object_set_new_nocheck(d->numbers, key, json_integer((json_int_t)d->next_number));
    return d->next_number++;
}

void desktop_note(struct desktop *d, const char *format, ...)
{
    va_list args;
    char *line = NULL;
    va_start(args, format);
    const int n = vasprintf(&line, format, args);
    va_end(args);
    if (n >= 0)
        text_printf(&d->notes, "%s\n", line);
    if (n >= 0)
        free(line);
}

int64_t desktop_patience(const struct desktop *d)
{
    return 1000 * d->settings->page_seconds;
}

char *label_of(const char *bytes, size_t n)
{
    char *copy = strndup(bytes, n < 4 * LONGEST_LABEL ? n : 4 * LONGEST_LABEL);
    char *label = copy ? text_of_name(copy) : NULL;
    if (label)
        label[text_cut(label, strlen(label), LONGEST_LABEL)] = '\0';
    free(copy);
    return label;
}
