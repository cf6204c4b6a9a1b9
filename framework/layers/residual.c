/* residual.c - y = x + f(x)            (He et al. 2015)
 *
 *   in[0]:  x, [n_rows, dim]
 *   in[1]:  f(x), the output of the layers inside                                                         */
#include "layers/sum.h"

static const viv_attr *const attrs[] = {NULL};

const viv_layer_class layer_residual = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "residual",
    .summary = "Residual connection: adds the input to the output of the layers inside.",
    .attrs = attrs,
    .instance_size = sizeof(struct sum),
    .infer = sum_infer,
    .prepare = sum_prepare,
    .tasks = viv_row_tasks,
    .forward = sum_forward,
};
