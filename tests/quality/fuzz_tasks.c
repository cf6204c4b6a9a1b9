/* Any bytes given as a task file end in tasks whose parts are there, or in an error with a line. */
#include "fuzz.h"
#include "quality/tasks.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct task_list list;
    struct error err;
    struct buf out = {0};
    if (tasks_parse(&list, "fuzz", (const char *)data, size, &err) != VIV_OK) {
        if (strncmp(err.text, "fuzz:", 5) != 0 && err.status != VIV_ENOMEM)
            abort();
        return 0;
    }
    for (size_t i = 0; i < list.n; i++) {
        const struct task *t = &list.tasks[i];
        if (!*t->question || t->n_texts == 0 || (t->chooses && t->right >= t->n_texts))
            abort();
        for (uint32_t k = 0; k < t->n_texts; k++)
            tasks_normalize(t->texts[k], strlen(t->texts[k]), &out, &err);
    }
    buf_clear(&out);
    if (size) /* an answer may be anything */
        tasks_normalize((const char *)data, size, &out, &err);
    buf_release(&out);
    tasks_release(&list);
    return 0;
}
