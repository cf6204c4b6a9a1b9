/* moe.h - the classes of the plugin. */
#ifndef MOE_H
#define MOE_H

#include <vivarium/vivarium.h>

extern const viv_layer_class moe_router, moe_experts;
extern const viv_architecture_class moe_architecture;

#endif
