/* input.h - texts that the user names. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

/* All of a file or a pipe, of standard input where it is NULL or "-"; refused beyond `limit` bytes. Says that it
 * waits when somebody is to type it. */
viv_status read_input(const char *file, uint64_t limit, struct buf *out, struct error *err);

#endif
