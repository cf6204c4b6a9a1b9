/* input.c - see input.h. */
#include "cli/input.h"

#include "base/file.h"

#include <stdio.h>
#include <unistd.h>

viv_status cli_read_input(const char *file, uint64_t limit, struct buf *out, struct error *err)
{
    if (file_input_name(file) != file && isatty(STDIN_FILENO))
        fprintf(stderr, "viv: reading from the terminal, up to Ctrl-D\n");
    return file_read_input(file, limit, out, err);
}

static const uint64_t LONGEST_JSON = 64u << 20;

viv_status cli_read_json(const char *file, json_t **out, struct error *err)
{
    struct buf text = {0};
    viv_status status = cli_read_input(file, LONGEST_JSON, &text, err);
    if (status == VIV_OK)
        status = json_parse_data(file_input_name(file), buf_text(&text), text.size, out, err);
    buf_release(&text);
    return status;
}
