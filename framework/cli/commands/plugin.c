/* viv plugin - which plugins were found, what they provide, and why some are refused. */
#include "cli/open.h"
#include "cli/shared.h"

#include <string.h>

struct plugin_options {
    struct common common;
    bool json, retry;
};

#define OPT(field) offsetof(struct plugin_options, field)
static const struct option table[] = {
    {"retry", 0, OPTION_FLAG, OPT(retry), .help = "probe again what failed before"},
    JSON_OPTION(OPT(json), "one object"),
    {0}};

static void print_plugin(const struct plugin_info *p)
{
    printf("%s %s\n  %s\n", p->name, p->reason ? "REFUSED" : "accepted", p->path);
    if (p->reason) {
        fputs("  ", stdout);
        cli_print_safe(stdout, p->reason, strlen(p->reason));
        putchar('\n');
        return;
    }
    if (p->version || p->vendor)
        printf("  %s%s%s%s\n", p->version ? "version " : "", p->version ? p->version : "",
               p->vendor ? p->version ? ", by " : "by " : "", p->vendor ? p->vendor : "");
    printf("  abi %u.%u", p->abi_major, p->abi_minor);
    for (size_t i = 0; i < p->n_classes; i++)
        printf("%s %s %s", i ? "," : "; provides", class_kind_name(p->classes[i].kind), p->classes[i].name);
    putchar('\n');
}

static json_t *plugin_json(const struct plugin_info *p)
{
    json_t *classes = json_array();
    char abi[32];
    for (size_t i = 0; i < p->n_classes; i++) {
        json_t *item = json_pack("{s:s, s:o}", "kind", class_kind_name(p->classes[i].kind), "name",
                                 cli_json_word(p->classes[i].name));
        if (json_array_append_new(classes, item) != 0) {
            json_decref(classes);
            return NULL;
        }
    }
    snprintf(abi, sizeof abi, "%u.%u", p->abi_major, p->abi_minor);
    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:s, s:o}", "name", cli_json_word(p->name), "version",
                     cli_json_word(p->version), "vendor", cli_json_word(p->vendor), "path", cli_json_word(p->path),
                     "accepted", p->reason == NULL, "reason", cli_json_word(p->reason), "abi", abi, "classes",
                     classes);
}

static viv_status list(const struct host *host, bool json, struct error *err)
{
    json_t *all = json ? json_array() : NULL;
    for (size_t i = 0; i < host_n_plugins(host); i++) {
        struct plugin_info p;
        host_plugin(host, i, &p);
        if (!json) {
            print_plugin(&p);
        } else if (json_array_append_new(all, plugin_json(&p)) != 0) {
            json_decref(all);
            return error_nomem(err);
        }
    }
    if (json)
        return cli_print_json(json_pack("{s:o}", "plugins", all), false, err);
    if (host_n_plugins(host) == 0)
        fprintf(stderr, "viv: no plugins were found (viv version -v shows where they are looked for)\n");
    return VIV_OK;
}

static int plugin(const struct arguments *a)
{
    const struct plugin_options *o = a->options;
    struct opened opened = {0};
    struct error err = {0};
    if (strcmp(a->words[0], "list") != 0)
        return cli_usage_error("plugin", "there is no 'plugin %s'; did you mean 'plugin list'?", a->words[0]);
    viv_status status = cli_open_host(&opened, &o->common, o->retry, &err);
    if (status == VIV_OK)
        status = cli_open_world(&opened, &o->common, &err); /* the user's defaults.yaml says what plugins may do */
    if (status == VIV_OK)
        status = host_examine(engine_host(opened.engine), &err);
    if (status == VIV_OK)
        status = list(engine_host(opened.engine), o->json, &err);
    return cli_close_opened(&opened, status, &err);
}

const struct command command_plugin = {
    .name = "plugin",
    .summary = "which plugins there are, of whom, and why some are refused",
    .words = "list",
    .text = "Plugins are looked for in --plugin-path, then in the directories of VIV_PLUGIN_PATH, then in the "
            "build tree when the program runs from one, else where they are installed; never in the current "
            "directory. Each is first loaded in a process of its own, and what comes of that is remembered until "
            "its file or a library that it needs changes. A plugin may start no threads; a library that it needs "
            "may when --allow-threads or VIV_ALLOW_THREADS names it.",
    .options = table,
    .options_size = sizeof(struct plugin_options),
    .examples = "viv plugin list\n"
                "viv plugin list --json\n"
                "viv plugin list --retry",
    .group = GROUP_FRAMEWORK,
    .main = plugin,
};
