/* fuzz_journal.c - any bytes as a journal: an error or records, in a workspace that stays empty. Bytes after a
 * first 'c' get the checksum that they lack, line by line, so that the reader of records is reached. */
#include "fuzz_host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static void write_journal(int fd, const char *bytes, size_t size)
{
    if (size == 0 || *bytes != 'c') {
        (void)!pwrite(fd, bytes, size, 0);
        return;
    }
    off_t at = 0;
    for (size_t i = 1; i < size;) {
        const char *end = memchr(bytes + i, '\n', size - i);
        const size_t n = end ? (size_t)(end - bytes) - i : size - i;
        json_error_t e;
        json_t *v = json_loadb(bytes + i, n, JSON_REJECT_DUPLICATES, &e);
        size_t length = 0;
        char *line = record_write(v, &length);
        if (line && pwrite(fd, line, length, at) == (ssize_t)length)
            at += (off_t)length;
        free(line);
        json_decref(v);
        i += n + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[64];
    struct journal j;
    if (!*path) {
        snprintf(path, sizeof path, "/dev/shm/viv-fuzz-XXXXXX");
        if (!mkdtemp(path) || journal_open(&host, path, JOURNAL_MAKE, &j) != VIV_OK)
            abort();
        journal_close(&j);
    }
    char name[128];
    snprintf(name, sizeof name, "%s/" STORE "/journal", path);
    const int fd = open(name, O_WRONLY | O_TRUNC | O_CLOEXEC);
    write_journal(fd, (const char *)data, size);
    close(fd);
    if (journal_open(&host, path, JOURNAL_USE, &j) == VIV_OK) {
        char *aside = NULL;
        for (size_t i = j.n_actions; i-- > 0;) {
            if (j.actions[i].state == ACTION_DONE)
                journal_undo(&j, &j.actions[i], i % 2, &aside);
            free(aside);
            aside = NULL;
        }
        journal_close(&j);
    }
    return 0;
}
