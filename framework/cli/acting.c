/* acting.c - see acting.h. */
#include "cli/acting.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static const char *word(const json_t *event, const char *key)
{
    const char *s = json_string_value(json_object_get(event, key));
    return s ? s : "";
}

static json_int_t number(const json_t *event, const char *key)
{
    return json_integer_value(json_object_get(event, key));
}

static void put(const char *text)
{
    cli_print_safe(stdout, text, strlen(text));
}

/* "move a.txt -> docs/a.txt" */
static void put_action(const json_t *event)
{
    const char *from = word(event, "from"), *to = word(event, "to");
    put(word(event, "tool"));
    printf(" ");
    put(*from ? from : to);
    if (*from && *to) {
        printf(" -> ");
        put(to);
    }
}

static void put_time(const json_t *event)
{
    char text[32] = "";
    const time_t at = (time_t)number(event, "time");
    struct tm tm;
    if (localtime_r(&at, &tm))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    printf("%s", text);
}

/* --- each kind of event ------------------------------------------------------------------------------------- */

static void show_run(const json_t *e)
{
    printf("run %" JSON_INTEGER_FORMAT "  ", number(e, "run"));
    put_time(e);
    printf("  ");
    put(word(e, "task"));
    printf("  (");
    put(word(e, "reason"));
    printf(")\n");
}

static void show_action(const json_t *e)
{
    printf("  %4" JSON_INTEGER_FORMAT "  ", number(e, "action"));
    put_action(e);
    if (strcmp(word(e, "state"), "done") != 0)
        printf("  (%s)", word(e, "state"));
    printf("\n");
}

static void show_undone(const json_t *e)
{
    printf("undone: ");
    put_action(e);
    if (*word(e, "aside")) {
        printf("; what was there instead is now ");
        put(word(e, "aside"));
    }
    printf("\n");
}

static void show_end(const json_t *e)
{
    const json_int_t n = number(e, "undone");
    if (json_object_get(e, "undone"))
        printf("%" JSON_INTEGER_FORMAT " action%s undone\n", n, n == 1 ? "" : "s");
}

static const struct {
    const char *event;
    void (*show)(const json_t *e);
} kinds[] = {{"run", show_run}, {"action", show_action}, {"undone", show_undone}, {"end", show_end}};

viv_status acting_show_event(void *ctx, const json_t *event, struct error *err)
{
    const struct acting_show *show = ctx;
    if (show->json) {
        const viv_status status = cli_print_json(json_incref((json_t *)event), true, err);
        return status == VIV_OK ? cli_flush_output(err) : status;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].event, word(event, "event")) == 0)
            kinds[i].show(event);
    return cli_flush_output(err);
}
