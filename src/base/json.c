#include "base/json.h"

#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

static void skip_space(vg_json *json)
{
    while (json->next < json->end && (*json->next == ' ' || *json->next == '\t' ||
                                      *json->next == '\n' || *json->next == '\r'))
        json->next++;
}

bool vg_json_take(vg_json *json, char punctuation)
{
    skip_space(json);
    if (json->next == json->end || *json->next != punctuation) return false;
    json->next++;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Characters of the escape after a backslash, or 0 if there is no such escape. */
static size_t escape_size(const char *text, const char *end)
{
    if (text == end || *text == '\0') return 0;
    if (strchr("\"\\/bfnrt", *text) != NULL) return 1;
    if (*text != 'u' || end - text < 5) return 0;
    for (int i = 1; i < 5; i++)
        if (!is_hex(text[i])) return 0;
    return 5;
}

bool vg_json_take_string(vg_json *json, vg_json_string *string)
{
    skip_space(json);
    const char *next = json->next;
    if (next == json->end || *next != '"') return false;
    string->text = ++next;
    while (next < json->end && *next != '"') {
        if ((unsigned char)*next < ' ') return false;
        if (*next++ != '\\') continue;
        size_t size = escape_size(next, json->end);
        if (size == 0) return false;
        next += size;
    }
    if (next == json->end) return false;
    string->size = (size_t)(next - string->text);
    json->next = next + 1;
    return true;
}

bool vg_json_take_number(vg_json *json, uint64_t *number)
{
    skip_space(json);
    const char *next = json->next;
    uint64_t value = 0;
    while (next < json->end && *next >= '0' && *next <= '9') {
        uint64_t digit = (uint64_t)(*next - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
        next++;
    }
    if (next == json->next || (*json->next == '0' && next - json->next > 1)) return false;
    if (next < json->end && (*next == '.' || *next == 'e' || *next == 'E')) return false;
    json->next = next;
    *number = value;
    return true;
}

bool vg_json_at_end(vg_json *json)
{
    skip_space(json);
    return json->next == json->end;
}

bool vg_json_equal(vg_json_string string, const char *text)
{
    return string.size == strlen(text) && memcmp(string.text, text, string.size) == 0;
}

bool vg_json_copy_plain(vg_json_string string, char *text, size_t capacity)
{
    if (string.size >= capacity) return false;
    for (size_t i = 0; i < string.size; i++)
        if (string.text[i] < ' ' || string.text[i] > '~' || string.text[i] == '\\') return false;
    memcpy(text, string.text, string.size);
    text[string.size] = '\0';
    return true;
}

/* The number of a well-formed character of at most three bytes. */
static unsigned code_point(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (length == 1) return bytes[0];
    if (length == 2) return (bytes[0] & 0x1fU) << 6 | (bytes[1] & 0x3fU);
    return (bytes[0] & 0x0fU) << 12 | (bytes[1] & 0x3fU) << 6 | (bytes[2] & 0x3fU);
}

/* Returns how many bytes of `text` that was. */
static size_t write_character(FILE *out, const char *text, size_t left)
{
    size_t length = vg_utf8_length(text, left);
    if (length == 0) {
        fprintf(out, "\\\\x%02x", (unsigned char)*text);
        return 1;
    }
    if (vg_printable_length(text, left) == 0)
        fprintf(out, "\\u%04x", code_point(text, length));
    else if (*text == '"' || *text == '\\')
        fprintf(out, "\\%c", *text);
    else
        fwrite(text, 1, length, out);
    return length;
}

void vg_json_write_string(FILE *out, const char *text)
{
    size_t left = strlen(text);
    fputc('"', out);
    while (left > 0) {
        size_t length = write_character(out, text, left);
        text += length;
        left -= length;
    }
    fputc('"', out);
}
