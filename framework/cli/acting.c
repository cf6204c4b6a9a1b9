/* acting.c - see acting.h. */
#include "cli/acting.h"

#include "base/figure.h"
#include "cli/interrupt.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

viv_status acting_open_world(struct opened *o, const struct common *common, const char *architecture,
                             struct acting *out, struct error *err)
{
    const viv_status status = cli_open_world(o, common, err);
    return status == VIV_OK ? acting_open(o->engine, architecture, out, err) : status;
}

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
    if (strcmp(word(e, "state"), "done") != 0) {
        printf("  (");
        put(word(e, "state"));
        printf(")");
    }
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

static void show_begin(const json_t *e)
{
    if (json_is_true(json_object_get(e, "dry_run")))
        printf("dry run in ");
    else
        printf("run %" JSON_INTEGER_FORMAT " in ", number(e, "run"));
    put(word(e, "workspace"));
    printf(": ");
    put(word(e, "task"));
    printf("\n");
}

static void show_browser(const json_t *e)
{
    printf("browser: ");
    put(word(e, "program"));
    printf("; its sandbox: ");
    put(word(e, "sandbox"));
    printf("\n");
}

static void show_desktop(const json_t *e)
{
    const json_t *size = json_object_get(e, "size");
    printf("display ");
    put(word(e, "display"));
    printf(" of %" JSON_INTEGER_FORMAT "x%" JSON_INTEGER_FORMAT, json_integer_value(json_array_get(size, 0)),
           json_integer_value(json_array_get(size, 1)));
    if (*word(e, "without")) {
        printf("; elements of windows are not seen: ");
        put(word(e, "without"));
    }
    printf("\n");
}

/* An action in the words of another format. */
static void show_said(const json_t *e)
{
    put(word(e, "text"));
    printf("\n");
}

static void show_left_out(const json_t *e)
{
    fflush(stdout);
    if (number(e, "actions") > 0)
        fprintf(stderr, "left out, since the format has no words for them: %" JSON_INTEGER_FORMAT " actions\n",
                number(e, "actions"));
}

/* The first line of what the model sees: its title and address. */
static void show_page(const json_t *e)
{
    const char *text = word(e, "text");
    printf("sees ");
    cli_print_safe(stdout, text, strcspn(text, "\n"));
    printf("\n");
}

/* The window that is above all others, which is the second line. */
static void show_screen(const json_t *e)
{
    const char *text = word(e, "text"), *end = strchr(text, '\n'), *line = end && end[1] ? end + 1 : text;
    printf("sees ");
    cli_print_safe(stdout, line, strcspn(line, "\n"));
    printf("\n");
}

/* What was done outside of the workspace. */
static void show_deed(const json_t *e)
{
    printf("     -  ");
    put(word(e, "tool"));
    printf(" ");
    put(word(e, "about"));
    printf("  (cannot be undone)\n");
}

static void show_perceive(const json_t *e)
{
    printf("sees %" JSON_INTEGER_FORMAT " names", number(e, "names"));
    if (number(e, "of") > number(e, "names"))
        printf(" of %" JSON_INTEGER_FORMAT, number(e, "of"));
    printf("\n");
}

static void show_stage(const json_t *e)
{
    char *said = json_dumps(json_object_get(e, "said"), JSON_COMPACT | JSON_ENCODE_ANY);
    put(word(e, "stage"));
    printf(": ");
    put(said ? said : "");
    printf("\n");
    free(said);
}

static void show_step(const json_t *e)
{
    static const char *const names[] = {"path", "from", "folder", "to"};
    printf("%3" JSON_INTEGER_FORMAT "  ", number(e, "step"));
    put(word(e, "tool"));
    if (*word(e, "about")) {
        printf(" ");
        put(word(e, "about"));
    }
    for (size_t i = 0; !*word(e, "about") && i < sizeof names / sizeof *names; i++)
        if (*word(e, names[i])) {
            printf(strcmp(names[i], "to") == 0 ? " -> " : " ");
            put(word(e, names[i]));
        }
    for (size_t i = 0; i < json_array_size(json_object_get(e, "arguments")); i++) {
        const char *s = json_string_value(json_array_get(json_object_get(e, "arguments"), i));
        printf(i ? " " : ": ");
        put(s ? s : "?"); /* a transcript may hold anything */
    }
    if (strcmp(word(e, "tool"), "search") == 0) {
        printf(" for ");
        put(word(e, "text"));
    }
    printf("\n");
}

/* The lines of a text, each behind some spaces. */
static void put_lines(const char *text)
{
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        printf("       ");
        cli_print_safe(stdout, text, n);
        printf("\n");
    }
}

static void show_result(const json_t *e)
{
    if (strcmp(word(e, "outcome"), "imagined") == 0) {
        printf("     it would be done\n");
    } else if (strcmp(word(e, "outcome"), "done") != 0) {
        printf("     %s\n", word(e, "outcome"));
        put_lines(word(e, "text"));
    }
}

static void show_ask(const json_t *e)
{
    put_lines(word(e, "effect"));
    printf("     asked: ");
    put(word(e, "why"));
    if (!json_is_true(json_object_get(e, "undoable")))
        printf("; it CANNOT be undone");
    printf("\n");
}

static void show_answer(const json_t *e)
{
    printf("     %s\n", json_is_true(json_object_get(e, "yes")) ? "yes" : "no");
}

static void show_end(const json_t *e)
{
    const json_int_t n = number(e, "undone"), steps = number(e, "steps");
    if (json_object_get(e, "undone")) {
        printf("%" JSON_INTEGER_FORMAT " action%s undone\n", n, n == 1 ? "" : "s");
        return;
    }
    put(word(e, "reason"));
    if (*word(e, "answer")) {
        printf(": ");
        put(word(e, "answer"));
    }
    printf("  (%" JSON_INTEGER_FORMAT " step%s, %" JSON_INTEGER_FORMAT " tokens)\n", steps, steps == 1 ? "" : "s",
           number(e, "tokens"));
}

static void show_memory(const json_t *e)
{
    printf("%4" JSON_INTEGER_FORMAT "  ", number(e, "memory"));
    put_time(e);
    printf("  ");
    put(word(e, "text"));
    printf("\n");
}

static void show_forgotten(const json_t *e)
{
    printf("forgotten: %" JSON_INTEGER_FORMAT "\n", number(e, "memory"));
}

/* Said where it is much. */
static void show_kept(const json_t *e)
{
    static const json_int_t much = 16 << 20;
    if (number(e, "bytes") >= much)
        printf("%s are kept to undo these: --prune-to SIZE or --prune-older DAYS forgets the oldest\n",
               human_bytes((uint64_t)number(e, "bytes")).text);
}

static void show_pruned_action(const json_t *e)
{
    printf("forgotten: %" JSON_INTEGER_FORMAT "  ", number(e, "action"));
    put_action(e);
    printf("  (%s)\n", human_bytes((uint64_t)number(e, "bytes")).text);
}

static void show_pruned(const json_t *e)
{
    const json_int_t n = number(e, "actions");
    printf("%" JSON_INTEGER_FORMAT " action%s forgotten, %s; ", n, n == 1 ? "" : "s",
           human_bytes((uint64_t)number(e, "bytes")).text);
    printf("%s left to undo others\n", human_bytes((uint64_t)number(e, "left")).text);
}

static const struct {
    const char *event;
    void (*show)(const json_t *e);
} kinds[] = {{"begin", show_begin},
             {"perceive", show_perceive},
             {"stage", show_stage},
             {"step", show_step},
             {"ask", show_ask},
             {"answer", show_answer},
             {"result", show_result},
             {"end", show_end},
             {"run", show_run},
             {"action", show_action},
             {"undone", show_undone},
             {"memory", show_memory},
             {"forgotten", show_forgotten},
             {"browser", show_browser},
             {"page", show_page},
             {"deed", show_deed},
             {"stays", show_deed},
             {"kept", show_kept},
             {"pruned", show_pruned},
             {"pruned_action", show_pruned_action},
             {"desktop", show_desktop},
             {"screen", show_screen},
             {"said", show_said},
             {"left_out", show_left_out}};

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

/* --- questions ---------------------------------------------------------------------------------------------- */

enum { PATIENCE = 300, MOST_PATIENCE = 86400 }; /* seconds */

/* A line, byte by byte, so that nothing of the next one is taken. false: none came. */
static bool read_line(int seconds, char *line, size_t size)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    size_t n = 0;
    char c;
    while (!interrupt_happened() && poll(&in, 1, seconds * 1000) == 1 && read(STDIN_FILENO, &c, 1) == 1) {
        if (c == '\n') {
            line[n] = '\0';
            return true;
        }
        if (n + 1 < size)
            line[n++] = c;
    }
    return false;
}

viv_status acting_ask(void *ctx, const json_t *event, bool *yes, struct error *err)
{
    const struct acting_show *show = ctx;
    char line[16];
    const viv_status status = acting_show_event(ctx, event, err);
    *yes = show->yes;
    if (status != VIV_OK || show->yes)
        return status;
    fprintf(stderr, "     do it? [y/N] ");
    fflush(stderr);
    const json_int_t given = number(event, "seconds");
    const int seconds = given > 0 && given <= MOST_PATIENCE ? (int)given : PATIENCE;
    const bool answered = read_line(seconds, line, sizeof line);
    *yes = answered && (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0);
    if (!answered || !isatty(STDIN_FILENO))
        fprintf(stderr, "%s\n", !answered ? "no answer is no" : *yes ? "yes" : "no");
    return VIV_OK;
}
