/* desktop.h - programs with windows as tools: an X server of one's own (Xvfb) or a display that is there, driven by
 * XTest over xcb, and seen by pictures, by the list of windows, and by what programs tell of themselves (AT-SPI).
 *
 *   desktop:
 *     display: private                        Xvfb in a sandbox; or the name of a display, such as ":0"
 *     size: 1024x768                          of the private one
 *     programs: {editor: [mousepad], ...}     what may be started on it; nothing else is
 *     pictures: true                          the model gets a picture of the screen
 *     actions: computer-use                   the model's own names of actions (foreign.h)
 *
 * Programs are in the sandbox of `shell`: they read the workspace, have no network, and write into one folder,
 * whose files become files of the workspace by the tool desktop_keep. Besides, they see the socket of the display.
 *
 *   screen 1024x768, the pointer is at 512,384
 *   [1] window "notes.txt" active at 0,0 640x480
 *   [2] push button "Save" at 10,20 60x24
 *   file "notes.txt" 12 bytes
 *
 * The X server, its bus and all programs end with the run. */
#ifndef LAM_DESKTOP_H
#define LAM_DESKTOP_H

#include "../sandbox.h"

enum { MOST_WINDOWS = 64, MOST_PROGRAMS = 16, MOST_MADE = 64, MOST_NODES = 4000, LONGEST_LABEL = 200 };
enum { LOOK_MS = 3000, ANSWER_MS = 1000 };
enum { SMALLEST_SIDE = 64, LARGEST_SIDE = 4096 };

struct box {
    int x, y, width, height;
};
struct window {
    uint32_t id; /* of X */
    int64_t number;
    char *title; /* clean UTF-8 */
    struct box at;
    bool active;
};
/* Something that a program tells of. */
struct element {
    int64_t number;
    char *role, *name, *value; /* clean UTF-8; value: NULL where it has none */
    uint64_t states;           /* of AT-SPI */
    struct box at;             /* the part on the screen */
};
/* A file that a program has written. */
struct made {
    char *name; /* as text_of_name */
    uint64_t size;
};
struct program {
    const char *name; /* in the spec */
    struct sandbox_process process;
    struct sandbox_outcome outcome;
    bool told; /* that it has ended */
};

struct screen; /* x11.c: the connection to the X server */
struct bus;    /* accessible.c: the connection to the bus of programs */

struct desktop {
    const viv_host *host;
    const struct root *root;
    int store; /* .viv */
    const struct events *events;
    const struct settings *settings;
    const uint32_t *cancel;

    bool is_private;
    unsigned layers;
    int folder, sockets, files; /* .viv/desktop, and in it */
    char *sockets_path, *files_path;
    struct sandbox_process server, daemon;
    struct sandbox_outcome server_said, daemon_said;
    struct program programs[MOST_PROGRAMS];
    size_t n_programs;

    struct screen *screen; /* NULL: not open */
    struct bus *bus;       /* NULL: there is none */
    const char *no_bus;    /* why */
    int width, height;
    struct window windows[MOST_WINDOWS];
    size_t n_windows;
    struct element *elements;
    size_t n_elements;
    int64_t look_limit, answer_limit; /* milliseconds that programs get to tell of all, and of one thing */
    bool cut, silent;                 /* elements were too many; the program did not answer */
    struct made made[MOST_MADE];
    size_t n_made;
    json_t *numbers; /* of windows and elements, by what they are called */
    int64_t next_number, look_ms;
    int pointer[2];
    char *picture;     /* PNG in base64; NULL: none */
    struct text notes; /* what happened meanwhile, for the model */
};

/* run.c: of one run. */
struct desktop *desktop_create(const viv_host *host, const struct root *root, int store,
                               const struct events *events, const struct settings *settings,
                               const uint32_t *cancel);
void desktop_destroy(struct desktop *d); /* accepts NULL */
void desktop_forget(struct desktop *d);  /* its elements */
int64_t desktop_number(struct desktop *d, const char *key);
void desktop_note(struct desktop *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t desktop_patience(const struct desktop *d); /* milliseconds */
/* UTF-8 without what cannot be seen, at most LONGEST_LABEL bytes. malloc'ed. */
char *label_of(const char *bytes, size_t n);

/* start.c */

/* The display, started or connected to; nothing, if it is there. */
viv_status desktop_open(struct desktop *d);
/* Ends all of it. */
void desktop_close(struct desktop *d);
viv_status desktop_start(struct desktop *d, const char *name);
/* Takes what processes say, and notes which programs have ended. */
void desktop_watch(struct desktop *d);
bool desktop_has_program(const struct desktop *d, const char *name);

/* x11.c, with xcb, which unlike Xlib reports a server that is gone. Without LAM_DESKTOP, screen_open says so. */
viv_status screen_open(struct desktop *d, int fd, const char *name); /* takes the socket; or, -1, a name */
void screen_close(struct desktop *d);
bool screen_is_dead(const struct desktop *d);
/* Windows from the lowest to the highest, and the pointer. */
viv_status screen_look(struct desktop *d);
/* Three bytes for each pixel. */
viv_status screen_pixels(struct desktop *d, struct text *out);
viv_status screen_activate(struct desktop *d, const struct window *w);
viv_status screen_ask_to_close(struct desktop *d, const struct window *w);
/* A property of the root window, as text; malloc'ed, or NULL. */
char *screen_property(struct desktop *d, const char *name);
viv_status screen_point(struct desktop *d, int x, int y);
viv_status screen_button(struct desktop *d, int button, bool down); /* 1 left, 2 middle, 3 right, 4 to 7 wheel */
/* Types text; characters that no key has are given to keys that have none. */
viv_status screen_type(struct desktop *d, const char *text);
/* Presses and releases, or only one of these. */
viv_status screen_keys(struct desktop *d, const char *chord, bool down, bool up);
/* Gives keys back what they had; on a private display, only when it must. */
void screen_restore_keys(struct desktop *d);

/* accessible.c: what programs tell of the active window, into d->elements. */
viv_status bus_open(struct desktop *d, const char *address);
void bus_close(struct desktop *d);
viv_status bus_look(struct desktop *d);

/* keys.c */

/* "ctrl+shift+s": the keysyms, modifiers first; how many, or 0: it is no chord. */
enum { MOST_KEYS = 6 };
size_t keys_read(const char *chord, uint32_t out[MOST_KEYS]);
/* The pattern of chords, for a schema. */
char *keys_pattern(void);
/* Adds our name for what other programs call a key ("enter", "ArrowLeft", "page_down"). false: there is none. */
bool keys_add_own_name(const char *foreign, size_t n, struct text *out);
uint32_t keysym_of_character(uint32_t c);

/* view.c */
viv_status desktop_look(struct desktop *d);
/* Waits until the screen does not change any more. */
viv_status desktop_settle(struct desktop *d);
void desktop_show(const struct desktop *d, struct text *out);
json_t *desktop_event(const struct desktop *d);
const struct window *desktop_window(const struct desktop *d, int64_t number);   /* or NULL */
const struct element *desktop_element(const struct desktop *d, int64_t number); /* or NULL */
bool element_is_shown(const struct element *e);
/* What there is for an argument; NULL: nothing. */
json_t *desktop_schema(const struct desktop *d, enum argument_kind kind);
bool desktop_has(const struct desktop *d, const struct tool *t);

/* tools.c */
void desktop_scope(const struct tool *t, const struct tool_call *c, struct text *out);

/* made.c: files that programs have written. */
viv_status made_look(struct desktop *d);
viv_status made_load(const struct desktop *d, const char *name, struct text *bytes);

/* png.c: PNG of RGB pixels. */
bool png_write(const struct text *pixels, int width, int height, struct text *out);

/* settings.c */
viv_status desktop_check(const viv_host *host, const char *spec, const json_t *v);
bool desktop_size(const json_t *desktop, int *width, int *height);
bool desktop_is_private(const json_t *desktop);

#endif
