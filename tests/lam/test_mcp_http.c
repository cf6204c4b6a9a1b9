/* test_mcp_http.c - servers of the Model Context Protocol over HTTP: a child that answers the connections of a run,
 * one after another, with bytes from a list. */
#include "lam/mcp/mcp.h"
#include "scripted.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int seconds = 20;   /* that an answer may take */
static int port, requests; /* requests: what the child was sent */
static pid_t child;

/* All of a request: its head, and a body of the length that it says. */
static void take_request(int fd, struct text *out)
{
    char bytes[4096];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        text_add(out, bytes, (size_t)n);
        const char *end = strstr(out->data, "\r\n\r\n"), *length = strstr(out->data, "Content-Length: ");
        if (end && length && out->size >= (size_t)(end - out->data) + 4 + strtoul(length + 16, NULL, 10))
            return;
    }
}

/* "ID" in an answer is the id of the request. */
static void answer(int fd, const char *template, const struct text *request)
{
    struct text out = {0};
    const char *id = strstr(text_or_empty(request), "\"id\":"), *at;
    const long n = id ? strtol(id + 5, NULL, 10) : 0;
    for (; (at = strstr(template, "ID")); template = at + 2) {
        text_add(&out, template, (size_t)(at - template));
        text_printf(&out, "%ld", n);
    }
    text_printf(&out, "%s", template);
    const char *endless = strstr(text_or_empty(&out), "ENDLESS"); /* what follows comes again and again */
    if (endless)
        out.size = (size_t)(endless - out.data);
    for (size_t done = 0; done < out.size;) { /* by pieces, as a network has them */
        const size_t piece = out.size - done < 100 ? out.size - done : 100;
        if (send(fd, out.data + done, piece, MSG_NOSIGNAL) < 0)
            break;
        done += piece;
    }
    while (endless && send(fd, endless + 7, strlen(endless + 7), MSG_NOSIGNAL) > 0)
        ;
    text_release(&out);
}

static void serve(const char *const *list)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int said[2];
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, size), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    ck_assert_int_eq(pipe(said), 0);
    port = ntohs(at.sin_port);
    child = fork();
    if (child == 0) {
        close(said[0]);
        for (; *list; list++) {
            struct text request = {0};
            const int fd = accept(listener, NULL, NULL);
            take_request(fd, &request);
            (void)!write(said[1], text_or_empty(&request), request.size);
            answer(fd, *list, &request);
            close(fd);
            text_release(&request);
        }
        _exit(0);
    }
    close(listener);
    close(said[1]);
    requests = said[0];
}

/* A run that calls echo once; what the server was sent. */
static viv_status run(const char *path, const char *const *list, struct text *sent)
{
    char spec[256], bytes[4096];
    ssize_t n;
    const char *const actions[] = {"{\"action\":\"call\",\"tool\":\"s/echo\",\"arguments\":{\"text\":\"hello\"}}",
                                   DONE, NULL};
    serve(list);
    snprintf(
        spec, sizeof spec,
        "{\"stages\":{},\"limits\":{\"call_seconds\":%d},\"mcp\":{\"s\":{\"url\":\"http://127.0.0.1:%d/mcp\"}}}",
        seconds, port);
    says_yes = 1;
    const viv_status status = act(path, spec, actions, 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while ((n = read(requests, bytes, sizeof bytes)) > 0)
        text_add(sent, bytes, (size_t)n);
    close(requests);
    return status;
}

#define JSON(body) "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" body
#define DISCOVER   "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"supportedVersions\":[\"2026-07-28\"]}}"
#define LIST       "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"tools\":[{\"name\":\"echo\",\"inputSchema\":{}}]}}"
#define SAYS(text)                                                                                                 \
    "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]}}"

static bool was_sent(const struct text *sent, const char *words)
{
    return strstr(text_or_empty(sent), words) != NULL;
}

TEST(the_new_era_has_no_session)
{
    const char *path = begin();
    struct text sent = {0};
    ck_assert_int_eq(run(path, (const char *const[]){JSON(DISCOVER), JSON(LIST), JSON(SAYS("hi")), NULL}, &sent),
                     VIV_OK);
    tells("\"text\":\"hi\\n\"");
    ck_assert(was_sent(&sent, "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:"));
    ck_assert(was_sent(&sent, "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n"));
    ck_assert(was_sent(&sent, "Accept: application/json, text/event-stream\r\n"));
    ck_assert(!was_sent(&sent, "Mcp-Session-Id"));
    text_release(&sent);
    end(path);
}
END_TEST

TEST(the_old_era_has_one)
{
    const char *path = begin();
    struct text sent = {0};
    const char *const list[] = {
        "HTTP/1.1 404 Not Found\r\nMcp-Session-Id: stale\r\nContent-Length: 4\r\n\r\nnone",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nmcp-session-id: abc-1\r\nTransfer-Encoding: "
        "chunked\r\n\r\n61\r\nevent: message\r\ndata: "
        "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"protocolVersion\":\"2025-06-18\"}}"
        "\n\n\n\n\n\n\n\n\n\n\n\r\n0\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        JSON(LIST),
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: a comment\n\nid: 1\ndata: "
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\ndata: {\"jsonrpc\":\"2.0\",\ndata: "
        "\"id\":ID,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"in two lines\"}]}}\n\n",
        NULL};
    ck_assert_msg(run(path, list, &sent) == VIV_OK, "%s", sentence);
    tells("in two lines");
    ck_assert(was_sent(&sent, "MCP-Protocol-Version: 2025-06-18\r\nMcp-Session-Id: abc-1\r\n"));
    ck_assert(was_sent(&sent, "notifications/initialized"));
    ck_assert(!was_sent(&sent, "stale"));
    text_release(&sent);
    end(path);
}
END_TEST

TEST(chunks_are_put_together)
{
    const char *path = begin();
    struct text sent = {0};
    const char *const list[] = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "1\r\n{\r\n1d;name=value\r\n\"jsonrpc\":\"2.0\",\"result\":{"
                                "\"su\r\n27\r\npportedVersions\":[\"2026-07-28\"]},"
                                "\"id\":1\r\n1\r\n}\r\n0\r\n\r\n",
                                JSON(LIST), JSON(SAYS("hi")), NULL};
    ck_assert_msg(run(path, list, &sent) == VIV_OK, "%s", sentence);
    tells("\"text\":\"hi\\n\"");
    text_release(&sent);
    end(path);
}
END_TEST

TEST(answers_that_are_none)
{
    static const struct {
        const char *bytes, *sentence;
    } bad[] = {
        {"", "the answer is no HTTP"},
        {"SSH-2.0-OpenSSH\r\n\r\n", "the answer is no HTTP"},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "the answer is no HTTP"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "the answer is no HTTP"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "the answer is no HTTP"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "the body of an answer"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n", "the body of an answer"},
        {"HTTP/1.1 301 Moved\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
         "HTTP status 301, and no answer"},
        {"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n[]", "HTTP status 500, and no answer"},
        {JSON("{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{\"code\":-32603,\"message\":\"out of order\"}}"),
         "error -32603: out of order"},
    };
    const char *path = begin();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct text sent = {0};
        ck_assert_int_eq(run(path, (const char *const[]){JSON(DISCOVER), JSON(LIST), bad[i].bytes, NULL}, &sent),
                         VIV_OK);
        tells("\"outcome\":\"failed\"");
        tells(bad[i].sentence);
        text_release(&sent);
    }
    end(path);
}
END_TEST

/* Streams that never pause, and never end. */
TEST(streams_without_an_end)
{
    static const char *const bodies[] = {
        "Transfer-Encoding: chunked\r\n\r\nENDLESS\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
        "Content-Type: text/event-stream\r\n\r\nENDLESSdata: {}\n\n"};
    const char *path = begin();
    seconds = 3;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct text sent = {0}, bad = {0};
        text_printf(&bad, "HTTP/1.1 200 OK\r\n%s", bodies[i]);
        ck_assert_int_eq(run(path, (const char *const[]){JSON(DISCOVER), JSON(LIST), bad.data, NULL}, &sent),
                         VIV_OK);
        tells("\"outcome\":\"failed\"");
        text_release(&sent);
        text_release(&bad);
    }
    seconds = 20;
    end(path);
}
END_TEST

/* A server's own request is answered beside the stream, which goes on. */
TEST(a_request_within_a_stream)
{
    const char *path = begin();
    struct text sent = {0};
    const char *const list[] = {JSON(DISCOVER), JSON(LIST),
                                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                                "data: {\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"ping\"}\n\n"
                                "data: " SAYS("after the ping") "\n\n",
                                "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", NULL};
    ck_assert_msg(run(path, list, &sent) == VIV_OK, "%s", sentence);
    tells("after the ping");
    ck_assert(was_sent(&sent, "\"id\":77"));
    text_release(&sent);
    end(path);
}
END_TEST

/* What the server calls its version goes into headers. */
TEST(a_version_that_is_a_header)
{
    const char *path = begin();
    struct text sent = {0};
    const char *const list[] = {
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        JSON("{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"protocolVersion\":\"1\\r\\nX-Evil: y\"}}"), JSON("{}"),
        NULL};
    ck_assert_int_eq(run(path, list, &sent), VIV_EUNSUPPORTED);
    ck_assert(!was_sent(&sent, "X-Evil"));
    text_release(&sent);
    end(path);
}
END_TEST

TEST(nobody_listens)
{
    const char *path = begin();
    struct text sent = {0};
    ck_assert_int_eq(run(path, (const char *const[]){NULL}, &sent), VIV_EIO);
    ck_assert_msg(strstr(sentence, "server 's': http://127.0.0.1:") != NULL, "%s", sentence);
    text_release(&sent);
    end(path);
}
END_TEST

TESTS(the_new_era_has_no_session, the_old_era_has_one, chunks_are_put_together, answers_that_are_none,
      streams_without_an_end, a_request_within_a_stream, a_version_that_is_a_header, nobody_listens)
