/* slices.h - weights of which layers hold slices along the first axis: what is behind viv_expert_cache
 * (vivarium/expert_cache.h). Without a store every slice is in memory: mapped where it lies in the file, or made
 * once by the weight's transforms. With one (store.h) a slice is read, and made, when it is needed. */
#ifndef EXPERTS_SLICES_H
#define EXPERTS_SLICES_H

#include "base/error.h"
#include "experts/store.h"

#include <vivarium/architecture.h>
#include <vivarium/expert_cache.h>

struct slice_set;

/* See viv_expert_cache; the set is the model's. */
viv_status slices_create(const viv_prepare *p, const char *const *attrs, uint32_t n_attrs, uint64_t n_together,
                         struct slice_set **out, struct error *err);
uint64_t slices_count(const struct slice_set *s);
const viv_tensor *slices_kind(const struct slice_set *s, uint32_t k);
viv_status slices_hold(struct slice_set *s, uint64_t i, const void *const **data, struct error *err);
void slices_let_go(struct slice_set *s, uint64_t i);
void slices_expect(struct slice_set *s, const uint32_t *slices, uint64_t n);
int32_t slices_is_here(const struct slice_set *s, uint64_t i);
void slices_release_all(viv_model *m);

/* Of the store behind a budget of slices; false: there is none. After model_load. */
bool model_store_stats(const viv_model *m, struct store_stats *out);

#endif
