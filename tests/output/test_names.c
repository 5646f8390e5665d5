/* Timestamps, folders, parts and the JSON of model_info. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../io/folder.h"
#include "base/json.h"
#include "output/layout.h"
#include "output/timestamp.h"
#include "run/model_info.h"

static void timestamps_are_dates(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool is_valid;
    } cases[] = {
        {"20250131_235959", true},
        {"20240229_000000", true},
        {"20000229_120000", true},
        {"20250229_000000", false},
        {"19000229_000000", false},
        {"20250431_000000", false},
        {"20251301_000000", false},
        {"20250001_000000", false},
        {"20250101_240000", false},
        {"20250101_006000", false},
        {"20250101_000060", false},
        {"20250101-000000", false},
        {"20250101_00000", false},
        {"20250101_0000000", false},
        {"2025010a_000000", false},
        {"../20250101_000", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char timestamp[VG_TIMESTAMP_CHARS];
        vg_error error;
        vg_status status = vg_timestamp_choose(timestamp, cases[i].text, &error);
        if (status != (cases[i].is_valid ? VG_OK : VG_EINVAL))
            fail_msg("\"%s\" gives %s", cases[i].text, vg_status_name(status));
        if (status == VG_OK) assert_string_equal(timestamp, cases[i].text);
    }
}

static void a_run_without_a_name_takes_the_time(void **state)
{
    (void)state;
    char timestamp[VG_TIMESTAMP_CHARS], again[VG_TIMESTAMP_CHARS];
    assert_int_equal(vg_timestamp_choose(timestamp, NULL, NULL), VG_OK);
    assert_int_equal(vg_timestamp_choose(again, timestamp, NULL), VG_OK);
    assert_string_equal(timestamp, again);
}

static void folders_are_those_of_the_reference(void **state)
{
    (void)state;
    const char *ts = "20250131_235959";
    const struct {
        vg_table table;
        vg_format format;
        const char *folder;
    } cases[] = {
        {VG_TABLE_FEATURES, VG_PARQUET, "features/parquet/features_20250131_235959"},
        {VG_TABLE_FEATURES, VG_CSV, "features/csv/features_20250131_235959"},
        {VG_TABLE_PCA, VG_PARQUET, "pca/parquet/pca_20250131_235959"},
        {VG_TABLE_PCA, VG_CSV, "pca/csv/pca_20250131_235959"},
        {VG_TABLE_METADATA, VG_CSV, "metadata/metadata_20250131_235959"},
        {VG_TABLE_ERRORS, VG_CSV, "errors/errors_20250131_235959"},
        {VG_TABLE_MODEL_INFO, VG_CSV, "model_info/model_info_20250131_235959"},
        {VG_TABLE_VARIANCE, VG_CSV, "model_info/variance_20250131_235959"},
        {VG_TABLE_IMAGES, VG_CSV, "metadata/images_20250131_235959"},
        {VG_TABLE_COUNTS, VG_CSV, "metadata/counts_20250131_235959"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[VG_FOLDER_CHARS];
        vg_layout_folder(folder, cases[i].table, cases[i].format, ts);
        assert_string_equal(folder, cases[i].folder);
    }
}

static void parts_are_numbered_and_hidden_until_whole(void **state)
{
    (void)state;
    char file[VG_FILE_CHARS];
    vg_layout_part(file, "t", 7, "u-u", vg_layout_extension(VG_PARQUET), false);
    assert_string_equal(file, "t/part-00007-u-u.snappy.parquet");
    vg_layout_part(file, "t", 123456, "u-u", vg_layout_extension(VG_CSV), true);
    assert_string_equal(file, "t/.part-123456-u-u.csv.inprogress");
}

static void uuids_are_random(void **state)
{
    (void)state;
    char one[VG_UUID_CHARS], two[VG_UUID_CHARS];
    assert_int_equal(vg_layout_uuid(one, NULL), VG_OK);
    assert_int_equal(vg_layout_uuid(two, NULL), VG_OK);
    assert_int_equal(strlen(one), 36);
    assert_int_equal(one[14], '4');
    assert_non_null(strchr("89ab", one[19]));
    assert_string_not_equal(one, two);
}

static void own_tables_are_known(void **state)
{
    (void)state;
    vg_store *input = NULL, *output = NULL, *same = NULL, *beside = NULL;
    assert_int_equal(vg_store_open(&input, "/data", NULL, NULL), VG_OK);
    assert_int_equal(vg_store_open(&output, "/data/out", NULL, NULL), VG_OK);
    assert_int_equal(vg_store_open(&same, "/data/", NULL, NULL), VG_OK);
    assert_int_equal(vg_store_open(&beside, "/database", NULL, NULL), VG_OK);
    const char *file = "features/csv/features_20250131_235959/part-00000.csv";
    char below[128];
    snprintf(below, sizeof below, "out/%s", file);
    assert_true(vg_layout_is_table_file(input, output, below));
    assert_false(vg_layout_is_table_file(input, output, file));
    assert_true(vg_layout_is_table_file(input, same, file));
    assert_false(vg_layout_is_table_file(input, beside, below));
    assert_false(vg_layout_is_table_file(input, output, "out/features/apple/1.jpg"));
    assert_false(vg_layout_is_table_file(output, input, below));
    vg_store_close(&input);
    vg_store_close(&output);
    vg_store_close(&same);
    vg_store_close(&beside);
}

static void existing_tables_are_found_and_deleted(void **state)
{
    const char *folder = *state, *ts = "20250131_235959";
    const vg_table tables[] = {VG_TABLE_PCA, VG_TABLE_VARIANCE};
    vg_store *store = NULL;
    vg_error error;
    assert_int_equal(vg_store_open(&store, folder, NULL, &error), VG_OK);
    assert_int_equal(vg_layout_check_absent(store, tables, 2, ts, &error), VG_OK);
    assert_int_equal(vg_layout_mark_complete(store, "model_info/variance_20250131_235959", &error),
                     VG_OK);
    assert_int_equal(vg_layout_check_absent(store, tables, 1, ts, &error), VG_OK);
    assert_int_equal(vg_layout_check_absent(store, tables, 2, "20250131_235958", &error), VG_OK);
    assert_int_equal(vg_layout_check_absent(store, tables, 2, ts, &error), VG_EEXIST);
    assert_non_null(strstr(error.message, "--overwrite"));
    assert_int_equal(vg_layout_delete(store, tables, 2, ts, &error), VG_OK);
    assert_int_equal(vg_layout_check_absent(store, tables, 2, ts, &error), VG_OK);
    vg_store_close(&store);
}

/* Two calls in one second are two tables; a name that was given is kept to. */
static void a_second_that_is_taken_makes_way(void **state)
{
    const char *asked = "20250131_235959";
    const vg_table table = VG_TABLE_VARIANCE;
    char timestamp[VG_TIMESTAMP_CHARS];
    vg_store *store = NULL;
    vg_error error;
    assert_int_equal(vg_store_open(&store, *state, NULL, &error), VG_OK);
    for (int i = 0; i < 2; i++) {
        snprintf(timestamp, sizeof timestamp, "%s", asked);
        assert_int_equal(vg_layout_free_timestamp(timestamp, store, &table, 1, NULL, i > 0, &error),
                         VG_OK);
        assert_string_equal(timestamp, i == 0 ? asked : "20250201_000000");
        assert_int_equal(
            vg_layout_mark_complete(store, "model_info/variance_20250131_235959", &error), VG_OK);
    }
    snprintf(timestamp, sizeof timestamp, "%s", asked);
    assert_int_equal(vg_layout_free_timestamp(timestamp, store, &table, 1, asked, false, &error),
                     VG_EEXIST);
    assert_int_equal(vg_layout_free_timestamp(timestamp, store, &table, 1, asked, true, &error),
                     VG_OK);
    assert_string_equal(timestamp, asked);
    vg_store_close(&store);
}

static void assert_json(const char *text, const char *expected)
{
    char *json = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&json, &size);
    assert_non_null(out);
    vg_json_write_string(out, text);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(json, expected);
    free(json);
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    assert_json("", "\"\"");
    assert_json("a \"b\" \\c/", "\"a \\\"b\\\" \\\\c/\"");
    assert_json("\n\t\x01\x7f", "\"\\u000a\\u0009\\u0001\\u007f\"");
    assert_json("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8d\x8e", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8d\x8e\"");
    /* a lone byte, an overlong '/', a surrogate, a cut character */
    assert_json("\xff", "\"\\\\xff\"");
    assert_json("\xc0\xaf", "\"\\\\xc0\\\\xaf\"");
    assert_json("\xed\xa0\x80", "\"\\\\xed\\\\xa0\\\\x80\"");
    assert_json("\xe2\x82", "\"\\\\xe2\\\\x82\"");
    /* C1, and a character that turns the direction of the text */
    assert_json("\xc2\x9b", "\"\\u009b\"");
    assert_json("\xe2\x80\xae", "\"\\u202e\"");
}

static void model_info_is_one_line_of_json(void **state)
{
    (void)state;
    const double variance[] = {0.5, 0.25};
    const vg_fact facts[] = {{"model", "a \"b\""}};
    const vg_model_info info = {.timestamp = "20250131_235959",
                                .components = 2,
                                .dims = 1280,
                                .variance = variance,
                                .images = 300,
                                .facts = facts,
                                .fact_count = 1,
                                .threads = 2,
                                .seconds = 1.5,
                                .images_per_second = 200.0};
    char *json = NULL;
    assert_int_equal(vg_model_info_json(&json, &info, NULL), VG_OK);
    const char *start = "{\"timestamp\": \"20250131_235959\", \"pca_components\": 2, "
                        "\"original_dimensions\": 1280, \"reduced_dimensions\": 2, "
                        "\"total_variance_explained\": 0.75, "
                        "\"variance_by_component\": [0.5, 0.25], "
                        "\"cumulative_variance\": [0.5, 0.75], \"num_images_processed\": 300, "
                        "\"model\": \"a \\\"b\\\"\", \"libraries\": \"libjpeg-turbo ";
    assert_memory_equal(json, start, strlen(start));
    assert_non_null(strstr(json, "\", \"threads\": 2, \"seconds\": 1.5, "));
    assert_ptr_equal(strchr(json, '\n'), json + strlen(json) - 1);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timestamps_are_dates),
        cmocka_unit_test(a_run_without_a_name_takes_the_time),
        cmocka_unit_test(folders_are_those_of_the_reference),
        cmocka_unit_test(parts_are_numbered_and_hidden_until_whole),
        cmocka_unit_test(uuids_are_random),
        cmocka_unit_test(own_tables_are_known),
        cmocka_unit_test_setup_teardown(existing_tables_are_found_and_deleted, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_second_that_is_taken_makes_way, make_folder,
                                        remove_folder),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(model_info_is_one_line_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
