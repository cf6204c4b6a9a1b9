/* browser.h - Chromium as a tool: it is driven over two pipes (--remote-debugging-pipe: no port, no library), has a
 * profile of its own that is thrown away, and ends with the run.
 *
 * What it may reach is in the spec:
 *
 *   browser:
 *     hosts: [example.org, "*.example.org", "localhost:8080"]     nothing else is requested, by any page
 *     files: true       files of the workspace are pages of http://workspace.invalid/, answered by lam
 *     data: true        data: addresses may be opened
 *     sockets: true     pages may open WebSockets to these hosts; what goes over them is not judged
 *     pictures: true    the model gets a picture of the page, and the lines say where things are
 *
 * A page is seen as lines, one for each thing that can be seen, with the numbers that actions name:
 *
 *   page "Title" http://host/path (tab 1 of 2)
 *   [12] button "Save" disabled
 *
 * Whatever a page does, it costs one action: a page that does not answer is closed, with the browser if need be. */
#ifndef LAM_BROWSER_H
#define LAM_BROWSER_H

#include "../lam.h"

enum {
    MOST_TABS = 10,
    MOST_DOWNLOADS = 20,
    WINDOW_WIDTH = 1024,
    WINDOW_HEIGHT = 768,
    QUIET_MS = 100,
    SETTLE_MS = 3000
};
#define WORKSPACE_HOST "workspace.invalid"

struct tab {
    char *target, *session, *frame; /* frame: of the page itself */
    int64_t context;                /* in which page.js lives; 0: not yet */
};
struct download {
    int64_t number; /* that actions name */
    char *guid, *name;
    bool whole;
};

struct browser {
    const viv_host *host;
    const struct root *root;
    int store; /* .viv */
    const struct events *events;
    const struct settings *settings;
    const uint32_t *cancel;
    int64_t step;

    pid_t pid; /* 0: it does not run */
    int to, from, folder;
    char *path; /* of its folder, as it sees it */
    struct text in;
    size_t parsed; /* of `in` */
    int64_t next_call;
    json_t *reply;      /* of the call that is waited for */
    int64_t awaited;    /* its id; 0: none */
    char asked[64];     /* the session of that call */
    bool closed;        /* which has ended meanwhile */
    bool dead, changed; /* changed: pages have come or gone */
    const char *sandbox;

    struct tab tabs[MOST_TABS];
    size_t n_tabs, current;
    int64_t next_number;
    struct download downloads[MOST_DOWNLOADS];
    size_t n_downloads;

    bool acting;    /* an action is going on */
    bool sends;     /* it was said yes to what it sends */
    json_t *opened; /* paths that open_file was let to open */
    int n_asked, n_refused, n_dialogs, n_not_opened;
    struct text notes; /* what happened meanwhile, for the model */
    json_t *page;      /* as page.js tells it; NULL: there is none */
    int64_t look_ms;   /* how long it took to look at it */
    char *picture;     /* PNG in base64; NULL: none */
};

/* pipe.c: a message, and its answer. All take ownership of params, which may be NULL. */
viv_status browser_call(struct browser *b, const char *session, const char *name, json_t *params, int64_t ms,
                        json_t **result);
void browser_send(struct browser *b, const char *session, const char *name, json_t *params);
/* Takes what comes for so long. */
void browser_listen(struct browser *b, int64_t ms);
/* "is a page", checked UTF-8. */
void browser_note(struct browser *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t browser_patience(const struct browser *b); /* how long it may take to answer, in milliseconds */

/* start.c */
viv_status browser_start(struct browser *b);
void browser_stop(struct browser *b);
extern const char *const browser_programs[];

/* events.c: what the browser tells by itself. */
void browser_hear(struct browser *b, const char *session, const char *name, const json_t *params);
void tab_release(struct tab *t);

/* requests.c */
void browser_judge(struct browser *b, const char *session, const json_t *params);
/* Whether an address may be opened; *as: what is opened in its place (malloc'ed). */
viv_status browser_may_open(struct browser *b, const char *url, char **as);
/* The host, with its port if it has one; "" for others than http. malloc'ed. */
char *url_host(const char *url);
bool host_is_granted(const struct settings *s, const char *host);

/* page.c */
struct tab *browser_tab(struct browser *b); /* or NULL */
/* A call of page.js: viv.NAME(arguments). */
viv_status page_call(struct browser *b, const char *expression, int64_t ms, json_t **result);
/* Waits until the page is quiet. */
viv_status page_settle(struct browser *b);
/* Looks at the page anew; and makes a picture of it, if the spec wants one. */
viv_status browser_look(struct browser *b);
const json_t *page_item(const struct browser *b, int64_t number); /* or NULL */
void page_line(const struct browser *b, const json_t *item, struct text *out);
/* What the model sees. */
void browser_show(const struct browser *b, struct text *out);
/* The same as an event. */
json_t *browser_event(const struct browser *b);
/* {"enum": [...]} of what there is for an argument; NULL: nothing. */
json_t *browser_schema(const struct browser *b, enum argument_kind kind);

/* Whether there is what a tool needs to be offered. */
bool browser_has(const struct browser *b, const struct tool *t);
/* tools.c: "example.org button "Save"". */
void browser_scope(const struct tool *t, const struct tool_call *c, struct text *out);
/* Whether a call opens an address on another host than that of the page. */
bool browser_leaves(const struct tool *t, const struct tool_call *c);
/* settings.c: what the spec says under `browser`. */
viv_status browser_check(const viv_host *host, const char *spec, const json_t *v);

/* run.c: of one run. */
struct browser *browser_create(const viv_host *host, const struct root *root, int store,
                               const struct events *events, const struct settings *settings,
                               const uint32_t *cancel);
void browser_destroy(struct browser *b); /* accepts NULL */

/* base64.c: malloc'ed, or NULL; and back. */
char *base64_write(const char *bytes, size_t n);
bool base64_read(const char *text, struct text *out);

/* input.c */
viv_status input_click(struct browser *b, double x, double y, const char *how);
viv_status input_move(struct browser *b, double x, double y);
viv_status input_drag(struct browser *b, const double from[2], const double to[2]);
viv_status input_type(struct browser *b, const char *text);
viv_status input_press(struct browser *b, const char *keys);
extern const char *const input_keys[]; /* NULL-terminated */

#endif
