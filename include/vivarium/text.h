/* text.h - a model's tokenizer, as a service: VIV_SERVICE_TEXT. Its functions are for one thread at a time per model, which
 * is the one that runs the request; decoders of one model count as the model. */
#ifndef VIVARIUM_TEXT_H
#define VIVARIUM_TEXT_H

#include <vivarium/architecture.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_TEXT "viv.text/0"

typedef struct viv_decoder viv_decoder; /* turns token ids into text, one by one */

enum {
    VIV_ENCODE_SPECIAL = 1,      /* add what the tokenizer puts around a text (a beginning-of-text token, ...) */
    VIV_ENCODE_PARSE_SPECIAL = 2 /* special tokens written out in the text become those tokens */
};

typedef struct viv_text {
    uint32_t struct_size, flags;
    /* Ids of a text. Writes at most `capacity` ids, sets *n to how many there are. The first use of a model's tokenizer
     * reads it from the checkpoint. [setup: the model is open] */
    viv_status (*encode)(viv_model *model, const char *text, uint64_t size, uint32_t flags, int32_t *ids,
                         uint64_t capacity, uint64_t *n);
    /* A decoder takes ids one by one and gives out whole characters only, as soon as no later id can change them.
     * It ends before the model does. [setup: the model is open] */
    viv_status (*decoder_create)(viv_model *model, viv_decoder **decoder);
    /* The text that `id` completes: *text lives until the next call; *size may be 0. [setup: after decoder_create] */
    viv_status (*decoder_push)(viv_decoder *decoder, int32_t id, const char **text, uint64_t *size);
    /* What is still held back, with incomplete characters replaced by U+FFFD. Tokens pushed later follow those before.
     * [setup: after decoder_create] */
    viv_status (*decoder_finish)(viv_decoder *decoder, const char **text, uint64_t *size);
    void (*decoder_destroy)(viv_decoder *decoder); /* accepts NULL. [setup: after decoder_create, last] */
    /* Whether it is one of the model's end-of-text tokens. [setup: the model is open] */
    int32_t (*is_end)(viv_model *model, int32_t id);
    /* Ids of one text, or of a pair, with what the tokenizer puts around them, and which of the two each is of. With a
     * limit, texts are cut at their ends until no more ids come than that, the longer one first.
     * [setup: the model is open] */
    viv_status (*encode_texts)(viv_model *model, uint32_t n_texts, const char *const *texts, const uint64_t *sizes,
                               uint64_t limit, int32_t *ids, int32_t *types, uint64_t capacity, uint64_t *n);

    /* Ids of a request's messages: bare text and tokens as they stand, a conversation by the model's chat template. The
     * last *n_answer of them are those of a VIV_PART_ANSWER. Writes at most `capacity` ids, sets *n to how many there
     * are. [setup: the model is open] */
    viv_status (*encode_request)(viv_model *model, const viv_request *request, int32_t *ids, uint64_t capacity,
                                 uint64_t *n, uint64_t *n_answer);
} viv_text;

#ifdef __cplusplus
}
#endif
#endif
