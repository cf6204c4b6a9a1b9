/* settings.c - what a spec says under `desktop`. */
#include "desktop.h"

#include <stdlib.h>
#include <string.h>

bool desktop_is_private(const json_t *desktop)
{
    const char *display = json_string_value(json_object_get(desktop, "display"));
    return !display || strcmp(display, "private") == 0;
}

/* "1024x768" */
bool desktop_size(const json_t *desktop, int *width, int *height)
{
    const json_t *v = json_object_get(desktop, "size");
    const char *text = v ? json_string_value(v) : "1024x768";
    char *end;
    if (!text || !strchr("0123456789", *text))
        return false;
    const long x = strtol(text, &end, 10);
    if (*end != 'x' || !strchr("0123456789", end[1]))
        return false;
    const long y = strtol(end + 1, &end, 10);
    *width = (int)x;
    *height = (int)y;
    return *end == '\0' && x >= SMALLEST_SIDE && x <= LARGEST_SIDE && y >= SMALLEST_SIDE && y <= LARGEST_SIDE;
}

static bool is_program(const char *name, const json_t *argv)
{
    size_t i;
    json_t *word;
    bool ok = json_array_size(argv) > 0 && *name && strlen(name) <= 64 &&
              strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(name);
    json_array_foreach(argv, i, word) ok = ok && json_is_string(word);
    return ok && *json_string_value(json_array_get(argv, 0));
}

viv_status desktop_check(const viv_host *host, const char *spec, const json_t *v)
{
    const json_t *display = json_object_get(v, "display"), *pictures = json_object_get(v, "pictures"),
                 *actions = json_object_get(v, "actions");
    json_t *programs = json_object_get(v, "programs"), *argv;
    const char *name, *words = json_string_value(actions);
    int width, height;
    if (!json_is_object(v))
        return viv_fail(host, VIV_EINVAL,
                        "%s: desktop: expected a mapping, such as {programs: {editor: [mousepad]}}", spec);
    if (display && !(json_is_string(display) && *json_string_value(display)))
        return viv_fail(host, VIV_EINVAL, "%s: desktop: display: expected private, or a name, such as \":0\"",
                        spec);
    if (!desktop_size(v, &width, &height))
        return viv_fail(host, VIV_EINVAL,
                        "%s: desktop: size: expected WIDTHxHEIGHT, each from %d to %d, such as 1024x768", spec,
                        SMALLEST_SIDE, LARGEST_SIDE);
    if (pictures && !json_is_boolean(pictures))
        return viv_fail(host, VIV_EINVAL, "%s: desktop: pictures: expected true or false", spec);
    if (actions && !(words && (strcmp(words, "own") == 0 || strcmp(words, "computer-use") == 0 ||
                               strcmp(words, "ui-tars") == 0)))
        return viv_fail(host, VIV_EINVAL, "%s: desktop: actions: expected own, computer-use or ui-tars", spec);
    if (programs && !json_is_object(programs))
        return viv_fail(host, VIV_EINVAL, "%s: desktop: programs: expected a mapping of names to commands", spec);
    json_object_foreach(programs, name, argv) if (!is_program(name, argv)) return viv_fail(
        host, VIV_EINVAL,
        "%s: desktop: programs: '%s': expected a name of letters, digits, _ and -, and a list of a program and its "
        "arguments",
        spec, name);
    if (programs && !desktop_is_private(v))
        return viv_fail(
            host, VIV_EINVAL,
            "%s: desktop: programs are started on a private display only: what runs on another sees all of it",
            spec);
    return programs || !desktop_is_private(v)
               ? VIV_OK
               : viv_fail(host, VIV_EINVAL,
                          "%s: desktop: a private display needs `programs`: there is nothing on it else", spec);
}
