/* accessible.c - what programs tell of their windows: AT-SPI, which is D-Bus, spoken by libdbus. The tree below the
 * active window is asked for level by level, all of a level at once; what is not shown is not followed.
 *
 * Programs are not trusted: a program that does not answer, or tells of a tree without end, costs a limited time.
 */
#include "desktop.h"

#ifdef LAM_DESKTOP
#include <dbus/dbus.h>
#include <stdlib.h>
#include <string.h>

#define REGISTRY   "org.a11y.atspi.Registry"
#define ROOT       "/org/a11y/atspi/accessible/root"
#define ACCESSIBLE "org.a11y.atspi.Accessible"
#define COMPONENT  "org.a11y.atspi.Component"
#define TEXT       "org.a11y.atspi.Text"
#define PROPERTIES "org.freedesktop.DBus.Properties"

enum { AT_ONCE = 64, MOST_LEVELS = 40, MOST_PATH_BYTES = 512, ON_SCREEN = 0, LARGEST_MESSAGE = 4 << 20 };

/* states, by their bits */
enum { ACTIVE = 1, EDITABLE = 7, FOCUSABLE = 11, SHOWING = 25, MANAGES_DESCENDANTS = 31 };

struct bus {
    DBusConnection *connection;
};

struct node {
    char *owner, *path; /* a name on the bus, and an object */
    int parent;         /* -1: none */
    int first, n;       /* children, which stand together */
    char *role, *name, *value;
    uint64_t states;
    struct box at;
    bool popup; /* a window without a title bar, such as a menu */
};
struct walk {
    struct desktop *d;
    struct node *nodes;
    size_t n, capacity;
    int64_t end, due; /* of the look, and of answers to what was sent */
    bool late;
};

/* --- calls -------------------------------------------------------------------------------------------------- */

/* Sends; the answer is taken by take(). NULL: it could not be sent. Takes ownership of the message. */
static DBusPendingCall *send(struct walk *w, DBusMessage *m)
{
    DBusPendingCall *pending = NULL;
    if (m) {
        dbus_connection_send_with_reply(w->d->bus->connection, m, &pending, DBUS_TIMEOUT_INFINITE);
        dbus_message_unref(m);
    }
    w->due = clock_ms() + w->d->answer_limit;
    w->due = w->due < w->end ? w->due : w->end;
    return pending;
}

/* The answer, while others come, too. NULL: there was none in time, or an error. */
static DBusMessage *take(struct walk *w, DBusPendingCall *pending)
{
    DBusConnection *c = w->d->bus->connection;
    if (!pending)
        return NULL;
    for (;;) {
        while (dbus_connection_dispatch(c) == DBUS_DISPATCH_DATA_REMAINS)
            ;
        const int64_t left = w->due - clock_ms();
        if (dbus_pending_call_get_completed(pending) || left <= 0 || !dbus_connection_read_write(c, (int)left))
            break;
    }
    const bool whole = dbus_pending_call_get_completed(pending);
    if (!whole)
        dbus_pending_call_cancel(pending);
    DBusMessage *m = whole ? dbus_pending_call_steal_reply(pending) : NULL;
    dbus_pending_call_unref(pending);
    w->late = w->late || !whole;
    if (m && dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR) {
        dbus_message_unref(m);
        return NULL;
    }
    return m;
}

static DBusMessage *call_of(const struct node *n, const char *interface, const char *method)
{
    return dbus_message_new_method_call(n->owner, n->path, interface, method);
}

static DBusPendingCall *ask(struct walk *w, const struct node *n, const char *interface, const char *method)
{
    return send(w, call_of(n, interface, method));
}

static DBusPendingCall *ask_name(struct walk *w, const struct node *n)
{
    const char *interface = ACCESSIBLE, *property = "Name";
    DBusMessage *m = call_of(n, PROPERTIES, "Get");
    if (m)
        dbus_message_append_args(m, DBUS_TYPE_STRING, &interface, DBUS_TYPE_STRING, &property, DBUS_TYPE_INVALID);
    return send(w, m);
}

static DBusPendingCall *ask_place(struct walk *w, const struct node *n)
{
    const dbus_uint32_t type = ON_SCREEN;
    DBusMessage *m = call_of(n, COMPONENT, "GetExtents");
    if (m)
        dbus_message_append_args(m, DBUS_TYPE_UINT32, &type, DBUS_TYPE_INVALID);
    return send(w, m);
}

static DBusPendingCall *ask_text(struct walk *w, const struct node *n)
{
    const dbus_int32_t from = 0, to = LONGEST_LABEL;
    DBusMessage *m = call_of(n, TEXT, "GetText");
    if (m)
        dbus_message_append_args(m, DBUS_TYPE_INT32, &from, DBUS_TYPE_INT32, &to, DBUS_TYPE_INVALID);
    return send(w, m);
}

/* --- answers ------------------------------------------------------------------------------------------------ */

/* A text of the answer, also within a variant; NULL: none. */
static char *text_of(DBusMessage *m)
{
    DBusMessageIter i, inner;
    const char *text = NULL;
    if (!m || !dbus_message_iter_init(m, &i))
        return NULL;
    if (dbus_message_iter_get_arg_type(&i) == DBUS_TYPE_VARIANT) {
        dbus_message_iter_recurse(&i, &inner);
        i = inner;
    }
    if (dbus_message_iter_get_arg_type(&i) == DBUS_TYPE_STRING)
        dbus_message_iter_get_basic(&i, &text);
    return text ? label_of(text, strlen(text)) : NULL;
}

static uint64_t states_of(DBusMessage *m)
{
    const dbus_uint32_t *words = NULL;
    int n = 0;
    return m && dbus_message_get_args(m, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_UINT32, &words, &n, DBUS_TYPE_INVALID) &&
                   n == 2
               ? words[0] | (uint64_t)words[1] << 32
               : 0;
}

static struct box place_of(DBusMessage *m)
{
    dbus_int32_t v[4] = {0};
    DBusMessageIter i, inner;
    if (!m || !dbus_message_iter_init(m, &i) || dbus_message_iter_get_arg_type(&i) != DBUS_TYPE_STRUCT)
        return (struct box){0};
    dbus_message_iter_recurse(&i, &inner);
    for (int k = 0; k < 4 && dbus_message_iter_get_arg_type(&inner) == DBUS_TYPE_INT32; k++) {
        dbus_message_iter_get_basic(&inner, &v[k]);
        dbus_message_iter_next(&inner);
    }
    return (struct box){v[0], v[1], v[2], v[3]};
}

/* Adds a child; false: there are too many. */
static bool add_node(struct walk *w, const char *owner, const char *path, int parent)
{
    if (w->n == MOST_NODES) {
        w->d->cut = true;
        return false;
    }
    if (w->n == w->capacity) {
        const size_t capacity = 2 * w->capacity + 64;
        struct node *more = realloc(w->nodes, capacity * sizeof *more);
        if (!more)
            return false;
        w->nodes = more;
        w->capacity = capacity;
    }
    struct node *n = &w->nodes[w->n];
    *n = (struct node){.owner = strdup(owner), .path = strdup(path), .parent = parent};
    if (!n->owner || !n->path) {
        free(n->owner);
        free(n->path);
        return false;
    }
    w->n++;
    return true;
}

/* a(so): children. Names that are none are left out: libdbus ends the process that calls them. */
static void add_children(struct walk *w, DBusMessage *m, int parent)
{
    DBusMessageIter i, array, pair;
    const char *owner, *path;
    const size_t before = w->n;
    if (!m || !dbus_message_has_signature(m, "a(so)") || !dbus_message_iter_init(m, &i))
        return;
    dbus_message_iter_recurse(&i, &array);
    for (; dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_STRUCT; dbus_message_iter_next(&array)) {
        dbus_message_iter_recurse(&array, &pair);
        dbus_message_iter_get_basic(&pair, &owner);
        dbus_message_iter_next(&pair);
        dbus_message_iter_get_basic(&pair, &path);
        if (dbus_validate_bus_name(owner, NULL) && strlen(path) < MOST_PATH_BYTES &&
            !add_node(w, owner, path, parent))
            break;
    }
    if (parent >= 0) {
        w->nodes[parent].first = (int)before;
        w->nodes[parent].n = (int)(w->n - before);
    }
}

/* --- the walk ----------------------------------------------------------------------------------------------- */

static bool has(const struct node *n, int state)
{
    return n->states >> state & 1;
}

/* What a run of nodes is. */
static void look_at(struct walk *w, size_t from, size_t to)
{
    for (; from < to; from += AT_ONCE) {
        DBusPendingCall *states[AT_ONCE], *roles[AT_ONCE], *names[AT_ONCE], *places[AT_ONCE];
        const size_t n = to - from < AT_ONCE ? to - from : AT_ONCE;
        for (size_t i = 0; i < n; i++) {
            const struct node *node = &w->nodes[from + i];
            states[i] = ask(w, node, ACCESSIBLE, "GetState");
            roles[i] = ask(w, node, ACCESSIBLE, "GetRoleName");
            names[i] = ask_name(w, node);
            places[i] = ask_place(w, node);
        }
        for (size_t i = 0; i < n; i++) {
            struct node *node = &w->nodes[from + i];
            DBusMessage *m[4] = {take(w, states[i]), take(w, roles[i]), take(w, names[i]), take(w, places[i])};
            node->states = states_of(m[0]);
            node->role = text_of(m[1]);
            node->name = text_of(m[2]);
            node->at = place_of(m[3]);
            for (int k = 0; k < 4; k++)
                if (m[k])
                    dbus_message_unref(m[k]);
        }
    }
}

/* The children of a run of nodes that are shown, and of `all` others. */
static void follow(struct walk *w, size_t from, size_t to, bool all)
{
    for (; from < to && clock_ms() < w->end; from += AT_ONCE) {
        DBusPendingCall *calls[AT_ONCE];
        const size_t n = to - from < AT_ONCE ? to - from : AT_ONCE;
        for (size_t i = 0; i < n; i++) {
            const struct node *node = &w->nodes[from + i];
            calls[i] = all || (has(node, SHOWING) && !has(node, MANAGES_DESCENDANTS))
                           ? ask(w, node, ACCESSIBLE, "GetChildren")
                           : NULL;
        }
        for (size_t i = 0; i < n; i++) {
            DBusMessage *m = take(w, calls[i]);
            add_children(w, m, (int)(from + i));
            if (m)
                dbus_message_unref(m);
        }
    }
}

/* What is written in fields. */
static void read_values(struct walk *w, size_t from, size_t to)
{
    for (; from < to && clock_ms() < w->end; from++) {
        struct node *n = &w->nodes[from];
        if (!has(n, EDITABLE) || !has(n, SHOWING) || !n->role)
            continue;
        if (strcmp(n->role, "password text") == 0) {
            n->value = strdup("hidden");
            continue;
        }
        DBusMessage *m = take(w, ask_text(w, n));
        n->value = text_of(m);
        if (m)
            dbus_message_unref(m);
    }
}

/* Windows of programs that are not in question are not looked into: those whose title is not that of the active
 * window, unless none has it; menus are, whatever they are called. */
static void choose_windows(struct walk *w, size_t from)
{
    const struct window *active = NULL;
    bool found = false;
    for (size_t i = 0; i < w->d->n_windows; i++)
        if (w->d->windows[i].active)
            active = &w->d->windows[i];
    for (size_t i = from; i < w->n; i++)
        found = found || (active && w->nodes[i].name && has(&w->nodes[i], SHOWING) &&
                          strcmp(w->nodes[i].name, active->title) == 0);
    for (size_t i = from; i < w->n; i++) {
        struct node *n = &w->nodes[i];
        n->popup = n->role && strcmp(n->role, "window") == 0;
        const bool is = found ? n->name && strcmp(n->name, active->title) == 0 : has(n, ACTIVE);
        if (!is && !n->popup)
            n->states = 0; /* which is not shown, and not followed */
    }
}

static bool is_container(const char *role)
{
    static const char *const roles[] = {"frame",       "window",     "application", "dialog",       "file chooser",
                                        "filler",      "panel",      "root pane",   "layered pane", "viewport",
                                        "scroll pane", "split pane", "unknown"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(roles[i], role) == 0)
            return true;
    return false;
}

/* The part on the screen; false: none of it is. Boxes may be anything. */
static bool clip(const struct desktop *d, struct box *b)
{
    const int64_t left = b->x > 0 ? b->x : 0, top = b->y > 0 ? b->y : 0, right = (int64_t)b->x + b->width,
                  bottom = (int64_t)b->y + b->height;
    const int64_t x = right < d->width ? right : d->width, y = bottom < d->height ? bottom : d->height;
    if (b->width <= 0 || b->height <= 0 || x <= left || y <= top)
        return false;
    *b = (struct box){(int)left, (int)top, (int)(x - left), (int)(y - top)};
    return true;
}

static void add_element(struct walk *w, struct node *n)
{
    struct desktop *d = w->d;
    struct box at = n->at;
    const bool named = n->name && *n->name;
    if (!n->role || is_container(n->role) || !(named || has(n, EDITABLE) || has(n, FOCUSABLE)) ||
        !has(n, SHOWING) || !clip(d, &at))
        return;
    if (d->n_elements >= (size_t)d->settings->elements) {
        d->cut = true;
        return;
    }
    char key[MOST_PATH_BYTES + 300];
    snprintf(key, sizeof key, "%.256s %s", n->owner, n->path);
    d->elements[d->n_elements++] = (struct element){.number = desktop_number(d, key),
                                                    .role = n->role,
                                                    .name = n->name ? n->name : strdup(""),
                                                    .value = n->value,
                                                    .states = n->states,
                                                    .at = at};
    n->role = n->name = n->value = NULL;
}

/* In the order of a reader: each before its children, and these before its next sister. */
static void add_elements(struct walk *w, size_t i, int depth)
{
    add_element(w, &w->nodes[i]);
    const int first = w->nodes[i].first, n = w->nodes[i].n;
    for (int k = 0; k < n && depth < MOST_LEVELS; k++)
        add_elements(w, (size_t)first + (size_t)k, depth + 1);
}

viv_status bus_look(struct desktop *d)
{
    struct walk w = {.d = d, .end = clock_ms() + d->look_limit};
    desktop_forget(d);
    if (!d->bus)
        return VIV_OK;
    if (!dbus_connection_get_is_connected(d->bus->connection)) {
        bus_close(d);
        d->no_bus = "the bus of programs has ended";
        return VIV_OK;
    }
    d->elements = calloc((size_t)d->settings->elements, sizeof *d->elements);
    if (!d->elements || !add_node(&w, REGISTRY, ROOT, -1)) {
        free(w.nodes);
        return viv_fail(d->host, VIV_ENOMEM, "out of memory");
    }
    follow(&w, 0, 1, true); /* programs */
    size_t from = 1, to = w.n;
    follow(&w, from, to, true); /* their windows */
    from = to;
    to = w.n;
    look_at(&w, from, to);
    choose_windows(&w, from);
    const size_t windows = from, end = to;
    for (int level = 0; level < MOST_LEVELS && from < to && clock_ms() < w.end; level++) {
        follow(&w, from, to, false);
        from = to;
        to = w.n;
        look_at(&w, from, to);
        read_values(&w, from, to);
    }
    for (size_t i = windows; i < end; i++)
        add_elements(&w, i, 0);
    d->silent = w.late || clock_ms() >= w.end;
    for (size_t i = 0; i < w.n; i++) {
        free(w.nodes[i].owner);
        free(w.nodes[i].path);
        free(w.nodes[i].role);
        free(w.nodes[i].name);
        free(w.nodes[i].value);
    }
    free(w.nodes);
    while (dbus_connection_dispatch(d->bus->connection) == DBUS_DISPATCH_DATA_REMAINS)
        ;
    return VIV_OK;
}

/* --- the connection ----------------------------------------------------------------------------------------- */

viv_status bus_open(struct desktop *d, const char *address)
{
    DBusError e = DBUS_ERROR_INIT;
    struct bus *bus = calloc(1, sizeof *bus);
    if (!bus)
        return viv_fail(d->host, VIV_ENOMEM, "out of memory");
    dbus_connection_set_change_sigpipe(FALSE);
    bus->connection = dbus_connection_open_private(address, &e);
    if (!bus->connection) {
        free(bus);
        const viv_status status =
            viv_fail(d->host, VIV_EIO, "the bus of programs cannot be reached: %s", e.message);
        dbus_error_free(&e);
        return status;
    }
    dbus_connection_set_exit_on_disconnect(bus->connection, FALSE);
    dbus_connection_set_max_message_size(bus->connection, LARGEST_MESSAGE);
    dbus_connection_set_max_received_size(bus->connection, 4 * LARGEST_MESSAGE);
    d->bus = bus;
    struct walk w = {.d = d, .end = clock_ms() + desktop_patience(d)};
    DBusPendingCall *greeting =
        send(&w, dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello"));
    w.due = w.end;
    DBusMessage *hello = take(&w, greeting);
    if (!hello) {
        bus_close(d);
        return viv_fail(d->host, VIV_EIO, "the bus of programs does not answer");
    }
    dbus_message_unref(hello);
    return VIV_OK;
}

void bus_close(struct desktop *d)
{
    desktop_forget(d);
    if (!d->bus)
        return;
    dbus_connection_close(d->bus->connection);
    dbus_connection_unref(d->bus->connection);
    free(d->bus);
    d->bus = NULL;
}
#else

viv_status bus_open(struct desktop *d, const char *address)
{
    (void)address;
    return viv_fail(d->host, VIV_EUNSUPPORTED, "this viv was built without D-Bus");
}

void bus_close(struct desktop *d)
{
    desktop_forget(d);
}

viv_status bus_look(struct desktop *d)
{
    (void)d;
    return VIV_OK;
}
#endif
