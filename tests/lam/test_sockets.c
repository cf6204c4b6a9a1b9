/* test_sockets.c - WebSockets and other sockets of pages: a host that is granted gets none, from the page, workers
 * (also of a blob) or frames (also in a sandbox), unless the spec lets sockets be opened. The host is a child that
 * answers requests, and notes what it was asked for. */
#include "scripted.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define SOCKET(name, tell)                                                                                         \
    "for (const make of [() => new WebTransport('https://' + place), () => new RTCPeerConnection()]) "             \
    "try { make(); fetch('http://' + place + '/socket-other-" name "'); } catch (e) {}"                            \
    "try { new WebSocket('ws://' + place + '/socket-" name "').onerror = " tell "; } catch (e) { (" tell ")(); }"
#define TELLS_PARENT "() => parent.postMessage(1, '*')"
static const char page[] =
    "<title>Sockets</title><p>page<script>let n = 0; const place = location.host, "
    "tell = () => { if (++n === 5) document.title = 'five'; }; onmessage = tell;" SOCKET(
        "page", "tell") "new Worker('/worker.js').onmessage = tell; fetch('/worker.js').then(r => r.text()).then("
                        "code => { new Worker(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})))"
                        ".onmessage = tell; }); const frame = document.createElement('iframe'); "
                        "frame.sandbox = 'allow-scripts'; frame.srcdoc = `<script>const place = '${place}';" SOCKET(
                            "sandboxed", TELLS_PARENT) "<\\/script>`; document.body.append(frame);</script>"
                                                       "<iframe srcdoc=\"<script>const place = "
                                                       "parent.location.host;" SOCKET(
                                                           "frame", TELLS_PARENT) "</script>\"></iframe>";
static const char worker[] = "const place = self.origin.slice(7); " SOCKET("worker", "() => postMessage(1)");

enum { MOST_ASKED = 65536 };
static char *asked; /* the heads of all requests; shared with the child */
static int port;
static pid_t child;

static void reply(int fd)
{
    char head[4096] = "", out[4096];
    const ssize_t n = recv(fd, head, sizeof head - 1, 0);
    if (n <= 0)
        return;
    strncat(asked, head, MOST_ASKED - strlen(asked) - 1);
    const bool is_worker = strncmp(head, "GET /worker.js", 14) == 0, is_page = strncmp(head, "GET /page", 9) == 0;
    const char *body = is_worker ? worker : is_page ? page : "";
    const int size = snprintf(
        out, sizeof out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
        *body ? "200 OK" : "404 Not Found", is_worker ? "text/javascript" : "text/html", strlen(body), body);
    (void)!send(fd, out, (size_t)size, MSG_NOSIGNAL);
}

static void serve(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, size), 0);
    ck_assert_int_eq(listen(listener, 16), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    port = ntohs(at.sin_port);
    asked = mmap(NULL, MOST_ASKED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(asked != MAP_FAILED);
    child = fork();
    while (child == 0) {
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            _exit(1);
        reply(fd);
        close(fd);
    }
    close(listener);
}

static void stop(void)
{
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    munmap(asked, MOST_ASKED);
}

/* Opens the page, and looks until it has heard of all five. false: there is no browser here. */
static bool visit(const char *more)
{
    const char *path = begin();
    char spec[300], open[120];
    const char *const list[] = {open,
                                "{\"action\":\"hover\",\"element\":1}",
                                "{\"action\":\"press\",\"keys\":\"Tab\"}",
                                "{\"action\":\"scroll\",\"element\":0,\"direction\":\"down\"}",
                                "{\"action\":\"press\",\"keys\":\"Escape\"}",
                                DONE,
                                NULL};
    snprintf(spec, sizeof spec,
             "{\"stages\":{},\"tools\":[\"browser\"],\"browser\":{\"hosts\":[\"127.0.0.1:%d\"]%s}}", port, more);
    snprintf(open, sizeof open, "{\"action\":\"open\",\"url\":\"http://127.0.0.1:%d/page\"}", port);
    ck_assert_int_eq(act(path, spec, list, 0), VIV_OK);
    const bool there = strstr(text_or_empty(&told), "\"event\":\"browser\"") != NULL;
    if (there)
        tells("page \\\"five\\\"");
    else
        printf("skipped: there is no browser, or it does not start\n");
    end(path);
    return there;
}

TEST(no_sockets_are_opened)
{
    serve();
    if (visit("")) {
        ck_assert_ptr_nonnull(strstr(asked, "GET /page"));
        ck_assert_ptr_nonnull(strstr(asked, "GET /worker.js"));
        ck_assert_msg(strstr(asked, "socket-") == NULL, "%s", asked);
    }
    stop();
}
END_TEST

TEST(a_spec_may_let_them_be_opened)
{
    serve();
    if (visit(",\"sockets\":true")) {
        ck_assert_ptr_nonnull(strstr(asked, "GET /socket-page"));
        ck_assert_ptr_nonnull(strstr(asked, "GET /socket-worker"));
        ck_assert_ptr_nonnull(strstr(asked, "GET /socket-frame"));
        ck_assert_ptr_nonnull(strstr(asked, "GET /socket-sandboxed"));
        ck_assert_ptr_nonnull(strstr(asked, "GET /socket-other-page"));
    }
    stop();
}
END_TEST

TESTS(no_sockets_are_opened, a_spec_may_let_them_be_opened)
