/* svg.c - see svg.h. */
#include "cli/compare/svg.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Colours with a contrast of 4.5 or more to the ground, in the light and in the dark. */
const char svg_css[] =
#include "registry/svg_css.inc"
    ;

static const char *escaped(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void svg_escape(struct buf *out, const char *text)
{
    const size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        const size_t length = utf8_decode(text + i, n - i, &c);
        const char *name = length == 1 ? escaped(text[i]) : NULL;
        if (name)
            buf_puts(out, name);
        else if (!length)
            buf_puts(out, "\xEF\xBF\xBD");
        else if (c != 0x7F && c != 0xFFFE && c != 0xFFFF && (c >= 0x20 || c == '\n' || c == '\t'))
            buf_append(out, text + i, length);
        i += length ? length : 1;
    }
}

void svg_begin(struct buf *out, double width, double height, const char *title, const char *description, bool alone)
{
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\"%s viewBox=\"0 0 %.6g %.6g\" width=\"%.6g\" "
               "height=\"%.6g\" role=\"img\" aria-label=\"",
               alone ? " class=\"page\"" : "", width, height, width, height);
    svg_escape(out, title);
    buf_puts(out, "\">\n<title>");
    svg_escape(out, title);
    buf_puts(out, "</title>\n<desc>");
    svg_escape(out, description);
    buf_puts(out, "</desc>\n");
    if (alone)
        buf_printf(out, "<style>\n%s</style>\n", svg_css);
}

void svg_end(struct buf *out)
{
    buf_puts(out, "</svg>\n");
}

static void put_tip(struct buf *out, const char *tip, const char *element)
{
    if (!tip) {
        buf_puts(out, "/>\n");
        return;
    }
    buf_puts(out, "><title>");
    svg_escape(out, tip);
    buf_printf(out, "</title></%s>\n", element);
}

void svg_rect(struct buf *out, double x, double y, double width, double height, const char *class, double opacity,
              const char *tip)
{
    buf_printf(out, "<rect class=\"%s\" x=\"%.6g\" y=\"%.6g\" width=\"%.6g\" height=\"%.6g\"", class, x, y, width,
               height);
    if (opacity < 1)
        buf_printf(out, " fill-opacity=\"%.3f\"", opacity);
    put_tip(out, tip, "rect");
}

void svg_frame(struct buf *out, double x, double y, double width, double height, double radius, const char *class)
{
    buf_printf(out, "<rect class=\"%s\" x=\"%.6g\" y=\"%.6g\" width=\"%.6g\" height=\"%.6g\" rx=\"%.6g\"/>\n",
               class, x, y, width, height, radius);
}

void svg_text(struct buf *out, double x, double y, const char *anchor, const char *class, const char *text)
{
    buf_printf(out, "<text class=\"%s\" x=\"%.6g\" y=\"%.6g\" text-anchor=\"%s\">", class, x, y, anchor);
    svg_escape(out, text);
    buf_puts(out, "</text>\n");
}

void svg_path(struct buf *out, const char *class, const char *data, ...)
{
    char d[512];
    va_list args;
    va_start(args, data);
    vsnprintf(d, sizeof d, data, args);
    va_end(args);
    buf_printf(out, "<path class=\"%s\" d=\"%s\"/>\n", class, d);
}

void svg_circle(struct buf *out, double x, double y, double radius, const char *class, const char *tip)
{
    buf_printf(out, "<circle class=\"%s\" cx=\"%.6g\" cy=\"%.6g\" r=\"%.6g\"", class, x, y, radius);
    put_tip(out, tip, "circle");
}

const char *svg_fit(const char *text, double width, double size, char *out, size_t room)
{
    const double letter = 0.56 * size; /* of usual fonts, on the average */
    const size_t most = width > 0 ? (size_t)(width / letter) : 0;
    size_t letters = 0, n = 0, cut = 0;
    for (; text[n] && n + 4 < room; n++) {
        letters += ((unsigned char)text[n] & 0xC0) != 0x80;
        if (letters > most)
            break;
        if (letters + 1 <= most)
            cut = n + 1;
    }
    if (!text[n]) {
        memcpy(out, text, n + 1);
        return out;
    }
    while (cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80)
        cut--;
    snprintf(out, room, "%.*s\xE2\x80\xA6", (int)cut, text);
    return out;
}
