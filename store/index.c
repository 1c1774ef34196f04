// The index in SQLite. Invariant: nothing is known here that the store's own files do not say, and one process at a
// time has the file open (locks/index), so that a damaged one can be removed without another writing to it.
#include "store/index.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define INDEX_FILE "index.sqlite"
#define INDEX_VERSION "1" // raised when a table changes; another version's file is made anew

struct Index {
    const Store *store;
    int lock_fd;
    sqlite3 *db;
};

// synchronous=NORMAL keeps the file whole through a crash of the program; after a power cut a damaged one is made anew.
static const char settings[] = "PRAGMA trusted_schema=OFF; PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=NORMAL;"
                               "PRAGMA temp_store=MEMORY;";

// An item that was not met in this catching up is gone: `turn` is that of the last one that met it.
static const char schema[] =
    "CREATE TABLE object(hash BLOB PRIMARY KEY, files INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " used_s INTEGER NOT NULL, turn INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE record(kind INTEGER, key BLOB, file TEXT NOT NULL, used_s INTEGER NOT NULL, name TEXT NOT NULL,"
    " result BLOB NOT NULL, turn INTEGER NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;"
    "CREATE TABLE names(kind INTEGER, key BLOB, is_output INTEGER, hash BLOB,"
    " PRIMARY KEY(kind, key, is_output, hash)) WITHOUT ROWID;"
    "CREATE INDEX named ON names(hash);"
    "CREATE TABLE download(hash BLOB PRIMARY KEY, bytes INTEGER NOT NULL, used_s INTEGER NOT NULL,"
    " turn INTEGER NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version=" INDEX_VERSION ";";

static Error *sql_error(const Index *index, const char *doing) {
    return error_new(ERROR_SYSTEM, "%s the index %s/" INDEX_FILE ": %s", doing, index->store->path,
                     sqlite3_errmsg(index->db));
}

static Error *execute(const Index *index, const char *sql) {
    if (sqlite3_exec(index->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sql_error(index, "cannot use");
    return NULL;
}

static void finish_statement(sqlite3_stmt **statement) {
    sqlite3_finalize(*statement);
}
#define AUTO_STATEMENT __attribute__((cleanup(finish_statement)))

static Error *prepare(const Index *index, const char *sql, sqlite3_stmt **out) {
    if (sqlite3_prepare_v2(index->db, sql, -1, out, NULL) != SQLITE_OK)
        return sql_error(index, "cannot use");
    return NULL;
}

static void bind_hash(sqlite3_stmt *statement, int at, const Hash *hash) {
    sqlite3_bind_blob(statement, at, hash->bytes, HASH_SIZE, SQLITE_TRANSIENT);
}

// Runs a statement that gives at most one row; *row_out tells. A failed bind shows as NULL in a NOT NULL column.
static Error *step(const Index *index, sqlite3_stmt *statement, bool *row_out) {
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return sql_error(index, "cannot use");
    *row_out = code == SQLITE_ROW;
    return NULL;
}

static Error *run_and_reset(const Index *index, sqlite3_stmt *statement) {
    bool row;
    TRY(step(index, statement, &row));
    sqlite3_reset(statement);
    return NULL;
}

static Error *query_number(const Index *index, const char *sql, uint64_t *out) {
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row;
    TRY(prepare(index, sql, &statement));
    TRY(step(index, statement, &row));
    *out = row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    return NULL;
}

// ---- opening ----

static Error *check_database(const Index *index) {
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row;
    TRY(prepare(index, "PRAGMA quick_check(1)", &statement));
    TRY(step(index, statement, &row));
    const char *answer = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (!answer || strcmp(answer, "ok") != 0)
        return error_new(ERROR_MISMATCH, "the index is damaged: %s", answer ? answer : "no answer");
    return NULL;
}

static Error *open_database(Index *index) {
    AUTO_FREE char *path = mem_alloc(strlen(index->store->path) + sizeof "/" INDEX_FILE);
    memcpy(path, index->store->path, strlen(index->store->path));
    memcpy(path + strlen(index->store->path), "/" INDEX_FILE, sizeof "/" INDEX_FILE);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &index->db, flags, NULL) != SQLITE_OK)
        return sql_error(index, "cannot open");
    sqlite3_db_config(index->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    uint64_t version, tables;
    TRY(execute(index, settings));
    TRY(query_number(index, "PRAGMA user_version", &version));
    TRY(query_number(index, "SELECT count(*) FROM sqlite_schema", &tables));
    if (version == 0 && tables == 0)
        return execute(index, schema);
    if (version != (uint64_t)(INDEX_VERSION[0] - '0'))
        return error_new(ERROR_MISMATCH, "the index is of version %llu", (unsigned long long)version);
    return check_database(index);
}

static void close_database(Index *index) {
    sqlite3_close(index->db);
    index->db = NULL;
}

static Error *remove_database(const Store *store) {
    static const char *const files[] = {INDEX_FILE, INDEX_FILE "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        TRY_CTX(fd_remove_tree(store->dirfd, files[i]), "cannot make the index of %s anew", store->path);
    return NULL;
}

// ---- catching up ----

typedef struct CatchUp {
    const Index *index;
    int64_t turn;
    RecordKeyKind kind;
    sqlite3_stmt *meet_object, *add_object, *meet_record, *drop_names, *add_record, *add_name, *meet_download;
} CatchUp;

static bool stat_path(const CatchUp *catch_up, const char *path, struct stat *st) {
    return fstatat(catch_up->index->store->dirfd, path, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode);
}

static Error *read_manifest(const Store *store, Hash hash, Arena *arena, Tree *out) {
    AUTO_BUF Buf bytes;
    buf_init(&bytes, TREE_MANIFEST_MAX);
    TRY(fd_read_file(store->dirfd, object_path(hash, "/manifest").text, &bytes));
    return tree_decode(arena_str(arena, buf_str(&bytes)), arena, out);
}

// One whose manifest cannot be read is damaged: it stays out, and verify deals with it.
static Error *meet_object(void *context, Hash hash) {
    const CatchUp *up = context;
    struct stat st;
    if (!stat_path(up, object_path(hash, "/manifest").text, &st))
        return NULL;
    bind_hash(up->meet_object, 1, &hash);
    sqlite3_bind_int64(up->meet_object, 2, st.st_mtim.tv_sec);
    sqlite3_bind_int64(up->meet_object, 3, up->turn);
    TRY(run_and_reset(up->index, up->meet_object));
    if (sqlite3_changes(up->index->db) == 1)
        return NULL;
    AUTO_ARENA Arena *arena = arena_new(0);
    Tree tree;
    Error *error = read_manifest(up->index->store, hash, arena, &tree);
    if (error) {
        error_free(error);
        return NULL;
    }
    bind_hash(up->add_object, 1, &hash);
    sqlite3_bind_int64(up->add_object, 2, (sqlite3_int64)tree.count);
    sqlite3_bind_int64(up->add_object, 3, (sqlite3_int64)tree.size_bytes);
    sqlite3_bind_int64(up->add_object, 4, st.st_mtim.tv_sec);
    sqlite3_bind_int64(up->add_object, 5, up->turn);
    return run_and_reset(up->index, up->add_object);
}

static Error *add_name(const CatchUp *up, Hash key, bool is_output, Hash tree) {
    sqlite3_bind_int(up->add_name, 1, (int)up->kind);
    bind_hash(up->add_name, 2, &key);
    sqlite3_bind_int(up->add_name, 3, is_output);
    bind_hash(up->add_name, 4, &tree);
    return run_and_reset(up->index, up->add_name);
}

static Error *add_record(const CatchUp *up, Hash key, const char *file, int64_t used_s) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Record record;
    Error *error = record_read(up->index->store, up->kind, key, arena, &record);
    if (error) { // a miss for everybody else too
        error_free(error);
        return NULL;
    }
    sqlite3_bind_int(up->drop_names, 1, (int)up->kind);
    bind_hash(up->drop_names, 2, &key);
    TRY(run_and_reset(up->index, up->drop_names));
    Str name = arena_printf(arena, "%.*s %.*s", STR_ARG(record.package), STR_ARG(record.version));
    sqlite3_bind_int(up->add_record, 1, (int)up->kind);
    bind_hash(up->add_record, 2, &key);
    sqlite3_bind_text(up->add_record, 3, file, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(up->add_record, 4, used_s);
    sqlite3_bind_text(up->add_record, 5, name.ptr, (int)name.len, SQLITE_TRANSIENT);
    bind_hash(up->add_record, 6, &record.build_key);
    sqlite3_bind_int64(up->add_record, 7, up->turn);
    TRY(run_and_reset(up->index, up->add_record));
    for (size_t i = 0; i < record.output_count; i++)
        TRY(add_name(up, key, true, record.outputs[i].tree));
    for (size_t i = 0; i < record.reference_count; i++)
        TRY(add_name(up, key, false, record.references[i].tree));
    return NULL;
}

// A record is replaced by rename, so its inode and times tell whether the one that was read is still there.
static Error *meet_record(void *context, Hash key) {
    const CatchUp *up = context;
    struct stat st;
    if (!stat_path(up, record_path(up->kind, key).text, &st))
        return NULL;
    char file[128];
    snprintf(file, sizeof file, "%llu %llu %lld.%09ld %lld.%09ld", (unsigned long long)st.st_ino,
             (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
             (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    sqlite3_bind_int(up->meet_record, 1, (int)up->kind);
    bind_hash(up->meet_record, 2, &key);
    sqlite3_bind_text(up->meet_record, 3, file, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(up->meet_record, 4, up->turn);
    TRY(run_and_reset(up->index, up->meet_record));
    if (sqlite3_changes(up->index->db) == 1)
        return NULL;
    return add_record(up, key, file, st.st_mtim.tv_sec);
}

static Error *meet_download(void *context, Hash hash) {
    const CatchUp *up = context;
    struct stat st;
    if (!stat_path(up, download_path(hash).text, &st))
        return NULL;
    bind_hash(up->meet_download, 1, &hash);
    sqlite3_bind_int64(up->meet_download, 2, (sqlite3_int64)st.st_size);
    sqlite3_bind_int64(up->meet_download, 3, st.st_mtim.tv_sec);
    sqlite3_bind_int64(up->meet_download, 4, up->turn);
    return run_and_reset(up->index, up->meet_download);
}

static Error *prepare_all(CatchUp *up) {
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } table[] = {
        {&up->meet_object, "UPDATE object SET used_s = ?2, turn = ?3 WHERE hash = ?1"},
        {&up->add_object, "INSERT INTO object VALUES(?1, ?2, ?3, ?4, ?5)"},
        {&up->meet_record, "UPDATE record SET turn = ?4 WHERE kind = ?1 AND key = ?2 AND file = ?3"},
        {&up->drop_names, "DELETE FROM names WHERE kind = ?1 AND key = ?2"},
        {&up->add_record, "INSERT OR REPLACE INTO record VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
        {&up->add_name, "INSERT OR IGNORE INTO names VALUES(?1, ?2, ?3, ?4)"},
        {&up->meet_download, "INSERT OR REPLACE INTO download VALUES(?1, ?2, ?3, ?4)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        TRY(prepare(up->index, table[i].sql, table[i].statement));
    return NULL;
}

static void finish_all(CatchUp *up) {
    sqlite3_stmt *const statements[] = {up->meet_object, up->add_object, up->meet_record,  up->drop_names,
                                        up->add_record,  up->add_name,   up->meet_download};
    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        sqlite3_finalize(statements[i]);
}

static Error *meet_all(CatchUp *up) {
    const Store *store = up->index->store;
    TRY(prepare_all(up));
    TRY(store_each_object(store, meet_object, NULL, up));
    up->kind = RECORD_SPEC_KEY;
    TRY(store_each_record(store, up->kind, meet_record, NULL, up));
    up->kind = RECORD_BUILD_KEY;
    TRY(store_each_record(store, up->kind, meet_record, NULL, up));
    return store_each_download(store, meet_download, NULL, up);
}

static Error *catch_up(const Index *index) {
    static const char *const forget[] = {
        "DELETE FROM object WHERE turn <> (SELECT max(turn) FROM turn)",
        "DELETE FROM record WHERE turn <> (SELECT max(turn) FROM turn)",
        "DELETE FROM download WHERE turn <> (SELECT max(turn) FROM turn)",
        "DELETE FROM names WHERE NOT EXISTS (SELECT 1 FROM record r WHERE r.kind = names.kind AND r.key = names.key)",
    };
    CatchUp up = {.index = index};
    uint64_t last;
    TRY(query_number(index,
                     "SELECT max((SELECT ifnull(max(turn), 0) FROM object), (SELECT ifnull(max(turn), 0) FROM record),"
                     " (SELECT ifnull(max(turn), 0) FROM download))",
                     &last));
    up.turn = (int64_t)last + 1;
    char turn[128];
    snprintf(turn, sizeof turn, "CREATE TEMP TABLE turn(turn INTEGER); INSERT INTO temp.turn VALUES(%lld)",
             (long long)up.turn);
    TRY(execute(index, turn));
    TRY(execute(index, "BEGIN IMMEDIATE"));
    Error *error = meet_all(&up);
    finish_all(&up);
    TRY(error);
    for (size_t i = 0; i < ARRAY_LEN(forget); i++)
        TRY(execute(index, forget[i]));
    return execute(index, "COMMIT");
}

static Error *try_open(Index *index) {
    Error *error = open_database(index);
    if (!error)
        error = catch_up(index);
    if (error)
        close_database(index);
    return error;
}

Error *index_open(const Store *store, bool anew, Index **out) {
    AUTO_INDEX Index *index = mem_zalloc(sizeof *index);
    index->store = store;
    index->lock_fd = -1;
    TRY(lock_file(store, "index", LOCK_EX, true, NULL, &index->lock_fd, NULL));
    Error *error = anew ? remove_database(store) : NULL;
    if (!error)
        error = try_open(index);
    if (error && !anew) {
        error_free(error);
        TRY(remove_database(store));
        error = try_open(index);
    }
    TRY(error);
    *out = index;
    index = NULL;
    return NULL;
}

void index_close(Index *index) {
    if (!index)
        return;
    close_database(index);
    fd_close(&index->lock_fd);
    free(index);
}

void index_cleanup(Index **index) {
    index_close(*index);
}

// ---- asking ----

Error *index_totals(Index *index, StoreInfo *out) {
    TRY(query_number(index, "SELECT count(*) FROM object", &out->objects));
    TRY(query_number(index, "SELECT sum(files) FROM object", &out->object_files));
    TRY(query_number(index, "SELECT sum(bytes) FROM object", &out->object_bytes));
    TRY(query_number(index, "SELECT count(DISTINCT result) FROM record", &out->records));
    TRY(query_number(index, "SELECT count(*) FROM download", &out->downloads));
    return query_number(index, "SELECT sum(bytes) FROM download", &out->download_bytes);
}

Error *store_info(Store *store, StoreInfo *out) {
    memset(out, 0, sizeof *out);
    AUTO_INDEX Index *index = NULL;
    TRY(index_open(store, false, &index));
    TRY(index_totals(index, out));
    return store_count_kept(store, &out->kept);
}

// An object is in use when it was used since, or when a record names it one of whose outputs was: closures stay whole.
#define UNUSED_OBJECTS                                                                                                 \
    "SELECT hash FROM object WHERE used_s < ?1 AND NOT EXISTS (SELECT 1 FROM names n"                                  \
    " JOIN names o ON o.kind = n.kind AND o.key = n.key AND o.is_output = 1"                                           \
    " JOIN object u ON u.hash = o.hash AND u.used_s >= ?1 WHERE n.hash = object.hash)"

static Error *each_row(Index *index, const char *sql, int64_t before_s, IndexVisit visit, void *context) {
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    TRY(prepare(index, sql, &statement));
    sqlite3_bind_int64(statement, 1, before_s);
    for (;;) {
        bool row;
        TRY(step(index, statement, &row));
        if (!row)
            return NULL;
        IndexItem item = {.kind = (RecordKeyKind)sqlite3_column_int(statement, 0),
                          .size_bytes = (uint64_t)sqlite3_column_int64(statement, 2),
                          .name = str_from((const char *)sqlite3_column_text(statement, 3))};
        const void *bytes = sqlite3_column_blob(statement, 1);
        if (!bytes || sqlite3_column_bytes(statement, 1) != HASH_SIZE)
            return error_new(ERROR_MISMATCH, "the index is damaged: a hash of the wrong size");
        memcpy(item.hash.bytes, bytes, HASH_SIZE);
        TRY(visit(context, &item));
    }
}

Error *index_each_unused_object(Index *index, int64_t before_s, IndexVisit visit, void *context) {
    return each_row(index, "SELECT 0, hash, bytes, '' FROM object WHERE hash IN (" UNUSED_OBJECTS ") ORDER BY hash",
                    before_s, visit, context);
}

Error *index_each_unused_record(Index *index, int64_t before_s, IndexVisit visit, void *context) {
    return each_row(index,
                    "SELECT r.kind, r.key, 0, r.name FROM record r WHERE EXISTS (SELECT 1 FROM names n WHERE"
                    " n.kind = r.kind AND n.key = r.key AND n.is_output = 1 AND n.hash IN (" UNUSED_OBJECTS "))"
                    " OR (r.used_s < ?1 AND NOT EXISTS (SELECT 1 FROM names n WHERE n.kind = r.kind AND n.key = r.key"
                    " AND n.is_output = 1)) ORDER BY r.name, r.kind, r.key",
                    before_s, visit, context);
}

Error *index_each_unused_download(Index *index, int64_t before_s, IndexVisit visit, void *context) {
    return each_row(index, "SELECT 0, hash, bytes, '' FROM download WHERE used_s < ?1 ORDER BY hash", before_s, visit,
                    context);
}
