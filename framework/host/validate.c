/* validate.c - checks from its file alone whether a plugin may be loaded: who could have written it, whether it is
 * a link to another directory, and whether its identification fits this host. Each error names the field, both
 * values and the remedy. */
#include "base/file.h"
#include "base/utf8.h"
#include "host/plugin.h"
#include "kernels/kernels.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    uint64_t bit;
    const char *name;
} cpu_features[] = {
    {VIV_CPU_AVX2, "AVX2"},
    {VIV_CPU_AVX512, "AVX-512"},
    {VIV_CPU_AVX512_VNNI, "AVX-512 VNNI"},
    {VIV_CPU_AVX512_BF16, "AVX-512 BF16"},
    {VIV_CPU_AVX512_FP16, "AVX-512 FP16"},
    {VIV_CPU_FAST_BF16_DOT, "fast BF16 dot products"},
    {VIV_CPU_NEON, "NEON"},
    {VIV_CPU_NEON_DOTPROD, "NEON dot products"},
};

enum { MAX_BLOCK = 1024 }; /* bytes of an identification, of whatever version */

static viv_status check_cpu(uint64_t required, uint64_t cpu, struct error *err)
{
    uint64_t missing = required & ~cpu;
    if (!missing)
        return VIV_OK;
    for (size_t i = 0; i < sizeof cpu_features / sizeof *cpu_features; i++)
        if (missing & cpu_features[i].bit)
            return error_set(err, VIV_EABI,
                             "cpu_required: it needs %s, which this processor lacks (or VIV_CPU masks): "
                             "build it without",
                             cpu_features[i].name);
    return error_set(err, VIV_EABI,
                     "cpu_required: it needs features 0x%" PRIx64 " that this host does not know: "
                     "update Vivarium, or build the plugin without them",
                     missing);
}

/* Until 1.0 a minor version may change anything, so a host newer than the plugin does not fit. */
static viv_status check_version(const viv_plugin_ident *ident, uint32_t major, uint32_t minor, struct error *err)
{
    if (ident->abi_major != major)
        return error_set(err, VIV_EABI, "abi_major: it is built for ABI %u.%u, this host has %u.%u: %s",
                         ident->abi_major, ident->abi_minor, major, minor,
                         ident->abi_major < major ? "rebuild the plugin with this host's headers"
                                                  : "update Vivarium, or rebuild the plugin");
    if (ident->abi_min_minor > minor)
        return error_set(err, VIV_EABI,
                         "abi_min_minor: it needs a host of ABI %u.%u or later, this host has %u.%u: "
                         "update Vivarium, or rebuild the plugin",
                         major, ident->abi_min_minor, major, minor);
    if (ident->abi_min_minor > ident->abi_minor)
        return error_set(err, VIV_EFORMAT, "abi_min_minor is %u, beyond its own abi_minor %u: rebuild the plugin",
                         ident->abi_min_minor, ident->abi_minor);
    if (major == 0 && ident->abi_minor < minor)
        return error_set(err, VIV_EABI,
                         "abi_minor: it is built for ABI 0.%u, this host has 0.%u, and before 1.0 a "
                         "minor version may change anything: rebuild the plugin with this host's headers",
                         ident->abi_minor, minor);
    return VIV_OK;
}

/* NUL-terminated UTF-8 without control characters; may be empty. */
static bool is_line(const char *text, size_t capacity)
{
    const size_t n = strnlen(text, capacity);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return n < capacity && utf8_valid(text, n);
}

viv_status plugin_check_ident(const viv_plugin_ident *ident, uint32_t host_major, uint32_t host_minor, uint64_t cpu,
                              struct error *err)
{
    if (ident->magic != VIV_PLUGIN_MAGIC)
        return error_set(err, VIV_EFORMAT,
                         "magic is 0x%08x, a plugin has 0x%08x: its identification is not what "
                         "VIV_PLUGIN(...) writes",
                         ident->magic, VIV_PLUGIN_MAGIC);
    if (ident->block_size < sizeof *ident)
        return error_set(err, VIV_EABI,
                         "block_size: its identification has %u bytes, this host's has %zu: it is built for an "
                         "older draft of the ABI; rebuild the plugin with this host's headers",
                         ident->block_size, sizeof *ident);
    if (ident->block_size > MAX_BLOCK)
        return error_set(err, VIV_EFORMAT, "block_size is %u, expected %zu or a little more: rebuild the plugin",
                         ident->block_size, sizeof *ident);
    if (ident->byte_order != VIV_BYTE_ORDER)
        return error_set(err, VIV_EABI, "byte_order is 0x%08x, here it is 0x%08x: build it for this machine",
                         ident->byte_order, VIV_BYTE_ORDER);
    if (ident->ptr_bits != 8 * sizeof(void *))
        return error_set(err, VIV_EABI, "ptr_bits is %u, here pointers have %zu: build it for this machine",
                         ident->ptr_bits, 8 * sizeof(void *));
    viv_status status = check_version(ident, host_major, host_minor, err);
    if (status != VIV_OK)
        return status;
    if (ident->flags != 0)
        return error_set(err, VIV_EABI,
                         "flags are 0x%x, this host knows none: update Vivarium, or rebuild the "
                         "plugin with flags 0",
                         ident->flags);
    if (!plugin_name_is_plain(ident->name, sizeof ident->name))
        return error_set(err, VIV_EFORMAT,
                         "its name is not 1 to 31 of a-z, 0-9, '_', '-' and '.': choose another in "
                         "VIV_PLUGIN(...)");
    if (!is_line(ident->version, sizeof ident->version) || !is_line(ident->vendor, sizeof ident->vendor))
        return error_set(err, VIV_EFORMAT,
                         "its version or vendor is not UTF-8 of one line, or not terminated by NUL: choose "
                         "another in VIV_PLUGIN(...)");
    return check_cpu(ident->cpu_required, cpu, err);
}

/* --- the file ---------------------------------------------------------------------------------------------- */

/* Trusted owners: root, this user, and the owner of this program, who could change the program as well. */
static bool trusted_owner(uid_t owner)
{
    struct stat program;
    return owner == 0 || owner == geteuid() || (stat("/proc/self/exe", &program) == 0 && owner == program.st_uid);
}

static viv_status check_writers(const char *what, const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return error_set(err, VIV_EIO, "%s cannot be examined: %s", what, strerror(errno));
    if (st.st_mode & S_IWOTH)
        return error_set(err, VIV_EINVAL, "anyone may write %s (mode %04o): chmod o-w '%s'", what,
                         (unsigned)st.st_mode & 07777, path);
    if (!trusted_owner(st.st_uid))
        return error_set(err, VIV_EINVAL, "%s belongs to user %u, expected root or user %u: chown it, or copy it",
                         what, (unsigned)st.st_uid, (unsigned)geteuid());
    return VIV_OK;
}

/* A link may point only to another file of the directory. */
static viv_status resolve(struct plugin *p, struct arena *arena, struct error *err)
{
    char directory[PATH_MAX], path[PATH_MAX];
    if (!realpath(p->directory, directory))
        return error_set(err, VIV_EIO, "its directory %s cannot be resolved: %s", p->directory, strerror(errno));
    if (!realpath(p->path, path))
        return error_set(err, VIV_EIO, "it cannot be resolved: %s", strerror(errno));
    size_t n = strlen(directory);
    if (strncmp(path, directory, n) != 0 || path[n] != '/' || strchr(path + n + 1, '/'))
        return error_set(err, VIV_EINVAL,
                         "it is a link to another directory, %s: copy the file, or name that "
                         "directory in the plugin path",
                         path);
    const char *copy = arena_strdup(arena, path);
    if (!copy)
        return error_nomem(err);
    p->path = copy;
    return check_writers("its directory", directory, err);
}

static viv_status read_file(struct plugin *p, struct arena *arena, struct error *err)
{
    viv_status status = resolve(p, arena, err);
    if (status == VIV_OK)
        status = check_writers("the file", p->path, err);
    return status == VIV_OK ? elf_read_ident(p->path, &p->ident, err) : status;
}

viv_status plugin_validate(struct plugin *p, struct arena *arena, struct error *err)
{
    if (p->builtin)
        p->ident = *p->builtin->ident;
    viv_status status = p->builtin ? VIV_OK : read_file(p, arena, err);
    if (status != VIV_OK)
        return status;
    status = plugin_check_ident(&p->ident, VIV_ABI_MAJOR, VIV_ABI_MINOR, kernels_cpu(), err);
    if (status != VIV_OK)
        return status;
    p->name = arena_strdup(arena, p->ident.name);
    p->title = p->name ? arena_printf(arena, "plugin %s (%s)", p->name, p->path) : NULL;
    return p->title ? VIV_OK : error_nomem(err);
}
