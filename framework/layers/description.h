/* description.h - helpers for layers that describe themselves (<vivarium/description.h>). */
#ifndef LAYERS_DESCRIPTION_H
#define LAYERS_DESCRIPTION_H

#include "layers/layer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vivarium/description.h>

/* Writes both and returns 1, as `describe` does. */
__attribute__((format(printf, 4, 5))) static inline int32_t description_put(char *attribute, char *text,
                                                                            const char *name, const char *format,
                                                                            ...)
{
    va_list args;
    snprintf(attribute, VIV_DESCRIPTION_ATTRIBUTE, "%s", name);
    va_start(args, format);
    vsnprintf(text, VIV_DESCRIPTION_TEXT, format, args);
    va_end(args);
    return 1;
}

/* The i-th of "a|b|c". */
static inline const char *description_choice(const char *choices, uint32_t i, char out[32])
{
    for (; i > 0 && *choices; i--)
        choices += strcspn(choices, "|") + 1;
    snprintf(out, 32, "%.*s", (int)strcspn(choices, "|"), choices);
    return out;
}

#endif
