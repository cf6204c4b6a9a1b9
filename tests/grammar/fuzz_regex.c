#include "grammar/any_grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return try_grammar(VIV_GRAMMAR_REGEX, data, size);
}
