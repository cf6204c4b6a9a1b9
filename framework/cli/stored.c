#include "cli/stored.h"

#include "experts/slices.h"
#include "experts/store.h"

static double hit_rate(const struct store_stats *s, enum store_phase phase)
{
    uint64_t all = s->phases[phase].hits + s->phases[phase].misses;
    return all ? (double)s->phases[phase].hits / (double)all : 1;
}

void stored_line(const viv_model *m, struct buf *out)
{
    struct store_stats s;
    if (!model_store_stats(m, &s))
        return;
    buf_printf(out, "experts in memory: %.0f %% of the time while reading, %.0f %% while answering; read %s",
               100 * hit_rate(&s, STORE_READING), 100 * hit_rate(&s, STORE_WRITING),
               human_bytes(s.phases[STORE_READING].bytes + s.phases[STORE_WRITING].bytes).text);
    buf_printf(out, ", waited %s",
               human_seconds(s.phases[STORE_READING].stalled + s.phases[STORE_WRITING].stalled).text);
}

static json_t *phase_json(const struct store_stats *s, enum store_phase phase)
{
    return json_pack("{s:I, s:I, s:f, s:I, s:f}", "hits", (json_int_t)s->phases[phase].hits, "misses",
                     (json_int_t)s->phases[phase].misses, "hit_rate", hit_rate(s, phase), "bytes_read",
                     (json_int_t)s->phases[phase].bytes, "stalled_seconds", s->phases[phase].stalled);
}

json_t *stored_json(const viv_model *m)
{
    struct store_stats s;
    if (!model_store_stats(m, &s))
        return json_null();
    return json_pack("{s:I, s:I, s:o, s:o}", "budget", (json_int_t)s.budget, "most", (json_int_t)s.most, "reading",
                     phase_json(&s, STORE_READING), "answering", phase_json(&s, STORE_WRITING));
}
