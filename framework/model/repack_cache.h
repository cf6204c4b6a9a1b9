/* repack_cache.h - repacked weights, kept from run to run in the cache folder (file_cache_directory).
 *
 * Each model has one file there, whose name is a hash of all that its weights are made from. Its content is checked
 * before any of it is used. Nothing fails here: without a file that can be used, weights are repacked. */
#ifndef MODEL_REPACK_CACHE_H
#define MODEL_REPACK_CACHE_H

#include "model/instance.h"

/* The tensors of a checkpoint that are repacked. In the file they lie in this order, 64-byte aligned. */
struct repack_list {
    const viv_tensor **tensors;
    uint32_t n;
    uint64_t bytes; /* in the file */
};

enum { REPACK_NAME = 65 };

/* 64 hex digits for these tensors of the model. False: they shall not be kept: the user wants no cache, or the
 * model's files have changed less than `settled` seconds ago, so that another change might not show in their times.
 */
bool repack_cache_name(const viv_model *m, const struct repack_list *list, double settled, char name[REPACK_NAME]);
/* Gives the tensors the data of the file, mapped read-only. A file that is damaged is removed. False: there is none
 * that can be used. */
bool repack_cache_read(viv_model *m, const struct repack_list *list, const char *name);
/* Writes the file, after removing those that were not used for the longest, until all are within their limit. */
void repack_cache_write(const viv_model *m, const struct repack_list *list, const char *name);

/* What `viv version` shows: the folder, the number of files and their bytes; `limit` is the user's, in GB, or NAN.
 * False: there is no such folder. */
struct repack_cache_state {
    char folder[4096];
    uint64_t n, bytes, limit;
};
bool repack_cache_state(double limit, struct repack_cache_state *out);

#endif
