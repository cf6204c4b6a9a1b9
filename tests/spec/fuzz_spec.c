/* Any bytes given as a spec end in an expansion, or in an error. */
#include "fuzz.h"
#include "spec/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct layer_set layers;
    static const char *const directories[] = {NULL};
    static struct spec_world world;
    struct error err;
    struct spec *s;
    struct expansion *e;
    if (!world.layers && layer_set_init(&layers, &err) != VIV_OK)
        return 0;
    world = (struct spec_world){.layers = &layers, .directories = directories};
    if (document_load(&world, fuzz_file(data, size), NULL, &s, &err) != VIV_OK)
        return 0;
    if (spec_expand(s, NULL, &e, &err) == VIV_OK)
        expansion_destroy(e);
    spec_close(s);
    return 0;
}
