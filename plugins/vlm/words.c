/* words.c - what stands for pictures and videos in a text, by words of the spec, in which numbers are put for
 *
 *   {row} {col}   of a tile, from 1             {frames}     frames that are seen, in English: twenty-four
 *   {frame}       a group of frames, from 1     {duration}   of a video: 0:01:30
 *   {seconds}     of its frames, the mean: 1.5  {begin}      of its first frame: 1.5
 *   {second}      of its first frame: 1         {minute}     of its first frame: 00:01 */
#include "vlm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Around a picture or video, before each of its parts, for each row, between the lines of a part, at the end of a
 * line of tiles and between two, behind the frames of a part and between those of two. */
struct words {
    const char *before, *after, *alone, *whole, *tile, *frame, *row, *between, *beside, *line, *frame_end,
        *next_frame;
};

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
    static const char *const names[] = {"{row}",    "{col}",    "{frame}",  "{seconds}", "{begin}",
                                        "{second}", "{minute}", "{frames}", "{duration}"};
    enum { ROW, COL, FRAME, SECONDS, BEGIN, SECOND, MINUTE, FRAMES, DURATION, N_NAMES };
    const uint64_t second = part ? (uint64_t)part->begin : 0, duration = (uint64_t)seen->duration;
    char number[64] = "";
    int name = 0;
    while (name < N_NAMES && strncmp(text, names[name], strlen(names[name])) != 0)
        name++;
    if (name == N_NAMES || (!part && name < FRAMES))
        return 0;
    switch (name) {
    case ROW:
    case FRAME:
        snprintf(number, sizeof number, "%" PRIu32, part->row + 1);
        break;
    case COL:
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
    case DURATION:
        snprintf(number, sizeof number, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, duration / 3600, duration / 60 % 60,
                 duration % 60);
        break;
    default:
        put_in_english(w, seen->n_frames);
    }
    put(w, number);
    return strlen(names[name]);
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

static void put_picture(struct writing *w, const struct words *words, const struct seen *seen)
{
    const char *const before[] = {[VLM_PART_ALONE] = words->alone,
                                  [VLM_PART_WHOLE] = words->whole,
                                  [VLM_PART_TILE] = words->tile,
                                  [VLM_PART_FRAMES] = words->frame,
                                  [VLM_PART_TILES] = ""};
    put_numbered(w, words->before, seen, NULL);
    for (uint32_t i = 0; i < seen->n_parts; i++) {
        const struct vlm_part *part = &seen->parts[i];
        put_numbered(w, before[part->kind], seen, part);
        for (uint64_t r = 0; r < part->n_rows; r++) {
            if (vlm_begins_line(part, r))
                put(w, words->between);
            put(w, words->row);
        }
        if (part->kind == VLM_PART_TILE)
            put(w, part->ends_line ? words->line : words->beside);
        if (part->kind != VLM_PART_FRAMES)
            continue;
        put_numbered(w, words->frame_end, seen, part);
        if (i + 1 < seen->n_parts)
            put(w, words->next_frame);
    }
    put(w, words->after);
}

static struct words words_of(const struct vlm *v, bool video)
{
    const viv_params *p = v->params;
    struct words w = {"", "", "", "", "", "", "", "", "", "", "", ""};
    if (video) {
        w.before = p->get_word(v->model, "video_before", "");
        w.after = p->get_word(v->model, "video_after", "");
        w.frame = p->get_word(v->model, "video_frame", "");
        w.row = p->get_word(v->model, "video_row", "");
        w.frame_end = p->get_word(v->model, "video_frame_end", "");
        w.next_frame = p->get_word(v->model, "video_next_frame", "");
        return w;
    }
    w.before = p->get_word(v->model, "image_before", "");
    w.after = p->get_word(v->model, "image_after", "");
    w.alone = p->get_word(v->model, "image_alone", "");
    w.whole = p->get_word(v->model, "image_whole", "");
    w.tile = p->get_word(v->model, "image_tile", "");
    w.row = p->get_word(v->model, "image_row", "");
    w.between = p->get_word(v->model, "image_break", "");
    w.beside = p->get_word(v->model, "image_beside", "");
    w.line = p->get_word(v->model, "image_line", "");
    return w;
}

char *vlm_text_of(const struct vlm *v, const struct seen *seen)
{
    const struct words words = words_of(v, seen->is_video);
    struct writing w = {0};
    put_picture(&w, &words, seen);
    w.out = w.size < SIZE_MAX ? malloc((size_t)w.size + 1) : NULL;
    w.size = 0;
    if (w.out) {
        put_picture(&w, &words, seen);
        w.out[w.size] = 0;
    }
    return w.out;
}
