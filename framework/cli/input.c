#include "cli/input.h"

#include "base/file.h"

#include <stdio.h>
#include <unistd.h>

viv_status read_input(const char *file, uint64_t limit, struct buf *out, struct error *err)
{
    if (file_input_name(file) != file && isatty(STDIN_FILENO))
        fprintf(stderr, "viv: reading from the terminal, up to Ctrl-D\n");
    return file_read_input(file, limit, out, err);
}
