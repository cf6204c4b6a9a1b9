/* error.c - see error.h. */
#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Shortens text to its last whole UTF-8 character when vsnprintf had to cut it. */
static void cut_at_character(char *text, size_t capacity)
{
    size_t n = strlen(text);
    if (n + 1 < capacity)
        return;
    while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
        n--;
    if (n > 0 && ((unsigned char)text[n - 1] & 0x80))
        n--;
    text[n] = '\0';
}

viv_status error_setv(struct error *err, viv_status status, const char *format, va_list args)
{
    err->status = status;
    vsnprintf(err->text, sizeof err->text, format, args);
    cut_at_character(err->text, sizeof err->text);
    return status;
}

viv_status(error_set)(struct error *err, viv_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_setv(err, status, format, args);
    va_end(args);
    return status;
}

viv_status(error_prefix)(struct error *err, const char *format, ...)
{
    char sentence[sizeof err->text];
    char prefix[512];
    va_list args;
    memcpy(sentence, err->text, sizeof sentence);
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    cut_at_character(prefix, sizeof prefix);
    return error_set(err, err->status, "%s: %s", prefix, sentence);
}

static _Thread_local struct error left;

void error_leave(viv_status status, const char *sentence)
{
    error_set(&left, status, "%s", sentence);
}

viv_status(error_take)(struct error *err, viv_status status)
{
    const bool said = left.text[0] && left.status == status;
    if (status >= VIV_OK)
        error_set(err, VIV_EINTERNAL, "it returned %d, expected VIV_OK or a negative status", status);
    else if (status < VIV_ERANGE)
        error_set(err, VIV_EINTERNAL, "%s (status %d, which this host does not know)",
                  said ? left.text : "it failed", status);
    else
        error_set(err, status, "%s", said ? left.text : error_status_name(status));
    left.text[0] = '\0';
    return err->status;
}

const char *error_status_name(viv_status status)
{
    static const char *const names[] = {"ok",
                                        "invalid argument",
                                        "out of memory",
                                        "not supported",
                                        "shapes do not agree",
                                        "host and plugin do not fit",
                                        "cancelled",
                                        "internal error",
                                        "input/output error",
                                        "malformed file",
                                        "not found",
                                        "limit exceeded",
                                        "number out of range"};
    int64_t i = -(int64_t)status;
    return i >= 0 && i < (int64_t)(sizeof names / sizeof *names) ? names[i] : "unknown error";
}
