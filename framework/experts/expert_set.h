/* expert_set.h - sets of the weights of experts, which implement viv_expert_cache (vivarium/expert_cache.h).
 * Without a budget, all experts are in memory: mapped from the file, or produced once by the weight's transforms.
 * With a budget, the expert cache (expert_cache.h) reads and transforms an expert when it is needed. */
#ifndef EXPERTS_EXPERT_SET_H
#define EXPERTS_EXPERT_SET_H

#include "base/error.h"
#include "experts/expert_cache.h"

#include <vivarium/architecture.h>
#include <vivarium/expert_cache.h>

/* See viv_expert_cache. The model owns the set. */
viv_status expert_set_create(const viv_prepare *p, const char *const *attrs, uint32_t n_attrs, uint64_t n_per_row,
                             viv_expert_set **out, struct error *err);
uint64_t expert_set_count(const viv_expert_set *s);
const viv_tensor *expert_set_format(const viv_expert_set *s, uint32_t k);
viv_status expert_set_acquire(viv_expert_set *s, uint64_t i, const void *const **data, struct error *err);
void expert_set_release(viv_expert_set *s, uint64_t i);
void expert_set_prefetch(viv_expert_set *s, const uint32_t *experts, uint64_t n);
int32_t expert_set_is_resident(const viv_expert_set *s, uint64_t i);
void expert_sets_release_all(viv_model *m);

/* Statistics of the model's expert cache; false if it has none, because there is no budget. After model_load. */
bool model_expert_cache_stats(const viv_model *m, struct expert_cache_stats *out);

#endif
