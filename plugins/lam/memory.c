/* memory.c - see memory.h. The database lies in a folder that others may have given us: its schema is not trusted,
 * and no symbolic link is followed. */
#include "memory.h"

#ifdef LAM_SQLITE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { APPLICATION = 0x5656494d /* "VVIM" */, FORMAT = 2, LONGEST_TEXT = 10000, MOST_MEMORIES = 100000 };
enum { BATCH = 256, MOST_RANKED = 100 /* by each of words and vectors */, RANK_OFFSET = 60, MOST_DIM = 1 << 16 };
#define FILE_NAME STORE "/memory.db"

struct memory {
    const struct root *root;
    sqlite3 *db;
    bool checked; /* vectors are of the encoder that there is now */
};

/* The vector of a memory by an encoder, as floats of this machine. */
#define VECTORS                                                                                                    \
    "CREATE TABLE vectors (id INTEGER, encoder TEXT, vector BLOB, PRIMARY KEY (id, encoder)) WITHOUT ROWID;"
/* The words are cut as FTS5's unicode61 does: letters and digits, without case and accents. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE VIRTUAL TABLE memories USING fts5(text, run UNINDEXED, time UNINDEXED);" VECTORS
    "PRAGMA application_id = 1448495437; PRAGMA user_version = 2; COMMIT;";
static const char upgrade[] = "BEGIN IMMEDIATE;" VECTORS "PRAGMA user_version = 2; COMMIT;";

static viv_status failed(const struct memory *m, const char *what)
{
    const int code = m->db ? sqlite3_errcode(m->db) : SQLITE_NOMEM;
    if (code == SQLITE_NOMEM)
        return viv_fail(m->root->host, VIV_ENOMEM, "out of memory");
    return viv_fail(m->root->host, code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? VIV_EFORMAT : VIV_EIO,
                    "%s/" FILE_NAME ": cannot be %s: %s", m->root->path, what, sqlite3_errmsg(m->db));
}

static int number_of(const struct memory *m, const char *pragma)
{
    sqlite3_stmt *s = NULL;
    int n = -1;
    if (sqlite3_prepare_v2(m->db, pragma, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return n;
}

static viv_status prepare(const struct memory *m)
{
    sqlite3_busy_timeout(m->db, 5000);
    sqlite3_db_config(m->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(m->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(m->db, SQLITE_LIMIT_LENGTH, 16 << 20);
    const int application = number_of(m, "PRAGMA application_id"), version = number_of(m, "PRAGMA user_version"),
              tables = number_of(m, "SELECT count(*) FROM sqlite_master");
    if (application < 0 || version < 0 || tables < 0)
        return failed(m, "read");
    if (tables == 0)
        return sqlite3_exec(m->db, schema, NULL, NULL, NULL) == SQLITE_OK ? VIV_OK : failed(m, "made");
    if (application != APPLICATION)
        return viv_fail(m->root->host, VIV_EFORMAT, "%s/" FILE_NAME ": a database of another program, not a memory",
                        m->root->path);
    if (version == 1)
        return sqlite3_exec(m->db, upgrade, NULL, NULL, NULL) == SQLITE_OK
                   ? VIV_OK
                   : failed(m, "brought up to this version");
    return version == FORMAT ? VIV_OK
                             : viv_fail(m->root->host, VIV_EUNSUPPORTED,
                                        "%s/" FILE_NAME ": a memory of version %d, made by a newer Vivarium",
                                        m->root->path, version);
}

/* What a crash has left is rolled back by SQLite. A journal that names a super-journal is none of ours, which are
 * of one database: SQLite would delete the file of that name, wherever it is. */
static viv_status check_journal(const struct root *r)
{
    static const unsigned char mark[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}; /* behind such a name */
    unsigned char end[sizeof mark];
    struct stat st;
    const int fd = root_openat(r, FILE_NAME "-journal", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT)
        return root_fail(r, "open", FILE_NAME "-journal");
    const bool names =
        fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
                    (st.st_size >= (off_t)sizeof end &&
                     (pread(fd, end, sizeof end, st.st_size - (off_t)sizeof end) != (ssize_t)sizeof end ||
                      memcmp(end, mark, sizeof mark) == 0)));
    if (fd >= 0)
        close(fd);
    return names ? viv_fail(r->host, VIV_EFORMAT,
                            "%s/" FILE_NAME "-journal: expected what a crash has left of this memory, found a "
                            "journal that names another file: remove it",
                            r->path)
                 : VIV_OK;
}

viv_status memory_open(const struct root *r, bool make, struct memory **out)
{
    struct stat st;
    struct text path = {0};
    const int fd = root_openat(r, FILE_NAME, O_PATH | O_NOFOLLOW);
    *out = NULL;
    if (fd < 0 && errno != ENOENT)
        return root_fail(r, "open", FILE_NAME);
    const bool is_file = fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
    if (fd >= 0)
        close(fd);
    if (!is_file)
        return viv_fail(r->host, VIV_EINVAL, "%s/" FILE_NAME ": expected a file", r->path);
    if (fd < 0 && !make)
        return VIV_OK;
    viv_status status = check_journal(r);
    if (status != VIV_OK)
        return status;
    struct memory *m = calloc(1, sizeof *m);
    text_printf(&path, "%s/" FILE_NAME, r->path);
    status = m && !path.failed ? VIV_OK : viv_fail(r->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK) {
        m->root = r;
        if (sqlite3_open_v2(path.data, &m->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW,
                            NULL) != SQLITE_OK)
            status = failed(m, "opened");
        else
            status = prepare(m);
    }
    text_release(&path);
    if (status == VIV_OK)
        *out = m;
    else
        memory_close(m);
    return status;
}

void memory_close(struct memory *m)
{
    if (m)
        sqlite3_close(m->db);
    free(m);
}

/* --- vectors ------------------------------------------------------------------------------------------------ */

static viv_status embed(const struct memory *m, const struct encoder *e, const char *text, const float **vector,
                        uint64_t *dim)
{
    const viv_status status = e->generator->embed(e->generator, e->use, text, strlen(text), vector, dim);
    return status != VIV_OK || (*dim > 0 && *dim <= MOST_DIM)
               ? status
               : viv_fail(m->root->host, VIV_ELIMIT, "memory: an encoder of %" PRIu64 " dimensions", *dim);
}

static viv_status put_vector(struct memory *m, const struct encoder *e, int64_t id, const char *text)
{
    sqlite3_stmt *s = NULL;
    const float *vector;
    uint64_t dim;
    const viv_status status = embed(m, e, text, &vector, &dim);
    if (status != VIV_OK)
        return status;
    const bool ok =
        sqlite3_prepare_v2(m->db, "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_bind_int64(s, 1, id) == SQLITE_OK &&
        sqlite3_bind_text(s, 2, e->use, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_blob(s, 3, vector, (int)(dim * sizeof *vector), SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return ok ? VIV_OK : failed(m, "written");
}

static double cosine(const float *a, const float *b, uint64_t dim)
{
    double ab = 0, aa = 0, bb = 0;
    for (uint64_t i = 0; i < dim; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

/* The name may be that of another model by now: then the oldest text has another vector, and all are made anew. */
static viv_status check_encoder(struct memory *m, const struct encoder *e)
{
    static const char oldest[] = "SELECT text, vector FROM vectors JOIN memories ON memories.rowid = vectors.id "
                                 "WHERE encoder = ?1 ORDER BY vectors.id LIMIT 1",
                      all[] = "DELETE FROM vectors WHERE encoder = ?1";
    static const double same = 0.99; /* kernels differ a little */
    sqlite3_stmt *s = NULL;
    const float *vector;
    float *was = NULL; /* a blob may lie anywhere */
    uint64_t dim = 0;
    int step = SQLITE_ERROR;
    bool differs = false;
    viv_status status = VIV_OK;
    if (sqlite3_prepare_v2(m->db, oldest, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, e->use, -1, SQLITE_STATIC) == SQLITE_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        const void *blob = sqlite3_column_blob(s, 1);
        const size_t size = (size_t)sqlite3_column_bytes(s, 1);
        status = embed(m, e, text && text_is_utf8(text, strlen(text)) ? text : "", &vector, &dim);
        differs = status == VIV_OK && size != dim * sizeof *vector;
        if (status == VIV_OK && !differs && blob && (was = malloc(size))) {
            memcpy(was, blob, size);
            differs = cosine(vector, was, dim) < same; /* not of a vector of zeros */
        }
        free(was);
    }
    sqlite3_finalize(s);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return failed(m, "read");
    if (!differs)
        return status;
    const bool ok = sqlite3_prepare_v2(m->db, all, -1, &s, NULL) == SQLITE_OK &&
                    sqlite3_bind_text(s, 1, e->use, -1, SQLITE_STATIC) == SQLITE_OK &&
                    sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return ok ? VIV_OK : failed(m, "written");
}

/* Some of the memories without a vector of this encoder; *n of them. The texts are malloc'ed. */
static viv_status find_bare(struct memory *m, const struct encoder *e, int64_t ids[BATCH], char *texts[BATCH],
                            size_t *n)
{
    static const char bare[] = "SELECT rowid, text FROM memories WHERE rowid NOT IN "
                               "(SELECT id FROM vectors WHERE encoder = ?1) LIMIT ?2";
    sqlite3_stmt *s = NULL;
    int step = SQLITE_ERROR;
    *n = 0;
    if (sqlite3_prepare_v2(m->db, bare, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, e->use, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int64(s, 2, BATCH) == SQLITE_OK)
        while (*n < BATCH && (step = sqlite3_step(s)) == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(s, 1);
            ids[*n] = sqlite3_column_int64(s, 0);
            texts[*n] = strdup(text && text_is_utf8(text, strlen(text)) ? text : "");
            if (!texts[*n])
                break;
            ++*n;
        }
    sqlite3_finalize(s);
    return step == SQLITE_DONE || *n == BATCH ? VIV_OK : failed(m, "read");
}

/* Of memories of runs without this encoder. */
static viv_status make_vectors(struct memory *m, const struct encoder *e)
{
    int64_t ids[BATCH];
    char *texts[BATCH];
    size_t n = BATCH;
    viv_status status = VIV_OK;
    while (status == VIV_OK && n == BATCH) {
        status = find_bare(m, e, ids, texts, &n);
        if (status == VIV_OK && n && sqlite3_exec(m->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
            status = failed(m, "written");
        for (size_t i = 0; i < n; i++) {
            if (status == VIV_OK)
                status = put_vector(m, e, ids[i], texts[i]);
            free(texts[i]);
        }
        if (n && !sqlite3_get_autocommit(m->db) && /* what was made stays */
            sqlite3_exec(m->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK && status == VIV_OK)
            status = failed(m, "written");
    }
    return status;
}

struct ranked {
    int64_t id;
    double score;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score) - (x->score > y->score) : (x->id > y->id) - (x->id < y->id);
}

/* The nearest ones, the best first. */
static viv_status rank_by_vectors(struct memory *m, const struct encoder *e, const char *words,
                                  struct ranked out[MOST_RANKED], size_t *n)
{
    struct ranked *all = NULL;
    sqlite3_stmt *s = NULL;
    const float *vector;
    float *other = NULL; /* a blob may lie anywhere */
    uint64_t dim;
    size_t count = 0, capacity = 0;
    int step = SQLITE_ERROR;
    *n = 0;
    viv_status status = m->checked ? VIV_OK : check_encoder(m, e);
    m->checked = status == VIV_OK;
    if (status == VIV_OK)
        status = make_vectors(m, e);
    if (status == VIV_OK)
        status = embed(m, e, words, &vector, &dim);
    if (status == VIV_OK && !(other = malloc(dim * sizeof *other)))
        status = viv_fail(m->root->host, VIV_ENOMEM, "out of memory");
    if (status != VIV_OK)
        return status;
    if (sqlite3_prepare_v2(m->db, "SELECT id, vector FROM vectors WHERE encoder = ?", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, e->use, -1, SQLITE_STATIC) == SQLITE_OK)
        while ((step = sqlite3_step(s)) == SQLITE_ROW) {
            const void *blob = sqlite3_column_blob(s, 1);
            const bool fits = blob && (uint64_t)sqlite3_column_bytes(s, 1) == dim * sizeof *vector;
            if (fits)
                memcpy(other, blob, dim * sizeof *other);
            const double score = fits ? cosine(vector, other, dim) : NAN;
            if (isnan(score))
                continue;
            if (count == capacity) {
                capacity = 2 * capacity + 256;
                struct ranked *more = realloc(all, capacity * sizeof *more);
                if (!more)
                    break;
                all = more;
            }
            all[count++] = (struct ranked){sqlite3_column_int64(s, 0), score};
        }
    status = step == SQLITE_DONE  ? VIV_OK
             : step == SQLITE_ROW ? viv_fail(m->root->host, VIV_ENOMEM, "out of memory")
                                  : failed(m, "read");
    sqlite3_finalize(s);
    if (count)
        qsort(all, count, sizeof *all, by_score);
    *n = status == VIV_OK ? count < MOST_RANKED ? count : MOST_RANKED : 0;
    if (*n)
        memcpy(out, all, *n * sizeof *out);
    free(other);
    free(all);
    return status;
}

/* --- memories ----------------------------------------------------------------------------------------------- */

viv_status memory_add(struct memory *m, const struct encoder *e, int64_t run, const char *text, int64_t *id)
{
    sqlite3_stmt *s = NULL;
    if (!*text || strlen(text) > LONGEST_TEXT)
        return viv_fail(m->root->host, VIV_EINVAL, "what is to be remembered: expected a text of 1 to %d bytes",
                        LONGEST_TEXT);
    if (looks_secret(text))
        return viv_fail(m->root->host, VIV_EINVAL,
                        "what is to be remembered has what looks like a key or a password: leave it out");
    if (number_of(m, "SELECT count(*) FROM memories") >= MOST_MEMORIES)
        return viv_fail(m->root->host, VIV_ELIMIT, "there are %d memories: forget some first, viv memory forget",
                        MOST_MEMORIES);
    const bool ok = sqlite3_exec(m->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
                    sqlite3_prepare_v2(m->db, "INSERT INTO memories (text, run, time) VALUES (?, ?, ?)", -1, &s,
                                       NULL) == SQLITE_OK &&
                    sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC) == SQLITE_OK &&
                    sqlite3_bind_int64(s, 2, run) == SQLITE_OK &&
                    sqlite3_bind_int64(s, 3, time(NULL)) == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    *id = sqlite3_last_insert_rowid(m->db);
    viv_status status = !ok ? failed(m, "written") : e->use ? put_vector(m, e, *id, text) : VIV_OK;
    if (status == VIV_OK && sqlite3_exec(m->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        status = failed(m, "written");
    if (status != VIV_OK && !sqlite3_get_autocommit(m->db)) /* a text is kept with its vector, or not at all */
        sqlite3_exec(m->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* Each word quoted, so that none is an operator of FTS5. */
static void quote_words(const char *words, struct text *out)
{
    static const char space[] = " \t\n\r";
    for (words += strspn(words, space); *words; words += strspn(words, space)) {
        const size_t n = strcspn(words, space);
        text_printf(out, "%s\"", out->size ? " OR " : "");
        for (size_t i = 0; i < n; i++)
            text_printf(out, words[i] == '"' ? "\"\"" : "%c", words[i]);
        text_printf(out, "\"");
        words += n;
    }
}

static viv_status tell_rows(struct memory *m, sqlite3_stmt *s, recollect tell, void *ctx)
{
    viv_status status = VIV_OK;
    int step = SQLITE_DONE;
    while (status == VIV_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 1);
        const size_t size = (size_t)sqlite3_column_bytes(s, 1);
        const struct recollection r = {sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 2),
                                       sqlite3_column_int64(s, 3), text};
        if (text && text_is_utf8(text, size))
            status = tell(ctx, &r);
    }
    return status == VIV_OK && step != SQLITE_DONE ? failed(m, "read") : status;
}

/* Adds 1 / (60 + rank) to the score of one. */
static void fuse(struct ranked *all, size_t *n, int64_t id, size_t rank)
{
    size_t i = 0;
    while (i < *n && all[i].id != id)
        i++;
    if (i == *n)
        all[(*n)++] = (struct ranked){id, 0};
    all[i].score += 1.0 / (double)(RANK_OFFSET + rank + 1);
}

static viv_status rank_by_words(struct memory *m, const char *query, struct ranked *all, size_t *n)
{
    sqlite3_stmt *s = NULL;
    int step = SQLITE_ERROR;
    if (sqlite3_prepare_v2(m->db, "SELECT rowid FROM memories WHERE memories MATCH ?1 ORDER BY rank LIMIT ?2", -1,
                           &s, NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, query, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int64(s, 2, MOST_RANKED) == SQLITE_OK)
        for (size_t rank = 0; (step = sqlite3_step(s)) == SQLITE_ROW && rank < MOST_RANKED; rank++)
            fuse(all, n, sqlite3_column_int64(s, 0), rank);
    sqlite3_finalize(s);
    return step == SQLITE_DONE ? VIV_OK : failed(m, "read");
}

static viv_status tell_one(struct memory *m, int64_t id, recollect tell, void *ctx)
{
    sqlite3_stmt *s = NULL;
    const viv_status status =
        sqlite3_prepare_v2(m->db, "SELECT rowid, text, run, time FROM memories WHERE rowid = ?", -1, &s, NULL) ==
                    SQLITE_OK &&
                sqlite3_bind_int64(s, 1, id) == SQLITE_OK
            ? tell_rows(m, s, tell, ctx)
            : failed(m, "read");
    sqlite3_finalize(s);
    return status;
}

static viv_status search_both(struct memory *m, const struct encoder *e, const char *words, const char *query,
                              int64_t most, recollect tell, void *ctx)
{
    struct ranked near[MOST_RANKED], all[2 * MOST_RANKED];
    size_t n_near = 0, n = 0;
    viv_status status = rank_by_words(m, query, all, &n);
    if (status == VIV_OK)
        status = rank_by_vectors(m, e, words, near, &n_near);
    for (size_t i = 0; i < n_near; i++)
        fuse(all, &n, near[i].id, i);
    qsort(all, n, sizeof *all, by_score);
    for (size_t i = 0; status == VIV_OK && i < n && (int64_t)i < most; i++)
        status = tell_one(m, all[i].id, tell, ctx);
    return status;
}

viv_status memory_search(struct memory *m, const struct encoder *e, const char *words, int64_t most, recollect tell,
                         void *ctx)
{
    static const char all[] = "SELECT rowid, text, run, time FROM memories ORDER BY rowid DESC LIMIT ?2",
                      some[] = "SELECT rowid, text, run, time FROM memories WHERE memories MATCH ?1 ORDER BY rank "
                               "LIMIT ?2";
    sqlite3_stmt *s = NULL;
    struct text query = {0};
    if (words)
        quote_words(words, &query);
    if (words && !query.size)
        return viv_fail(m->root->host, VIV_EINVAL, "which memories: expected words");
    viv_status status = query.failed ? viv_fail(m->root->host, VIV_ENOMEM, "out of memory") : VIV_OK;
    if (status == VIV_OK && words && e->use) {
        status = search_both(m, e, words, query.data, most, tell, ctx);
        text_release(&query);
        return status;
    }
    if (status == VIV_OK && (sqlite3_prepare_v2(m->db, words ? some : all, -1, &s, NULL) != SQLITE_OK ||
                             (words && sqlite3_bind_text(s, 1, query.data, -1, SQLITE_STATIC) != SQLITE_OK) ||
                             sqlite3_bind_int64(s, 2, most) != SQLITE_OK))
        status = failed(m, "read");
    if (status == VIV_OK)
        status = tell_rows(m, s, tell, ctx);
    sqlite3_finalize(s);
    text_release(&query);
    return status;
}

viv_status memory_forget(struct memory *m, int64_t id)
{
    sqlite3_stmt *s = NULL;
    const bool ok = sqlite3_exec(m->db, "PRAGMA secure_delete = ON", NULL, NULL, NULL) == SQLITE_OK &&
                    sqlite3_prepare_v2(m->db, "DELETE FROM memories WHERE rowid = ?", -1, &s, NULL) == SQLITE_OK &&
                    sqlite3_bind_int64(s, 1, id) == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
    const int n = sqlite3_changes(m->db);
    sqlite3_finalize(s);
    sqlite3_stmt *v = NULL;
    const bool also = ok &&
                      sqlite3_prepare_v2(m->db, "DELETE FROM vectors WHERE id = ?", -1, &v, NULL) == SQLITE_OK &&
                      sqlite3_bind_int64(v, 1, id) == SQLITE_OK && sqlite3_step(v) == SQLITE_DONE;
    sqlite3_finalize(v);
    /* The index has the words until its parts are merged. */
    if (!also ||
        sqlite3_exec(m->db, "INSERT INTO memories (memories) VALUES ('optimize')", NULL, NULL, NULL) != SQLITE_OK)
        return failed(m, "written");
    return n > 0 ? VIV_OK
                 : viv_fail(m->root->host, VIV_ENOTFOUND, "workspace %s: there is no memory %" PRId64,
                            m->root->path, id);
}

#else

viv_status memory_open(const struct root *r, bool make, struct memory **out)
{
    (void)make;
    *out = NULL;
    return viv_fail(r->host, VIV_EUNSUPPORTED, "this Vivarium was built without SQLite: there is no memory");
}

void memory_close(struct memory *m)
{
    (void)m;
}

viv_status memory_add(struct memory *m, const struct encoder *e, int64_t run, const char *text, int64_t *id)
{
    (void)m, (void)e, (void)run, (void)text, (void)id;
    return VIV_EUNSUPPORTED;
}

viv_status memory_search(struct memory *m, const struct encoder *e, const char *words, int64_t most, recollect tell,
                         void *ctx)
{
    (void)m, (void)e, (void)words, (void)most, (void)tell, (void)ctx;
    return VIV_EUNSUPPORTED;
}

viv_status memory_forget(struct memory *m, int64_t id)
{
    (void)m, (void)id;
    return VIV_EUNSUPPORTED;
}
#endif
