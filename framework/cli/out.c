/* out.c - see out.h. */
#include "cli/out.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- JSON ---------------------------------------------------------------------------------------------- */

json_t *cli_json_text(const char *text, size_t n)
{
    if (utf8_valid(text, n))
        return json_stringn_nocheck(text, n);
    struct buf mended = {0};
    for (size_t i = 0; i < n;) {
        uint32_t c;
        size_t length = utf8_decode(text + i, n - i, &c);
        if (length)
            buf_append(&mended, text + i, length);
        else
            buf_puts(&mended, "\xEF\xBF\xBD");
        i += length ? length : 1;
    }
    json_t *value = mended.failed ? NULL : json_stringn_nocheck(buf_text(&mended), mended.size);
    buf_release(&mended);
    return value;
}

json_t *cli_json_word(const char *text)
{
    return text ? cli_json_text(text, strlen(text)) : json_null();
}

json_t *cli_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

viv_status cli_print_json(json_t *value, bool compact, struct error *err)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | (compact ? JSON_COMPACT : JSON_INDENT(2))) : NULL;
    json_decref(value);
    if (json_lost_something() || !text) {
        free(text);
        return error_nomem(err);
    }
    puts(text);
    free(text);
    return VIV_OK;
}

viv_status cli_flush_output(struct error *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return VIV_OK;
    return error_set(err, VIV_EIO, "standard output: %s", errno ? strerror(errno) : "could not be written");
}

viv_status cli_write_output(const char *path, const void *bytes, size_t n, struct error *err)
{
    if (path && strcmp(path, "-") != 0)
        return file_write(path, bytes, n, err);
    fwrite(bytes, 1, n, stdout);
    return cli_flush_output(err);
}

void cli_print_safe(FILE *f, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool c1 = c == 0xC2 && i + 1 < n && ((unsigned char)text[i + 1] & 0xE0) == 0x80;
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
            fprintf(f, "\\x%02x", c);
        else if (c1)
            fprintf(f, "\\x%02x", (unsigned char)text[++i]);
        else
            putc(c, f);
    }
}

/* --- columns ------------------------------------------------------------------------------------------- */

void columns_add(struct columns *c, const char *format, ...)
{
    va_list args;
    char *cell = NULL;
    va_start(args, format);
    if (c->failed || !VEC_RESERVE(c->cells, c->n, c->capacity) || vasprintf(&cell, format, args) < 0)
        c->failed = true;
    else
        c->cells[c->n++] = cell;
    va_end(args);
}

/* Characters that a terminal shows: bytes that do not continue one. */
static int text_width(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void print_cell(const struct columns *c, size_t i, int width, bool last)
{
    int padding = width - text_width(c->cells[i]);
    bool right = c->align[i % strlen(c->align)] == 'r';
    if (right)
        printf("%*s", padding, "");
    cli_print_safe(stdout, c->cells[i], strlen(c->cells[i]));
    if (!last)
        printf("%*s", right ? 2 : padding + 2, "");
}

viv_status columns_print(struct columns *c, int indent, struct error *err)
{
    enum { MOST = 16 };
    int widths[MOST] = {0};
    size_t n = strlen(c->align);
    for (size_t i = 0; i < c->n; i++) {
        int width = text_width(c->cells[i]);
        if (width > widths[i % n])
            widths[i % n] = width;
    }
    for (size_t i = 0; i < c->n && !c->failed; i++) {
        bool last = i % n + 1 == n;
        if (i % n == 0)
            printf("%*s", indent, "");
        print_cell(c, i, widths[i % n], last);
        if (last)
            putchar('\n');
    }
    for (size_t i = 0; i < c->n; i++)
        free(c->cells[i]);
    free(c->cells);
    bool failed = c->failed;
    *c = (struct columns){.align = c->align};
    return failed ? error_nomem(err) : VIV_OK;
}

static bool is_file(const struct stat *file, const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

/* Whether a model reads this file. Of a directory of Hugging Face's, any may be read that is not a GGUF file. */
static bool is_of_model(const struct stat *file, const char *path, const struct checkpoint *model)
{
    struct stat folder;
    const char *slash = strrchr(path, '/');
    for (uint32_t i = 0; i < model->n_maps; i++)
        if (is_file(file, model->maps[i].path))
            return true;
    char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    const bool beside = parent && stat(parent, &folder) == 0 && is_file(&folder, model->path);
    free(parent);
    return beside && !text_ends_in(path, ".gguf");
}

viv_status cli_check_output(const char *output, bool force, const char *const *inputs,
                            const struct checkpoint *model, struct error *err)
{
    struct stat out;
    if (!*output)
        return error_set(err, VIV_EINVAL, "--output: the name of the file is empty");
    if (stat(output, &out) != 0)
        return VIV_OK;
    bool is_read = model && is_of_model(&out, output, model);
    for (size_t i = 0; inputs[i]; i++)
        is_read = is_read || is_file(&out, inputs[i]);
    if (is_read)
        return error_set(err, VIV_EINVAL, "%s is read as well: give another name to the result", output);
    return force ? VIV_OK
                 : error_set(err, VIV_EINVAL, "%s exists: give --force to replace it, or another name by --output",
                             output);
}

void cli_quote(struct buf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
    if (*word && word[strspn(word, plain)] == '\0') {
        buf_puts(out, word);
        return;
    }
    buf_putc(out, '\'');
    for (; *word; word++)
        if (*word == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, *word);
    buf_putc(out, '\'');
}
