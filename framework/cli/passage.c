/* passage.c - see passage.h. */
#include "cli/passage.h"

#include "base/file.h"
#include "cli/input.h"
#include "cli/interrupt.h"

#include <inttypes.h>
#include <string.h>

static const uint64_t LONGEST_TEXT = 256u << 20;

int passage_choose(const struct arguments *a, size_t n_models, const struct passage *options, struct passage *out)
{
    const bool has_word = a->n_words > n_models;
    *out = *options;
    if (has_word && !options->file)
        out->file = a->words[n_models];
    if ((options->file != NULL) + has_word + (options->tokens.n > 0) != 1)
        return cli_usage_error(a->command->name, "one text is wanted: FILE, --file FILE or --tokens IDS");
    return ARGUMENTS_OK;
}

viv_status passage_read(const struct passage *options, viv_model *m, struct quality_text *out, struct error *err)
{
    struct buf text = {0};
    if (!options->file)
        return quality_text_of_ids(out, options->tokens.ids, options->tokens.n, err);
    viv_status status = cli_read_input(options->file, LONGEST_TEXT, &text, err);
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
