/* history.c - see history.h. */
#include "cli/compare/history.h"

#include "base/file.h"
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool history_path(char *path, size_t capacity)
{
    static const char name[] = "/history.db";
    if (capacity < sizeof name || !file_state_directory(path, capacity - sizeof name))
        return false;
    memcpy(path + strlen(path), name, sizeof name);
    return true;
}

#ifdef HAVE_SQLITE
#include <sqlite3.h>

enum { APPLICATION = 0x56495643 /* "VIVC" */, FORMAT = 1 };

struct history {
    sqlite3 *db;
    char *path;
};

static const char schema[] =
    "BEGIN IMMEDIATE;CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, at TEXT NOT NULL, version TEXT NOT "
    "NULL, machine TEXT NOT NULL, command TEXT NOT NULL);CREATE TABLE IF NOT EXISTS figures (run INTEGER NOT NULL "
    "REFERENCES runs, model TEXT NOT NULL, name TEXT NOT NULL, spec TEXT NOT NULL, section TEXT NOT NULL, key TEXT "
    "NOT NULL, label TEXT NOT NULL, predicted INTEGER NOT NULL, unit INTEGER NOT NULL, better INTEGER NOT NULL, "
    "value REAL, low REAL, high REAL, words TEXT);CREATE INDEX IF NOT EXISTS figures_of ON figures (model, key, "
    "run);PRAGMA application_id = 1447646787; PRAGMA user_version = 1;COMMIT;";

static viv_status failed(const struct history *h, const char *what, struct error *err)
{
    int code = h->db ? sqlite3_errcode(h->db) : SQLITE_NOMEM;
    if (code == SQLITE_NOMEM)
        return error_nomem(err);
    return error_set(err, code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? VIV_EFORMAT : VIV_EIO,
                     "%s: the history cannot be %s: %s", h->path, what, sqlite3_errmsg(h->db));
}

static int number_of(const struct history *h, const char *pragma)
{
    sqlite3_stmt *s = NULL;
    int n = -1;
    if (sqlite3_prepare_v2(h->db, pragma, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return n;
}

static viv_status prepare_file(const struct history *h, struct error *err)
{
    sqlite3_busy_timeout(h->db, 5000);
    int application = number_of(h, "PRAGMA application_id"), version = number_of(h, "PRAGMA user_version");
    if (application < 0)
        return failed(h, "read", err);
    int n_tables = number_of(h, "SELECT count(*) FROM sqlite_master");
    if (n_tables < 0)
        return failed(h, "read", err);
    if (application != APPLICATION && n_tables > 0)
        return error_set(err, VIV_EFORMAT, "%s: a database of another program, not a history", h->path);
    if (version > FORMAT)
        return error_set(err, VIV_EUNSUPPORTED, "%s: a history of version %d, made by a newer Vivarium", h->path,
                         version);
    return sqlite3_exec(h->db, schema, NULL, NULL, NULL) == SQLITE_OK ? VIV_OK : failed(h, "written", err);
}

viv_status history_open(const char *path, struct history **out, struct error *err)
{
    struct history *h = calloc(1, sizeof *h);
    if (!h || !(h->path = strdup(path)) || !file_make_parents(h->path)) {
        viv_status status =
            !h || !h->path ? error_nomem(err) : error_set(err, VIV_EIO, "%s: its directory cannot be made", path);
        history_close(h);
        return status;
    }
    viv_status status = sqlite3_open_v2(path, &h->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK
                            ? prepare_file(h, err)
                            : failed(h, "opened", err);
    if (status != VIV_OK) {
        history_close(h);
        return status;
    }
    *out = h;
    return VIV_OK;
}

void history_close(struct history *h)
{
    if (!h)
        return;
    sqlite3_close(h->db);
    free(h->path);
    free(h);
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static bool insert_run(struct history *h, const struct comparison *c, const char *command)
{
    sqlite3_stmt *s = NULL;
    char at[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &utc);
    bool ok = sqlite3_prepare_v2(h->db, "INSERT INTO runs (at, version, machine, command) VALUES (?, ?, ?, ?)", -1,
                                 &s, NULL) == SQLITE_OK &&
              sqlite3_bind_text(s, 1, at, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_text(s, 2, PACKAGE_VERSION, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_text(s, 3, c->devices[0].name, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_text(s, 4, command, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return ok;
}

static bool insert_figure(sqlite3_stmt *s, sqlite3_int64 run, const struct compared *m, const struct row *r,
                          const struct cell *cell)
{
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    bool ok = sqlite3_bind_int64(s, 1, run) == SQLITE_OK &&
              sqlite3_bind_text(s, 2, m->given, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_text(s, 3, m->name, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_text(s, 4, m->spec_hash, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_text(s, 5, r->section, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_text(s, 6, r->key, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_text(s, 7, r->label, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_int(s, 8, r->predicted) == SQLITE_OK &&
              sqlite3_bind_int(s, 9, (int)r->unit) == SQLITE_OK &&
              sqlite3_bind_int(s, 10, (int)r->better) == SQLITE_OK;
    if (r->unit == UNIT_WORDS)
        return ok && sqlite3_bind_text(s, 14, cell->words, -1, SQLITE_STATIC) == SQLITE_OK &&
               sqlite3_step(s) == SQLITE_DONE;
    return ok && sqlite3_bind_double(s, 11, cell->value) == SQLITE_OK &&
           sqlite3_bind_double(s, 12, cell->low) == SQLITE_OK &&
           sqlite3_bind_double(s, 13, cell->high) == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
}

viv_status history_save(struct history *h, const struct comparison *c, const char *command, struct error *err)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_exec(h->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK && insert_run(h, c, command) &&
              sqlite3_prepare_v2(h->db, "INSERT INTO figures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1,
                                 &s, NULL) == SQLITE_OK;
    const sqlite3_int64 run = sqlite3_last_insert_rowid(h->db);
    for (size_t r = 0; ok && r < c->n_rows; r++)
        for (uint32_t i = 0; ok && i < c->n_models; i++)
            if (c->rows[r].cells[i].known)
                ok = insert_figure(s, run, &c->models[i], &c->rows[r], &c->rows[r].cells[i]);
    viv_status status = ok ? VIV_OK : failed(h, "written", err);
    sqlite3_finalize(s);
    if (status == VIV_OK && sqlite3_exec(h->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        status = failed(h, "written", err);
    if (status != VIV_OK)
        (void)sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* --- reading ------------------------------------------------------------------------------------------------- */

static const char *text_of(sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    return text ? text : "";
}

/* The columns: the last runs that have figures of this model, the oldest first. */
static viv_status find_runs(struct history *h, const char *model, uint32_t n_runs, sqlite3_int64 *ids,
                            struct comparison *c, struct error *err)
{
    static const char query[] =
        "SELECT id, at, version, machine FROM (SELECT DISTINCT runs.id, at, version, machine FROM runs JOIN "
        "figures ON run = id WHERE model = ? AND NOT predicted ORDER BY id DESC LIMIT ?) ORDER BY id";
    sqlite3_stmt *s = NULL;
    int code;
    if (sqlite3_prepare_v2(h->db, query, -1, &s, NULL) != SQLITE_OK ||
        sqlite3_bind_text(s, 1, model, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_int(s, 2, (int)n_runs) != SQLITE_OK) {
        sqlite3_finalize(s);
        return failed(h, "read", err);
    }
    uint32_t n = 0;
    viv_status status = VIV_OK;
    while ((code = sqlite3_step(s)) == SQLITE_ROW && n < n_runs) {
        char at[32];
        snprintf(at, sizeof at, "%.16s", text_of(s, 1)); /* to the minute */
        ids[n] = sqlite3_column_int64(s, 0);
        c->models[n].given = c->models[n].name = arena_strdup(&c->arena, at);
        c->models[n].family = arena_strdup(&c->arena, text_of(s, 2));
        c->models[n].architecture = arena_strdup(&c->arena, text_of(s, 3));
        if (!c->models[n].name || !c->models[n].family || !c->models[n].architecture)
            status = error_nomem(err);
        n++;
    }
    if (status == VIV_OK && code != SQLITE_DONE && code != SQLITE_ROW)
        status = failed(h, "read", err);
    sqlite3_finalize(s);
    c->n_models = n;
    return status;
}

static viv_status read_figures(struct history *h, const char *model, sqlite3_int64 run, uint32_t column,
                               struct comparison *c, struct error *err)
{
    static const char query[] =
        "SELECT section, key, label, unit, better, value, low, high, spec FROM figures WHERE model = ? AND run = ? "
        "AND NOT predicted AND value IS NOT NULL ORDER BY rowid";
    sqlite3_stmt *s = NULL;
    int code;
    if (sqlite3_prepare_v2(h->db, query, -1, &s, NULL) != SQLITE_OK ||
        sqlite3_bind_text(s, 1, model, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_int64(s, 2, run) != SQLITE_OK) {
        sqlite3_finalize(s);
        return failed(h, "read", err);
    }
    viv_status status = VIV_OK;
    while (status == VIV_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        int unit = sqlite3_column_int(s, 3), better = sqlite3_column_int(s, 4);
        struct row *r = comparison_find(c, text_of(s, 1));
        if (unit <= UNIT_WORDS || unit > UNIT_PERCENT || better < BETTER_NEITHER || better > BETTER_LESS)
            continue;
        if (!r)
            r = comparison_row(c, text_of(s, 0), (enum row_unit)unit, (enum row_better)better, text_of(s, 1),
                               text_of(s, 2));
        if (!r)
            status = error_nomem(err);
        else
            r->cells[column] = (struct cell){.known = true,
                                             .value = sqlite3_column_double(s, 5),
                                             .low = sqlite3_column_double(s, 6),
                                             .high = sqlite3_column_double(s, 7)};
        snprintf(c->models[column].spec_hash, sizeof c->models[column].spec_hash, "%.64s", text_of(s, 8));
    }
    if (status == VIV_OK && code != SQLITE_DONE)
        status = failed(h, "read", err);
    sqlite3_finalize(s);
    return status;
}

/* What the runs were made with, and whether the spec was another. */
static viv_status add_origins(struct comparison *c, struct error *err)
{
    struct row *version = comparison_row(c, "made with", UNIT_WORDS, BETTER_NEITHER, "version", "version");
    struct row *machine = comparison_row(c, "made with", UNIT_WORDS, BETTER_NEITHER, "machine", "machine");
    struct row *spec = comparison_row(c, "made with", UNIT_WORDS, BETTER_NEITHER, "spec", "spec");
    if (!version || !machine || !spec)
        return error_nomem(err);
    for (uint32_t i = 0; i < c->n_models; i++) {
        char hash[9];
        snprintf(hash, sizeof hash, "%.8s", c->models[i].spec_hash);
        if (!row_say(c, comparison_find(c, "version"), i, c->models[i].family) ||
            !row_say(c, comparison_find(c, "machine"), i, c->models[i].architecture) ||
            !row_say(c, comparison_find(c, "spec"), i, hash))
            return error_nomem(err);
    }
    return VIV_OK;
}

static viv_status show_model(struct history *h, const char *model, uint32_t n_runs,
                             viv_status (*take)(void *, const char *, const struct comparison *, struct error *),
                             void *ctx, struct error *err)
{
    struct comparison *c;
    sqlite3_int64 *ids = calloc(n_runs, sizeof *ids);
    if (!ids)
        return error_nomem(err);
    viv_status status = comparison_create(n_runs, &c, err);
    if (status != VIV_OK) {
        free(ids);
        return status;
    }
    status = find_runs(h, model, n_runs, ids, c, err);
    for (uint32_t i = 0; status == VIV_OK && i < c->n_models; i++)
        status = read_figures(h, model, ids[i], i, c, err);
    if (status == VIV_OK && c->n_models > 0)
        status = add_origins(c, err);
    if (status == VIV_OK && c->n_models > 0)
        status = take(ctx, model, c, err);
    comparison_destroy(c);
    free(ids);
    return status;
}

viv_status history_show(struct history *h, const char *model, uint32_t n_runs,
                        viv_status (*take)(void *ctx, const char *model, const struct comparison *runs,
                                           struct error *err),
                        void *ctx, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int code = SQLITE_DONE;
    if (model)
        return show_model(h, model, n_runs, take, ctx, err);
    if (sqlite3_prepare_v2(h->db, "SELECT DISTINCT model FROM figures WHERE NOT predicted ORDER BY model", -1, &s,
                           NULL) != SQLITE_OK)
        return failed(h, "read", err);
    viv_status status = VIV_OK;
    while (status == VIV_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
        status = show_model(h, text_of(s, 0), n_runs, take, ctx, err);
    if (status == VIV_OK && code != SQLITE_DONE)
        status = failed(h, "read", err);
    sqlite3_finalize(s);
    return status;
}

#else

static viv_status without(struct error *err)
{
    return error_set(err, VIV_EUNSUPPORTED, "this Vivarium was built without SQLite: it keeps no history");
}

viv_status history_open(const char *path, struct history **out, struct error *err)
{
    (void)path, (void)out;
    return without(err);
}

void history_close(struct history *h)
{
    (void)h;
}

viv_status history_save(struct history *h, const struct comparison *c, const char *command, struct error *err)
{
    (void)h, (void)c, (void)command;
    return without(err);
}

viv_status history_show(struct history *h, const char *model, uint32_t n_runs,
                        viv_status (*take)(void *ctx, const char *model, const struct comparison *runs,
                                           struct error *err),
                        void *ctx, struct error *err)
{
    (void)h, (void)model, (void)n_runs, (void)take, (void)ctx;
    return without(err);
}
#endif
