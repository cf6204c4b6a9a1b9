/* trail.h - which plugin's code runs on this thread. Whoever hears that the process crashes can say who it was.
 * Costs two stores around a call; our own layers and schedulers leave no trail. */
#ifndef BASE_TRAIL_H
#define BASE_TRAIL_H

struct trail {
    const char *plugin; /* "plugin NAME (PATH)"; NULL: none of a plugin */
    const char *where;  /* "its init", "forward" */
};
extern _Thread_local struct trail trail;
/* The sentence about a plugin that has written where it must not; NULL: none has. What is in memory is worth
 * nothing then, and must not even be freed. */
extern const char *trail_spoilt;
void trail_spoil(const char *sentence); /* copied */

/* Around a call: struct trail before = trail_enter(plugin, "infer"); ...; trail = before; */
static inline struct trail trail_enter(const char *plugin, const char *where)
{
    const struct trail before = trail;
    trail = (struct trail){plugin, where};
    return before;
}

#endif
