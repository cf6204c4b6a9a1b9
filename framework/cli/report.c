/* report.c - see report.h. */
#include "cli/report.h"

#include "base/buf.h"
#include "base/figure.h"
#include "cli/out.h"
#include "config.h"
#include "sched/cpus.h"

#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The command line of this process, wherever the program lies. */
static void put_command(struct buf *out)
{
    struct buf words = {0};
    struct error err;
    buf_puts(out, "viv");
    const viv_status status = file_read("/proc/self/cmdline", 1 << 20, &words, &err);
    out->failed |= status == VIV_ENOMEM;
    if (status == VIV_OK && words.size) {
        const char *end = words.data + words.size;
        for (const char *w = words.data + strlen(words.data) + 1; w < end; w += strlen(w) + 1) {
            buf_putc(out, ' ');
            cli_quote(out, w);
        }
    }
    buf_release(&words);
}

/* The processor's name as the kernel tells it, if it does. */
static void put_processor(struct buf *out)
{
    struct buf text = {0};
    struct error err;
    const char *name = NULL;
    const viv_status status = file_read("/proc/cpuinfo", 16 << 20, &text, &err);
    out->failed |= status == VIV_ENOMEM;
    if (status == VIV_OK)
        name = strstr(buf_text(&text), "model name");
    name = name ? strchr(name, ':') : NULL;
    if (name) {
        name += 1 + strspn(name + 1, " \t");
        buf_append(out, name, strcspn(name, "\n"));
        buf_puts(out, ", ");
    }
    buf_release(&text);
}

static void put_machine(struct buf *out)
{
    struct utsname u;
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    put_processor(out);
    if (uname(&u) == 0)
        buf_printf(out, "%s, %s, ", u.machine, u.sysname);
    buf_printf(out, "%" PRIu32 " processors", cpus_usable());
    if (pages > 0 && page > 0)
        buf_printf(out, ", %s", human_bytes((uint64_t)pages * (uint64_t)page).text);
}

viv_status report_keep(const struct comparison *c, const struct comparison_query *q, struct file_draft *d,
                       struct error *err)
{
    struct buf command = {0}, machine = {0};
    char date[64] = "";
    struct tm utc;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &utc))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", &utc);
    put_command(&command);
    put_machine(&machine);
    const struct report_origin origin = {
        .command = buf_text(&command), .version = PACKAGE_VERSION, .machine = buf_text(&machine), .date = date};
    viv_status status =
        command.failed || machine.failed ? error_nomem(err) : report_html(c, q, &origin, d->stream, err);
    if (status == VIV_OK)
        status = file_draft_keep(d, err);
    buf_release(&command);
    buf_release(&machine);
    return status;
}
