/* sample.c - which frames of a video are seen: indices from 0 of `total`, which are shown at `fps` a second for
 * T = total / fps seconds, in the arithmetic of transformers. `wanted` is the preprocessor's fps.
 *
 *   even     n = max(trunc(T wanted), 1), or num_frames:    trunc(i total / n)
 *   middles  the same:                                      trunc((i + 1/2) total / n)
 *   pairs    n = T wanted within min_frames and max_frames, a multiple of a group:    as even
 *   ends     n = trunc(T wanted) within the same:           round(i (total - 1) / (n - 1))
 *   inner    n = round(T wanted), at most num_frames:       trunc, from end to end; of a long video, a second
 *            less at both ends
 *   ceil     n = floor(T wanted), until max_duration:       ceil(i fps / wanted); beyond it, from end to end
 *   dense    3, 1 or 1/2 groups a second, of at most 30, 300 or 2,400 seconds: the first frame in each part of a
 *            second; where these are too few or too many, as many as they should be, from end to end
 *
 * The last three see no frame twice. */
#include "video.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_DENSE = 640 };

struct sampler {
    const struct vlm_settings *s;
    double total, fps;
    uint32_t group;
    uint32_t *index; /* [capacity] */
    uint32_t n, capacity;
};

static void add(struct sampler *m, double at)
{
    const uint32_t i = (uint32_t)fmin(fmax(at, 0), m->total - 1);
    const bool again = m->s->sampling >= VLM_SAMPLE_INNER && m->n > 0 && m->index[m->n - 1] == i;
    if (!again && m->n < m->capacity)
        m->index[m->n++] = i;
}

/* numpy.linspace(first, last, n, dtype=int) */
static void add_line(struct sampler *m, double first, double last, double n)
{
    const double step = n > 1 ? (last - first) / (n - 1) : 0;
    for (uint32_t i = 0; i < n; i++)
        add(m, n > 1 && i == n - 1 ? last : floor(i * step + first));
}

static double count(const struct sampler *m)
{
    const struct vlm_settings *s = m->s;
    const double wanted = m->total / m->fps * s->fps;
    if (s->num_frames)
        return s->sampling == VLM_SAMPLE_PAIRS ? rint((double)s->num_frames / m->group) * m->group : s->num_frames;
    switch (s->sampling) {
    case VLM_SAMPLE_PAIRS: {
        const double most = floor(fmin(s->max_frames, m->total) / m->group) * m->group;
        return floor(fmin(fmax(wanted, s->min_frames), most) / m->group) * m->group;
    }
    case VLM_SAMPLE_ENDS:
        return fmin(fmax(trunc(wanted), s->min_frames), s->max_frames);
    default:
        return trunc(wanted);
    }
}

/* By their number. torch.arange gives float32, which is cut off. */
static void sample_counted(struct sampler *m, double n, double shift)
{
    n = fmin(fmax(n, 1), m->total);
    for (uint32_t i = 0; i < n; i++)
        add(m, m->s->sampling == VLM_SAMPLE_ENDS ? rint(n > 1 ? i * ((m->total - 1) / (n - 1)) : 0)
                                                 : trunc((double)(float)((i + shift) * (m->total / n))));
}

static void sample_inner(struct sampler *m)
{
    const struct vlm_settings *s = m->s;
    const double duration = m->total / m->fps, most = s->num_frames ? s->num_frames : m->total;
    double first = 0, last = m->total - 1;
    if (duration - 2 > most * s->fps) {
        first = trunc(m->fps);
        last = fmin(trunc(m->total - m->fps), m->total - 1);
    }
    if (first >= last) {
        first = 0;
        last = m->total - 1;
    }
    add_line(m, first, last, fmax(fmin(fmin(rint(s->fps * duration), most), last - first + 1), 1));
}

static void sample_ceil(struct sampler *m)
{
    const double duration = m->total / m->fps, fps = m->s->fps, most = trunc(m->s->max_duration * fps);
    if (duration > m->s->max_duration && most >= m->total) {
        add_line(m, 0, m->total - 1, m->total);
        return;
    }
    const bool is_long = duration > m->s->max_duration;
    const double n = fmax(is_long ? most : floor(duration * fps), 1);
    for (uint32_t i = 0; i < n; i++)
        add(m, ceil(is_long ? (n > 1 ? i * (duration / (n - 1)) * m->fps : 0) : i * m->fps / fps));
}

/* The first frame at or behind each multiple of 1 / fps, until the last whole second. */
static void add_first_frames(struct sampler *m, double fps)
{
    const double frame = 1 / m->fps, last_second = trunc(m->total / m->fps);
    double second = 0;
    for (uint32_t i = 0; i < m->total; i++) {
        if (i * frame < second)
            continue;
        second += 1 / fps;
        add(m, i);
        if (second >= last_second)
            return;
    }
}

static void sample_dense(struct sampler *m)
{
    enum { SHORT = 30, LONG = 300, LONGEST = 2400 };
    const double duration = fmin(m->total / m->fps, LONGEST),
                 fps = (duration <= SHORT  ? 3
                        : duration <= LONG ? 1
                                           : 0.5) *
                       m->group,
                 n = fmin(trunc(duration * fps), MOST_DENSE);
    double first = 0, last = m->total - 1;
    if (m->total >= n)
        add_first_frames(m, fps);
    if (m->total >= n && m->n > 0 && m->n < n) {
        first = m->index[0];
        last = m->index[m->n - 1];
    }
    if (m->n == n && n > 0)
        return;
    m->n = 0;
    add_line(m, first, last, fmax(n, 1));
}

viv_status vlm_sample(const viv_host *host, const struct vlm_settings *settings, uint32_t total, double fps,
                      uint32_t group, uint32_t **index, uint32_t *n)
{
    struct sampler m = {.s = settings, .total = total, .fps = fps, .group = group};
    m.capacity = total;
    m.index = malloc(total * sizeof *m.index);
    if (!m.index)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    if (!settings->do_sample_frames)
        sample_counted(&m, total, 0);
    else if (settings->sampling == VLM_SAMPLE_DENSE)
        sample_dense(&m);
    else if (settings->num_frames == 0 && settings->fps == 0)
        sample_counted(&m, total, 0);
    else if (settings->sampling == VLM_SAMPLE_INNER)
        sample_inner(&m);
    else if (settings->sampling == VLM_SAMPLE_CEIL)
        sample_ceil(&m);
    else
        sample_counted(&m, count(&m), settings->sampling == VLM_SAMPLE_MIDDLES ? 0.5 : 0);
    *index = m.index;
    *n = m.n;
    return VIV_OK;
}
