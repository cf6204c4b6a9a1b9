/* words.h - for layers that say in words what they are (<vivarium/words.h>). */
#ifndef LAYERS_WORDS_H
#define LAYERS_WORDS_H

#include "layers/layer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vivarium/words.h>

/* Writes both and returns 1, as `say` does. */
__attribute__((format(printf, 4, 5))) static inline int32_t words_put(char *aspect, char *words, const char *name,
                                                                      const char *format, ...)
{
    va_list args;
    snprintf(aspect, VIV_WORDS_ASPECT, "%s", name);
    va_start(args, format);
    vsnprintf(words, VIV_WORDS_TEXT, format, args);
    va_end(args);
    return 1;
}

/* The i-th of "a|b|c". */
static inline const char *words_choice(const char *choices, uint32_t i, char out[32])
{
    for (; i > 0 && *choices; i--)
        choices += strcspn(choices, "|") + 1;
    snprintf(out, 32, "%.*s", (int)strcspn(choices, "|"), choices);
    return out;
}

#endif
