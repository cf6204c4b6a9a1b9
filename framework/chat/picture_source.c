/* picture_source.c - see picture_source.h. */
#include "chat/picture_source.h"

#include "base/base64.h"
#include "base/file.h"

#include <string.h>
#include <strings.h>

static const uint64_t LARGEST_FILE = 1 << 30;

const char *picture_media_type(const void *bytes, uint64_t size)
{
    static const struct {
        const char *begin, *type;
        uint64_t n;
    } formats[] = {
        {"\x89PNG\r\n\x1a\n", "image/png", 8}, {"\xff\xd8\xff", "image/jpeg", 3}, {"GIF8", "image/gif", 4}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (size >= formats[i].n && memcmp(bytes, formats[i].begin, formats[i].n) == 0)
            return formats[i].type;
    return size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp((const char *)bytes + 8, "WEBP", 4) == 0
               ? "image/webp"
               : NULL;
}

/* --- data: URLs ---------------------------------------------------------------------------------------------- */

/* data:[type][;name=value]...;base64,DIGITS (RFC 2397) */
static viv_status read_data(const char *url, struct buf *out, struct error *err)
{
    static const char mark[] = ";base64";
    const char *comma = strchr(url, ',');
    if (!comma)
        return error_set(err, VIV_EFORMAT, "a data: URL without a comma, behind which its data would be");
    if ((size_t)(comma - url) < sizeof mark - 1 ||
        strncasecmp(comma - (sizeof mark - 1), mark, sizeof mark - 1) != 0)
        return error_set(err, VIV_EUNSUPPORTED, "a data: URL without ;base64: pictures are written in base64");
    const char *digits = comma + 1;
    size_t n = strlen(digits);
    while (n > 0 && n > strlen(digits) - 2 && digits[n - 1] == '=')
        n--;
    const size_t bad = strspn(digits, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    if (bad < n)
        return error_set(err, VIV_EFORMAT,
                         "a data: URL: byte 0x%02x at offset %zu of its data is no digit of base64",
                         (unsigned char)digits[bad], bad);
    if (n == 0)
        return error_set(err, VIV_EFORMAT, "a data: URL without data");
    if (n % 4 == 1)
        return error_set(err, VIV_EFORMAT, "a data: URL: its %zu digits of base64 are one too many, or cut short",
                         n);
    return base64_decode(digits, n, out) ? VIV_OK : error_nomem(err);
}

bool picture_source_write(const void *bytes, uint64_t size, struct buf *out)
{
    const char *type = picture_media_type(bytes, size);
    return size <= SIZE_MAX && buf_printf(out, "data:%s;base64,", type ? type : "application/octet-stream") &&
           base64_encode(bytes, (size_t)size, out);
}

/* --- files --------------------------------------------------------------------------------------------------- */

viv_status picture_file_read(const char *path, struct buf *out, struct error *err)
{
    viv_status status = file_read_input(path, LARGEST_FILE, out, err);
    return status == VIV_OK && out->size == 0
               ? error_set(err, VIV_EFORMAT, "%s: expected a picture, found an empty file", file_input_name(path))
               : status;
}

static int hex(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) % 16 : -1;
}

/* The path of file:///a/b%20c, or of file://localhost/a. */
static viv_status path_of(const char *url, struct buf *path, struct error *err)
{
    static const char local[] = "//localhost/";
    const char *p = url + strlen("file:");
    if (strncasecmp(p, local, sizeof local - 1) == 0)
        p += sizeof local - 2;
    else if (strncmp(p, "///", 3) == 0)
        p += 2;
    else if (p[0] != '/' || p[1] == '/')
        return error_set(err, VIV_EUNSUPPORTED, "%.200s: expected file:///PATH, of this machine", url);
    for (; *p; p++) {
        const int high = *p == '%' ? hex(p[1]) : -1, low = high >= 0 ? hex(p[2]) : -1;
        if (*p == '%' && high * 16 + low <= 0)
            return error_set(err, VIV_EFORMAT, "%.200s: a '%%' is followed by two hexadecimal digits, not both 0",
                             url);
        buf_putc(path, (char)(*p == '%' ? high * 16 + low : *p));
        p += *p == '%' ? 2 : 0;
    }
    return path->failed ? error_nomem(err) : VIV_OK;
}

/* Whether it begins with a scheme, such as "https:". */
static bool has_scheme(const char *source, const char *scheme)
{
    return strncasecmp(source, scheme, strlen(scheme)) == 0 && source[strlen(scheme)] == ':';
}

static bool is_of_network(const char *source)
{
    static const char *const schemes[] = {"http", "https", "ftp", "ftps", "s3", "gs", "hf"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (has_scheme(source, schemes[i]))
            return true;
    return strstr(source, "://") && !has_scheme(source, "file");
}

viv_status picture_source_read(const char *source, bool files, struct buf *out, struct error *err)
{
    struct buf path = {0};
    if (has_scheme(source, "data"))
        return read_data(source, out, err);
    if (is_of_network(source))
        return error_set(err, VIV_EUNSUPPORTED,
                         "%.200s: pictures are not fetched from the network: save it, and name the file", source);
    if (!files)
        return error_set(err, VIV_EUNSUPPORTED,
                         "%.200s: files are not read here: expected a data: URL with the picture in it", source);
    if (!has_scheme(source, "file"))
        return picture_file_read(source, out, err);
    viv_status status = path_of(source, &path, err);
    if (status == VIV_OK)
        status = picture_file_read(buf_text(&path), out, err);
    buf_release(&path);
    return status;
}
