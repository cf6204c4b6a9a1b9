/* viv - the program. */
#include "base/file.h"
#include "base/json.h"
#include "base/near.h"
#include "cli/cli.h"
#include "cli/crash.h"
#include "cli/interrupt.h"
#include "cli/out.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENTRY(symbol) extern const struct command symbol;
#include "registry/commands.inc"
#undef ENTRY

const struct command *const commands[] = {
#define ENTRY(symbol) &symbol,
#include "registry/commands.inc"
#undef ENTRY
};
const size_t cli_n_commands = sizeof commands / sizeof *commands;

int cli_fail(const struct error *err)
{
    fflush(stdout);
    const char *text = *err->text ? err->text : error_status_name(err->status);
    fputs("viv: ", stderr);
    cli_print_safe(stderr, text, strlen(text));
    putc('\n', stderr);
    return err->status == VIV_ECANCELLED ? EXIT_INTERRUPTED : EXIT_FAILED;
}

int cli_usage_error(const char *command, const char *format, ...)
{
    struct error err;
    va_list args;
    va_start(args, format);
    error_setv(&err, VIV_EINVAL, format, args);
    va_end(args);
    fprintf(stderr, "viv%s%s: ", *command ? " " : "", command);
    cli_print_safe(stderr, err.text, strlen(err.text));
    fprintf(stderr, " (see viv%s%s --help)\n", *command ? " " : "", command);
    return EXIT_USAGE;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < cli_n_commands; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < cli_n_commands && n < 64; i++)
        if (!commands[i]->hidden)
            names[n++] = commands[i]->name;
    const char *near = near_word(name, names, n);
    if (near)
        return cli_usage_error("", "there is no verb '%s'; did you mean '%s'?", name, near);
    return cli_usage_error("", "there is no %s '%s'", *name == '-' ? "option" : "verb", name);
}

static int run_command(int argc, char **argv)
{
    static char help[] = "help", version[] = "version";
    char *const name = argc < 2                                                       ? help
                       : strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ? help
                       : strcmp(argv[1], "--version") == 0                            ? version
                                                                                      : argv[1];
    const struct command *command = find_command(name);
    struct arguments a;
    if (!command)
        return unknown_command(name);
    int status = arguments_parse(&a, command, argc > 1 ? argc - 1 : argc, argc > 1 ? argv + 1 : argv);
    if (status == ARGUMENTS_OK)
        status = command->main(&a);
    arguments_release(&a);
    return status;
}

/* In place of a standard stream that is closed, the next file that is opened would be read and written as one. */
static void hold_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0) /* still it cannot be read, or written */
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    struct error err = {0};
    hold_streams();
    /* a reader that went away is an error to be told, not a death */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* so is a file that has become too large */
    /* numbers are written with a point, and characters in UTF-8, whatever the user's language, and whatever a
     * plugin does to setlocale */
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t with_utf8 = c_locale ? newlocale(LC_CTYPE_MASK, "C.UTF-8", c_locale) : c_locale;
    if (c_locale)
        uselocale(with_utf8 ? with_utf8 : c_locale);
    json_notice_memory();
    crash_watch();
    if (file_map_guard(&err) != VIV_OK)
        return cli_fail(&err);
    int status = run_command(argc, argv);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_DONE) {
        error_set(&err, VIV_EIO, "standard output: %s", errno ? strerror(errno) : "could not be written");
        status = cli_fail(&err);
    }
    return status;
}
