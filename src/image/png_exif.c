/* The orientation of a PNG, wherever Pillow's ImageOps.exif_transpose finds one: in eXIf,
 * else in the text "Raw profile type exif" of ImageMagick, else in XMP. The last chunk of each
 * kind counts. libpng's push reader of some versions does not know eXIf. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/error.h"
#include "image/image.h"

enum {
    SIGNATURE_BYTES = 8,
    LENGTH_BYTES = 4,
    NAME_BYTES = 4,
    CHECKSUM_BYTES = 4,
    MAX_TEXT_BYTES = 1 << 20, /* of one text; Pillow refuses more */
    PROFILE_HEAD_LINES = 3,   /* an empty one, "exif", the size */
};

typedef struct span {
    const uint8_t *data;
    size_t size;
} span;

/* A text that may have to be inflated. */
typedef struct text {
    span bytes;
    int is_compressed, is_there;
} text;

typedef struct metadata {
    span exif;
    int has_exif;
    text profile, xmp;
} metadata;

/* --- Chunks ------------------------------------------------------------- */

/* What is in front of the next NUL; `rest` goes past it. Returns 0 where there is none. */
static int split(span *rest, span *head)
{
    const uint8_t *nul = rest->size > 0 ? memchr(rest->data, 0, rest->size) : NULL;
    if (nul == NULL) return 0;
    *head = (span){rest->data, (size_t)(nul - rest->data)};
    *rest = (span){nul + 1, rest->size - head->size - 1};
    return 1;
}

static int is_named(span name, const char *expected)
{
    return name.size == strlen(expected) && memcmp(name.data, expected, name.size) == 0;
}

static void skip(span *rest, size_t bytes)
{
    rest->data += bytes;
    rest->size -= bytes;
}

/* tEXt, zTXt and iTXt (PNG specification, 11.3.4): a keyword, what tells how it is
 * compressed, in iTXt two texts more, the text. */
static void note_text(metadata *found, const uint8_t *kind, span body)
{
    span keyword, other;
    if (!split(&body, &keyword)) return;
    int is_compressed = kind[0] == 'z';
    if (kind[0] == 'z') {
        if (body.size < 1 || body.data[0] != 0) return;
        skip(&body, 1);
    } else if (kind[0] == 'i') {
        if (body.size < 2) return;
        is_compressed = body.data[0] != 0;
        if (is_compressed && body.data[1] != 0) return;
        skip(&body, 2);
        if (!split(&body, &other) || !split(&body, &other)) return;
    }
    const text noted = {body, is_compressed, 1};
    if (is_named(keyword, "Raw profile type exif")) found->profile = noted;
    if (is_named(keyword, "XML:com.adobe.xmp")) found->xmp = noted;
}

static size_t big_endian(const uint8_t *at)
{
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

static metadata find_metadata(const uint8_t *data, size_t size)
{
    metadata found = {0};
    size_t offset = SIGNATURE_BYTES;
    while (size - offset >= LENGTH_BYTES + NAME_BYTES) {
        size_t length = big_endian(data + offset);
        const uint8_t *name = data + offset + LENGTH_BYTES;
        offset += LENGTH_BYTES + NAME_BYTES;
        if (size - offset < length) break;
        const span body = {data + offset, length};
        if (memcmp(name, "eXIf", NAME_BYTES) == 0) {
            found.exif = body;
            found.has_exif = 1;
        } else if (memcmp(name + 1, "TXt", 3) == 0 || memcmp(name, "tEXt", NAME_BYTES) == 0) {
            note_text(&found, name, body);
        }
        offset += length;
        if (size - offset < CHECKSUM_BYTES) break;
        offset += CHECKSUM_BYTES;
    }
    return found;
}

/* --- Texts -------------------------------------------------------------- */

/* Into `to` of MAX_TEXT_BYTES; none where it is damaged or longer. */
static span inflate_text(text source, uint8_t *to)
{
    uLongf size = MAX_TEXT_BYTES;
    uLong bytes = source.bytes.size;
    if (uncompress2(to, &size, source.bytes.data, &bytes) != Z_OK) size = 0;
    return (span){to, size};
}

static int hex_digit(int c)
{
    return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

/* Hexadecimal digits behind some lines, in place. */
static span profile_bytes(span source, uint8_t *to)
{
    size_t at = 0, size = 0;
    for (int lines = 0; at < source.size && lines < PROFILE_HEAD_LINES; at++)
        lines += source.data[at] == '\n';
    for (int half = 0, high = 0; at < source.size; at++) {
        int c = source.data[at];
        if (isspace(c)) continue;
        if (!isxdigit(c)) return (span){to, 0};
        if (half)
            to[size++] = (uint8_t)(high << 4 | hex_digit(c));
        else
            high = hex_digit(c);
        half = !half;
    }
    return (span){to, size};
}

/* The digit of the first tiff:Orientation="6" or <tiff:Orientation>6. */
static int xmp_orientation(span source)
{
    static const char name[] = "tiff:Orientation";
    const size_t length = sizeof name - 1;
    for (size_t i = 0; i + length + 2 <= source.size; i++) {
        const uint8_t *at = source.data + i;
        if (memcmp(at, name, length) != 0) continue;
        at += length;
        size_t left = source.size - i - length;
        if (at[0] == '>' && isdigit(at[1])) return at[1] - '0';
        if (left > 2 && at[0] == '=' && at[1] == '"' && isdigit(at[2])) return at[2] - '0';
    }
    return 0;
}

static span text_of(text source, uint8_t *buffer)
{
    return source.is_compressed ? inflate_text(source, buffer) : source.bytes;
}

static int search(const metadata *found, uint8_t *buffer)
{
    int orientation = 0;
    span exif = found->exif;
    if (!found->has_exif && found->profile.is_there) {
        span profile = text_of(found->profile, buffer);
        exif = profile.size <= MAX_TEXT_BYTES ? profile_bytes(profile, buffer) : (span){buffer, 0};
    }
    if (vg_exif_find_orientation(exif.data, exif.size, &orientation)) return orientation;
    return found->xmp.is_there ? xmp_orientation(text_of(found->xmp, buffer)) : 0;
}

vg_status vg_png_orientation(const uint8_t *data, size_t size, int *orientation, vg_error *error)
{
    const metadata found = find_metadata(data, size);
    uint8_t *buffer = NULL;
    *orientation = 1;
    if (found.profile.is_there || found.xmp.is_there) {
        buffer = malloc(MAX_TEXT_BYTES);
        if (buffer == NULL) return vg_fail_memory(error, MAX_TEXT_BYTES);
    }
    int value = search(&found, buffer);
    if (value > 1 && value <= 8) *orientation = value;
    free(buffer);
    return VG_OK;
}
