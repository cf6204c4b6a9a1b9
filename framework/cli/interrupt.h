/* interrupt.h - Ctrl-C asks politely once, then ends the program. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* From here on the first SIGINT sets the word that is returned, and a second one ends the process as if nobody had
 * watched. Where SIGINT is ignored (a background job of a script) it stays so. */
const uint32_t *interrupt_watch(void);
bool interrupt_happened(void);
void interrupt_forget(void); /* the word is zero again */

#endif
