// The canonical manifest. Invariant: one tree has exactly one encoding, and decode accepts no other bytes, so equal
// hashes mean equal trees.
#include "store/tree.h"

#include "base/path.h"

static const char tree_magic[16] = "minimal tree 1\n"; // with its NUL

int tree_entry_compare(const void *a, const void *b) {
    return str_compare(((const TreeEntry *)a)->path, ((const TreeEntry *)b)->path);
}

void tree_encode(const TreeEntry *entries, size_t count, Buf *out) {
    buf_add(out, tree_magic, sizeof tree_magic);
    buf_add_u64(out, count);
    for (size_t i = 0; i < count; i++) {
        const TreeEntry *entry = &entries[i];
        buf_add_u8(out, (uint8_t)entry->kind);
        buf_add_framed(out, entry->path);
        if (entry->kind == TREE_LINK) {
            buf_add_framed(out, entry->link_target);
        } else {
            buf_add_u64(out, entry->size_bytes);
            buf_add(out, entry->sha256.bytes, HASH_SIZE);
        }
    }
}

typedef struct Reader {
    const unsigned char *at;
    size_t left;
    bool short_read; // something was asked for that is not there
} Reader;

static uint64_t read_u64(Reader *reader) {
    uint64_t value = 0;
    if (reader->left < 8) {
        reader->short_read = true;
        return 0;
    }
    for (int i = 7; i >= 0; i--)
        value = value << 8 | reader->at[i];
    reader->at += 8;
    reader->left -= 8;
    return value;
}

static Str read_bytes(Reader *reader, uint64_t len) {
    if (reader->short_read || len > reader->left) {
        reader->short_read = true;
        return STR_NULL;
    }
    Str bytes = {(const char *)reader->at, (size_t)len};
    reader->at += len;
    reader->left -= (size_t)len;
    return bytes;
}

static Error *read_entry(Reader *reader, TreeEntry *entry) {
    Str kind = read_bytes(reader, 1);
    entry->path = read_bytes(reader, read_u64(reader));
    if (reader->short_read)
        return NULL;
    unsigned char number = (unsigned char)kind.ptr[0];
    if (number > TREE_LINK)
        return error_new(ERROR_INVALID, "an entry has the unknown kind %u", number);
    entry->kind = (TreeEntryKind)number;
    if (entry->kind == TREE_LINK) {
        entry->link_target = read_bytes(reader, read_u64(reader));
        return NULL;
    }
    entry->size_bytes = read_u64(reader);
    Str hash = read_bytes(reader, HASH_SIZE);
    if (!reader->short_read)
        memcpy(entry->sha256.bytes, hash.ptr, HASH_SIZE);
    return NULL;
}

Error *tree_decode(Str bytes, Arena *arena, Tree *out) {
    enum { ENTRY_MIN = 1 + 8 + 8 }; // kind, and two lengths or more
    Reader reader = {(const unsigned char *)bytes.ptr, bytes.len, false};
    Str magic = read_bytes(&reader, sizeof tree_magic);
    if (reader.short_read || memcmp(magic.ptr, tree_magic, sizeof tree_magic) != 0)
        return error_new(ERROR_INVALID, "not a manifest of version 1");
    uint64_t count = read_u64(&reader);
    if (!reader.short_read && count > reader.left / ENTRY_MIN)
        reader.short_read = true;
    if (reader.short_read)
        return error_new(ERROR_INVALID, "the manifest is cut short");
    if (count > TREE_ENTRIES_MAX)
        return error_new(ERROR_LIMIT, "more than %d entries in one tree", TREE_ENTRIES_MAX);
    TreeEntry *entries = ARENA_ARRAY(arena, TreeEntry, (size_t)count);
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        TRY(read_entry(&reader, &entries[i]));
        if (reader.short_read)
            return error_new(ERROR_INVALID, "the manifest is cut short");
        size += entries[i].size_bytes;
        if (entries[i].size_bytes > TREE_SIZE_MAX || size > TREE_SIZE_MAX)
            return error_new(ERROR_LIMIT, "the files of one tree are larger than 64 GiB");
    }
    if (reader.left != 0)
        return error_new(ERROR_INVALID, "%zu bytes behind the manifest's end", reader.left);
    TRY(tree_check(entries, (size_t)count));
    *out = (Tree){hash_bytes(bytes), entries, (size_t)count, size};
    return NULL;
}

static Error *check_entry(const TreeEntry *entry) {
    if (entry->path.len > TREE_PATH_MAX)
        return error_new(ERROR_LIMIT, "a path of more than %d bytes: %.*s...", TREE_PATH_MAX, 60, entry->path.ptr);
    if (!path_is_safe_relative(entry->path))
        return error_new(ERROR_INVALID, "'%.*s' is no path inside a tree", STR_ARG(entry->path));
    if (entry->kind != TREE_LINK)
        return NULL;
    Str target = entry->link_target;
    if (target.len == 0 || target.len > TREE_PATH_MAX || str_find_byte(target, '\0') >= 0)
        return error_new(ERROR_INVALID, "the link %.*s has no valid target", STR_ARG(entry->path));
    return NULL;
}

// Whether some entry lies below `path`, taken as a directory: the entries are sorted, so the first path that is not
// less than "path/" tells.
static bool has_entries_below(const TreeEntry *entries, size_t count, size_t from, Str path) {
    size_t low = from, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        Str other = entries[middle].path;
        size_t common = other.len < path.len ? other.len : path.len;
        int order = memcmp(other.ptr, path.ptr, common);
        bool less = order < 0 || (order == 0 && (other.len <= path.len || other.ptr[path.len] < '/'));
        if (less)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == count)
        return false;
    Str found = entries[low].path;
    return found.len > path.len && found.ptr[path.len] == '/' && memcmp(found.ptr, path.ptr, path.len) == 0;
}

Error *tree_check(const TreeEntry *entries, size_t count) {
    if (count > TREE_ENTRIES_MAX)
        return error_new(ERROR_LIMIT, "more than %d entries in one tree", TREE_ENTRIES_MAX);
    for (size_t i = 0; i < count; i++) {
        TRY(check_entry(&entries[i]));
        if (i > 0 && str_compare(entries[i - 1].path, entries[i].path) >= 0)
            return error_new(ERROR_INVALID, "'%.*s' is out of order", STR_ARG(entries[i].path));
        if (has_entries_below(entries, count, i + 1, entries[i].path))
            return error_new(ERROR_INVALID, "'%.*s' is a file and a directory", STR_ARG(entries[i].path));
    }
    return NULL;
}

// Length of the common directory part of two paths, its last slash included.
static size_t common_directory(Str a, Str b) {
    size_t end = 0, limit = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < limit && a.ptr[i] == b.ptr[i]; i++)
        if (a.ptr[i] == '/')
            end = i + 1;
    return end;
}

// In byte order all that begins with "dir/" stands together, so a directory is new exactly when the entry before lies
// outside of it.
Error *tree_each_directory(const TreeEntry *entries, size_t count, TreeDirectoryFn visit, void *context) {
    Str previous = {"", 0};
    for (size_t i = 0; i < count; i++) {
        Str path = entries[i].path;
        for (size_t at = common_directory(previous, path); at < path.len; at++)
            if (path.ptr[at] == '/')
                TRY(visit(context, str_slice(path, 0, at), i));
        previous = path;
    }
    return NULL;
}
