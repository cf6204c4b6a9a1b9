/* template.h - renders chat templates: the Jinja of transformers (trim_blocks, lstrip_blocks, loop controls,
 * generation blocks, a sandbox whose only attributes are data), from a template and JSON values to text.
 *
 * Templates are not trusted: steps, depth, memory and output are limited, and a template sees only the values it
 * is given. The language is that of jinja.palletsprojects.com, version 3.1. */
#ifndef JINJA_TEMPLATE_H
#define JINJA_TEMPLATE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#include <time.h>

/* How true, none and lists print. Models are trained on the output of Python's str(): True, None, ['a'].
 * The JavaScript library of Hugging Face prints JSON: true, ["a"]; and joins texts and numbers, which
 * Python does not. */
enum template_values { TEMPLATE_PYTHON, TEMPLATE_JSON };

struct template_options {
    const char *name; /* its name in errors */
    enum template_values values;
    const struct tm *now; /* the time of strftime_now; NULL: the local time */
    /* For each byte of the output one byte: 1 if it comes from the data or was made from them, 0 if the template
     * wrote it. Special tokens (*_token) and roles that are words count as the template's. NULL: not wanted. */
    struct buf *from_data;
};

/* Renders `source` (UTF-8) with the members of `data` (an object) as variables, and appends to *out. Errors name
 * the template and the line. An exception that the template raises is VIV_EINVAL with its message. */
viv_status jinja_render(const struct template_options *options, const char *source, size_t size, json_t *data,
                        struct buf *out, struct error *err);

#endif
