/* resize.h - resizing of 8-bit pictures, bit for bit as Pillow 13 or torchvision 0.29 (tensors on the CPU) do it.
 */
#ifndef VLM_RESIZE_H
#define VLM_RESIZE_H

#include "picture.h"

/* Numbers as in the key `resample` of preprocessor_config.json. */
enum vlm_filter {
    VLM_NEAREST = 0,
    VLM_LANCZOS = 1,
    VLM_BILINEAR = 2,
    VLM_BICUBIC = 3,
    VLM_BOX = 4,
    VLM_HAMMING = 5,
    VLM_N_FILTERS
};

/* Whose arithmetic is used. The two differ in single bits; models are usually run with torchvision's. */
enum vlm_backend { VLM_TORCHVISION, VLM_PILLOW };

/* `out` is a new picture, also where the size stays the same. torchvision has neither box nor hamming: they are
 * Pillow's. */
viv_status vlm_resize(const viv_host *host, const struct vlm_picture *in, uint32_t width, uint32_t height,
                      enum vlm_filter filter, enum vlm_backend backend, struct vlm_picture *out);

/* The same in floats, of bytes * factor, as torchvision does it of tensors of floats: `out` has floats, too. Only
 * for bilinear and bicubic. */
viv_status vlm_resize_floats(const viv_host *host, const struct vlm_picture *in, uint32_t width, uint32_t height,
                             enum vlm_filter filter, float factor, struct vlm_picture *out);

#endif
