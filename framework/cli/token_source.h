/* token_source.h - the tokenizer of whatever was named: a model, or a file with a tokenizer alone. */
#ifndef CLI_TOKEN_SOURCE_H
#define CLI_TOKEN_SOURCE_H

#include "cli/open.h"

struct token_source {
    struct opened opened; /* for a spec's name */
    struct checkpoint checkpoint;
    struct tokenizer *own;             /* opened here */
    const struct tokenizer *tokenizer; /* the one to use */
};

/* A tokenizer's own file, a checkpoint (weights are not needed, a vocabulary is enough), or a spec. */
viv_status token_source_open(struct token_source *s, const struct common *common, const char *name,
                             struct error *err);
/* As cli_close_opened. */
int token_source_close(struct token_source *s, viv_status status, struct error *err);

#endif
