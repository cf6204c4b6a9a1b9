/* any_grammar.h - any bytes given as a grammar end in an error, or in a program that runs over bytes. */
#ifndef TESTS_ANY_GRAMMAR_H
#define TESTS_ANY_GRAMMAR_H

#include "fuzz.h"
#include "grammar/grammar.h"
#include "grammar/recogniser.h"

static int try_grammar(uint32_t kind, const uint8_t *data, size_t size)
{
    const struct grammar_source source = {
        .kind = kind, .text = (const char *)data, .size = size, .lenient = size % 2};
    struct program *p = NULL;
    struct recogniser *m = NULL;
    struct buf text = {0};
    struct error err;
    recogniser_state s;
    if (size > 1 << 16 || grammar_compile(&source, &p, NULL, &err) != VIV_OK)
        return 0;
    if (recogniser_create(p, NULL, &m, &err) == VIV_OK && recogniser_start(m, &s, &err) == VIV_OK) {
        recogniser_finish(m, s, 64, &text, &err);
        recogniser_take_bytes(m, &s, buf_text(&text), text.size, &err);
    }
    buf_release(&text);
    recogniser_destroy(m);
    program_destroy(p);
    return 0;
}

#endif
