/* act.c - lets a model work on a task in a folder. */
#include "cli/acting.h"
#include "cli/interrupt.h"
#include "cli/shared.h"

#include <string.h>

struct act_options {
    struct common common;
    const char *prompt, *workspace, *folder;
    bool dry_run, yes, json;
};

static const struct act_options defaults = {.common = COMMON_DEFAULTS};

#define OPT(field) offsetof(struct act_options, field)
static const struct option table[] = {PROMPT_OPTION(OPTION_STRING, OPT(prompt), "here the task"),
                                      WORKSPACE_OPTION(OPT(workspace), "nothing outside it is read or changed"),
                                      FOLDER_OPTION(OPT(folder)),
                                      {"dry-run", 0, OPTION_FLAG, OPT(dry_run),
                                       .help = "print what would be written, and write nothing",
                                       .here = "all actions are only said"},
                                      YES_OPTION(OPT(yes)),
                                      JSON_OPTION(OPT(json), "one object for each event, one per line"),
                                      {0}};

static int run(const struct arguments *arguments)
{
    const struct act_options *options = arguments->options;
    struct acting_show show = {.json = options->json, .yes = options->yes};
    const struct acting_listener listener = {.ctx = &show, .tell = acting_show_event, .ask = acting_ask};
    struct opened o = {0};
    struct error err = {0};
    if (!options->prompt || !*options->prompt)
        return cli_usage_error("act", "a task is wanted: -p TEXT");
    if (!options->workspace)
        return cli_usage_error("act", "a folder to act in is wanted: --workspace DIR");
    const viv_act task = {.struct_size = sizeof task,
                          .flags = options->dry_run ? VIV_ACT_DRY_RUN : 0,
                          .task = options->prompt,
                          .workspace = options->workspace,
                          .folder = options->folder,
                          .cancel = interrupt_watch()};
    viv_status status = cli_open_world(&o, &options->common, &err);
    const struct model_options models = cli_model_options(&o, &options->common);
    if (status == VIV_OK)
        status = acting_act(o.engine, arguments->words[0], &models, &task, &listener, &err);
    return cli_close_opened(&o, status, &err);
}

const struct command command_act = {
    .name = "act",
    .summary = "let a model work on a task in a folder",
    .words = "MODEL",
    .text = "The model looks at the folder, and lists, reads, searches, writes, moves, copies and deletes files "
            "in it, one action after another, until it says that the task is done. MODEL is a spec with stages "
            "(viv-spec(5)), or any model.\n"
            "What changes something is asked about first, unless the spec's policy allows it: no answer is no. "
            "Ctrl-C stops between two actions. All of it can be undone: viv undo.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct act_options),
    .examples = "viv act lam.yaml -p \"Sort the files by kind\" --workspace ~/inbox\n"
                "viv act ./a-checkpoint-directory -p \"Remove duplicates\" -w ~/inbox --dry-run\n"
                "viv act lam.yaml -p \"Sort the files by kind\" -w ~/inbox --yes --json",
    .group = GROUP_RUN,
    .models = true,
    .main = run,
};
