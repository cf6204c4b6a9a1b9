/* progress.h - how far something is that takes long, how fast it goes and when it ends: a bar on standard error
 * where that is a terminal, else a line a minute. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool on_terminal, drawn;
    double shown;  /* when it was last shown; 0: not begun */
    char what[32]; /* what goes on, "tokens", since `began`, when `from` of them were done */
    double began;
    uint64_t from, done;
};

void progress_init(struct progress *p);
/* So many of `total` are done; all of them: the bar goes. */
void progress_show(struct progress *p, const char *what, uint64_t done, uint64_t total);
void progress_clear(struct progress *p);

#endif
