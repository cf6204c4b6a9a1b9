/* mcp.c - offers the tools of models that act to the agent of another program. */
#include "cli/acting.h"
#include "cli/interrupt.h"
#include "cli/shared.h"

#include <unistd.h>

struct mcp_options {
    struct common common;
    const char *workspace, *folder;
    bool dry_run, yes;
};

static const struct mcp_options defaults = {.common = COMMON_DEFAULTS};

#define OPT(field) offsetof(struct mcp_options, field)
static const struct option table[] = {WORKSPACE_OPTION(OPT(workspace), "nothing outside it is read or changed"),
                                      FOLDER_OPTION(OPT(folder)),
                                      {"dry-run", 0, OPTION_FLAG, OPT(dry_run),
                                       .help = "print what would be written, and write nothing",
                                       .here = "all actions are only said"},
                                      YES_OPTION(OPT(yes)),
                                      {0}};

/* The transcript has it. */
static viv_status keep(void *ctx, const json_t *event, struct error *err)
{
    (void)ctx, (void)event, (void)err;
    return VIV_OK;
}

/* Standard input and output are the agent's: there is nobody to ask. */
static viv_status answer(void *ctx, const json_t *event, bool *yes, struct error *err)
{
    const struct mcp_options *options = ctx;
    (void)event, (void)err;
    *yes = options->yes;
    return VIV_OK;
}

static int run(const struct arguments *arguments)
{
    const struct mcp_options *options = arguments->options;
    const struct acting_listener listener = {.ctx = (void *)options, .tell = keep, .ask = answer};
    struct opened o = {0};
    struct error err = {0};
    if (!options->workspace)
        return cli_usage_error("mcp", "a folder to act in is wanted: --workspace DIR");
    const viv_act task = {.struct_size = sizeof task,
                          .flags = options->dry_run ? VIV_ACT_DRY_RUN : 0,
                          .task = "what another program asks for (viv mcp)",
                          .workspace = options->workspace,
                          .folder = options->folder,
                          .cancel = interrupt_watch()};
    viv_status status = cli_open_world(&o, &options->common, &err);
    if (status == VIV_OK)
        status = acting_serve(o.engine, arguments->n_words ? arguments->words[0] : NULL, &task, STDIN_FILENO,
                              STDOUT_FILENO, &listener, &err);
    return cli_close_opened(&o, status, &err);
}

const struct command command_mcp = {
    .name = "mcp",
    .summary = "offer tools for files to the agent of another program",
    .words = "[SPEC]",
    .text =
        "The Model Context Protocol on standard input and output: the agent of another program lists, reads, "
        "searches, writes, moves, copies and deletes files in a folder, as a model does under `viv act`. SPEC, a "
        "spec with stages (viv-spec(5)), says which tools there are and what its policy allows; without it, what "
        "changes something is refused.\n"
        "There is nobody to ask: what the policy asks about is refused, unless --yes is given. All of it can be "
        "undone when the agent has gone: viv undo.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct mcp_options),
    .examples = "viv mcp lam.yaml --workspace ~/inbox\n"
                "viv mcp -w ~/inbox --yes",
    .group = GROUP_RUN,
    .models = true,
    .main = run,
};
