/* prompt.c - what a model is told of a task: the task, what is there, what was done.
 *
 *   Task: ...                      whole
 *   What is in the folder: ...     from its beginning
 *   The browser: ...               from its beginning
 *   The desktop: ...               from its beginning
 *   Done so far: ...               to its end
 *
 * Where they are too long together, each gets the same room, and what one of them does not need goes to the others.
 * They are cut between lines, and a line says so. */
#include "browser/browser.h"
#include "desktop/desktop.h"

#include <string.h>

enum { FOLDER, PAGE, SCREEN, HISTORY, N_PARTS };

static void show_folder(const struct scene *scene, struct text *out)
{
    text_printf(out, "What is in the folder:\n");
    for (size_t i = 0; i < scene->n; i++)
        text_printf(out, "%s%s\n", scene->entries[i].text, scene->entries[i].folder ? "/" : "");
    if (scene->n < scene->total)
        text_printf(out, "... and %zu more\n", scene->total - scene->n);
    if (scene->total == 0)
        text_printf(out, "nothing\n");
}

static void show_page(const struct prompt *p, struct text *out)
{
    if (!p->settings->browser)
        return;
    text_printf(out, "\nThe browser:\n");
    browser_show(p->browser, out);
}

static void show_screen(const struct prompt *p, struct text *out)
{
    if (!p->settings->desktop)
        return;
    text_printf(out, "\nThe desktop:\n");
    desktop_show(p->desktop, out);
}

/* The last lines of a text, at most `room` bytes; of a line that is longer, its end. */
static const char *last_lines(const char *text, size_t size, size_t room)
{
    const char *at = text + size - room, *line = memchr(at, '\n', room);
    if (line && line + 1 < text + size)
        return line + 1;
    while (at < text + size && ((unsigned char)*at & 0xC0) == 0x80)
        at++;
    return at;
}

static void put_history(const struct text *history, size_t room, struct text *out)
{
    const char *all = text_or_empty(history);
    text_printf(out, "\nDone so far:\n");
    if (history->size > room)
        text_printf(out, "... (what came before is left out)\n%s", last_lines(all, history->size, room));
    else
        text_printf(out, "%s", history->size ? all : "nothing\n");
}

/* The first lines, at most `room` bytes. */
static void put_lines(const struct text *lines, size_t room, struct text *out)
{
    const char *all = text_or_empty(lines), *end = lines->size > room ? memrchr(all, '\n', room) : NULL;
    if (lines->size <= room) {
        text_add(out, all, lines->size);
        return;
    }
    text_add(out, all, end ? (size_t)(end + 1 - all) : 0);
    text_printf(out, "... (more than the model has room for: the rest is left out)\n");
}

/* The same room for each, but no more than its size. */
static void share(const size_t sizes[N_PARTS], size_t room, size_t shares[N_PARTS])
{
    bool settled[N_PARTS] = {false}, more = true;
    size_t n = N_PARTS;
    while (more && n) {
        const size_t each = room / n;
        more = false;
        for (int i = 0; i < N_PARTS; i++) {
            shares[i] = settled[i] ? shares[i] : each;
            if (!settled[i] && sizes[i] <= each) {
                shares[i] = sizes[i];
                room -= sizes[i];
                settled[i] = more = true;
                n--;
            }
        }
    }
}

uint64_t prompt_checksum(const struct prompt *p)
{
    struct text seen = {0};
    show_folder(p->scene, &seen);
    show_page(p, &seen);
    show_screen(p, &seen);
    const uint64_t sum = record_checksum(text_or_empty(&seen), seen.size);
    text_release(&seen);
    return sum;
}

void prompt_show(const struct prompt *p, size_t room, struct text *out)
{
    struct text folder = {0}, page = {0}, screen = {0};
    size_t shares[N_PARTS];
    text_printf(out, "Task: %s\n%s\n", p->task, text_or_empty(p->context));
    show_folder(p->scene, &folder);
    show_page(p, &page);
    show_screen(p, &screen);
    const size_t most = (size_t)p->settings->history;
    const size_t sizes[N_PARTS] = {folder.size, page.size, screen.size,
                                   p->history->size < most ? p->history->size : most};
    share(sizes, room > out->size ? room - out->size : 0, shares);
    put_lines(&folder, shares[FOLDER], out);
    put_lines(&page, shares[PAGE], out);
    put_lines(&screen, shares[SCREEN], out);
    put_history(p->history, shares[HISTORY], out);
    out->failed = out->failed || folder.failed || page.failed || screen.failed;
    text_release(&folder);
    text_release(&page);
    text_release(&screen);
}
