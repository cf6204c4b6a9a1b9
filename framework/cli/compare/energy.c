/* energy.c - see energy.h. A zone is a folder intel-rapl:N, a zone within it intel-rapl:N:M, and the file `name` in
 * each says what it is. Counted are the packages, which hold the processor's cores, and the memory beside them
 * ("dram"), which on most machines is no part of a package. */
#include "cli/compare/energy.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POWERCAP "/sys/class/powercap"

/* A line of a file of the zone; false: it cannot be read, and errno says why. */
static bool read_line(const char *folder, const char *name, char *out, size_t size)
{
    char path[640];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    errno = 0;
    FILE *file = fopen(path, "re");
    const bool ok = file && fgets(out, (int)size, file);
    const int failure = errno;
    if (file)
        fclose(file);
    out[ok ? strcspn(out, "\n") : 0] = '\0';
    errno = failure ? failure : EIO;
    return ok;
}

static bool read_number(const char *folder, const char *name, uint64_t *out)
{
    char line[64], *end;
    if (!read_line(folder, name, line, sizeof line))
        return false;
    errno = 0;
    const unsigned long long value = strtoull(line, &end, 10);
    if (errno == 0 && (end == line || *end || line[0] == '-'))
        errno = EINVAL;
    *out = value;
    return errno == 0;
}

static void give_up(struct energy *e, const char *folder, const char *name)
{
    snprintf(e->why, sizeof e->why, "%.512s/%s cannot be read: %s%s", folder, name, strerror(errno),
             errno == EACCES ? " (Linux lets root alone read it)" : "");
}

static bool counts(const char *folder, const char *entry)
{
    char name[64];
    if (strncmp(entry, "intel-rapl:", 11) != 0 || !read_line(folder, "name", name, sizeof name))
        return false;
    return strncmp(name, "package", 7) == 0 || strcmp(name, "dram") == 0;
}

static void add_zone(struct energy *e, const char *folder)
{
    struct energy_zone *z = &e->zones[e->n];
    snprintf(z->path, sizeof z->path, "%s", folder);
    if (!read_number(folder, "max_energy_range_uj", &z->range))
        give_up(e, folder, "max_energy_range_uj");
    else if (!read_number(folder, "energy_uj", &z->last))
        give_up(e, folder, "energy_uj");
    else
        e->n++;
}

void energy_begin(struct energy *e, const char *root)
{
    root = root ? root : POWERCAP;
    *e = (struct energy){0};
    DIR *dir = opendir(root);
    for (const struct dirent *d; dir && !*e->why && e->n < ENERGY_ZONES && (d = readdir(dir));) {
        char folder[512];
        if (snprintf(folder, sizeof folder, "%s/%s", root, d->d_name) < (int)sizeof folder &&
            counts(folder, d->d_name))
            add_zone(e, folder);
    }
    if (dir)
        closedir(dir);
    if (e->n == 0 && !*e->why)
        snprintf(e->why, sizeof e->why, "this machine has no energy counters: there is no %.512s/intel-rapl:*",
                 root);
}

double energy_now(struct energy *e)
{
    for (size_t i = 0; i < e->n && !*e->why; i++) {
        struct energy_zone *z = &e->zones[i];
        uint64_t now;
        if (!read_number(z->path, "energy_uj", &now)) {
            give_up(e, z->path, "energy_uj");
        } else if (now < z->last && (z->range < z->last)) {
            snprintf(e->why, sizeof e->why, "%.512s/energy_uj went back by itself", z->path);
        } else {
            e->joules += 1e-6 * (double)(now < z->last ? z->range - z->last + now : now - z->last);
            z->last = now;
        }
    }
    return *e->why ? (double)NAN : e->joules;
}
