/* observe.h - looks at the inputs of linear layers: kernels whose products report each weight and its rows before
 * they multiply. For calibration (quantize/calibrate.h). */
#ifndef KERNELS_OBSERVE_H
#define KERNELS_OBSERVE_H

#include <vivarium/kernels.h>

struct product_observer {
    /* Called for each range of outputs, [m->w, ...) being the rows of the weight from the range's first output on.
     * m->x has rows of f32. On any thread, several at a time. */
    void (*see)(void *ctx, const viv_matmul *m);
    void *ctx;
};

/* `kernels` with products that report to the observer; they must be those of KERNELS_F32_ACTIVATIONS. There is one
 * observer in a process: whoever comes later takes its place. */
const viv_kernels *kernels_observed(const viv_kernels *kernels, const struct product_observer *observer);

#endif
