/* sandbox.h - a scratch directory with plugins built into it, and a host that finds them. */
#ifndef TESTS_HOST_SANDBOX_H
#define TESTS_HOST_SANDBOX_H

#include "base/file.h"
#include "host/host.h"
#include "testing.h"

#include <errno.h>
#include <unistd.h>

/* Code of plugins: of one that is whole, or with something changed. */
#define WHOLE "BRINGS_ARCHITECTURE()\nVIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .get_classes = get_classes)\n"
#define ARCHITECTURE_WITH(field)                                                                                   \
    "BRINGS_ARCHITECTURE(" field ")\nVIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .get_classes = "              \
    "get_classes)\n"
#define LAYER_WITH(field)                                                                                          \
    "BRINGS_LAYER(" field ")\nVIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .get_classes = get_classes)\n"
#define TAMPERED_WITH(field) "BRINGS_ARCHITECTURE()\nTAMPERED(" field ")\n"
#define AT_LOADING(headers, code)                                                                                  \
    headers "\n__attribute__((constructor)) static void at_loading(void)\n{\n" code "\n}\n" WHOLE

static char sandbox[64]; /* the directory of the running test */

static inline const char *in_sandbox(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", sandbox, name);
    return path;
}

/* Every test begins with this: nothing of the user's cache or environment counts. */
static inline void open_sandbox(void)
{
    strcpy(sandbox, "/tmp/viv-host-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(sandbox));
    setenv("XDG_CACHE_HOME", in_sandbox("cache"), 1);
    unsetenv("VIV_PLUGIN_PATH");
    unsetenv("VIV_SPEC_PATH");
}

static inline void close_sandbox(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", sandbox);
    ck_assert_int_eq(system(command), 0);
}

static inline void make_folder(const char *name)
{
    ck_assert(mkdir(in_sandbox(name), 0700) == 0 || errno == EEXIST);
}

static inline void write_text(const char *name, const char *text)
{
    struct error err;
    ck_assert_msg(file_write(in_sandbox(name), text, strlen(text), &err) == VIV_OK, "%s", err.text);
}

/* Builds FOLDER/NAME.so from `code` behind specimen.h. */
static inline void build_with(const char *compiler, const char *folder, const char *name, const char *flags,
                              const char *code)
{
    char command[2048], source[64];
    struct buf text = {0};
    make_folder(folder);
    snprintf(source, sizeof source, "%s.c", name);
    buf_printf(&text, "#include \"specimen.h\"\n%s\n", code);
    write_text(source, buf_text(&text));
    buf_release(&text);
    snprintf(command, sizeof command, "%s -shared -fPIC -O1 -I'%s' -I'%s' %s -o '%s/%s.so' '%s' -lm >'%s' 2>&1",
             compiler, source_path("include"), source_path("tests/host"), flags, in_sandbox(folder), name,
             in_sandbox(source), in_sandbox("compiler.log"));
    if (system(command) == 0)
        return;
    struct error err;
    file_read(in_sandbox("compiler.log"), 1 << 20, &text, &err);
    ck_abort_msg("%s\n%s", command, buf_text(&text));
}

static inline void build(const char *folder, const char *name, const char *code)
{
    const char *compiler = getenv("CC");
    build_with(compiler ? compiler : "cc", folder, name, "-std=gnu11", code);
}

/* A host that looks in "FOLDER:FOLDER" of the sandbox and nowhere else of note. */
static inline struct host *host_over_with(const char *folders, struct host_options options)
{
    struct host *h = NULL;
    struct error err;
    struct buf path = {0};
    char copy[256];
    snprintf(copy, sizeof copy, "%s", folders);
    for (char *rest, *folder = strtok_r(copy, ":", &rest); folder; folder = strtok_r(NULL, ":", &rest))
        buf_printf(&path, "%s%s", path.size ? ":" : "", in_sandbox(folder));
    options.plugin_path = path.data;
    ck_assert_msg(host_create(&options, &h, &err) == VIV_OK, "%s", err.text);
    buf_release(&path);
    ck_assert_msg(host_examine(h, &err) == VIV_OK, "%s", err.text);
    return h;
}

static inline struct host *host_over(const char *folders)
{
    return host_over_with(folders, (struct host_options){0});
}

/* The plugin of this file name ("a.so"), which must be listed. */
static inline struct plugin_info listed(const struct host *h, const char *file)
{
    struct plugin_info info;
    for (size_t i = 0; i < host_n_plugins(h); i++) {
        host_plugin(h, i, &info);
        if (strcmp(path_base(info.path), file) == 0)
            return info;
    }
    ck_abort_msg("%s is not listed", file);
    return info;
}

static inline void expect_accepted(const struct host *h, const char *file)
{
    struct plugin_info info = listed(h, file);
    ck_assert_msg(!info.reason, "%s: %s", file, info.reason);
}

static inline void expect_refused(const struct host *h, const char *file, const char *reason)
{
    struct plugin_info info = listed(h, file);
    ck_assert_msg(info.reason, "%s is accepted, expected: %s", file, reason);
    ck_assert_msg(strstr(info.reason, reason), "%s: '%s', expected: %s", file, info.reason, reason);
}

#endif
