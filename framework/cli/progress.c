/* progress.c - see progress.h. */
#include "cli/progress.h"

#include "base/clock.h"
#include "base/figure.h"
#include "cli/out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double EVERY = 0.1;      /* seconds between two bars */
static const double LINE_EVERY = 60;  /* seconds between two lines of a log */
static const double RATE_AFTER = 0.5; /* seconds after which a rate means something */

void progress_init(struct progress *p)
{
    *p = (struct progress){.on_terminal = isatty(STDERR_FILENO)};
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* "tokens 512 of 4096, 88.1/s, 0:41 left" */
static void describe(const struct progress *p, const char *what, uint64_t done, uint64_t total, double now,
                     char *out, size_t capacity)
{
    const double seconds = now - p->began, did = (double)(done - p->from);
    int n = snprintf(out, capacity, "%.40s %" PRIu64 " of %" PRIu64, what, done, total);
    if (n < 0 || (size_t)n >= capacity || seconds < RATE_AFTER || did <= 0)
        return;
    const double rate = did / seconds, left = (double)(total - done) / rate;
    n += snprintf(out + n, capacity - (size_t)n, rate < 10 ? ", %.2f/s" : ", %.0f/s", rate);
    if ((size_t)n >= capacity || left > 1e6)
        return;
    const unsigned s = (unsigned)(left + 0.5);
    if (s >= 3600)
        snprintf(out + n, capacity - (size_t)n, ", %u:%02u:%02u left", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out + n, capacity - (size_t)n, ", %u:%02u left", s / 60, s % 60);
}

static void draw_bar(const char *text, double part)
{
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    const int columns = terminal_width();
    const int filled = (int)(part * WIDTH);
    memset(bar, '.', WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[WIDTH] = '\0';
    fputs("\r\033[K", stderr);
    if (columns > WIDTH + 8 + (int)strlen(text))
        fprintf(stderr, "[%s] ", bar);
    fprintf(stderr, "%3.0f%% ", 100 * part);
    const int room = columns - 6; /* a line that wraps could not be taken back */
    if (room > 0)
        cli_print_safe(stderr, text, strnlen(text, (size_t)room));
    fflush(stderr);
}

/* Another matter, or the same once more. */
static void begin(struct progress *p, const char *what, uint64_t done, double now)
{
    snprintf(p->what, sizeof p->what, "%s", what);
    p->from = p->done = done;
    p->began = now;
    if (p->shown == 0)
        p->shown = now; /* what ends within a tenth of a second needs no bar */
}

void progress_show(struct progress *p, const char *what, uint64_t done, uint64_t total)
{
    char text[160];
    const double now = seconds_now();
    what = what ? what : "";
    if (total == 0)
        return;
    if (done >= total) {
        progress_clear(p);
        return;
    }
    if (p->shown == 0 || done < p->done || strncmp(p->what, what, sizeof p->what - 1) != 0)
        begin(p, what, done, now);
    p->done = done;
    if (now - p->shown < (p->on_terminal ? EVERY : LINE_EVERY))
        return;
    describe(p, what, done, total, now, text, sizeof text);
    if (p->on_terminal) {
        draw_bar(text, (double)done / (double)total);
        p->drawn = true;
    } else {
        fputs("viv: ", stderr);
        cli_print_safe(stderr, text, strlen(text));
        putc('\n', stderr);
    }
    p->shown = now;
}

void progress_clear(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
    p->shown = 0;
}
