/* demo.c - what the models that ship do: command lines, each printed and then run by a viv of its own. */
#include "base/buf.h"
#include "base/file.h"
#include "cli/acting.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORDS = 16 };

struct demo_options {
    struct common common;
    const char *workspace;
};

static const struct demo_options defaults = {.common = COMMON_DEFAULTS};

#define OPT(field) offsetof(struct demo_options, field)
static const struct option table[] = {
    WORKSPACE_OPTION(OPT(workspace), "the report is written there, too; default a new one in $TMPDIR"), {0}};

/* What lam tidies. */
static const char *const files[] = {"beach.jpg", "budget.csv", "letter.txt",
                                    "plan.pdf",  "song.mp3",   "trip (2).png"};

/* A step: what is shown of it, and its command line. "@" at the beginning of a word is the folder, "%" that of the
 * specs. */
static const struct step {
    const char *title;
    const char *words[MAX_WORDS];
} steps[] = {
    {"Three text models on one prompt: dense, with experts, and small at four bits",
     {"compare", "llm", "moe", "slm", "--measure", "--rounds", "1", "--file", "%/held-out.txt", "--prompt",
      "The old prince looked at", "--max-tokens", "48", "--html", "@/report.html"}},
    {"A model that sees", {"run", "vlm", "--image", "%/vlm.png", "--temp", "0", "Describe the picture."}},
    {"A model that acts", {"act", "lam", "--prompt", "Sort the files by kind", "--workspace", "@/inbox", "--yes"}},
    {"What it did is taken back", {"undo", "--workspace", "@/inbox"}},
};

/* The folder of the specs that ship. */
static viv_status find_specs(const struct opened *o, struct buf *out, struct error *err)
{
    struct spec *s = NULL;
    const viv_status status = spec_open(o->world, "vlm", &s, err);
    if (status != VIV_OK)
        return status;
    const char *path = spec_path(s);
    buf_append(out, path, (size_t)(path_base(path) - path) - 1);
    spec_close(s);
    return out->failed ? error_nomem(err) : VIV_OK;
}

static viv_status make_files(const char *folder, struct error *err)
{
    struct buf path = {0};
    viv_status status = VIV_OK;
    buf_printf(&path, "%s/report.html", folder);
    if (!path.failed && access(buf_text(&path), F_OK) == 0)
        status = error_set(err, VIV_EIO, "%s/report.html is there already: give another folder", folder);
    buf_release(&path);
    buf_printf(&path, "%s/inbox", folder);
    if (status == VIV_OK && (path.failed || mkdir(buf_text(&path), 0777) != 0))
        status = error_set(err, VIV_EIO, "%s/inbox: cannot be made: %s", folder, strerror(errno));
    for (size_t i = 0; status == VIV_OK && i < sizeof files / sizeof *files; i++) {
        buf_release(&path);
        buf_printf(&path, "%s/inbox/%s", folder, files[i]);
        const int fd = path.failed ? -1 : open(buf_text(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0)
            status =
                error_set(err, VIV_EIO, "%s/inbox/%s: cannot be written: %s", folder, files[i], strerror(errno));
        else
            close(fd);
    }
    buf_release(&path);
    return status;
}

/* A folder of the user's choice, which is made where it is missing, or one that no one else has. malloc'ed. */
static char *folder_of_demo(const char *wanted, struct error *err)
{
    const char *temporary = getenv("TMPDIR");
    struct buf path = {0};
    if (wanted)
        buf_printf(&path, "%s", wanted);
    else
        buf_printf(&path, "%s/viv-demo-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    char *folder = path.failed ? NULL : strdup(buf_text(&path));
    buf_release(&path);
    if (!folder)
        error_nomem(err);
    else if (wanted ? mkdir(folder, 0777) != 0 && errno != EEXIST : !mkdtemp(folder)) {
        error_set(err, VIV_EIO, "%s: no folder can be made: %s", folder, strerror(errno));
        free(folder);
        folder = NULL;
    }
    return folder;
}

/* As a person would type it. */
static void show(char *const *words)
{
    struct buf line = {0};
    buf_puts(&line, "$ viv");
    for (size_t i = 1; words[i]; i++) {
        buf_putc(&line, ' ');
        cli_quote(&line, words[i]);
    }
    cli_print_safe(stdout, buf_text(&line), line.size);
    putchar('\n');
    fflush(stdout);
    buf_release(&line);
}

/* A child hears of Ctrl-C by itself; of a signal to us alone, by us. It is looked for, since it may come just
 * before a wait. */
static int wait_for(pid_t child)
{
    static const struct timespec moment = {.tv_nsec = 20000000};
    int ended = 0;
    bool told = false;
    while (waitpid(child, &ended, WNOHANG) == 0) {
        if (interrupt_happened() && !told) {
            kill(child, SIGTERM);
            told = true;
        }
        nanosleep(&moment, NULL);
    }
    return ended;
}

static viv_status run_step(const struct step *s, const char *folder, const char *specs,
                           const struct string_list *plugin_path, struct error *err)
{
    char **words = calloc(MAX_WORDS + 2 * plugin_path->n + 2, sizeof *words), *owned[MAX_WORDS] = {0};
    viv_status status = words ? VIV_OK : error_nomem(err);
    size_t n = 0;
    pid_t child;
    int ended = 0, failure = 0;
    if (words)
        words[n++] = (char *)"/proc/self/exe";
    for (size_t i = 0; status == VIV_OK && s->words[i]; i++) {
        const char *w = s->words[i], *before = *w == '@' ? folder : *w == '%' ? specs : "";
        if (asprintf(&owned[i], "%s%s", before, w + (*before != '\0')) < 0)
            status = error_nomem(err);
        words[n++] = owned[i];
    }
    for (size_t i = 0; status == VIV_OK && i < plugin_path->n; i++) {
        words[n++] = (char *)"--plugin-path";
        words[n++] = (char *)plugin_path->items[i];
    }
    if (status == VIV_OK) {
        printf("\n%s\n", s->title);
        show(words);
        failure = posix_spawn(&child, words[0], NULL, NULL, words, environ);
        ended = failure == 0 ? wait_for(child) : 0;
        if (failure != 0)
            status = error_set(err, VIV_EIO, "`viv %s` cannot be started: %s", s->words[0], strerror(failure));
        else if (interrupt_happened())
            status = error_set(err, VIV_ECANCELLED, "cancelled");
        else if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)
            status = error_set(err, VIV_EIO, "`viv %s` has failed, and said why", s->words[0]);
    }
    for (size_t i = 0; i < MAX_WORDS; i++)
        free(owned[i]);
    free(words);
    return status;
}

static void show_report(const char *folder)
{
    fputs("\nThe report: ", stdout);
    cli_print_safe(stdout, folder, strlen(folder));
    puts("/report.html");
}

static int run(const struct arguments *arguments)
{
    const struct demo_options *options = arguments->options;
    struct opened o = {0};
    struct buf specs = {0};
    struct error err = {0};
    char *folder = NULL;
    interrupt_watch();
    viv_status status = cli_open_world(&o, &options->common, &err);
    if (status == VIV_OK)
        status = find_specs(&o, &specs, &err);
    if (status == VIV_OK && !(folder = folder_of_demo(options->workspace, &err)))
        status = VIV_EIO;
    if (status == VIV_OK)
        status = make_files(folder, &err);
    for (size_t i = 0; status == VIV_OK && i < sizeof steps / sizeof *steps; i++)
        status = run_step(&steps[i], folder, buf_text(&specs), &options->common.plugin_path, &err);
    if (status == VIV_OK)
        show_report(folder);
    free(folder);
    buf_release(&specs);
    return cli_close_opened(&o, status, &err);
}

const struct command command_demo = {
    .name = "demo",
    .summary = "what the models that ship do, side by side",
    .words = "",
    .text = "Runs five small models that come with Vivarium: three that write, side by side, with a report; one "
            "that sees; and one that tidies a folder, which is then undone. Each command line is printed before it "
            "runs.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct demo_options),
    .examples = "viv demo\n"
                "viv demo --workspace ~/viv-demo",
    .group = GROUP_RUN,
    .main = run,
};
