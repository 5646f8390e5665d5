/* PBM, PGM and PPM, plain and raw, and Pillow's PFM of one channel, to the bytes of Pillow 10
 * (PpmImagePlugin.py). No library in use reads them. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "image/decoding.h"
#include "image/pixels.h"

enum { MAX_TOKEN = 10, MAX_VALUE = 65535 };

typedef struct pnm {
    vg_decoding *decoding;
    const uint8_t *at, *end;
    char kind; /* '1' to '6', 'f' */
    unsigned width, height, max_value;
    float scale; /* of PFM */
    int channels;
} pnm;

static int is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static vg_status is_damaged(const pnm *file, const char *what)
{
    return vg_fail(file->decoding->error, VG_EFORMAT, "the PNM is damaged: %s", what);
}

static vg_status ends_early(const pnm *file)
{
    return vg_decoding_ends_early(file->decoding, "PNM");
}

static void skip_comment(pnm *file)
{
    while (file->at < file->end && *file->at != '\n' && *file->at != '\r') file->at++;
    if (file->at < file->end) file->at++;
}

/* The next word and the space behind it; comments do not end a word. */
static vg_status read_token(pnm *file, char token[MAX_TOKEN + 1])
{
    int size = 0;
    while (file->at < file->end) {
        int c = *file->at++;
        if (c == '#') {
            skip_comment(file);
        } else if (is_space(c)) {
            if (size > 0) break;
        } else if (size == MAX_TOKEN) {
            return is_damaged(file, "a word of its header is too long");
        } else {
            token[size++] = (char)c;
        }
    }
    token[size] = '\0';
    return size > 0 ? VG_OK : ends_early(file);
}

static vg_status read_number(pnm *file, unsigned most, unsigned *value)
{
    char token[MAX_TOKEN + 1], *end;
    vg_status status = read_token(file, token);
    if (status != VG_OK) return status;
    unsigned long long number = strtoull(token, &end, 10);
    if (token[0] < '0' || token[0] > '9' || *end != '\0')
        return is_damaged(file, "a number is none");
    if (number > most) return is_damaged(file, "a number is too large");
    *value = (unsigned)number;
    return VG_OK;
}

static vg_status read_scale(pnm *file)
{
    char token[MAX_TOKEN + 1], *end;
    vg_status status = read_token(file, token);
    if (status != VG_OK) return status;
    file->scale = strtof(token, &end);
    if (*end != '\0' || file->scale == 0 || !isfinite(file->scale))
        return is_damaged(file, "its scale is not a number");
    return VG_OK;
}

static vg_status read_header(pnm *file)
{
    file->kind = (char)file->at[1];
    file->channels = file->kind == '3' || file->kind == '6' ? 3 : 1;
    file->max_value = 1;
    file->at += 2;
    if (!is_space(*file->at++)) return is_damaged(file, "no space follows its first two bytes");
    vg_status status = read_number(file, UINT32_MAX, &file->width);
    if (status == VG_OK) status = read_number(file, UINT32_MAX, &file->height);
    if (status != VG_OK || file->kind == '1' || file->kind == '4') return status;
    if (file->kind == 'f') return read_scale(file);
    status = read_number(file, MAX_VALUE, &file->max_value);
    if (status == VG_OK && file->max_value == 0)
        status = is_damaged(file, "its largest value is 0");
    return status;
}

/* Colour is scaled to a byte; grey of more than 255 values is scaled to 16 bits and clipped. */
static uint8_t scale(const pnm *file, unsigned value)
{
    if (file->max_value == 255) return (uint8_t)value;
    int is_wide = file->max_value > 255 && file->channels == 1;
    double most = is_wide ? MAX_VALUE : 255;
    double scaled = nearbyint((double)value / file->max_value * most);
    return (uint8_t)vg_clip_to_byte((int64_t)fmin(scaled, most));
}

/* A sample of a plain file; in PBM each digit is one. */
static vg_status read_plain(pnm *file, uint8_t *sample)
{
    if (file->kind != '1') {
        unsigned value;
        vg_status status = read_number(file, file->max_value, &value);
        *sample = status == VG_OK ? scale(file, value) : 0;
        return status;
    }
    while (file->at < file->end) {
        int c = *file->at++;
        if (c == '#')
            skip_comment(file);
        else if (c == '0' || c == '1')
            return *sample = c == '0' ? UINT8_MAX : 0, VG_OK;
        else if (!is_space(c))
            return is_damaged(file, "a pixel is neither 0 nor 1");
    }
    return ends_early(file);
}

static size_t row_bytes(const pnm *file)
{
    size_t samples = (size_t)file->width * (size_t)file->channels;
    if (file->kind == '4') return (samples + 7) / 8;
    if (file->kind == 'f') return samples * sizeof(float);
    return file->max_value > 255 ? samples * 2 : samples;
}

/* A value of PFM, whose byte order is the sign of its scale. */
static unsigned float_at(const pnm *file, const uint8_t *at)
{
    uint32_t bits = vg_le32(at);
    if (file->scale > 0) bits = __builtin_bswap32(bits);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value > 0 ? (unsigned)fminf(value, UINT8_MAX) : 0;
}

static uint8_t raw_sample(const pnm *file, const uint8_t *row, size_t i)
{
    if (file->kind == '4') return row[i / 8] >> (7 - i % 8) & 1 ? 0 : UINT8_MAX;
    if (file->kind == 'f') return (uint8_t)float_at(file, row + i * sizeof(float));
    if (file->max_value > 255) return scale(file, (unsigned)(row[2 * i] << 8 | row[2 * i + 1]));
    return scale(file, row[i]);
}

static vg_status read_row(pnm *file, uint8_t *rgb)
{
    size_t samples = (size_t)file->width * (size_t)file->channels;
    int is_plain = file->kind <= '3';
    const uint8_t *row = file->at;
    if (!is_plain) {
        if ((size_t)(file->end - file->at) < row_bytes(file)) return ends_early(file);
        file->at += row_bytes(file);
    }
    for (size_t i = 0; i < samples; i++) {
        uint8_t sample = 0;
        vg_status status = VG_OK;
        if (is_plain)
            status = read_plain(file, &sample);
        else
            sample = raw_sample(file, row, i);
        if (status != VG_OK) return status;
        if (file->channels == 3)
            *rgb++ = sample;
        else
            rgb = vg_put_grey(rgb, sample);
    }
    return VG_OK;
}

vg_status vg_decode_pnm(vg_decoding *decoding)
{
    pnm file = {.decoding = decoding, .at = decoding->data, .end = decoding->data + decoding->size};
    if (decoding->size < 3) return ends_early(&file);
    vg_status status = read_header(&file);
    if (status == VG_OK) status = vg_decoding_begin(decoding, file.width, file.height, 0);
    for (unsigned y = 0; status == VG_OK && y < file.height; y++) {
        size_t row = file.kind == 'f' ? file.height - 1 - y : y;
        status = read_row(&file, decoding->image->rgb + row * file.width * 3);
        if (status == VG_OK) status = vg_decoding_go_on(decoding, file.width);
    }
    return status;
}
