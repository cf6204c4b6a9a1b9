#include "cli/passage.h"

#include "base/file.h"
#include "cli/input.h"
#include "cli/interrupt.h"

#include <inttypes.h>
#include <string.h>

static const uint64_t LONGEST_TEXT = 256u << 20;

viv_status passage_read(const struct passage *options, viv_model *m, struct quality_text *out, struct error *err)
{
    struct buf text = {0};
    if (!options->file)
        return quality_text_of_ids(out, options->tokens.ids, options->tokens.n, err);
    viv_status status = read_input(options->file, LONGEST_TEXT, &text, err);
    if (status == VIV_OK)
        status = quality_text_read(out, m, file_input_name(options->file), buf_text(&text), text.size, err);
    buf_release(&text);
    return status;
}

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    progress_show(ctx, what, done, total);
}

struct quality_options passage_options(const struct passage *options, struct opened *o)
{
    return (struct quality_options){.window = (uint64_t)options->window,
                                    .stride = (uint64_t)options->stride,
                                    .cancel = interrupt_watch(),
                                    .progress = on_progress,
                                    .progress_ctx = &o->progress};
}

viv_status passage_partly(uint64_t n, uint64_t of, struct error *err)
{
    if (n == 0)
        return error_set(err, VIV_ECANCELLED, "interrupted before anything was counted");
    return error_set(err, VIV_ECANCELLED,
                     "interrupted: what is counted are the first %" PRIu64 " of %" PRIu64 " tokens to predict", n,
                     of);
}
