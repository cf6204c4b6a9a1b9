/* out.h - what verbs print: JSON, columns, sizes for people. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/figure.h"
#include "cli/progress.h"
#include "formats/checkpoint.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A JSON string of bytes that may be anything: what is not UTF-8 becomes U+FFFD. NULL when memory is out. */
json_t *cli_json_text(const char *text, size_t n);
json_t *cli_json_number(double value);   /* null for what is no number, or infinite */
json_t *cli_json_word(const char *text); /* the same of a terminated string; null for NULL */
/* Prints a value and a newline on standard output, one member per line unless `compact`, and releases it. A NULL
 * value is one that could not be built for lack of memory. */
viv_status cli_print_json(json_t *value, bool compact, struct error *err);

/* Writes --output: a file as file_write does, or, for NULL and "-", standard output. */
viv_status cli_write_output(const char *path, const void *bytes, size_t n, struct error *err);

/* Whether a file may be written: refuses one that is read as well (a path of `inputs`, NULL-terminated, some may be
 * "", or a file of the model, which may be NULL), and one that exists unless `force`. */
viv_status cli_check_output(const char *output, bool force, const char *const *inputs,
                            const struct checkpoint *model, struct error *err);

/* Sends off what was printed on standard output. */
viv_status cli_flush_output(struct error *err);

/* Text from files, so that no escape sequence of theirs reaches a terminal: control characters as \x1b, line feeds
 * and tabs as they are. */
void cli_print_safe(FILE *f, const char *text, size_t n);
/* Appends a word as a shell takes it. */
void cli_quote(struct buf *out, const char *word);

/* Cells in columns, printed all at once so that their widths are known. */
struct columns {
    const char *align; /* "lrr": a letter for each column */
    char **cells;
    size_t n, capacity;
    bool failed; /* memory was out */
};
void columns_add(struct columns *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints the rows with `indent` spaces before each, and empties it. */
viv_status columns_print(struct columns *c, int indent, struct error *err);

#endif
