// The rules of UAX 29 that matter for text in specs: CR LF, Hangul syllables, combining marks, joiners, flags, emoji
// sequences. Looking for a border goes back to a code point that surely begins a cluster.
#include "specs/lang/grapheme.h"
#include "base/utf8.h"

typedef struct Range {
    uint32_t from, to;
} Range;

// Extend and SpacingMark of common scripts, sorted.
static const Range marks[] = {
    {0x300, 0x36f},     {0x483, 0x489},     {0x591, 0x5bd},     {0x5bf, 0x5bf},   {0x5c1, 0x5c2},   {0x5c4, 0x5c5},
    {0x610, 0x61a},     {0x64b, 0x65f},     {0x670, 0x670},     {0x6d6, 0x6dc},   {0x6df, 0x6e4},   {0x6e7, 0x6e8},
    {0x6ea, 0x6ed},     {0x900, 0x903},     {0x93a, 0x93c},     {0x93e, 0x94f},   {0x951, 0x957},   {0x962, 0x963},
    {0x981, 0x983},     {0x9bc, 0x9bc},     {0x9be, 0x9cd},     {0xa01, 0xa03},   {0xa3c, 0xa51},   {0xb82, 0xb82},
    {0xbbe, 0xbcd},     {0xe31, 0xe31},     {0xe33, 0xe3a},     {0xe47, 0xe4e},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x200c, 0x200d},   {0x20d0, 0x20f0},   {0x302a, 0x302f},   {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0x1f3fb, 0x1f3ff}, {0xe0020, 0xe007f}, {0xe0100, 0xe01ef},
};

static bool is_mark(uint32_t c) {
    size_t low = 0, high = sizeof marks / sizeof *marks;
    if (c < marks[0].from)
        return false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > marks[middle].to)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof marks / sizeof *marks && c >= marks[low].from;
}

static bool is_flag(uint32_t c) {
    return c >= 0x1f1e6 && c <= 0x1f1ff;
}

static bool is_pictograph(uint32_t c) {
    return (c >= 0x1f300 && c <= 0x1faff && !(c >= 0x1f3fb && c <= 0x1f3ff)) || (c >= 0x2600 && c <= 0x27bf) ||
           (c >= 0x2190 && c <= 0x21ff) || c == 0xa9 || c == 0xae;
}

typedef enum Hangul { HANGUL_NONE, HANGUL_L, HANGUL_V, HANGUL_T, HANGUL_LV, HANGUL_LVT } Hangul;

static Hangul hangul(uint32_t c) {
    if (c >= 0x1100 && c <= 0x115f)
        return HANGUL_L;
    if (c >= 0x1160 && c <= 0x11a7)
        return HANGUL_V;
    if (c >= 0x11a8 && c <= 0x11ff)
        return HANGUL_T;
    if (c >= 0xac00 && c <= 0xd7a3)
        return (c - 0xac00) % 28 ? HANGUL_LVT : HANGUL_LV;
    return HANGUL_NONE;
}

static bool hangul_joins(Hangul a, Hangul b) {
    return (a == HANGUL_L && (b == HANGUL_L || b == HANGUL_V || b == HANGUL_LV || b == HANGUL_LVT)) ||
           ((a == HANGUL_LV || a == HANGUL_V) && (b == HANGUL_V || b == HANGUL_T)) ||
           ((a == HANGUL_LVT || a == HANGUL_T) && b == HANGUL_T);
}

size_t grapheme_decode(Str text, size_t at, uint32_t *out) {
    size_t len = utf8_decode(str_slice(text, at, text.len), out);
    if (len == 0) {
        *out = 0xfffd;
        return 1;
    }
    return len;
}

size_t grapheme_end(Str text, size_t at) {
    uint32_t previous = 0, c = 0;
    at += grapheme_decode(text, at, &previous);
    bool flag = is_flag(previous), picture = is_pictograph(previous);
    if (previous == '\r' && at < text.len && text.ptr[at] == '\n')
        return at + 1;
    if (previous < 0x20)
        return at;
    while (at < text.len) {
        size_t len = grapheme_decode(text, at, &c);
        bool joins = is_mark(c) || hangul_joins(hangul(previous), hangul(c)) || (flag && is_flag(c)) ||
                     (picture && previous == 0x200d && is_pictograph(c));
        if (!joins)
            return at;
        flag = false;
        previous = c;
        at += len;
    }
    return at;
}

enum { CLUSTER_MAX = 64 }; // code points to look back: no cluster that means anything is longer

static bool may_join(uint32_t c) {
    return is_mark(c) || is_flag(c) || is_pictograph(c) || hangul(c) != HANGUL_NONE || c == '\n';
}

bool grapheme_border(Str text, size_t at) {
    if (at == 0 || at >= text.len)
        return true;
    if (((unsigned char)text.ptr[at] & 0xc0) == 0x80)
        return false;
    size_t start = at;
    for (int i = 0; i < CLUSTER_MAX && start > 0; i++) {
        uint32_t c = 0;
        do
            start--;
        while (start > 0 && ((unsigned char)text.ptr[start] & 0xc0) == 0x80);
        (void)grapheme_decode(text, start, &c);
        if (!may_join(c)) // a cluster begins here for certain
            break;
    }
    while (start < at)
        start = grapheme_end(text, start);
    return start == at;
}
