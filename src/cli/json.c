#include "cli/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 character at `text`, 0 where there is none
 * (RFC 3629, section 4). */
static size_t utf8_length(const unsigned char *text)
{
    unsigned char lead = text[0];
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if (lead == 0xe0 && text[1] < 0xa0) return 0; /* overlong */
    if (lead == 0xed && text[1] > 0x9f) return 0; /* surrogates */
    if (lead == 0xf0 && text[1] < 0x90) return 0; /* overlong */
    if (lead == 0xf4 && text[1] > 0x8f) return 0; /* above U+10FFFF */
    return length;
}

static void write_string(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t length = utf8_length(at);
        if (length == 0)
            fputs("\\ufffd", stream);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(stream, "\\u%04x", *at);
        else if (*at == '"' || *at == '\\')
            fprintf(stream, "\\%c", *at);
        else
            fwrite(at, 1, length, stream);
        at += length == 0 ? 1 : length;
    }
    fputc('"', stream);
}

void vg_cli_json_begin(vg_cli_json *json, const char *event)
{
    json->text = NULL;
    json->stream = open_memstream(&json->text, &json->size);
    if (json->stream == NULL) return;
    fputs("{\"event\": ", json->stream);
    write_string(json->stream, event);
}

static void write_key(vg_cli_json *json, const char *key)
{
    fputs(", ", json->stream);
    write_string(json->stream, key);
    fputs(": ", json->stream);
}

void vg_cli_json_text(vg_cli_json *json, const char *key, const char *value)
{
    if (json->stream == NULL) return;
    write_key(json, key);
    if (value != NULL)
        write_string(json->stream, value);
    else
        fputs("null", json->stream);
}

void vg_cli_json_count(vg_cli_json *json, const char *key, uint64_t value)
{
    if (json->stream == NULL) return;
    write_key(json, key);
    fprintf(json->stream, "%" PRIu64, value);
}

void vg_cli_json_number(vg_cli_json *json, const char *key, double value)
{
    if (json->stream == NULL) return;
    write_key(json, key);
    if (isfinite(value))
        fprintf(json->stream, "%.9g", value);
    else
        fputs("null", json->stream);
}

void vg_cli_json_send(vg_cli_json *json)
{
    if (json->stream == NULL) return;
    fputs("}\n", json->stream);
    if (fclose(json->stream) == 0) fwrite(json->text, 1, json->size, stderr);
    free(json->text);
    json->stream = NULL;
}
