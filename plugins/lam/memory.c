/* memory.c - see memory.h. The database lies in a folder that others may have given us: its schema is not trusted,
 * and no symbolic link is followed. */
#include "memory.h"

#ifdef LAM_SQLITE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { APPLICATION = 0x5656494d /* "VVIM" */, FORMAT = 1, LONGEST_TEXT = 10000, MOST_MEMORIES = 100000 };
#define FILE_NAME STORE "/memory.db"

struct memory {
    const struct root *root;
    sqlite3 *db;
};

/* The words are cut as FTS5's unicode61 does: letters and digits, without case and accents. */
static const char schema[] = "BEGIN IMMEDIATE;"
                             "CREATE VIRTUAL TABLE memories USING fts5(text, run UNINDEXED, time UNINDEXED);"
                             "PRAGMA application_id = 1448495437; PRAGMA user_version = 1; COMMIT;";

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
    return version == FORMAT ? VIV_OK
                             : viv_fail(m->root->host, VIV_EUNSUPPORTED,
                                        "%s/" FILE_NAME ": a memory of version %d, made by a newer Vivarium",
                                        m->root->path, version);
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
    struct memory *m = calloc(1, sizeof *m);
    text_printf(&path, "%s/" FILE_NAME, r->path);
    viv_status status = m && !path.failed ? VIV_OK : viv_fail(r->host, VIV_ENOMEM, "out of memory");
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

viv_status memory_add(struct memory *m, int64_t run, const char *text, int64_t *id)
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
    const bool ok = sqlite3_prepare_v2(m->db, "INSERT INTO memories (text, run, time) VALUES (?, ?, ?)", -1, &s,
                                       NULL) == SQLITE_OK &&
                    sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC) == SQLITE_OK &&
                    sqlite3_bind_int64(s, 2, run) == SQLITE_OK &&
                    sqlite3_bind_int64(s, 3, time(NULL)) == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    *id = sqlite3_last_insert_rowid(m->db);
    return ok ? VIV_OK : failed(m, "written");
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

viv_status memory_search(struct memory *m, const char *words, int64_t most, recollect tell, void *ctx)
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
    /* The index has the words until its parts are merged. */
    if (!ok ||
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

viv_status memory_add(struct memory *m, int64_t run, const char *text, int64_t *id)
{
    (void)m, (void)run, (void)text, (void)id;
    return VIV_EUNSUPPORTED;
}

viv_status memory_search(struct memory *m, const char *words, int64_t most, recollect tell, void *ctx)
{
    (void)m, (void)words, (void)most, (void)tell, (void)ctx;
    return VIV_EUNSUPPORTED;
}

viv_status memory_forget(struct memory *m, int64_t id)
{
    (void)m, (void)id;
    return VIV_EUNSUPPORTED;
}
#endif
