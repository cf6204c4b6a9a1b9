/* input.h - texts that the user names. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/buf.h"
#include "base/json.h"

#include <stdint.h>

/* All of a file or a pipe, of standard input where it is NULL or "-"; refused beyond `limit` bytes. Says that it
 * waits when somebody is to type it. */
viv_status cli_read_input(const char *file, uint64_t limit, struct buf *out, struct error *err);

/* The same, as JSON. */
viv_status cli_read_json(const char *file, json_t **out, struct error *err);

#endif
