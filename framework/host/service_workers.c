/* service_workers.c - viv.workers: threads, for schedulers. */
#include "host/service.h"
#include "sched/workers.h"

const struct service service_workers = {.id = VIV_SERVICE_WORKERS, .table = &workers_service};
