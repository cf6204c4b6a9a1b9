/* description.h - a short description of a layer, for comparing architectures: an extension of layer classes, returned
 * by get_ext(VIV_LAYER_DESCRIPTION).
 *
 * A description is a list of attributes. Each has a name, which layers of one purpose share ("attention", "positions",
 * "norm", "feed-forward", "experts", "routing"), and a text, which is equal for two layers that do the same. */
#ifndef VIVARIUM_DESCRIPTION_H
#define VIVARIUM_DESCRIPTION_H

#include <string.h>
#include <vivarium/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_LAYER_DESCRIPTION "viv.layer-description/0"

enum { VIV_DESCRIPTION_ATTRIBUTE = 32, VIV_DESCRIPTION_TEXT = 128 };

typedef struct viv_layer_description {
    uint32_t struct_size, flags;
    /* Writes the name and the text of the i-th attribute, both NUL-terminated. Returns 0 if there is no i-th.
     * [any: after viv_layer_class.infer] */
    int32_t (*describe)(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT]);
} viv_layer_description;

/* Defines a function for viv_layer_class.get_ext, of a class whose only extension is its description:
 *   VIV_GET_DESCRIPTION(get_ext, describe)                                                                  */
#define VIV_GET_DESCRIPTION(get_ext, describe)                                                               \
    static const void *get_ext(const char *id)                                                               \
    {                                                                                                        \
        static const viv_layer_description description = {sizeof(viv_layer_description), 0, describe};       \
        return strcmp(id, VIV_LAYER_DESCRIPTION) == 0 ? &description : NULL;                                 \
    }

#ifdef __cplusplus
}
#endif
#endif
