/* interrupt.c - see interrupt.h. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static uint32_t cancel;

static void on_signal(int signal_number)
{
    (void)signal_number;
    __atomic_store_n(&cancel, 1, __ATOMIC_RELAXED);
}

const uint32_t *interrupt_watch(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
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
