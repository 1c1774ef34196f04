// libarchive would say "unrecognized" to a format that is switched off; a person wants to read which one it is. Nothing
// is decided by this table but which of our three readers tries, and the wording of a refusal.
#include "cache/worker/sniff.h"

#include "base/mem.h"

typedef struct Magic {
    size_t offset;
    Str bytes;
    SniffKind kind;
    const char *name;
} Magic;

static const Magic magics[] = {
    {0, STR_INIT("PK\x03\x04"), SNIFF_ZIP, "zip"},
    {0, STR_INIT("PK\x05\x06"), SNIFF_ZIP, "zip"},
    {0, STR_INIT("!<arch>\n"), SNIFF_AR, "ar"},
    {0, STR_INIT("Rar!\x1a\x07"), SNIFF_REFUSED, "RAR"},
    {0, STR_INIT("7z\xbc\xaf\x27\x1c"), SNIFF_REFUSED, "7-Zip"},
    {0x8001, STR_INIT("CD001"), SNIFF_REFUSED, "ISO 9660"},
    {0, STR_INIT("#mtree"), SNIFF_REFUSED, "mtree"},
    {2, STR_INIT("-lh0-"), SNIFF_REFUSED, "LHA"},
    {2, STR_INIT("-lh5-"), SNIFF_REFUSED, "LHA"},
    {2, STR_INIT("-lh6-"), SNIFF_REFUSED, "LHA"},
    {2, STR_INIT("-lh7-"), SNIFF_REFUSED, "LHA"},
    {0, STR_INIT("070701"), SNIFF_REFUSED, "cpio"},
    {0, STR_INIT("070702"), SNIFF_REFUSED, "cpio"},
    {0, STR_INIT("070707"), SNIFF_REFUSED, "cpio"},
    {0, STR_INIT("\xc7\x71"), SNIFF_REFUSED, "cpio"},
    {0, STR_INIT("MSCF"), SNIFF_REFUSED, "cabinet"},
    {0, STR_INIT("xar!"), SNIFF_REFUSED, "xar"},
    {0, STR_INIT("WARC/"), SNIFF_REFUSED, "WARC"},
    {0, STR_INIT("\xed\xab\xee\xdb"), SNIFF_REFUSED, "RPM"},
    {0, STR_INIT("\x1f\x9d"), SNIFF_REFUSED, "compress (.Z)"},
    {0, STR_INIT("LZIP"), SNIFF_REFUSED, "lzip"},
    {0, STR_INIT("\x89LZO"), SNIFF_REFUSED, "lzop"},
    {0, STR_INIT("LRZI"), SNIFF_REFUSED, "lrzip"},
    {0, STR_INIT("\x04\x22\x4d\x18"), SNIFF_REFUSED, "lz4"},
    {0, STR_INIT("hsqs"), SNIFF_REFUSED, "SquashFS"},
};

SniffKind sniff(Str head, const char **name_out) {
    *name_out = "";
    if (head.len == 0)
        return SNIFF_EMPTY;
    // A tar's first name may look like any of these; its own mark is decisive.
    if (head.len >= 262 && memcmp(head.ptr + 257, "ustar", 5) == 0)
        return SNIFF_STREAM;
    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        const Magic *magic = &magics[i];
        if (head.len < magic->offset + magic->bytes.len ||
            memcmp(head.ptr + magic->offset, magic->bytes.ptr, magic->bytes.len) != 0)
            continue;
        *name_out = magic->name;
        return magic->kind;
    }
    return SNIFF_STREAM;
}
