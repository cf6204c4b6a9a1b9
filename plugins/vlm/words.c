/* words.c - what stands for pictures and videos in a text, by words of the spec, in which numbers are put for
 *
 *   {row} {col}   of a tile, from 1             {frames}     frames that are seen, in English: twenty-four
 *   {frame}       a group of frames, from 1     {duration}   of a video: 0:01:30
 *   {seconds}     of its frames, the mean: 1.5  {begin}      of its first frame: 1.5
 *   {second}      of its first frame: 1         {minute}     of its first frame: 00:01
 *   {clock}       of its first frame: 00:00:01.500 */
#include "vlm.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BEFORE,     /* before a picture or video */
    AFTER,      /* behind it */
    ALONE,      /* before the rows of a picture that is not cut */
    WHOLE,      /* before those of the whole picture, where there are tiles besides */
    WHOLE_END,  /* behind them */
    TILE,       /* before those of a tile */
    BESIDE,     /* between two tiles of a line */
    LINE,       /* behind a line of tiles */
    FRAME,      /* before the rows of frames that are seen together */
    FRAME_END,  /* behind them */
    NEXT_FRAME, /* between them and the next */
    ROW,        /* for each row */
    BREAK,      /* between the lines of the rows of a part */
    N_WORDS
};
static const char *const names[] = {"before", "after", "alone",     "whole",      "whole_end", "tile", "beside",
                                    "line",   "frame", "frame_end", "next_frame", "row",       "break"};

bool vlm_begins_line(const struct vlm_part *part, uint64_t r)
{
    const viv_grid *g = &part->grid;
    return r > 0 && g->before + g->after == 0 && g->block == 1 && r % g->width == 0;
}

/* Writes one behind the other, or only counts their bytes. */
struct writing {
    char *out;
    uint64_t size;
};

static void put(struct writing *w, const char *text)
{
    const size_t n = strlen(text);
    if (w->out)
        memcpy(w->out + w->size, text, n);
    w->size += n;
}

/* --- numbers ------------------------------------------------------------------------------------------------- */

/* 1,042: one thousand and forty-two; from a million on, digits. */
static void put_in_english(struct writing *w, uint32_t n)
{
    static const char *const small[] = {"zero",    "one",     "two",       "three",    "four",
                                        "five",    "six",     "seven",     "eight",    "nine",
                                        "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"},
                             *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                              "fifty", "sixty", "seventy", "eighty", "ninety"};
    char digits[16];
    if (n >= 1000000) {
        snprintf(digits, sizeof digits, "%" PRIu32, n);
        put(w, digits);
    } else if (n >= 100) {
        const uint32_t unit = n >= 1000 ? 1000 : 100, rest = n % unit;
        put_in_english(w, n / unit);
        put(w, unit == 1000 ? " thousand" : " hundred");
        if (rest)
            put(w, rest < 100 ? " and " : ", ");
        if (rest)
            put_in_english(w, rest);
    } else if (n >= 20) {
        put(w, tens[n / 10]);
        if (n % 10)
            put(w, "-");
        if (n % 10)
            put(w, small[n % 10]);
    } else {
        put(w, small[n]);
    }
}

/* The number whose name text begins with; returns the name's length, 0: it begins with none. part: NULL in words
 * that stand for no part */
static size_t put_number(struct writing *w, const char *text, const struct seen *seen, const struct vlm_part *part)
{
    static const char *const numbers[] = {"{row}",    "{col}",    "{frame}", "{seconds}", "{begin}",
                                          "{second}", "{minute}", "{clock}", "{frames}",  "{duration}"};
    enum { TILE_ROW, TILE_COL, GROUP, SECONDS, BEGIN, SECOND, MINUTE, CLOCK, FRAMES, DURATION, N_NUMBERS };
    const uint64_t second = part ? (uint64_t)part->begin : 0, duration = (uint64_t)seen->duration;
    char number[64] = "";
    int name = 0;
    while (name < N_NUMBERS && strncmp(text, numbers[name], strlen(numbers[name])) != 0)
        name++;
    if (name == N_NUMBERS || (!part && name < FRAMES))
        return 0;
    switch (name) {
    case TILE_ROW:
    case GROUP:
        snprintf(number, sizeof number, "%" PRIu32, part->row + 1);
        break;
    case TILE_COL:
        snprintf(number, sizeof number, "%" PRIu32, part->col + 1);
        break;
    case SECONDS:
    case BEGIN:
        snprintf(number, sizeof number, "%.1f", name == SECONDS ? part->seconds : part->begin);
        break;
    case SECOND:
        snprintf(number, sizeof number, "%" PRIu64, second);
        break;
    case MINUTE:
        snprintf(number, sizeof number, "%02" PRIu64 ":%02" PRIu64, second / 60, second % 60);
        break;
    case CLOCK:
        snprintf(number, sizeof number, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%03d", second / 3600 % 24,
                 second / 60 % 60, second % 60, (int)(fmod(part->begin, 1) * 1000));
        break;
    case DURATION:
        snprintf(number, sizeof number, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, duration / 3600, duration / 60 % 60,
                 duration % 60);
        break;
    default:
        put_in_english(w, seen->n_frames);
    }
    put(w, number);
    return strlen(numbers[name]);
}

static void put_numbered(struct writing *w, const char *text, const struct seen *seen, const struct vlm_part *part)
{
    while (*text) {
        const size_t n = put_number(w, text, seen, part);
        if (!n)
            put(w, (const char[]){*text, 0});
        text += n ? n : 1;
    }
}

/* --- texts --------------------------------------------------------------------------------------------------- */

static void put_picture(struct writing *w, const char *const words[N_WORDS], const struct seen *seen)
{
    const char *const before[] = {[VLM_PART_ALONE] = words[ALONE],
                                  [VLM_PART_WHOLE] = words[WHOLE],
                                  [VLM_PART_TILE] = words[TILE],
                                  [VLM_PART_FRAMES] = words[FRAME],
                                  [VLM_PART_TILES] = ""};
    put_numbered(w, words[BEFORE], seen, NULL);
    for (uint32_t i = 0; i < seen->n_parts; i++) {
        const struct vlm_part *part = &seen->parts[i];
        put_numbered(w, before[part->kind], seen, part);
        for (uint64_t r = 0; r < part->n_rows; r++) {
            if (vlm_begins_line(part, r))
                put(w, words[BREAK]);
            put(w, words[ROW]);
        }
        if (part->kind == VLM_PART_WHOLE)
            put(w, words[WHOLE_END]);
        if (part->kind == VLM_PART_TILE)
            put(w, words[part->ends_line ? LINE : BESIDE]);
        if (part->kind != VLM_PART_FRAMES)
            continue;
        put_numbered(w, words[FRAME_END], seen, part);
        if (i + 1 < seen->n_parts)
            put(w, words[NEXT_FRAME]);
    }
    put(w, words[AFTER]);
}

char *vlm_text_of(const struct vlm *v, const struct seen *seen)
{
    const char *words[N_WORDS];
    struct writing w = {0};
    for (int i = 0; i < N_WORDS; i++) {
        char param[32];
        snprintf(param, sizeof param, "%s_%s", seen->is_video ? "video" : "image", names[i]);
        words[i] = v->params->get_word(v->model, param, "");
    }
    put_picture(&w, words, seen);
    w.out = w.size < SIZE_MAX ? malloc((size_t)w.size + 1) : NULL;
    w.size = 0;
    if (w.out) {
        put_picture(&w, words, seen);
        w.out[w.size] = 0;
    }
    return w.out;
}
