/* undo.c - takes back what a model has done. */
#include "cli/acting.h"
#include "cli/shared.h"

struct undo_options {
    struct common common;
    const char *workspace, *architecture;
    int64_t last, run;
    bool force, json;
};

static const struct undo_options defaults = {.common = COMMON_DEFAULTS, .workspace = ".", .architecture = "lam"};

#define OPT(field) offsetof(struct undo_options, field)
static const struct option table[] = {
    WORKSPACE_OPTION(OPT(workspace), "default: this one"),
    {"last", 0, OPTION_INT, OPT(last), "N", .help = "undo the last N actions", .min = 1, .max = 1e9},
    {"run", 0, OPTION_INT, OPT(run), "ID", .help = "undo all actions of a run, as viv log numbers it", .min = 1,
     .max = 1e9},
    {"force", 0, OPTION_FLAG, OPT(force), .help = "replace a file that exists",
     .here = "one that has changed since, of which a copy is put aside"},
    ARCHITECTURE_OPTION(OPT(architecture)),
    JSON_OPTION(OPT(json), "one object for each action, one per line"),
    {0}};

static int run(const struct arguments *arguments)
{
    const struct undo_options *options = arguments->options;
    struct acting_show show = {.json = options->json};
    const struct acting_listener listener = {.ctx = &show, .tell = acting_show_event};
    const viv_undo what = {.struct_size = sizeof what,
                           .flags = options->force ? VIV_UNDO_FORCE : 0,
                           .workspace = options->workspace,
                           .run = (uint64_t)options->run,
                           .last = (uint64_t)options->last};
    struct opened o = {0};
    struct acting acting;
    struct error err = {0};
    if (options->last && options->run)
        return cli_usage_error("undo", "--last N and --run ID are two ways to say what: one is wanted");
    viv_status status = acting_open_world(&o, &options->common, options->architecture, &acting, &err);
    if (status == VIV_OK)
        status = acting_undo(&acting, &what, &listener, &err);
    return cli_close_opened(&o, status, &err);
}

const struct command command_undo = {
    .name = "undo",
    .summary = "take back what a model has done",
    .words = "",
    .text = "Undoes the last run of viv act in a folder, or more or less of it, the last action first. Files come "
            "back with their bytes, modes, times and links.\n"
            "What has changed since is noticed: undoing stops there, and says which file, what was expected and "
            "what was found. With --force the change is kept under .viv/kept, and undoing goes on.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct undo_options),
    .examples = "viv undo --workspace ~/inbox\n"
                "viv undo -w ~/inbox --last 1\n"
                "viv undo -w ~/inbox --run 3 --json",
    .group = GROUP_RUN,
    .main = run,
};
