/* token_source.c - see token_source.h. */
#include "cli/token_source.h"

#include "base/file.h"
#include "base/text.h"

viv_status token_source_open(struct token_source *s, const struct common *common, const char *name,
                             struct error *err)
{
    viv_status status;
    if (!file_is_dir(name) && file_exists(name) && (text_ends_in(name, ".json") || text_ends_in(name, ".model"))) {
        status = tokenizer_open_file(name, &s->own, err);
    } else if (checkpoint_probe(name)) {
        status = checkpoint_open(&s->checkpoint, name, err);
        if (status == VIV_OK)
            status = tokenizer_open(&s->checkpoint, &s->own, err);
    } else if (file_is_dir(name)) { /* of a tokenizer alone */
        status = tokenizer_open_directory(name, &s->own, err);
    } else {
        status = cli_open_model(&s->opened, common, name, err);
        if (status == VIV_OK)
            status = model_tokenizer(s->opened.model, &s->tokenizer, err);
        return status;
    }
    s->tokenizer = s->own;
    return status;
}

int token_source_close(struct token_source *s, viv_status status, struct error *err)
{
    tokenizer_destroy(s->own);
    int exit_status = cli_close_opened(&s->opened, status, err);
    checkpoint_close(&s->checkpoint);
    return exit_status;
}
