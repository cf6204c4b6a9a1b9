/* fuzz_serve.c - any lines as what the agent of another program asks for, of a server that touches nothing. Each of
 * its answers is a line of JSON. */
#include "fuzz_host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static viv_status tell(const viv_listener *l, const char *json, uint64_t size)
{
    (void)l, (void)json, (void)size;
    return VIV_OK;
}

static viv_status ask(const viv_listener *l, const char *json, uint64_t size, int32_t *yes)
{
    *yes = 1;
    return tell(l, json, size);
}

static void check_answers(int fd)
{
    static char bytes[1 << 20];
    const ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    for (ssize_t at = 0; at < n && n < (ssize_t)sizeof bytes;) {
        const char *end = memchr(bytes + at, '\n', (size_t)(n - at));
        json_error_t e;
        json_t *v = end ? json_loadb(bytes + at, (size_t)(end - bytes - at), 0, &e) : NULL;
        if (!json_is_object(v))
            abort();
        json_decref(v);
        at = end - bytes + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const viv_listener listener = {.struct_size = sizeof listener, .tell = tell, .ask = ask};
    static char path[64];
    if (!*path) {
        snprintf(path, sizeof path, "/dev/shm/viv-fuzz-XXXXXX");
        if (!mkdtemp(path))
            abort();
        const int at = open(path, O_RDONLY | O_DIRECTORY), file = openat(at, "a.txt", O_WRONLY | O_CREAT, 0644);
        if (file < 0 || write(file, "text\n", 5) != 5 || mkdirat(at, "docs", 0755) != 0)
            abort();
        close(file);
        close(at);
    }
    const viv_act task = {.struct_size = sizeof task,
                          .flags = VIV_ACT_DRY_RUN,
                          .spec = "{\"stages\":{}}",
                          .spec_name = "fuzz",
                          .task = "fuzz",
                          .workspace = path};
    const int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
    if (write(in, data, size) == (ssize_t)size && lseek(in, 0, SEEK_SET) == 0)
        (void)lam_serve(&host, &task, in, out, &listener);
    check_answers(out);
    close(in);
    close(out);
    return 0;
}
