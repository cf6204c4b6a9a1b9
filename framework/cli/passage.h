/* passage.h - what the verbs that measure models by a text share: the text, its options, and how numbers are
 * written. */
#ifndef CLI_PASSAGE_H
#define CLI_PASSAGE_H

#include "cli/open.h"
#include "cli/shared.h"
#include "quality/pass.h"
#include "quality/text.h"

/* Where the text comes from, and how it is read. A member of the verb's options. */
struct passage {
    const char *file;
    struct id_list tokens;
    int64_t window, stride; /* 0: not said */
};

/* Its options, for a verb's table; `at`: where the member is. */
#define PASSAGE_OPTIONS(at)                                                                                        \
    FILE_OPTION((at) + offsetof(struct passage, file), "the same as the word FILE"),                               \
        TOKENS_OPTION((at) + offsetof(struct passage, tokens), "nothing is put before them"),                      \
        WINDOW_OPTION((at) + offsetof(struct passage, window), "default 512, or the context if that is less"),     \
    {                                                                                                              \
        "stride", 0, OPTION_INT, (at) + offsetof(struct passage, stride), "N",                                     \
            .help = "tokens from the beginning of a window to that of the next; default half of a window",         \
            .min = 1, .max = 1 << 30                                                                               \
    }

/* The text that was named, by an option or by the word behind the models' `n_models`. ARGUMENTS_OK, or the status
 * to exit with. */
int passage_choose(const struct arguments *a, size_t n_models, const struct passage *options, struct passage *out);
/* Reads text or tokens as the model has them. */
viv_status passage_read(const struct passage *options, viv_model *m, struct quality_text *out, struct error *err);
/* How to go through it: cancelled by Ctrl-C, with a bar on a terminal. */
struct quality_options passage_options(const struct passage *options, struct opened *o);

/* What is left of an interrupted measurement, as an error. */
viv_status passage_partly(uint64_t n, uint64_t of, struct error *err);

#endif
