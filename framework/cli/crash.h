/* crash.h - a plugin that crashes the program, or ends it, is named before all is over. */
#ifndef CLI_CRASH_H
#define CLI_CRASH_H

/* Once, at the start of the program. */
void crash_watch(void);

#endif
