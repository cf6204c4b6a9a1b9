/* lam.h - what the files of this plugin share.
 *
 * The one idea: an action is one rename. What a tool makes is first made whole under WORKSPACE/.viv/kept/new (N
 * once its record is written), and then changes places with what stands in the tree; what a tool takes away goes to
 * .viv/kept/N. So an action has happened or it has not, nothing is lost, and undoing it is the same rename
 * backwards: the old file returns with its inode, and with that its bytes, mode, times and links. */
#ifndef LAM_H
#define LAM_H

#ifndef _GNU_SOURCE /* renameat2, asprintf */
#define _GNU_SOURCE
#endif
#include "clock.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <vivarium/vivarium.h>

#define LAM_VERSION "0.1.0"
enum { MAX_PATH = 4095, MAX_NAME = 255, MAX_DEPTH = 64 };

/* --- text.c: names of files as text, and growing text --- */

/* Names are bytes; JSON and models have text. A byte that is no UTF-8, or a control character, is written \xHH, and
 * a backslash is doubled. malloc'ed; NULL: memory is out. */
char *text_of_name(const char *name);
/* The same for sentences, cut where it is long. */
char *short_text_of_name(const char *name);
/* The name behind such a text; NULL: it is none, or memory is out. */
char *name_of_text(const char *text);
/* Whether n bytes are UTF-8 without NUL. */
bool text_is_utf8(const char *text, size_t n);
/* At most n bytes of a text, cut at a character. */
size_t text_cut(const char *text, size_t size, size_t n);

struct mcp; /* mcp/mcp.h */

/* Who else than the host may end an action. */
struct stopper {
    bool (*wants)(void *ctx);
    void *ctx;
};
struct text {
    char *data; /* terminated once anything was added */
    size_t size, capacity;
    bool failed; /* memory was out */
};
void text_add(struct text *t, const char *bytes, size_t n);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_release(struct text *t);
const char *text_or_empty(const struct text *t);

/* --- root.c: a granted folder, out of which no path leads --- */
struct root {
    const viv_host *host;
    const viv_digest *digest;
    int fd;
    char *path; /* absolute, for messages */
};
#define STORE ".viv" /* the folder in a workspace that is ours, also where a workspace lies in another */

/* Refuses what is no folder, and a symbolic link. */
viv_status root_open(const viv_host *host, const char *path, struct root *out);
void root_close(struct root *r);
/* Refuses a path that is absolute, has "..", "." or empty components, leads into a store, or is too long. "."
 * alone is the root, if `whole`. */
viv_status root_check(const struct root *r, const char *path, bool whole);
/* openat2 beneath the root: through no symbolic link, and onto no other file system. -1 and errno. */
int root_openat(const struct root *r, const char *path, int flags);
/* The same beneath any open folder. */
int openat_below(int folder, const char *path, int flags);
/* The folder that holds the path's last component. *name is within path. */
viv_status root_parent(const struct root *r, const char *path, int *folder, const char **name);
/* Why `what` of a path has failed, by errno. */
viv_status root_fail(const struct root *r, const char *what, const char *path);
/* The names in an open folder, sorted, without "." and ".."; closes it. malloc'ed array of malloc'ed names. */
bool names_read(int folder, char ***names, size_t *n);
void names_release(char **names, size_t n);

/* remove.c: a tree that is ours. */
void remove_tree(int at, const char *name);

/* --- print.c: what stands at a path, so that a change can be noticed --- */
enum print_kind { PRINT_NONE, PRINT_FILE, PRINT_FOLDER, PRINT_LINK, PRINT_OTHER };
struct print {
    enum print_kind kind;
    uint32_t mode;
    uint64_t ino, size;
    int64_t mtime;   /* nanoseconds */
    char digest[65]; /* of a file up to MAX_DIGESTED: its bytes; of a link: its target; of a folder: the names,
                        kinds, modes, sizes and times of all within; else empty */
};
enum { MAX_DIGESTED = 16 << 20 };
/* false: errno. */
bool print_take(const viv_digest *service, int folder, const char *name, struct print *out);
bool print_same(const struct print *a, const struct print *b);
/* "a file of 12 bytes from 2026-12-01 12:00:00.000000000 (...)", for sentences: all that print_same compares. */
void print_describe(const struct print *p, char *out, size_t size);
int64_t stat_mtime(const struct stat *st); /* nanoseconds since 1970; -1: too far from it */

/* --- record.c: lines of the journal --- */

/* "CHECKSUM JSON\n" of an object. malloc'ed; NULL: memory is out. */
char *record_write(const json_t *object, size_t *size);
/* FNV-1a: it finds damage and change; it is no guard against intent. */
uint64_t record_checksum(const char *bytes, size_t n);
/* The object of a line without its line feed; NULL, and why. */
json_t *record_read(const char *line, size_t n, const char **why);

/* One side of an action: a path of the tree, or NULL: .viv/kept/N. */
struct action {
    uint64_t n, run;
    enum { ACTION_BEGUN, ACTION_DONE, ACTION_FAILED, ACTION_UNDOING, ACTION_UNDONE } state;
    bool forgotten; /* what was kept of it is gone: it cannot be undone */
    char *tool, *from, *to;
    struct print moved, replaced; /* what `from` had, what `to` had: none, or it is an exchange */
    struct {
        int64_t before, after; /* times of the folders of `from` and `to`, in nanoseconds; -1: unknown */
        int64_t restore;       /* what an undo that has begun sets it to; -1: nothing */
    } folder[2];
    int64_t time; /* seconds since 1970 */
};
/* Reads an action, or fails with why. Strict: what is in it is used to rename files. */
bool action_read(const struct root *r, const json_t *record, struct action *out, const char **why);
json_t *action_write(const struct action *a);
void action_release(struct action *a);

/* --- journal.c --- */
enum journal_mode {
    JOURNAL_LOOK,
    JOURNAL_USE,
    JOURNAL_MAKE
}; /* read; change what is there; make one if there is none */
struct run {
    uint64_t n;
    char *task, *reason; /* reason: why it ended; NULL: it has not, or was killed */
    int64_t time;
};
/* What was done outside of the workspace, which cannot be undone. */
struct deed {
    uint64_t run;
    size_t n_actions; /* of the journal, before */
    char *tool, *about;
    int64_t time;
};
struct journal {
    const viv_host *host;
    struct root root;
    int store, kept, file; /* folders, and the journal; -1: not there */
    uint64_t end;          /* bytes of whole records */
    struct action *actions;
    size_t n_actions, actions_capacity;
    struct run *runs;
    size_t n_runs, runs_capacity;
    struct deed *deeds;
    size_t n_deeds, deeds_capacity;
    bool broken;      /* a record was written by halves: nothing more is done */
    const char *owed; /* the mark that the last action lacks, because it could not be written; or NULL */
};
/* Reads it, and with JOURNAL_USE or _MAKE locks it and settles what a crash has left open. Nothing in the tree is
 * touched. */
viv_status journal_open(const viv_host *host, const char *workspace, enum journal_mode mode, struct journal *out);
void journal_close(struct journal *j); /* accepts a zeroed struct */
viv_status journal_begin(struct journal *j, const char *task);
viv_status journal_end(struct journal *j, const char *reason);
/* Before something is done outside of the workspace. */
viv_status journal_deed(struct journal *j, const char *tool, const char *about);
#define STAGED "new" /* in .viv/kept: what a tool makes, until it is called as its record says */
/* A file, or a folder, to be filled for the next action: *fd. */
viv_status journal_stage(struct journal *j, bool folder, int *fd);
/* Drops what was staged and not committed. */
void journal_drop(struct journal *j);
/* The next action, from a path (NULL: what was staged) to a path (NULL: away). What stands at `to` is exchanged if
 * `replace`, else it must not be there. Records, renames, records. */
viv_status journal_commit(struct journal *j, const char *tool, const char *from, const char *to, bool replace);

/* undo.c: undoes one action that is done. `force`: what has changed since is put aside, under .viv/kept; *aside
 * says where (malloc'ed), or is NULL. VIV_EINVAL: it has changed, and the sentence says what was expected and
 * found. */
viv_status journal_undo(struct journal *j, struct action *a, bool force, char **aside);
/* Out of the way: to .viv/kept/N.ENDING, N.ENDING.2, ... */
viv_status journal_put_aside(const struct journal *j, int folder, const char *name, uint64_t n, const char *ending,
                             char **aside);

struct events;
/* prune.c: removes what is kept of the oldest actions, until at most so many bytes are left, and of all that are so
 * old (-1: any); tells each. */
viv_status journal_prune(struct journal *j, int64_t most, int64_t seconds, const struct events *e);
viv_status journal_forget(struct journal *j, struct action *a); /* of one */
/* How much there is. */
viv_status journal_tell_kept(const struct journal *j, const struct events *e);

/* --- inside of the journal: journal.c, settle.c and undo.c --- */

/* Its name under .viv/kept. */
enum { KEPT_NAME = 32 };
void kept_name(uint64_t n, char name[KEPT_NAME]);

/* The two places of an action, opened. */
struct sides {
    int folder[2]; /* -1: there is no such folder any more */
    const char *name[2];
    char kept[KEPT_NAME];
};
enum { FROM, TO };
viv_status sides_open(const struct journal *j, const struct action *a, struct sides *s);
void sides_close(struct sides *s);
viv_status sides_look(const struct journal *j, const struct sides *s, struct print out[2]);
bool sides_sync(const struct sides *s); /* both folders, or the one that they are */
int64_t folder_time(int folder);        /* -1: unknown */
/* Sets the times that an undo restores. */
void sides_restore(const struct sides *s, const struct action *a);
/* Appends a record, and waits for the disk if `sync`. */
viv_status journal_append(struct journal *j, json_t *record, bool sync);
/* Appends {"record": mark, "action": n, "folders": [...]}. */
viv_status journal_mark(struct journal *j, const char *mark, const struct action *a, bool sync);
/* settle.c: after a crash, finds out by the tree what became of actions that were begun. */
viv_status journal_settle(struct journal *j);

/* --- tools.c: what a model can do --- */

/* What an argument of a tool may be; the grammar of a step is built from it. */
enum argument_kind {
    ARGUMENT_NONE,
    ARGUMENT_FILE,   /* a file that is there */
    ARGUMENT_FOLDER, /* a folder that is there; "." is the workspace */
    ARGUMENT_ANY,    /* either */
    ARGUMENT_NEW,    /* a path in a folder that is there, or a new file in one */
    ARGUMENT_TEXT,
    ARGUMENT_VECTOR,  /* a program and its arguments, as a JSON array of texts */
    ARGUMENT_JSON,    /* an object */
    ARGUMENT_WORD,    /* one of the tool's words */
    ARGUMENT_PROGRAM, /* that the spec grants for the desktop */
    ARGUMENT_KEYS,    /* "ctrl+s" */
    ARGUMENT_MADE,    /* a file that a program on the desktop has written */
    /* numbers of what is there in a browser */
    ARGUMENT_ELEMENT,  /* anything that is seen of a page */
    ARGUMENT_EDITABLE, /* what text can be typed into */
    ARGUMENT_OPTION,   /* of a list */
    ARGUMENT_SCROLLED, /* what scrolls; 0: the page */
    ARGUMENT_TAB,
    ARGUMENT_DOWNLOAD,
    ARGUMENT_X, /* places in a picture of the page */
    ARGUMENT_Y,
    /* and on a desktop */
    ARGUMENT_WINDOW,
    ARGUMENT_THING, /* an element of a window */
    ARGUMENT_SCREEN_X,
    ARGUMENT_SCREEN_Y,
    ARGUMENT_CLICKS,
    ARGUMENT_SECONDS
};
bool argument_is_path(enum argument_kind kind);
bool argument_is_number(enum argument_kind kind);
bool argument_is_word(enum argument_kind kind); /* a text of a closed set */
enum { MAX_ARGUMENTS = 4 };
struct browser; /* browser/browser.h */
struct desktop; /* desktop/desktop.h */
struct tool_call {
    const viv_host *host;
    const struct root *root;
    struct journal *journal; /* of a tool that changes something */
    const char
        *words[MAX_ARGUMENTS]; /* the arguments, in the order of the tool's: paths as bytes, texts as they are */
    size_t limit;              /* bytes of the result, at most */
    const struct settings *settings; /* of a command */
    const uint32_t *cancel;          /* or NULL */
    const struct stopper *stopper;   /* or NULL */
    struct browser *browser;         /* of a tool that acts on pages */
    struct desktop *desktop;         /* of a tool that acts on windows */
    bool sends;                      /* `sends` of the tool has said so */
    struct mcp *mcp;                 /* of calls; or NULL */
    const viv_generator *generator;  /* or NULL */
};
struct tool {
    const char *name, *summary;
    struct {
        const char *name;
        enum argument_kind kind;
        const char *const *words; /* of ARGUMENT_WORD: NULL-terminated */
    } arguments[MAX_ARGUMENTS];
    bool changes;   /* the tree; then it can be undone, or `final` is set */
    bool final;     /* it cannot be undone */
    bool asked_for; /* only offered by a spec that names it */
    bool untrusted; /* what it returns was written by others */
    bool outside;   /* it acts outside of the workspace: that is recorded, and cannot be undone */
    enum {
        NEEDS_NOTHING,
        NEEDS_GRANT,
        NEEDS_FILES,
        NEEDS_PAGE,
        NEEDS_PICTURE,
        NEEDS_DISPLAY,
        NEEDS_SCREEN
    } needs;           /* to be offered */
    const char *group; /* a name for several tools in a spec; or NULL */
    /* What it is about, in place of its arguments, for the policy and the journal; or NULL. */
    void (*scope)(const struct tool *t, const struct tool_call *c, struct text *out);
    /* Whether this call sends something that cannot be called back; NULL: none does. */
    bool (*sends)(const struct tool_call *c);
    /* What it would change, for people: a diff, a move. NULL: its name and arguments say it. */
    viv_status (*effect)(const struct tool_call *c, struct text *out);
    viv_status (*run)(const struct tool_call *c, struct text *result);
};
static inline bool is_stopped(const uint32_t *cancel, const struct stopper *s)
{
    return viv_is_cancelled(cancel) || (s && s->wants(s->ctx));
}
extern const struct tool tool_list, tool_read, tool_search, tool_write, tool_append, tool_move, tool_copy,
    tool_make_folder, tool_delete, tool_shell, tool_remember, tool_recall, tool_call, tool_archive;
extern const struct tool tool_open, tool_open_file, tool_click, tool_click_at, tool_hover, tool_type, tool_select,
    tool_drag, tool_scroll, tool_press, tool_back, tool_switch_tab, tool_close_tab, tool_save; /* browser/tools.c */
extern const struct tool tool_desktop_open, tool_desktop_start, tool_desktop_window, tool_desktop_click,
    tool_desktop_click_at, tool_desktop_move, tool_desktop_drag, tool_desktop_scroll, tool_desktop_type,
    tool_desktop_key, tool_desktop_hold, tool_desktop_button, tool_desktop_wait,
    tool_desktop_keep; /* desktop/tools.c */
extern const struct tool *const tools[];
extern const size_t n_tools;
const struct tool *tool_find(const char *name); /* or NULL */
/* Checks the paths among the arguments. */
viv_status tool_check(const struct tool *t, const struct tool_call *c);
/* The same, and runs it. */
viv_status tool_run(const struct tool *t, const struct tool_call *c, struct text *result);
/* The same for its effect. */
viv_status tool_effect(const struct tool *t, const struct tool_call *c, struct text *out);

/* The bytes of a regular file, at most `limit`; more is VIV_ELIMIT. */
viv_status file_load(const struct root *r, const char *path, size_t limit, struct text *out);
/* Writes all bytes to a staged file, gives it the mode, owner and attributes of the file that it replaces, if there
 * is one, and syncs and closes it. */
viv_status staged_write(const struct tool_call *c, int fd, const struct text *bytes, const char *replaces);

/* tool_shell.c: a vector, quoted as in a shell. */
void command_show(const char *arguments, struct text *out);

/* --- events.c --- */
struct events {
    const viv_host *host;
    const viv_listener *listener;
    int transcript;  /* a file, or -1 */
    int64_t seconds; /* that an answer may take: questions say so; 0: they do not */
};
/* Both take ownership of the event; NULL is one that memory was out for. */
viv_status events_tell(const struct events *e, json_t *event);
viv_status events_ask(const struct events *e, json_t *event, bool *yes);
json_t *json_of_path(const char *path); /* null for NULL */

/* --- settings.c: what a spec says --- */
enum stage_id { PERCEIVE, INTENT, DECOMPOSE, THINK, PLAN, EXECUTE, VERIFY, N_STAGES };
extern const char *const stage_names[N_STAGES];
enum decision { ALLOW, ASK, DENY };
enum sandbox_mode { SANDBOX_AUTO, SANDBOX_ON, SANDBOX_OFF };
struct settings {
    json_t *json;
    struct stage {
        bool on;
        const char *use, *prompt; /* or NULL */
        json_t *schema;           /* or NULL */
        int64_t max_tokens;
        bool native; /* of plan: the model calls tools in its own way */
    } stages[N_STAGES];
    const json_t *policy;  /* or NULL */
    const json_t *browser; /* what it may reach; or NULL */
    const json_t *desktop; /* what may be started; or NULL */
    const json_t *servers; /* by name; or NULL */
    const char *encoder;   /* of memory; or NULL */
    uint64_t offered;      /* bit i: tools[i] may be used */
    enum sandbox_mode sandbox;
    int64_t steps, tokens, seconds, repeats, names, result, history, command_seconds, command_memory,
        command_processes, elements, page_seconds, call_seconds, answer_seconds;
};
viv_status settings_read(const viv_host *host, const char *name, const char *json, struct settings *out);
void settings_release(struct settings *s);

/* --- scene.c: what there is --- */
struct entry {
    char *path, *text;   /* the path's bytes, and as a text */
    bool folder, closed; /* closed: what is in it cannot be seen */
};
struct scene {
    struct entry *entries;     /* sorted by path */
    size_t n, capacity, total; /* total: with those that are too many to be shown */
};
/* Looks: at most `most` entries, those near the top first. */
viv_status scene_look(const struct root *r, size_t most, struct scene *out);
void scene_release(struct scene *s);
const struct entry *scene_find(const struct scene *s, const char *path);
/* What a tool would change, without having done so: for dry runs. */
viv_status scene_imagine(struct scene *s, const struct tool *t, const struct tool_call *c);
/* {"added": [...], "removed": [...]} */
json_t *scene_difference(const struct scene *before, const struct scene *after);

/* --- prompt.c --- */
struct prompt {
    const char *task;
    const struct text *context; /* what earlier stages have said */
    const struct scene *scene;
    const struct browser *browser;
    const struct desktop *desktop;
    const struct settings *settings;
    const struct text *history;
};
/* Appends what a model is told, in about `room` bytes: the task is whole, the rest may be cut, and says so. */
void prompt_show(const struct prompt *p, size_t room, struct text *out);
/* Of what is seen: the folder, the page and the screen. */
uint64_t prompt_checksum(const struct prompt *p);

/* --- policy.c --- */

/* Whether undo brings back all that a tool changes: not so of a command outside of a sandbox. */
bool can_be_undone(const struct settings *s, const struct tool *t);

/* What the spec says of a tool and the paths that it touches, the strictest of all; *why: the rule, for people. */
enum decision policy_decide(const struct settings *s, const struct tool *t, const struct tool_call *c,
                            const struct scene *scene, const char *folder, bool tainted, const char **why);
/* Whether that depends on what is in a folder, as `scene` has it. */
bool policy_looks_below(const struct tool *t);
/* Of a file of the workspace: what read is allowed. */
enum decision policy_of_reading(const struct settings *s, const char *path);
/* Of a file of the workspace that a page asks for: what read and open_file are allowed. */
enum decision policy_of_page_file(const struct settings *s, const char *path);

/* --- action.c: between a model's JSON and tools --- */

/* The schema of the next action, over what is there. */
json_t *action_schema(const struct settings *s, const struct scene *scene, const struct browser *browser,
                      const struct desktop *desktop, const struct mcp *mcp);
/* functions.c: the same as a list of functions; plain: as the model is shown them. New. */
json_t *functions_of(const json_t *schema, const struct mcp *mcp, bool plain);
/* The action of a call of a function; NULL: it is none. New. */
json_t *action_of_function(const struct mcp *mcp, const json_t *call);
/* The tools, for the prompt. */
void action_describe(const struct settings *s, const struct browser *browser, const struct desktop *desktop,
                     const struct mcp *mcp, struct text *out);
/* The tool and the arguments of an action; the words are malloc'ed. NULL tool: it is done. */
viv_status action_parse(const viv_host *host, const json_t *action, const struct tool **tool,
                        char *words[MAX_ARGUMENTS]);

/* --- viv.acting --- */
viv_status lam_log(const viv_host *host, const char *workspace, const viv_listener *listener);
viv_status lam_prune(const viv_host *host, const viv_prune *what, const viv_listener *listener);
viv_status lam_undo(const viv_host *host, const viv_undo *what, const viv_listener *listener);
viv_status lam_act(const viv_host *host, const viv_act *task, const viv_generator *generator,
                   const viv_listener *listener);
/* The same; a stopper (or NULL) ends an action, which has failed then, and not the run. */
viv_status lam_act_for(const viv_host *host, const viv_act *task, const viv_generator *generator,
                       const viv_listener *listener, const struct stopper *stopper);
viv_status lam_serve(const viv_host *host, const viv_act *task, int32_t input, int32_t output,
                     const viv_listener *listener);
viv_status lam_memory(const viv_host *host, const viv_memory *what, const viv_listener *listener);
viv_status lam_check(const viv_host *host, const char *spec, const char *spec_name);
viv_status lam_bench(const viv_host *host, const viv_act *task, uint32_t rounds, const viv_listener *listener);
viv_status lam_replay(const viv_host *host, const char *name, const char *bytes, uint64_t size,
                      const viv_listener *listener);

#endif
