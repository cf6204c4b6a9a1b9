#include "cli/svg.h"

#include <string.h>

/* Colours with a contrast of 4.5 or more to the ground, in the light and in the dark. */
static const char style[] =
    "<style>"
    "svg{background:#ffffff;color-scheme:light dark}"
    "text{font:12px system-ui,sans-serif;fill:#1f2328}"
    ".title{font-size:16px;font-weight:600}.small{font-size:10px}"
    ".quiet{fill:#59636e}.fg{fill:#1f2328}.faint{fill:#eaeef2}.accent{fill:#0969da}.load{fill:#0550ae}"
    "@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#f0f6fc}.quiet{fill:#9198a1}"
    ".fg{fill:#f0f6fc}.faint{fill:#21262d}.accent{fill:#58a6ff}.load{fill:#79c0ff}}"
    "</style>\n";

void svg_escape(struct buf *out, const char *text)
{
    for (; *text; text++) {
        const char *name = strchr("&<>\"'", *text) ? *text == '&'   ? "&amp;"
                                                     : *text == '<' ? "&lt;"
                                                     : *text == '>' ? "&gt;"
                                                     : *text == '"' ? "&quot;"
                                                                    : "&#39;"
                                                   : NULL;
        if (name)
            buf_puts(out, name);
        else if ((unsigned char)*text >= 0x20 || *text == '\n' || *text == '\t')
            buf_putc(out, *text);
    }
}

void svg_begin(struct buf *out, double width, double height, const char *title, const char *description)
{
    buf_printf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" role=\"img\" "
        "aria-label=\"",
        width, height, width, height);
    svg_escape(out, title);
    buf_puts(out, "\">\n<title>");
    svg_escape(out, title);
    buf_puts(out, "</title>\n<desc>");
    svg_escape(out, description);
    buf_puts(out, "</desc>\n");
    buf_puts(out, style);
}

void svg_end(struct buf *out)
{
    buf_puts(out, "</svg>\n");
}

void svg_rect(struct buf *out, double x, double y, double width, double height, const char *class, double opacity,
              const char *tip)
{
    buf_printf(out, "<rect class=\"%s\" x=\"%.6g\" y=\"%.6g\" width=\"%.6g\" height=\"%.6g\"", class, x, y, width,
               height);
    if (opacity < 1)
        buf_printf(out, " fill-opacity=\"%.3f\"", opacity);
    if (!tip) {
        buf_puts(out, "/>\n");
        return;
    }
    buf_puts(out, "><title>");
    svg_escape(out, tip);
    buf_puts(out, "</title></rect>\n");
}

void svg_text(struct buf *out, double x, double y, const char *anchor, const char *class, const char *text)
{
    buf_printf(out, "<text class=\"%s\" x=\"%.6g\" y=\"%.6g\" text-anchor=\"%s\">", class, x, y, anchor);
    svg_escape(out, text);
    buf_puts(out, "</text>\n");
}
