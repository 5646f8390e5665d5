#include "base/escape.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

static const char digits[] = "0123456789abcdef";

/* --- What stays --------------------------------------------------------------------- */

size_t vg_printable_length(const char *text, size_t size)
{
    size_t length = vg_utf8_length(text, size);
    unsigned char byte = (unsigned char)*text;
    if (length == 1) return byte >= 0x20 && byte != 0x7f;
    if (length == 2) return byte == 0xc2 && (unsigned char)text[1] < 0xa0 ? 0 : length; /* C1 */
    if (length != 3 || byte != 0xe2) return length;
    unsigned char middle = (unsigned char)text[1], last = (unsigned char)text[2];
    bool turns = (middle == 0x80 && last >= 0xa8 && last <= 0xae) || /* U+2028 to U+202E */
                 (middle == 0x81 && last >= 0xa6 && last <= 0xa9);   /* U+2066 to U+2069 */
    return turns ? 0 : length;
}

/* The value of a digit as vg_escape writes it; -1 for another character. */
static int digit_value(char character)
{
    const char *digit = character != '\0' ? strchr(digits, character) : NULL;
    return digit != NULL ? (int)(digit - digits) : -1;
}

static bool is_escape(const char *text, size_t size)
{
    return size >= VG_ESCAPE_CHARS && text[0] == '\\' && text[1] == 'x' &&
           digit_value(text[2]) >= 0 && digit_value(text[3]) >= 0;
}

size_t vg_name_length(const char *text, size_t size)
{
    return is_escape(text, size) ? 0 : vg_utf8_length(text, size);
}

size_t vg_printable_name_length(const char *text, size_t size)
{
    return is_escape(text, size) ? 0 : vg_printable_length(text, size);
}

/* --- There and back ------------------------------------------------------------------- */

size_t vg_escape(char *escaped, size_t capacity, const char *text, size_t size,
                 vg_kept_length *kept)
{
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        size_t length = kept(text + i, size - i);
        size_t written = length > 0 ? length : VG_ESCAPE_CHARS;
        if (used + written >= capacity) break;
        if (length > 0) {
            memcpy(escaped + used, text + i, length);
        } else {
            unsigned char byte = (unsigned char)text[i];
            const char escape[VG_ESCAPE_CHARS] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
            memcpy(escaped + used, escape, sizeof escape);
        }
        used += written;
        i += length > 0 ? length : 1;
    }
    escaped[used] = '\0';
    return used;
}

size_t vg_unescape(char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < size; used++) {
        if (is_escape(text + i, size - i)) {
            text[used] = (char)(digit_value(text[i + 2]) << 4 | digit_value(text[i + 3]));
            i += VG_ESCAPE_CHARS;
        } else {
            text[used] = text[i++];
        }
    }
    return used;
}
