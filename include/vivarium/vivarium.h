/* vivarium.h - all doors at once, in reading order. A plugin includes this and nothing else of ours. */
#ifndef VIVARIUM_H
#define VIVARIUM_H

#include <vivarium/abi.h>
#include <vivarium/tensor.h>
#include <vivarium/kernels.h>
#include <vivarium/delta_rule.h>
#include <vivarium/layer.h>
#include <vivarium/expert_cache.h>
#include <vivarium/routes.h>
#include <vivarium/description.h>
#include <vivarium/scheduler.h>
#include <vivarium/request.h>
#include <vivarium/architecture.h>
#include <vivarium/precision.h>
#include <vivarium/pictures.h>
#include <vivarium/acting.h>
#include <vivarium/params.h>
#include <vivarium/digest.h>
#include <vivarium/text.h>
#include <vivarium/sequence.h>
#include <vivarium/sampler.h>
#include <vivarium/helpers.h>

#endif
