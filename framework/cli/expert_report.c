/* expert_report.c - see expert_report.h. */
#include "cli/expert_report.h"

#include "experts/expert_cache.h"
#include "experts/expert_set.h"

static double hit_rate(const struct expert_cache_stats *s, enum expert_phase phase)
{
    uint64_t all = s->phases[phase].hits + s->phases[phase].misses;
    return all ? (double)s->phases[phase].hits / (double)all : 1;
}

void expert_report_line(const viv_model *m, struct buf *out)
{
    struct expert_cache_stats s;
    if (!model_expert_cache_stats(m, &s))
        return;
    buf_printf(out, "experts in memory: %.0f %% of the time in prefill, %.0f %% in decode; read %s",
               100 * hit_rate(&s, EXPERT_PREFILL), 100 * hit_rate(&s, EXPERT_DECODE),
               human_bytes(s.phases[EXPERT_PREFILL].bytes + s.phases[EXPERT_DECODE].bytes).text);
    buf_printf(out, ", waited %s",
               human_seconds(s.phases[EXPERT_PREFILL].stalled + s.phases[EXPERT_DECODE].stalled).text);
}

static json_t *phase_json(const struct expert_cache_stats *s, enum expert_phase phase)
{
    return json_pack("{s:I, s:I, s:f, s:I, s:f}", "hits", (json_int_t)s->phases[phase].hits, "misses",
                     (json_int_t)s->phases[phase].misses, "hit_rate", hit_rate(s, phase), "bytes_read",
                     (json_int_t)s->phases[phase].bytes, "stalled_seconds", s->phases[phase].stalled);
}

json_t *expert_report_json(const viv_model *m)
{
    struct expert_cache_stats s;
    if (!model_expert_cache_stats(m, &s))
        return json_null();
    return json_pack("{s:I, s:I, s:o, s:o}", "budget", (json_int_t)s.budget, "peak", (json_int_t)s.peak, "prefill",
                     phase_json(&s, EXPERT_PREFILL), "decode", phase_json(&s, EXPERT_DECODE));
}
