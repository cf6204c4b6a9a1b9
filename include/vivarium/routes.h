/* routes.h - what a layer says of itself whose output are routes: which experts work on each row, and how much each
 * counts. The extension VIV_LAYER_ROUTES of its class (viv_layer_class.get_ext); those who look on know by it what they
 * see. */
#ifndef VIVARIUM_ROUTES_H
#define VIVARIUM_ROUTES_H

#include <vivarium/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_LAYER_ROUTES "viv.layer-routes/0"

/* An output row of 2k features: the numbers of k experts, the best first, then how much each counts. */
typedef struct viv_routes {
    uint32_t struct_size, flags;
    uint64_t (*n_experts)(const void *layer); /* to choose from. [any: after viv_layer_class.infer] */
} viv_routes;

#ifdef __cplusplus
}
#endif
#endif
