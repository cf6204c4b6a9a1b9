/* tool_move.c - a file or folder gets another place or name, which must be free. A symbolic link is moved as such.
 */
#include "lam.h"

static viv_status run(const struct tool_call *c, struct text *result)
{
    const viv_status status = journal_commit(c->journal, "move", c->words[0], c->words[1], false);
    if (status == VIV_OK)
        text_printf(result, "it was moved\n");
    return status;
}

const struct tool tool_move = {
    .name = "move",
    .summary = "a file or folder gets another place or name, which must be free",
    .arguments = {{.name = "from", .kind = ARGUMENT_ANY}, {.name = "to", .kind = ARGUMENT_NEW}},
    .changes = true,
    .run = run};
