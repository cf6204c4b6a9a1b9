/* pictures.c - see pictures.h. */
#include "engine/pictures.h"

#include "base/size.h"
#include "base/trail.h"
#include "model/instance.h"

#include <string.h>

static viv_status named(const struct pictures *p, viv_status status, const char *call, struct error *err)
{
    if (status == VIV_OK)
        return VIV_OK;
    error_take(err, status);
    return err->status != status || status == VIV_EABI
               ? error_prefix(err, "architecture '%s' of %s, %s", p->architecture.class->name,
                              p->architecture.plugin, call)
               : status;
}

const viv_pictures *pictures_of(const struct architecture *a)
{
    const viv_pictures *table = a->class->get_ext ? a->class->get_ext(VIV_ARCHITECTURE_PICTURES) : NULL;
    return table && VIV_HAS(table, viv_pictures, look) && table->place && table->look ? table : NULL;
}

viv_status pictures_none(const viv_model *m, struct error *err)
{
    const bool alone = m->has_checkpoint && checkpoint_is_gguf(&m->checkpoint) && !m->checkpoint.second;
    return error_set(
        err, VIV_EUNSUPPORTED, "%s cannot see: its architecture '%s' takes no pictures%s", spec_name(model_spec(m)),
        spec_architecture(model_spec(m)),
        alone ? "; a GGUF model that sees has a second file, mmproj*.gguf: --mmproj FILE, where none or several "
                "lie beside it"
              : "");
}

viv_status pictures_open(struct engine *e, viv_model *m, struct pictures *out, struct error *err)
{
    *out = (struct pictures){.model = m};
    viv_status status =
        host_architecture(engine_host(e), spec_architecture(model_spec(m)), &out->architecture, err);
    if (status != VIV_OK)
        return status;
    out->table = pictures_of(&out->architecture);
    if (!out->table)
        return pictures_none(m, err);
    const struct trail before = trail_enter(out->architecture.plugin, "open");
    status = out->architecture.class->open(host_viv(engine_host(e)), m, &out->instance);
    trail = before;
    return named(out, status, "open", err);
}

void pictures_close(struct pictures *p)
{
    if (!p->instance)
        return;
    const struct trail before = trail_enter(p->architecture.plugin, "close");
    p->architecture.class->close(p->instance);
    trail = before;
    *p = (struct pictures){0};
}

viv_status pictures_place(struct pictures *p, const viv_request *request, viv_sequence *s, const int32_t **ids,
                          uint64_t *n, struct error *err)
{
    uint64_t n_answer = 0;
    const struct trail before = trail_enter(p->architecture.plugin, "pictures.place");
    const viv_status status = p->table->place(p->instance, request, s, NULL, ids, n, &n_answer);
    trail = before;
    return named(p, status, "pictures.place", err);
}

viv_status pictures_measure(struct pictures *p, uint32_t height, uint32_t width, viv_grid *grids, uint32_t capacity,
                            uint32_t *n_grids, uint64_t *n_rows, struct error *err)
{
    if (!VIV_HAS(p->table, viv_pictures, measure) || !p->table->measure)
        return error_set(err, VIV_EUNSUPPORTED, "architecture '%s' of %s does not measure pictures",
                         p->architecture.class->name, p->architecture.plugin);
    const struct trail before = trail_enter(p->architecture.plugin, "pictures.measure");
    const viv_status status = p->table->measure(p->instance, height, width, grids, capacity, n_grids, n_rows);
    trail = before;
    return named(p, status, "pictures.measure", err);
}

viv_status pictures_look(struct pictures *p, const viv_part *picture, viv_look *out, struct error *err)
{
    *out = (viv_look){.struct_size = sizeof *out};
    const struct trail before = trail_enter(p->architecture.plugin, "pictures.look");
    const viv_status status = p->table->look(p->instance, picture, out);
    trail = before;
    return named(p, status, "pictures.look", err);
}
