/* search.h - where plugins and specs are searched. For this folder only. */
#ifndef HOST_SEARCH_H
#define HOST_SEARCH_H

#include "base/arena.h"
#include "host/host.h"

struct place {
    const char *directory;
    unsigned rank; /* directories of equal rank are one place, as the folders of a build tree */
};

struct search {
    struct place *places;
    size_t n_places, places_capacity;
    const char *defaults; /* the user's defaults.yaml, which may not exist; NULL: no such place */
    const char **specs;   /* NULL-terminated */
    size_t n_specs, specs_capacity;
};

viv_status search_init(struct search *s, const struct host_options *options, struct arena *arena,
                       struct error *err);
void search_release(struct search *s);

/* The files in a directory that end in `suffix`, sorted, each "directory/name"; none if it cannot be read. */
viv_status search_files(const char *directory, const char *suffix, struct arena *arena, const char ***out,
                        size_t *n, struct error *err);

#endif
