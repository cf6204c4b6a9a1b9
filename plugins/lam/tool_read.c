/* tool_read.c - the text of a file, cut where the result would be too long. */
#include "lam.h"

#include <inttypes.h>

enum { MOST_READ = 16 << 20 };

static viv_status run(const struct tool_call *c, struct text *result)
{
    struct text bytes = {0};
    viv_status status = file_load(c->root, c->words[0], MOST_READ, &bytes);
    if (status == VIV_OK && !text_is_utf8(text_or_empty(&bytes), bytes.size)) {
        text_printf(result, "%zu bytes that are no text\n", bytes.size);
    } else if (status == VIV_OK) {
        const size_t n = text_cut(text_or_empty(&bytes), bytes.size, c->limit);
        text_add(result, text_or_empty(&bytes), n);
        if (n < bytes.size)
            text_printf(result, "\n... and %zu more bytes\n", bytes.size - n);
    }
    text_release(&bytes);
    return status;
}

const struct tool tool_read = {.name = "read",
                               .summary = "the text of a file",
                               .arguments = {{.name = "path", .kind = ARGUMENT_FILE}},
                               .untrusted = true,
                               .run = run};
