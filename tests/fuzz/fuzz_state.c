/* Any bytes to the readers of a run's saved state: what verger writes, or a reason. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "history/part_record.h"
#include "history/run_plan.h"

static void parse_plan(const uint8_t *data, size_t size)
{
    vg_saved_plan plan;
    vg_error error = {{0}};
    char *json = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(json != NULL);
    memcpy(json, data, size);
    if (vg_plan_parse(&plan, json, size, &error) == VG_OK) {
        FUZZ_CHECK(strlen(plan.uuid) < VG_UUID_CHARS);
        FUZZ_CHECK(strlen(plan.base) < VG_TIMESTAMP_CHARS);
        FUZZ_CHECK(plan.parts <= plan.images);
    } else {
        FUZZ_CHECK(error.message[0] != '\0');
    }
    vg_plan_free(&plan);
}

static void parse_record(const uint8_t *data, size_t size)
{
    vg_part_record record;
    vg_error error = {{0}};
    vg_format format;
    if (vg_part_record_parse(&record, (const char *)data, size, &error) != VG_OK) {
        FUZZ_CHECK(error.message[0] != '\0');
        return;
    }
    FUZZ_CHECK(record.failed <= record.images && record.files.count <= VG_PART_FILES);
    for (size_t i = 0; i < record.files.count; i++) {
        FUZZ_CHECK(strlen(record.files.items[i].path) < VG_FILE_CHARS);
        FUZZ_CHECK(strlen(record.files.items[i].digest.sha256) < VG_SHA256_CHARS);
    }
    vg_part_record_file(&record, VG_TABLE_FEATURES, "20250131_235959", &format);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse_plan(data, size);
    parse_record(data, size);
    return 0;
}
