/* template.h - chat templates: Jinja as transformers runs it (trim_blocks, lstrip_blocks, loop controls, generation
 * blocks, a sandbox without attributes beyond data), from a template and JSON values to text.
 *
 * A template is hostile until proven otherwise: its steps, depth, memory and output are bounded, and it sees
 * nothing but the values it is given. Source of the language: jinja.palletsprojects.com, version 3.1. */
#ifndef JINJA_TEMPLATE_H
#define JINJA_TEMPLATE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#include <time.h>

/* How true, none and lists print. Models are trained on what Python's str() says: True, None, ['a']. The JavaScript
 * library of Hugging Face prints JSON: true, ["a"], and joins texts with numbers where Python refuses to. */
enum template_values { TEMPLATE_PYTHON, TEMPLATE_JSON };

struct template_options {
    const char *name; /* what errors call the template */
    enum template_values values;
    const struct tm *now; /* what strftime_now says; NULL: the local time */
};

/* Renders `source` (UTF-8) with the members of `data` (an object) as its variables, appended to *out. Errors name
 * the template and the line; what a template raises itself is VIV_EINVAL with its own words. */
viv_status jinja_render(const struct template_options *options, const char *source, size_t size, json_t *data,
                        struct buf *out, struct error *err);

#endif
