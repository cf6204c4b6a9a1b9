/* start.c - the display and the programs on it.
 *
 *   .viv/desktop/sockets    in sandboxes /tmp/.X11-unix: the sockets of the X server and of the bus
 *   .viv/desktop/files      in sandboxes /work/new: what programs write
 *
 * Each process has a sandbox of its own, with these two as all that they share. */
#include "desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER   "desktop"
#define BUS      "unix:path=/tmp/.X11-unix/bus" /* in sandboxes */
#define SERVICES "/usr/share/dbus-1/accessibility-services"
enum { PAUSE_MS = 10, LAST_WORDS = 300, FOREVER = 1 << 30 };

static char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/games",
                                    "LANG=C.UTF-8",
                                    "HOME=/tmp",
                                    "TMPDIR=/tmp",
                                    "XDG_RUNTIME_DIR=/tmp",
                                    "DISPLAY=:0",
                                    ("DBUS_SESSION_BUS_ADDRESS=" BUS),
                                    ("AT_SPI_BUS_ADDRESS=" BUS),
                                    "QT_LINUX_ACCESSIBILITY_ALWAYS_ON=1",
                                    "GSETTINGS_BACKEND=memory",
                                    "GTK_USE_PORTAL=0",
                                    "GSK_RENDERER=cairo",
                                    "LIBGL_ALWAYS_SOFTWARE=1",
                                    NULL};

static const char bus_settings[] =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
    " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
    "<busconfig><type>accessibility</type><listen>" BUS "</listen>"
    "<auth>EXTERNAL</auth><auth>ANONYMOUS</auth><allow_anonymous/>" /* who calls from outside has another number */
    "<limit name=\"max_replies_per_connection\">50000</limit><limit name=\"reply_timeout\">10000</limit>"
    "<servicedir>" SERVICES "</servicedir>"
    "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>"
    "<allow own=\"*\"/></policy></busconfig>\n";

static bool is_there(const char *path)
{
    return access(path, X_OK) == 0;
}

/* --- processes ---------------------------------------------------------------------------------------------- */

static struct sandbox sandbox_of(const struct desktop *d)
{
    return (struct sandbox){.root = d->root,
                            .layers = ALL_LAYERS,
                            .all = d->settings->sandbox == SANDBOX_ON,
                            .fresh = -1,
                            .seconds = FOREVER,
                            .memory = d->settings->command_memory,
                            .processes = d->settings->command_processes,
                            .cancel = d->cancel,
                            .environment = environment};
}

/* Which layers there are. */
static viv_status try_layers(struct desktop *d)
{
    struct sandbox s = sandbox_of(d);
    struct sandbox_outcome o = {0};
    s.seconds = d->settings->command_seconds;
    const viv_status status = sandbox_run(&s, &o);
    text_release(&o.output);
    if (status != VIV_OK)
        return status;
    d->layers = o.held;
    return o.held >> LAYER_NAMESPACES & 1 ? VIV_OK
                                          : viv_fail(d->host, VIV_EUNSUPPORTED,
                                                     "a private display needs namespaces (%s): start an X server "
                                                     "and programs yourself, and name it "
                                                     "in the spec (desktop: {display: \":1\"})",
                                                     strerror(o.missing[LAYER_NAMESPACES]));
}

static viv_status spawn(struct desktop *d, char *const *argv, int fresh, const char *fresh_path, bool serves,
                        struct sandbox_process *out)
{
    struct sandbox s = sandbox_of(d);
    s.argv = argv;
    s.fresh = fresh;
    s.fresh_path = fresh_path;
    s.sockets = d->sockets;
    s.sockets_path = d->sockets_path;
    s.serves = serves;
    const int folder = root_openat(d->root, ".", O_RDONLY | O_DIRECTORY);
    if (folder < 0 || !names_read(folder, &s.names, &s.n_names))
        return root_fail(d->root, "list", ".");
    const viv_status status = sandbox_start(&s, d->layers, out);
    names_release(s.names, s.n_names);
    return status;
}

/* "exit status 1: cannot open display" */
static void describe_end(const struct sandbox_outcome *o, struct text *out)
{
    const size_t size = o->output.size, n = size < LAST_WORDS ? size : LAST_WORDS;
    char *words = n ? label_of(o->output.data + size - n, n) : NULL;
    if (o->how == NOT_FOUND)
        text_printf(out, "%s", strerror(o->status));
    else if (WIFSIGNALED(o->status))
        text_printf(out, "%s", strsignal(WTERMSIG(o->status)));
    else
        text_printf(out, "exit status %d", WEXITSTATUS(o->status));
    if (words && *words)
        text_printf(out, ": %s", words);
    free(words);
}

static viv_status ended(const struct desktop *d, const char *what, const struct sandbox_outcome *o)
{
    struct text how = {0};
    describe_end(o, &how);
    const viv_status status = viv_fail(d->host, VIV_EIO, "%s has ended: %s", what, text_or_empty(&how));
    text_release(&how);
    return status;
}

void desktop_watch(struct desktop *d)
{
    if (d->server.pid) /* what they say is taken, so that they never wait to say it */
        sandbox_goes_on(&d->server, &d->server_said);
    if (d->daemon.pid)
        sandbox_goes_on(&d->daemon, &d->daemon_said);
    for (size_t i = 0; i < d->n_programs; i++) {
        struct program *p = &d->programs[i];
        if (p->told || sandbox_goes_on(&p->process, &p->outcome))
            continue;
        struct text how = {0};
        describe_end(&p->outcome, &how);
        desktop_note(d, "program %s has ended (%s)", p->name, text_or_empty(&how));
        text_release(&how);
        p->told = true;
        sandbox_end(&p->process, &p->outcome);
    }
}

/* --- the private display ------------------------------------------------------------------------------------ */

static int make_below(int folder, const char *name)
{
    return mkdirat(folder, name, 0700) == 0 ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                                            : -1;
}

static viv_status make_folders(struct desktop *d)
{
    remove_tree(d->store, FOLDER); /* of a run that was killed */
    d->folder = make_below(d->store, FOLDER);
    d->sockets = d->folder >= 0 ? make_below(d->folder, "sockets") : -1;
    d->files = d->sockets >= 0 ? make_below(d->folder, "files") : -1;
    if (d->files < 0)
        return viv_fail(d->host, VIV_EIO, "%s/" STORE "/" FOLDER ": %s", d->root->path, strerror(errno));
    if (asprintf(&d->sockets_path, "%s/" STORE "/" FOLDER "/sockets", d->root->path) < 0)
        d->sockets_path = NULL;
    if (asprintf(&d->files_path, "%s/" STORE "/" FOLDER "/files", d->root->path) < 0)
        d->files_path = NULL;
    return d->sockets_path && d->files_path ? VIV_OK : viv_fail(d->host, VIV_ENOMEM, "out of memory");
}

/* A connection, once the process listens; -1. */
static viv_status await_socket(const struct desktop *d, const char *name, const char *what,
                               const struct sandbox_process *p, struct sandbox_outcome *o, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int64_t end = clock_ms() + desktop_patience(d);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", d->sockets, name);
    for (;;) {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return viv_fail(d->host, VIV_EIO, "%s cannot be reached: %s", what, strerror(errno));
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            *out = fd;
            return VIV_OK;
        }
        close(fd);
        if (!sandbox_goes_on(p, o))
            return ended(d, what, o);
        if (viv_is_cancelled(d->cancel))
            return viv_fail(d->host, VIV_ECANCELLED, "cancelled");
        if (clock_ms() >= end)
            return viv_fail(d->host, VIV_ELIMIT, "%s does not answer", what);
        poll(NULL, 0, PAUSE_MS);
    }
}

static viv_status start_server(struct desktop *d)
{
    char screen[64];
    int fd = -1, width = 0, height = 0;
    desktop_size(d->settings->desktop, &width, &height);
    snprintf(screen, sizeof screen, "%dx%dx24", width, height);
    char *const argv[] = {"/usr/bin/Xvfb", ":0",    "-screen",   "0",   screen,       "-ac",     "-noreset",
                          "-nolisten",     "local", "-nolisten", "tcp", "-extension", "MIT-SHM", NULL};
    if (!is_there(argv[0]))
        return viv_fail(d->host, VIV_ENOTFOUND, "there is no Xvfb, which a private display is: install xvfb");
    viv_status status = spawn(d, argv, d->sockets, d->sockets_path, true, &d->server);
    if (status == VIV_OK)
        status = await_socket(d, "X0", "Xvfb", &d->server, &d->server_said, &fd);
    return status == VIV_OK ? screen_open(d, fd, NULL) : status;
}

/* What programs tell of themselves is of use, but not needed. */
static void start_bus(struct desktop *d)
{
    char *const argv[] = {"/usr/bin/dbus-daemon",
                          "--config-file=/tmp/.X11-unix/bus.conf",
                          "--nofork",
                          "--nopidfile",
                          "--nosyslog",
                          NULL};
    char address[64];
    int fd = -1;
    if (!is_there(argv[0]) || access(SERVICES "/"
                                              "org.a11y.atspi.Registry.service",
                                     R_OK) != 0) {
        d->no_bus = "dbus-daemon or at-spi2-core is not installed";
        return;
    }
    const int file = openat(d->sockets, "bus.conf", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    const ssize_t n = file >= 0 ? write(file, bus_settings, sizeof bus_settings - 1) : -1;
    if (file >= 0)
        close(file);
    d->no_bus = "its bus does not start";
    if (n != (ssize_t)sizeof bus_settings - 1 ||
        spawn(d, argv, d->sockets, d->sockets_path, true, &d->daemon) != VIV_OK ||
        await_socket(d, "bus", "dbus-daemon", &d->daemon, &d->daemon_said, &fd) != VIV_OK)
        return;
    close(fd);
    snprintf(address, sizeof address, "unix:path=/proc/self/fd/%d/bus", d->sockets);
    if (bus_open(d, address) == VIV_OK)
        d->no_bus = NULL;
}

static viv_status open_private(struct desktop *d)
{
    viv_status status = try_layers(d);
    if (status == VIV_OK)
        status = make_folders(d);
    if (status == VIV_OK)
        status = start_server(d);
    if (status == VIV_OK)
        start_bus(d);
    return status;
}

static viv_status open_named(struct desktop *d)
{
    const viv_status status =
        screen_open(d, -1, json_string_value(json_object_get(d->settings->desktop, "display")));
    char *address = status == VIV_OK ? screen_property(d, "AT_SPI_BUS") : NULL;
    d->no_bus = "the display names no bus of programs";
    if (address && bus_open(d, address) == VIV_OK)
        d->no_bus = NULL;
    free(address);
    return status;
}

viv_status desktop_open(struct desktop *d)
{
    if (d->screen && !screen_is_dead(d))
        return VIV_OK;
    desktop_close(d);
    viv_status status = d->is_private ? open_private(d) : open_named(d);
    if (status == VIV_OK)
        status = events_tell(
            d->events,
            json_pack("{s:s, s:s, s:[i, i], s:b, s:s*}", "event", "desktop", "display",
                      d->is_private ? "private"
                                    : json_string_value(json_object_get(d->settings->desktop, "display")),
                      "size", d->width, d->height, "elements", d->bus != NULL, "without", d->no_bus));
    if (status != VIV_OK)
        desktop_close(d);
    return status;
}

void desktop_close(struct desktop *d)
{
    bus_close(d);
    screen_close(d);
    for (size_t i = 0; i < d->n_programs; i++) {
        sandbox_end(&d->programs[i].process, &d->programs[i].outcome);
        text_release(&d->programs[i].outcome.output);
    }
    sandbox_end(&d->daemon, &d->daemon_said);
    sandbox_end(&d->server, &d->server_said);
    text_release(&d->daemon_said.output);
    text_release(&d->server_said.output);
    for (size_t i = 0; i < d->n_windows; i++)
        free(d->windows[i].title);
    for (size_t i = 0; i < d->n_made; i++)
        free(d->made[i].name);
    d->n_programs = d->n_windows = d->n_made = 0;
    int *const folders[] = {&d->files, &d->sockets, &d->folder};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (*folders[i] >= 0)
            close(*folders[i]);
        *folders[i] = -1;
    }
    if (d->files_path)
        remove_tree(d->store, FOLDER);
    free(d->files_path);
    free(d->sockets_path);
    free(d->picture);
    d->files_path = d->sockets_path = d->picture = NULL;
}

/* --- programs ----------------------------------------------------------------------------------------------- */

bool desktop_has_program(const struct desktop *d, const char *name)
{
    return json_object_get(json_object_get(d->settings->desktop, "programs"), name) != NULL;
}

static char **argv_of(const json_t *words)
{
    const size_t n = json_array_size(words);
    char **argv = calloc(n + 1, sizeof *argv);
    for (size_t i = 0; argv && i < n; i++)
        argv[i] = (char *)json_string_value(json_array_get(words, i));
    return argv;
}

/* A slot; one whose program has ended is free. */
static struct program *free_slot(struct desktop *d)
{
    for (size_t i = 0; i < d->n_programs; i++)
        if (d->programs[i].told) {
            text_release(&d->programs[i].outcome.output);
            return &d->programs[i];
        }
    return d->n_programs < MOST_PROGRAMS ? &d->programs[d->n_programs++] : NULL;
}

/* Waits for a window that was not there, or for the program's end. */
static viv_status await_window(struct desktop *d, const struct program *p)
{
    uint32_t before[MOST_WINDOWS];
    const int64_t end = clock_ms() + desktop_patience(d);
    viv_status status = screen_look(d);
    const size_t n = d->n_windows;
    for (size_t i = 0; i < n; i++)
        before[i] = d->windows[i].id;
    while (status == VIV_OK && !p->told && clock_ms() < end) {
        for (size_t i = 0; i < d->n_windows; i++) {
            bool old = false;
            for (size_t k = 0; k < n; k++)
                old = old || before[k] == d->windows[i].id;
            if (!old)
                return VIV_OK;
        }
        if (viv_is_cancelled(d->cancel))
            return viv_fail(d->host, VIV_ECANCELLED, "cancelled");
        poll(NULL, 0, PAUSE_MS);
        desktop_watch(d);
        status = screen_look(d);
    }
    if (status == VIV_OK && !p->told)
        desktop_note(d, "it has not opened a window yet");
    return status;
}

viv_status desktop_start(struct desktop *d, const char *name)
{
    const json_t *words = json_object_get(json_object_get(d->settings->desktop, "programs"), name);
    if (!words)
        return viv_fail(d->host, VIV_ENOTFOUND, "the spec grants no program '%s'", name);
    viv_status status = desktop_open(d);
    struct program *p = status == VIV_OK ? free_slot(d) : NULL;
    if (status == VIV_OK && !p)
        return viv_fail(d->host, VIV_ELIMIT, "%d programs run already: close one", MOST_PROGRAMS);
    char **argv = p ? argv_of(words) : NULL;
    if (p && !argv)
        status = viv_fail(d->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK) {
        *p = (struct program){.name = name, .told = true};
        const char *key;
        json_t *v;
        json_object_foreach(json_object_get(d->settings->desktop, "programs"), key, v) if (v == words) p->name =
            key;
        status = spawn(d, argv, d->files, d->files_path, false, &p->process);
        p->told = status != VIV_OK;
    }
    free(argv);
    return status == VIV_OK ? await_window(d, p) : status;
}
