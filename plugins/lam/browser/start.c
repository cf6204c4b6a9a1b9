/* start.c - starts the browser, and ends it surely. Its first process makes namespaces (namespaces.c): a root with
 * the system's programs and one folder that it may write, no other processes, and no network unless hosts are
 * granted. With it, all that the browser has started ends. Inside, the browser's own sandbox holds its pages. */
#include "browser.h"

#include "../sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
enum { HIGH = 10, START_MS = 30000, MOST_FLAGS = 48 };
#define FOLDER "browser"
#define INSIDE "/work/new" /* the folder, in the namespaces */

const char *const browser_programs[] = {"/usr/bin/chromium-headless-shell",
                                        "/usr/lib/chromium/chromium",
                                        "/usr/lib/chromium-browser/chromium-browser",
                                        "/usr/bin/chromium",
                                        "/usr/bin/chromium-browser",
                                        "/usr/bin/google-chrome",
                                        NULL};

static const char *find_program(const struct browser *b)
{
    const char *program = json_string_value(json_object_get(b->settings->browser, "program"));
    for (size_t i = 0; !program && browser_programs[i]; i++)
        if (access(browser_programs[i], X_OK) == 0)
            return browser_programs[i];
    return program && access(program, X_OK) == 0 ? program : NULL;
}

/* --- its arguments ------------------------------------------------------------------------------------------ */

/* Names and ports that are not granted are not looked up, which holds for what is not held and judged, too, such as
 * sockets. Of "*.example.org" it is the name alone: rules have no way to say the port. */
static char *resolver_rules(const struct browser *b)
{
    struct text rules = {0};
    size_t i;
    json_t *host;
    text_printf(&rules, "--host-resolver-rules=");
    json_array_foreach(json_object_get(b->settings->browser, "hosts"), i, host)
    {
        const char *name = json_string_value(host), *end = strrchr(name, ']'),
                   *port = strchr(end ? end : name, ':');
        if (*name == '*')
            text_printf(&rules, "EXCLUDE %.*s , ", (int)(port ? port - name : (ptrdiff_t)strlen(name)), name);
        else if (port)
            text_printf(&rules, "MAP %s %s , ", name, name);
        else
            text_printf(&rules, "MAP %s:80 %s:80 , MAP %s:443 %s:443 , ", name, name, name, name);
    }
    text_printf(&rules, "MAP * ~NOTFOUND");
    if (rules.failed)
        text_release(&rules);
    return rules.data;
}

static char **make_arguments(const struct browser *b, const char *program, bool sandbox)
{
    static const char *const flags[] = {
        "--headless",
        "--remote-debugging-pipe",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
        "--disable-default-apps",
        "--disable-breakpad",
        "--disable-crash-reporter",
        "--disable-dev-shm-usage",
        "--disable-domain-reliability",
        "--disable-features=Translate,OptimizationHints,MediaRouter,IsolateSandboxedIframes",
        "--disable-popup-blocking",
        "--password-store=basic",
        "--use-mock-keychain",
        "--mute-audio",
        "--force-color-profile=srgb",
        "--hide-scrollbars",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp"};
    char **argv = calloc(MOST_FLAGS, sizeof *argv);
    size_t n = 0;
    if (!argv)
        return NULL;
    argv[n++] = strdup(program);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        argv[n++] = strdup(flags[i]);
    if (!sandbox)
        argv[n++] = strdup("--no-sandbox");
    argv[n++] = resolver_rules(b);
    if (asprintf(&argv[n], "--user-data-dir=%s/profile", b->path) < 0)
        argv[n] = NULL;
    n++;
    for (size_t i = 0; i < n; i++)
        if (!argv[i]) {
            for (size_t k = 0; k < n; k++)
                free(argv[k]);
            free(argv);
            return NULL;
        }
    return argv;
}

static void free_arguments(char **argv)
{
    for (size_t i = 0; argv && argv[i]; i++)
        free(argv[i]);
    free(argv);
}

/* --- its processes ------------------------------------------------------------------------------------------ */

struct birth {
    const struct sandbox *sandbox; /* NULL: no namespaces */
    char *const *argv, *const *environment;
    int in, out, report;
    unsigned uid, gid;
};

static void say(int report, int e)
{
    const struct report r = {REPORT_FAILED, 0, e};
    (void)!write(report, &r, sizeof r);
}

static void become(const struct birth *a) __attribute__((noreturn));
static void become(const struct birth *a)
{
    const int null = open("/dev/null", O_RDWR);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    dup2(a->in, 3);
    dup2(a->out, 4);
    syscall(SYS_close_range, 5U, (unsigned)a->report - 1, 0U);
    syscall(SYS_close_range, (unsigned)a->report + 1, ~0U, 0U);
    execve(a->argv[0], a->argv, a->environment);
    say(a->report, errno);
    _exit(127);
}

static void first(const struct birth *a) __attribute__((noreturn));
static void first(const struct birth *a)
{
    struct birth high = *a;
    sigset_t none;
    bool few = false;
    int e = 0, status = 0;
    sigemptyset(&none);
    for (int i = 1; i < 65; i++)
        signal(i, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    setsid();
    umask(077);
    high.in = fcntl(a->in, F_DUPFD_CLOEXEC, HIGH);
    high.out = fcntl(a->out, F_DUPFD_CLOEXEC, HIGH);
    high.report = fcntl(a->report, F_DUPFD_CLOEXEC, HIGH + 10);
    if (a->sandbox && (e = namespaces_enter(a->sandbox, a->uid, a->gid, &few)) != 0) {
        say(high.report, e);
        _exit(1);
    }
    struct pollfd reader = {.fd = high.report, .events = POLLOUT};
    if (poll(&reader, 1, 0) == 1 && (reader.revents & POLLERR)) /* it died before it could be noticed */
        _exit(1);
    const pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        become(&high);
    syscall(SYS_close_range, 0U, ~0U, 0U);
    for (pid_t ended = 0; pid > 0 && ended != pid;)
        if ((ended = waitpid(-1, &status, 0)) < 0 && errno != EINTR)
            _exit(1);
    _exit(0);
}

/* 0, or an errno: why there are no namespaces, or no such program. */
static int give_birth(struct browser *b, struct birth *a, bool network)
{
    int in[2], out[2], report[2];
    struct report r;
    if (pipe2(in, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(out, O_CLOEXEC) != 0) {
        close(in[0]), close(in[1]);
        return errno;
    }
    if (pipe2(report, O_CLOEXEC) != 0) {
        close(in[0]), close(in[1]), close(out[0]), close(out[1]);
        return errno;
    }
    a->in = in[0];
    a->out = out[1];
    a->report = report[1];
    a->uid = geteuid();
    a->gid = getegid();
    const unsigned long flags = a->sandbox ? namespace_flags & ~(network ? (unsigned long)CLONE_NEWNET : 0UL) : 0;
    b->pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    int e = b->pid < 0 ? errno : 0;
    if (b->pid == 0)
        first(a);
    close(in[0]);
    close(out[1]);
    close(report[1]);
    b->to = in[1];
    b->from = out[0];
    fcntl(b->to, F_SETFL, O_NONBLOCK);
    fcntl(b->from, F_SETFL, O_NONBLOCK);
    if (e == 0 && read(report[0], &r, sizeof r) == (ssize_t)sizeof r) /* else exec has closed it */
        e = r.value;
    close(report[0]);
    b->dead = false;
    return e;
}

static void end(struct browser *b)
{
    if (b->pid > 0) {
        kill(-b->pid, SIGKILL);
        kill(b->pid, SIGKILL);
        while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (b->to >= 0)
        close(b->to);
    if (b->from >= 0)
        close(b->from);
    b->to = b->from = -1;
    b->pid = 0;
    text_release(&b->in);
    b->parsed = 0;
    json_decref(b->reply);
    b->reply = NULL;
    b->awaited = 0;
}

void browser_stop(struct browser *b)
{
    end(b);
    for (size_t i = 0; i < b->n_tabs; i++)
        tab_release(&b->tabs[i]);
    for (size_t i = 0; i < b->n_downloads; i++) {
        free(b->downloads[i].guid);
        free(b->downloads[i].name);
    }
    b->n_tabs = b->current = b->n_downloads = 0;
    b->dead = false;
    if (b->folder >= 0)
        close(b->folder);
    b->folder = -1;
    remove_tree(b->store, FOLDER);
    free(b->path);
    b->path = NULL;
    json_decref(b->page);
    b->page = NULL;
    free(b->picture);
    b->picture = NULL;
}

/* --- starting ----------------------------------------------------------------------------------------------- */

static viv_status make_folder(struct browser *b)
{
    remove_tree(b->store, FOLDER); /* of a run that was killed */
    if (mkdirat(b->store, FOLDER, 0700) == 0)
        b->folder = openat(b->store, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return b->folder >= 0 && mkdirat(b->folder, "downloads", 0700) == 0
               ? VIV_OK
               : viv_fail(b->host, VIV_EIO, "%s/" STORE "/" FOLDER ": %s", b->root->path, strerror(errno));
}

/* One attempt; *e: errno of what was missing. */
static viv_status attempt(struct browser *b, const char *program, bool namespaces, int *e)
{
    static char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                        "LANG=C.UTF-8",
                                        "HOME=/tmp",
                                        "DBUS_SESSION_BUS_ADDRESS=disabled:",
                                        "DBUS_SYSTEM_BUS_ADDRESS=disabled:",
                                        NULL};
    char *outside = NULL;
    const bool network = json_array_size(json_object_get(b->settings->browser, "hosts")) > 0;
    if (asprintf(&outside, "%s/" STORE "/" FOLDER, b->root->path) < 0)
        return viv_fail(b->host, VIV_ENOMEM, "out of memory");
    const struct sandbox sandbox = {.root = b->root, .fresh = b->folder, .fresh_path = outside, .browser = true};
    free(b->path);
    b->path = strdup(namespaces ? INSIDE : outside);
    char **argv = b->path ? make_arguments(b, program, namespaces || geteuid() != 0) : NULL;
    struct birth a = {.sandbox = namespaces ? &sandbox : NULL, .argv = argv, .environment = environment};
    viv_status status = argv ? VIV_OK : viv_fail(b->host, VIV_ENOMEM, "out of memory");
    *e = 0;
    if (status == VIV_OK)
        *e = give_birth(b, &a, network);
    if (status == VIV_OK && *e == 0)
        status = browser_call(b, NULL, "Browser.getVersion", NULL, START_MS, NULL);
    if (status == VIV_OK && *e == 0)
        b->sandbox = !namespaces ? geteuid() == 0
                                       ? "none: pages are held by nothing but the browser's own code, since "
                                         "it is root and there are no namespaces"
                                       : "its own"
                     : network   ? "namespaces, and its own"
                                 : "namespaces without a network, and its own";
    free_arguments(argv);
    free(outside);
    return status;
}

/* One page, where there is none: a page can close the last one. It has an answer once it has taken all that it was
 * told when it came; what is opened before that would be without it. */
static viv_status have_page(struct browser *b, bool starts)
{
    viv_status status = VIV_OK;
    browser_listen(b, 0);
    const bool is_new = starts || b->n_tabs == 0;
    if (!b->dead && b->n_tabs == 0)
        status = browser_call(b, NULL, "Target.createTarget", json_pack("{s:s}", "url", "about:blank"),
                              browser_patience(b), NULL);
    const int64_t end = clock_ms() + browser_patience(b);
    while (status == VIV_OK && !b->dead && b->n_tabs == 0 && clock_ms() < end && !viv_is_cancelled(b->cancel))
        browser_listen(b, 20);
    if (status == VIV_OK && b->n_tabs == 0)
        return viv_fail(b->host, VIV_EIO, "the browser opens no page");
    if (status == VIV_OK && is_new)
        status = browser_call(b, b->tabs[b->current].session, "Runtime.evaluate",
                              json_pack("{s:s}", "expression", "0"), browser_patience(b), NULL);
    return status;
}

static viv_status prepare(struct browser *b)
{
    json_t *page =
        json_pack("[{s:s}, {s:s}, {s:s}]", "type", "page", "type", "shared_worker", "type", "service_worker");
    viv_status status = browser_call(b, NULL, "Fetch.enable",
                                     json_pack("{s:[{s:s}, {s:s, s:s}]}", "patterns", "urlPattern", "*",
                                               "urlPattern", "*", "requestStage", "Response"),
                                     browser_patience(b), NULL);
    if (status == VIV_OK)
        status = browser_call(b, NULL, "Browser.setDownloadBehavior",
                              json_pack("{s:s, s:s+, s:b}", "behavior", "allowAndName", "downloadPath", b->path,
                                        "/downloads", "eventsEnabled", 1),
                              browser_patience(b), NULL);
    if (status == VIV_OK)
        status = browser_call(b, NULL, "Target.setAutoAttach",
                              json_pack("{s:b, s:b, s:b, s:O}", "autoAttach", 1, "waitForDebuggerOnStart", 1,
                                        "flatten", 1, "filter", page),
                              browser_patience(b), NULL);
    json_decref(page);
    return status == VIV_OK ? have_page(b, true) : status; /* one is there at the start, or not */
}

viv_status browser_start(struct browser *b)
{
    if (b->pid > 0 && !b->dead) {
        const viv_status status = have_page(b, false);
        if (!b->dead)
            return status;
    }
    browser_stop(b);
    const char *program = find_program(b);
    if (!program)
        return viv_fail(b->host, VIV_ENOTFOUND,
                        "there is no browser: install chromium, or name it in the spec (browser: {program: PATH})");
    viv_status status = make_folder(b);
    int e = 0, missing = 0;
    bool up = false;
    if (status == VIV_OK && b->settings->sandbox != SANDBOX_OFF) {
        const viv_status tried = attempt(b, program, true, &e);
        up = tried == VIV_OK && e == 0;
        missing = e;
        if (!up)
            end(b);
        if (!up && b->settings->sandbox == SANDBOX_ON)
            status =
                viv_fail(b->host, VIV_EUNSUPPORTED,
                         "the browser lacks namespaces (%s), and the spec says `sandbox: on`: it is not started",
                         missing ? strerror(missing) : "it does not start in them");
    }
    if (status == VIV_OK && !up) {
        status = attempt(b, program, false, &e);
        if (status == VIV_OK && e)
            status = viv_fail(b->host, VIV_EIO, "%s cannot be started: %s", program, strerror(e));
    }
    if (status == VIV_OK)
        status = prepare(b);
    if (status == VIV_OK)
        status = events_tell(
            b->events, json_pack("{s:s, s:s, s:s}", "event", "browser", "program", program, "sandbox", b->sandbox));
    if (status != VIV_OK)
        browser_stop(b);
    return status;
}
