/* fuzz_http.c - any bytes as the answer of a server over HTTP: a head, then a body, in chunks, as JSON or as
 * events. The parser's functions are its file's own, so that the file is a part of this one. */
#include "lam/mcp/http.c"

#include "fuzz_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    char name[] = "h", port[] = "1", path[] = "/";
    struct http h = {.host = name, .port = port, .path = path};
    struct mcp_client c = {.host = &host, .name = "s", .state = &h, .seconds = 1};
    if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return 0;
    h.fd = ends[0];
    const ssize_t n = send(ends[1], data, size, MSG_NOSIGNAL);
    close(ends[1]);
    const int64_t deadline = clock_ms() + 1000;
    viv_status status = n < 0 ? VIV_EIO : read_head(&c, deadline);
    while (status == VIV_OK) {
        json_t *message = NULL;
        status = http_receive(&c, deadline, &message);
        json_decref(message);
    }
    hang_up(&h);
    return 0;
}
