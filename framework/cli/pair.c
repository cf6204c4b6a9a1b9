/* pair.c - see pair.h. */
#include "cli/pair.h"

#include "engine/load.h"

viv_status pair_open(struct pair *p, const struct common *on_a, const struct common *on_b, struct error *err)
{
    viv_status status = cli_open_model(&p->a, on_a, p->names[0], err);
    if (status != VIV_OK)
        return status;
    p->b = (struct opened){.engine = p->a.engine, .world = p->a.world, .progress = p->a.progress};
    return cli_open_model(&p->b, on_b, p->names[1], err);
}

viv_status pair_load(struct pair *p, struct error *err)
{
    viv_status status = cli_load_model(&p->a, err);
    return status == VIV_OK ? cli_load_model(&p->b, err) : status;
}

int pair_close(struct pair *p, viv_status status, struct error *err)
{
    progress_clear(&p->b.progress);
    model_close(p->b.model);
    json_decref(p->b.profile);
    return cli_close_opened(&p->a, status, err);
}
