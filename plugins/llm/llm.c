/* llm - dense text models. */
#include <vivarium/vivarium.h>

static const void *const *get_classes(const char *id)
{
    (void)id;
    return NULL;
}

VIV_PLUGIN("llm", .get_classes = get_classes)
