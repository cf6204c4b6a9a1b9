/* policy.c - whether an action is done, asked about, or refused.
 *
 *   policy:
 *     write: {"*.txt": allow, "*": ask}       the first pattern that matches the path
 *     delete: deny
 *     "*": ask                                 tools that are not named
 *
 *     shell: {"wc *": allow, "rm *": deny}     of a command, the command: its words, quoted as in a shell
 *
 *     click: {"example.org button *": allow}   of an action on a page: its host and what it is about
 *
 *     desktop_click: {"*button \"Save\"*": allow}   of one on a desktop: its window and what it is about
 *
 *     call: {"time*": allow}                   of a tool of a server, its name: SERVER/TOOL
 *
 * Without a rule, tools that change nothing are allowed, and others are asked about. Of several paths, the
 * strictest counts; a folder that is moved, copied, deleted or searched is all that is in it.
 * What may not be read where it is may not come where it may: by a move, a copy, an archive, by a search, or as
 * what a command or a program on a desktop sees, which is all of the workspace. After text was read that others
 * wrote, what changes files outside the task's folder is asked about, whatever the rules allow: the text may have
 * asked for it. So is an address on another host than the page's, and a tool of a server that the spec does not
 * trust, which could carry away what was read; and whatever sends something that cannot be called back. */
#include "browser/browser.h"
#include "desktop/desktop.h"
#include "mcp/mcp.h"

#include <fnmatch.h>
#include <string.h>

static enum decision decision_of(const json_t *v)
{
    const char *word = json_string_value(v);
    return strcmp(word, "allow") == 0 ? ALLOW : strcmp(word, "deny") == 0 ? DENY : ASK;
}

/* A decision, or a mapping of patterns to decisions; NULL: there is none. */
static const json_t *rules_of(const struct settings *s, const struct tool *t)
{
    const json_t *rules = json_object_get(s->policy, t->name);
    return rules ? rules : json_object_get(s->policy, "*");
}

/* The first that matches, or NULL. */
static const json_t *rule_for(const json_t *rules, const char *path)
{
    const char *pattern;
    json_t *rule;
    if (json_is_string(rules))
        return rules;
    json_object_foreach((json_t *)rules, pattern, rule) if (fnmatch(pattern, path, 0) == 0) return rule;
    return NULL;
}

static enum decision by_rules(const struct settings *s, const struct tool *t, const char *path, const char **why)
{
    const json_t *rule = rule_for(rules_of(s, t), path);
    *why = rule ? "the policy of the spec" : "no rule of the spec allows it";
    return rule ? decision_of(rule) : t->changes ? ASK : ALLOW;
}

/* Whether a path is the folder, or in it; both are plain. */
static bool is_in(const char *path, const char *folder)
{
    const size_t n = strlen(folder);
    return strcmp(folder, ".") == 0 || (strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

bool can_be_undone(const struct settings *s, const struct tool *t)
{
    return !t->final && !t->outside && (t != &tool_shell || s->sandbox != SANDBOX_OFF);
}

static enum decision of_command(const struct settings *s, const struct tool *t, const char *arguments,
                                const char **why)
{
    struct text command = {0};
    command_show(arguments, &command);
    const enum decision d = command.failed ? DENY : by_rules(s, t, text_or_empty(&command), why);
    text_release(&command);
    return d;
}

/* Whether all that is in a folder is seen. */
static bool is_seen(const struct scene *scene, const char *folder)
{
    bool seen = scene->n == scene->total;
    for (size_t i = 0; seen && i < scene->n; i++)
        seen = !scene->entries[i].closed ||
               (!is_in(scene->entries[i].path, folder) && !is_in(folder, scene->entries[i].path));
    return seen;
}

/* What a folder holds goes with it. Where not all of it is seen, it may be what any of the rules is about. */
static enum decision by_rules_below(const struct settings *s, const struct tool *t, const char *path,
                                    const struct scene *scene, const char **why)
{
    const json_t *rules = rules_of(s, t);
    const struct entry *at = scene_find(scene, path);
    const char *pattern;
    json_t *rule;
    enum decision strictest = ALLOW;
    if (!json_is_object(rules) || (at && !at->folder))
        return ALLOW;
    for (size_t i = 0; i < scene->n; i++) {
        const json_t *r = is_in(scene->entries[i].path, path) ? rule_for(rules, scene->entries[i].path) : NULL;
        strictest = r && decision_of(r) > strictest ? decision_of(r) : strictest;
    }
    const bool seen = is_seen(scene, path);
    if (!seen)
        json_object_foreach((json_t *)rules, pattern, rule) if (decision_of(rule) > strictest) strictest =
            decision_of(rule);
    *why = !seen ? "the policy of the spec, and not all that is in the folder is seen"
                 : "the policy of the spec, for what is in the folder";
    return strictest;
}

static bool is_desktop(const struct tool *t)
{
    return t->scope == desktop_scope;
}

enum decision policy_of_reading(const struct settings *s, const char *path)
{
    const char *why;
    return by_rules(s, &tool_read, path, &why);
}

/* The strictest of the rules of read, for what is not seen of a folder. */
static enum decision of_unseen(const struct settings *s, const struct scene *scene, const char *folder)
{
    const char *pattern;
    json_t *rule;
    enum decision strictest = ALLOW;
    if (!is_seen(scene, folder))
        json_object_foreach((json_t *)rules_of(s, &tool_read), pattern, rule) if (decision_of(rule) > strictest)
            strictest = decision_of(rule);
    return strictest;
}

/* Of what a tool takes from one place to another, as far as it may be read less where it is. */
static enum decision of_passing_on(const struct settings *s, const struct tool *t, const struct tool_call *c,
                                   const struct scene *scene, const char **why)
{
    const bool sees_all = t == &tool_shell || t == &tool_desktop_start;
    const char *from = sees_all ? "." : c->words[0], *to = sees_all ? "" : c->words[1];
    enum decision strictest = of_unseen(s, scene, from);
    for (size_t i = 0; i < scene->n; i++) {
        const char *path = scene->entries[i].path;
        struct text target = {0};
        if (scene->entries[i].folder || !is_in(path, from))
            continue;
        text_printf(&target, "%s%s", to, t == &tool_archive ? "" : path + strlen(from));
        const enum decision here = policy_of_reading(s, path),
                            there = sees_all ? ALLOW : policy_of_reading(s, text_or_empty(&target));
        strictest = target.failed ? DENY : here > there && here > strictest ? here : strictest;
        text_release(&target);
    }
    *why = sees_all
               ? "a command or program sees all files, and there are some that the policy keeps from being read"
               : "the policy keeps what is there from being read, and not what would be at the other place";
    return strictest;
}

/* Pages, and programs on a private display: what they may reach is granted by the spec, so that actions on them are
 * allowed unless a rule says otherwise. On another display, only a rule of its own allows an action. */
static enum decision of_page(const struct settings *s, const struct tool *t, const struct tool_call *c,
                             const struct scene *scene, bool tainted, const char **why)
{
    struct text about = {0};
    const char *inner;
    t->scope(t, c, &about);
    enum decision d = about.failed ? DENY : by_rules(s, t, text_or_empty(&about), why);
    text_release(&about);
    const enum decision passed = t == &tool_desktop_start ? of_passing_on(s, t, c, scene, &inner) : ALLOW;
    if (passed > d) {
        d = passed;
        *why = inner;
    }
    if (d == ALLOW && c->sends) {
        d = ASK;
        *why = "it sends something, which cannot be undone";
    }
    if (d == ALLOW && is_desktop(t) && !desktop_is_private(s->desktop) && !json_object_get(s->policy, t->name)) {
        d = ASK;
        *why = "it is a display of people, and it cannot be undone";
    }
    if (d == ALLOW && tainted && !is_desktop(t) && browser_leaves(t, c)) {
        d = ASK;
        *why = "the address is on another host, and text that others wrote was read";
    }
    return d;
}

enum decision policy_of_page_file(const struct settings *s, const char *path)
{
    const char *why;
    return policy_of_reading(s, path) == DENY ? DENY : by_rules(s, &tool_open_file, path, &why);
}

/* A tool of a server: it cannot be undone, so that only a rule of its own allows it. */
static enum decision of_call(const struct settings *s, const struct tool_call *c, bool tainted, const char **why)
{
    const json_t *rule = rule_for(rules_of(s, &tool_call), c->words[0]);
    const enum decision d = rule ? decision_of(rule) : ASK;
    *why = rule ? "the policy of the spec" : "no rule of the spec allows it";
    if (d == ALLOW && !json_object_get(s->policy, tool_call.name)) {
        *why = "it cannot be undone";
        return ASK;
    }
    if (d == ALLOW && tainted && !mcp_is_trusted(c->mcp, c->words[0])) {
        *why = "it may pass on what was read, and text that others wrote was read";
        return ASK;
    }
    return d;
}

bool policy_looks_below(const struct tool *t)
{
    bool below = t == &tool_search || t == &tool_shell || t == &tool_desktop_start;
    for (int i = 0; i < MAX_ARGUMENTS && t->arguments[i].name; i++)
        below = below || t->arguments[i].kind == ARGUMENT_ANY;
    return below;
}

enum decision policy_decide(const struct settings *s, const struct tool *t, const struct tool_call *c,
                            const struct scene *scene, const char *folder, bool tainted, const char **why)
{
    enum decision strictest = ALLOW;
    *why = "the policy of the spec";
    if (t == &tool_call)
        return of_call(s, c, tainted, why);
    if (t->scope)
        return of_page(s, t, c, scene, tainted, why);
    for (int i = 0; i < MAX_ARGUMENTS && t->arguments[i].name; i++) {
        const char *reason = *why, *path = c->words[i];
        const enum argument_kind kind = t->arguments[i].kind;
        /* the first one, if it is a text, is what the rules are for */
        if (argument_is_number(kind) || argument_is_word(kind) ||
            (!argument_is_path(kind) && kind != ARGUMENT_VECTOR && i > 0))
            continue;
        enum decision d = kind == ARGUMENT_VECTOR ? of_command(s, t, path, &reason)
                          : t == &tool_shell      ? ALLOW /* a new folder */
                                                  : by_rules(s, t, path, &reason);
        const char *inner;
        const enum decision below =
            kind == ARGUMENT_ANY || t == &tool_search ? by_rules_below(s, t, path, scene, &inner) : ALLOW;
        if (below > d) {
            d = below;
            reason = inner;
        }
        if (d == ALLOW && argument_is_path(kind) && t->changes && tainted && folder && !is_in(path, folder)) {
            d = ASK;
            reason = "it is outside the task's folder, and text that others wrote was read";
        }
        if (d > strictest) {
            strictest = d;
            *why = reason;
        }
    }
    if (t == &tool_move || t == &tool_copy || t == &tool_archive || t == &tool_shell) {
        const char *reason;
        const enum decision d = of_passing_on(s, t, c, scene, &reason);
        if (d > strictest) {
            strictest = d;
            *why = reason;
        }
    }
    if (!can_be_undone(s, t) && strictest == ALLOW) {
        strictest = ASK;
        *why = "it cannot be undone";
    }
    return strictest;
}
