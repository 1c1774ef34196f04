#include "base/utf8.h"

size_t utf8_decode(Str text, uint32_t *point_out) {
    if (text.len == 0)
        return 0;
    unsigned char first = (unsigned char)text.ptr[0];
    if (first < 0x80) {
        *point_out = first;
        return 1;
    }
    size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.len < size)
        return 0;
    uint32_t point = first & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        unsigned char next = (unsigned char)text.ptr[i];
        if ((next & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (next & 0x3F);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < least[size] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return 0;
    *point_out = point;
    return size;
}

void utf8_add(Buf *out, uint32_t point) {
    if (point < 0x80) {
        buf_add_byte(out, (char)point);
        return;
    }
    char bytes[4];
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3F));
    bytes[0] = (char)((0xF0u << (4 - size)) | point);
    buf_add(out, bytes, size);
}

size_t utf8_count(Str text) {
    size_t count = 0;
    for (uint32_t point; text.len; count++) {
        size_t size = utf8_decode(text, &point);
        text = str_slice(text, size ? size : 1, text.len);
    }
    return count;
}

size_t utf8_valid_len(Str text) {
    size_t at = 0;
    while (at < text.len) {
        uint64_t word;
        while (text.len - at >= sizeof word) { // ASCII, eight at a time
            memcpy(&word, text.ptr + at, sizeof word);
            if (word & 0x8080808080808080u)
                break;
            at += sizeof word;
        }
        uint32_t point;
        size_t size = at < text.len ? utf8_decode(str_slice(text, at, text.len), &point) : 0;
        if (size == 0)
            break;
        at += size;
    }
    return at;
}

bool utf8_is_valid(Str text) {
    return utf8_valid_len(text) == text.len;
}
