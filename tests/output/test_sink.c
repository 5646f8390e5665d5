/* Part files: their names while they are written, when they are whole, when they
 * are dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../io/folder.h"
#include "output/sink.h"

static vg_store *open_store(const char *address)
{
    vg_store *store;
    vg_error error;
    if (vg_store_open(&store, address, NULL, &error) != VG_OK) fail_msg("%s", error.message);
    return store;
}

static const vg_column columns[] = {{"path", VG_COLUMN_STRING}};
static const vg_sink_options both_formats = {.table = VG_TABLE_PCA,
                                             .parquet = true,
                                             .csv = true,
                                             .timestamp = "20250131_235959",
                                             .uuid = "00000000-0000-4000-8000-000000000000",
                                             .columns = columns,
                                             .column_count = 1};

static vg_sink *open_with(vg_store *output, vg_sink_options options)
{
    vg_sink *sink;
    vg_error error;
    options.output = output;
    if (vg_sink_open(&sink, &options, &error) != VG_OK) fail_msg("%s", error.message);
    return sink;
}

static vg_sink *open_sink(vg_store *output)
{
    return open_with(output, both_formats);
}

/* Of another call that writes the same table. */
static vg_sink *open_other(vg_store *output, bool goes_on)
{
    vg_sink_options options = both_formats;
    options.uuid = "ffffffff-ffff-4fff-8fff-ffffffffffff";
    options.goes_on = goes_on;
    return open_with(output, options);
}

static void add_rows(vg_sink *sink, int rows)
{
    for (int i = 0; i < rows; i++) {
        assert_int_equal(vg_builder_string(vg_sink_builder(sink), 0, "x", 1, NULL), VG_OK);
        assert_int_equal(vg_sink_end_row(sink, NULL), VG_OK);
    }
}

/* Files below the store by the kind of their names. */
typedef struct files {
    int parquet, csv, hidden, success;
} files;

static vg_status count_file(void *context, const vg_file *file, vg_error *error)
{
    (void)error;
    files *seen = context;
    const char *name = strrchr(file->path, '/') + 1;
    if (name[0] == '.')
        seen->hidden++;
    else if (strcmp(name, "_SUCCESS") == 0)
        seen->success++;
    else if (strstr(name, ".parquet") != NULL)
        seen->parquet++;
    else
        seen->csv++;
    return VG_OK;
}

static void assert_files(vg_store *output, files expected)
{
    files seen = {0};
    assert_int_equal(vg_store_list(output, "", count_file, &seen, NULL), VG_OK);
    assert_int_equal(seen.parquet, expected.parquet);
    assert_int_equal(seen.csv, expected.csv);
    assert_int_equal(seen.hidden, expected.hidden);
    assert_int_equal(seen.success, expected.success);
}

/* The digests are those of the files. */
static void assert_written(vg_store *output, const vg_part_files *written)
{
    assert_int_equal(written->count, 2);
    for (size_t i = 0; i < written->count; i++) {
        const vg_part_file *file = &written->items[i];
        vg_file_digest digest;
        assert_int_equal(vg_store_digest(output, file->path, &digest, NULL), VG_OK);
        assert_int_equal(file->digest.bytes, digest.bytes);
        assert_string_equal(file->digest.sha256, digest.sha256);
    }
}

static void parts_appear_when_they_are_whole(void **state)
{
    vg_store *output = open_store(*state);
    vg_sink *sink = open_sink(output);
    add_rows(sink, 1000);
    assert_files(output, (files){.hidden = 2});
    assert_int_equal(vg_sink_rows(sink), 1000);
    vg_part_files written = {0};
    assert_int_equal(vg_sink_end_part(sink, &written, NULL), VG_OK);
    assert_files(output, (files){.parquet = 1, .csv = 1});
    assert_written(output, &written);
    vg_sink_begin_part(sink, 1);
    assert_int_equal(vg_sink_rows(sink), 0);
    assert_int_equal(vg_sink_end_part(sink, NULL, NULL), VG_OK);
    assert_files(output, (files){.parquet = 2, .csv = 2});
    assert_int_equal(vg_sink_mark_complete(sink, NULL), VG_OK);
    assert_files(output, (files){.parquet = 2, .csv = 2, .success = 2});
    vg_sink_close(&sink);
    assert_null(sink);
    vg_store_close(&output);
}

static void half_parts_are_dropped(void **state)
{
    vg_store *output = open_store(*state);
    vg_sink *sink = open_sink(output);
    add_rows(sink, 10);
    assert_int_equal(vg_sink_end_part(sink, NULL, NULL), VG_OK);
    vg_sink_begin_part(sink, 1);
    add_rows(sink, 1000);
    assert_files(output, (files){.parquet = 1, .csv = 1, .hidden = 2});
    vg_sink_close(&sink);
    assert_files(output, (files){.parquet = 1, .csv = 1});
    vg_store_close(&output);
}

static void a_part_that_cannot_be_opened_is_an_error(void **state)
{
    put(in(*state, "pca"), "a file where a folder should be");
    vg_store *output = open_store(*state);
    vg_sink *sink = open_other(output, true);
    vg_error error = {""};
    assert_int_not_equal(vg_sink_end_part(sink, NULL, &error), VG_OK);
    assert_non_null(strstr(error.message, "pca"));
    vg_sink_close(&sink);
    vg_store_close(&output);
}

/* Both found the table absent. Whoever ends while parts of both are there takes its own away. */
static void two_calls_leave_the_rows_of_one(void **state)
{
    vg_store *output = open_store(*state);
    vg_sink *sink = open_sink(output), *other = open_other(output, false);
    vg_error error = {""};
    assert_int_equal(vg_sink_end_part(other, NULL, NULL), VG_OK);
    assert_int_equal(vg_sink_end_part(sink, NULL, NULL), VG_OK);
    assert_int_equal(vg_sink_mark_complete(sink, &error), VG_EEXIST);
    assert_non_null(strstr(error.message, "is of another call"));
    assert_non_null(strstr(error.message, "part-00000-ffffffff"));
    assert_files(output, (files){.parquet = 1, .csv = 1});
    assert_int_equal(vg_sink_mark_complete(other, NULL), VG_OK);
    assert_files(output, (files){.parquet = 1, .csv = 1, .success = 2});
    vg_sink_close(&sink);
    vg_sink_close(&other);
    vg_store_close(&output);
}

static void a_table_of_another_call_is_not_begun(void **state)
{
    vg_store *output = open_store(*state);
    vg_sink *other = open_other(output, false), *sink;
    vg_error error = {""};
    vg_sink_options options = both_formats;
    options.output = output;
    assert_int_equal(vg_sink_end_part(other, NULL, NULL), VG_OK);
    assert_int_equal(vg_sink_open(&sink, &options, &error), VG_EEXIST);
    assert_null(sink);
    vg_sink_close(&other);
    vg_store_close(&output);
}

static void parts_that_a_later_call_goes_on_with_stay(void **state)
{
    vg_store *output = open_store(*state);
    vg_sink *sink = open_sink(output), *other = open_other(output, true);
    assert_int_equal(vg_sink_end_part(sink, NULL, NULL), VG_OK);
    assert_int_equal(vg_sink_end_part(other, NULL, NULL), VG_OK);
    assert_int_equal(vg_sink_mark_complete(other, NULL), VG_EEXIST);
    assert_files(output, (files){.parquet = 2, .csv = 2});
    vg_sink_close(&sink);
    vg_sink_close(&other);
    vg_store_close(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_appear_when_they_are_whole, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(half_parts_are_dropped, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(two_calls_leave_the_rows_of_one, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_table_of_another_call_is_not_begun, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(parts_that_a_later_call_goes_on_with_stay, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_part_that_cannot_be_opened_is_an_error, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
