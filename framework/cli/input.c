#include "cli/input.h"

#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

viv_status read_stdin(uint64_t limit, struct buf *out, struct error *err)
{
    char chunk[16384];
    ssize_t n;
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "viv: reading from the terminal, up to Ctrl-D\n");
    while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, VIV_EIO, "standard input: %s", strerror(errno));
        if (out->size + (size_t)n > limit)
            return error_set(err, VIV_ELIMIT, "standard input: more than %" PRIu64 " bytes", limit);
        if (!buf_append(out, chunk, (size_t)n))
            return error_nomem(err);
    }
    return VIV_OK;
}

viv_status read_input(const char *file, uint64_t limit, struct buf *out, struct error *err)
{
    if (!file || strcmp(file, "-") == 0)
        return read_stdin(limit, out, err);
    return file_read(file, limit, out, err);
}
