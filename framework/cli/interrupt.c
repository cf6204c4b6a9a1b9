/* interrupt.c - see interrupt.h. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static uint32_t cancel;

static void on_sigint(int signal_number)
{
    (void)signal_number;
    __atomic_store_n(&cancel, 1, __ATOMIC_RELAXED);
}

const uint32_t *interrupt_watch(void)
{
    struct sigaction action = {.sa_handler = on_sigint, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;
    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGINT, &action, NULL);
    return &cancel;
}

bool interrupt_happened(void)
{
    return __atomic_load_n(&cancel, __ATOMIC_RELAXED) != 0;
}

void interrupt_forget(void)
{
    __atomic_store_n(&cancel, 0, __ATOMIC_RELAXED);
}
