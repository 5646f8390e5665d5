/* Events for programs: one JSON object a line on standard error. */
#ifndef VG_CLI_REPORTING_JSON_EVENTS_H
#define VG_CLI_REPORTING_JSON_EVENTS_H

#include <stdint.h>
#include <stdio.h>

typedef struct vg_cli_json {
    FILE *stream; /* NULL where memory ran out: the event is lost, the run goes on */
    char *text;
    size_t size;
} vg_cli_json;

void vg_cli_json_begin(vg_cli_json *json, const char *event);
/* NULL or an empty text is null: not known. Bytes that are not UTF-8 become \xNN. */
void vg_cli_json_text(vg_cli_json *json, const char *key, const char *value);
void vg_cli_json_count(vg_cli_json *json, const char *key, uint64_t value);
/* Anything but a finite number is null. */
void vg_cli_json_number(vg_cli_json *json, const char *key, double value);
/* Writes the event whole and frees it. */
void vg_cli_json_send(vg_cli_json *json);

#endif
