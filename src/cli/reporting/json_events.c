#include "cli/reporting/json_events.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"

void vg_cli_json_begin(vg_cli_json *json, const char *event)
{
    json->text = NULL;
    json->stream = open_memstream(&json->text, &json->size);
    if (json->stream == NULL) return;
    fputs("{\"event\": ", json->stream);
    vg_json_write_string(json->stream, event);
}

static void write_key(vg_cli_json *json, const char *key)
{
    fputs(", ", json->stream);
    vg_json_write_string(json->stream, key);
    fputs(": ", json->stream);
}

void vg_cli_json_text(vg_cli_json *json, const char *key, const char *value)
{
    if (json->stream == NULL) return;
    write_key(json, key);
    if (value != NULL && value[0] != '\0')
        vg_json_write_string(json->stream, value);
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
