/* tool_delete.c - a file, or a folder with all that is in it, goes to the journal's store. */
#include "lam.h"

static viv_status run(const struct tool_call *c, struct text *result)
{
    const viv_status status = journal_commit(c->journal, "delete", c->words[0], NULL, false);
    if (status == VIV_OK)
        text_printf(result, "it was deleted\n");
    return status;
}

const struct tool tool_delete = {.name = "delete",
                                 .summary = "a file, or a folder with all that is in it, goes away",
                                 .arguments = {{.name = "path", .kind = ARGUMENT_ANY}},
                                 .changes = true,
                                 .run = run};
