/* words.h - what a layer says of itself in a few words, where architectures are put side by side: an extension of
 * layer classes, handed out by get_ext(VIV_LAYER_WORDS).
 *
 * A layer has aspects, each with a name that layers of one purpose share ("attention", "positions", "norm",
 * "feed-forward", "experts", "routing") and words that are equal where two layers do the same. */
#ifndef VIVARIUM_WORDS_H
#define VIVARIUM_WORDS_H

#include <vivarium/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_LAYER_WORDS "viv.layer-words/0"

enum { VIV_WORDS_ASPECT = 32, VIV_WORDS_TEXT = 128 };

typedef struct viv_layer_words {
    uint32_t struct_size, flags;
    /* Writes the i-th aspect of a layer whose `infer` has succeeded, and its words, both NUL-terminated. 0: there is
     * no i-th. [any] */
    int32_t (*say)(const void *layer, uint32_t i, char aspect[VIV_WORDS_ASPECT], char words[VIV_WORDS_TEXT]);
} viv_layer_words;

#ifdef __cplusplus
}
#endif
#endif
