/* fail_malloc.c - preloaded, makes one allocation of a program fail, and tells what was not freed.
 *
 *   FAIL_AT=N        the Nth allocation gives NULL (counted from 1)
 *   FAIL_FROM=N      the Nth and all later ones do
 *   FAIL_PATHS=FILE  the numbers of those allocations that were reached by a way not seen before are written there,
 *                    a line each: failing these fails every allocation once by every way that leads to it
 *   FAIL_KNOWN=FILE  with FAIL_PATHS: the ways that earlier commands went, where those of this one are added;
 *                    a way is the innermost DEPTH calls
 *   FAIL_LIVE=FILE   where the blocks that live at the end were allocated, a line each: object+offset bytes
 *
 * What Oniguruma allocates never fails and is not counted: when memory runs out while it parses a pattern, version
 * 6.9.8 frees a node twice. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum { SLOT_BITS = 18, SLOTS = 1 << SLOT_BITS, PATHS = 1 << 20, DEPTH = 4 };

static struct block {
    void *p;
    void *caller;
    size_t size;
} live[SLOTS];
static uint64_t paths[PATHS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t n_allocations, fail_at, fail_from;
static int paths_file = -1, known_file = -1;
static pid_t owner;
static __thread int inside;

static uintptr_t spared_begin, spared_end; /* where Oniguruma lies */

static int find_spared(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size, (void)ctx;
    for (int i = 0; strstr(info->dlpi_name, "/libonig.") && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type != PT_LOAD || !(h->p_flags & PF_X))
            continue;
        spared_begin = info->dlpi_addr + h->p_vaddr;
        spared_end = spared_begin + h->p_memsz;
    }
    return 0;
}

static uint64_t number(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

static int is_new(uint64_t hash)
{
    for (size_t i = hash % PATHS;; i = (i + 1) % PATHS) {
        if (paths[i] == hash)
            return 0;
        if (!paths[i]) {
            paths[i] = hash;
            return 1;
        }
    }
}

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("FAIL_PATHS"), *known = getenv("FAIL_KNOWN");
    owner = getpid();
    dl_iterate_phdr(find_spared, NULL);
    if (file)
        paths_file = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (known)
        known_file = open(known, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (uint64_t hash; known_file >= 0 && read(known_file, &hash, sizeof hash) == sizeof hash;)
        is_new(hash);
    n_allocations = 0;
    fail_at = number("FAIL_AT");
    fail_from = number("FAIL_FROM");
}

static size_t slot_of(const void *p)
{
    return (size_t)(((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15u >> (64 - SLOT_BITS));
}

static void forget(void *p)
{
    for (size_t i = slot_of(p), n = 0; n < SLOTS; i = (i + 1) % SLOTS, n++)
        if (live[i].p == p) {
            live[i].p = (void *)1; /* was taken: who searches goes on */
            return;
        } else if (!live[i].p) {
            return;
        }
}

static void remember(void *p, size_t size, void *caller)
{
    for (size_t i = slot_of(p), n = 0; n < SLOTS; i = (i + 1) % SLOTS, n++)
        if ((uintptr_t)live[i].p <= 1) {
            live[i] = (struct block){p, caller, size};
            return;
        }
}

struct path {
    uint64_t hash;
    int depth;
};

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *arg)
{
    struct path *path = arg;
    uintptr_t at = _Unwind_GetIP(context);
    Dl_info object;
    if (dladdr((void *)at, &object)) /* the same wherever the object lies in this process */
        at -= (uintptr_t)object.dli_fbase;
    path->hash = (path->hash ^ at) * 0x100000001b3u;
    return ++path->depth < DEPTH ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* Whether this allocation is to fail. */
static int count(void *caller)
{
    if (inside || getpid() != owner || ((uintptr_t)caller >= spared_begin && (uintptr_t)caller < spared_end))
        return 0;
    inside = 1;
    uint64_t n = __atomic_add_fetch(&n_allocations, 1, __ATOMIC_RELAXED);
    if (paths_file >= 0) {
        char line[32];
        struct path path = {0xcbf29ce484222325u, 0};
        _Unwind_Backtrace(add_frame, &path);
        pthread_mutex_lock(&lock);
        path.hash |= 1;
        if (is_new(path.hash) &&
            (write(paths_file, line, (size_t)snprintf(line, sizeof line, "%llu\n", (unsigned long long)n)) < 0 ||
             (known_file >= 0 && write(known_file, &path.hash, sizeof path.hash) < 0)))
            abort();
        pthread_mutex_unlock(&lock);
    }
    inside = 0;
    return n == fail_at || (fail_from && n >= fail_from);
}

static void *finish(void *p, size_t size, void *caller)
{
    if (p && !inside) {
        pthread_mutex_lock(&lock);
        remember(p, size, caller);
        pthread_mutex_unlock(&lock);
    }
    return p;
}

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return count(__builtin_return_address(0)) ? none()
                                              : finish(__libc_malloc(size), size, __builtin_return_address(0));
}

void *calloc(size_t n, size_t size)
{
    return count(__builtin_return_address(0))
               ? none()
               : finish(__libc_calloc(n, size), n * size, __builtin_return_address(0));
}

void *realloc(void *old, size_t size)
{
    if (count(__builtin_return_address(0)))
        return none();
    void *p = __libc_realloc(old, size);
    if (old && (p || size == 0)) {
        pthread_mutex_lock(&lock);
        forget(old);
        pthread_mutex_unlock(&lock);
    }
    return finish(p, size, __builtin_return_address(0));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return count(__builtin_return_address(0))
               ? none()
               : finish(__libc_memalign(alignment, size), size, __builtin_return_address(0));
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
    if (count(__builtin_return_address(0)))
        return ENOMEM;
    *p = finish(__libc_memalign(alignment, size), size, __builtin_return_address(0));
    return *p ? 0 : ENOMEM;
}

void free(void *p)
{
    if (p && !inside) {
        pthread_mutex_lock(&lock);
        forget(p);
        pthread_mutex_unlock(&lock);
    }
    __libc_free(p);
}

__attribute__((destructor)) static void end(void)
{
    const char *file = getenv("FAIL_LIVE");
    if (!file || getpid() != owner)
        return;
    inside = 1;
    FILE *f = fopen(file, "w");
    for (size_t i = 0; f && i < SLOTS; i++) {
        Dl_info info;
        if ((uintptr_t)live[i].p <= 1)
            continue;
        const char *object = dladdr(live[i].caller, &info) && info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
        fprintf(f, "%s+%#lx %zu\n", object ? object + 1 : "?",
                (unsigned long)((uintptr_t)live[i].caller - (object ? (uintptr_t)info.dli_fbase : 0)),
                live[i].size);
    }
    if (f)
        fclose(f);
}
