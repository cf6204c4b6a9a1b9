/* input.h - text on standard input. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

/* All of it, refused beyond `limit` bytes. Says that it waits when it does so on a terminal. */
viv_status read_stdin(uint64_t limit, struct buf *out, struct error *err);

/* The same of a file; of standard input where it is NULL or "-". */
viv_status read_input(const char *file, uint64_t limit, struct buf *out, struct error *err);

#endif
