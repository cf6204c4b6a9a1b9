/* typed.h - lines that somebody typed, kept for the next conversation.
 *
 * They lie in $XDG_STATE_HOME/vivarium/chat_history, each as a JSON string on a line of its own, the newest last;
 * nobody else may read the file. When it has grown, it becomes chat_history.old, in place of such a one, and
 * another begins: so both are bounded, and several conversations may write at once. */
#ifndef CLI_TYPED_H
#define CLI_TYPED_H

#include "base/error.h"

/* Hands out the lines that are kept, the oldest first. What cannot be read is left out. */
void typed_recall(void (*take)(void *ctx, const char *line), void *ctx);
/* Keeps one more. A line that begins with a space, and one of more than 32 KiB, is not kept. */
viv_status typed_keep(const char *line, struct error *err);

#endif
