/* What a run keeps about itself: plans, records of parts, and what is found and swept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../io/folder.h"
#include "history/part_record.h"
#include "history/past_runs.h"
#include "history/run_plan.h"

#define UUID "0f252213-583b-4d37-a045-94204efd85a3"
#define STATE "_verger/run_20250131_235959/"
#define PARQUET "features/parquet/features_20250131_235959/"

static const char ts[] = "20250131_235959", uuid[] = UUID;
static const char digest[] = "4ec3b389210790bc008e091360027632487303d40281186e6d4331e0f2a53c49";

static vg_store *open_store(const char *folder)
{
    vg_store *store;
    vg_error error;
    if (vg_store_open(&store, folder, NULL, &error) != VG_OK) fail_msg("%s", error.message);
    return store;
}

static vg_image_list *list_of(const char *path)
{
    vg_image_list *list;
    assert_int_equal(vg_image_list_open(&list, 0, NULL), VG_OK);
    assert_int_equal(vg_image_list_add(list, &(vg_listed_image){.path = path}, NULL), VG_OK);
    assert_int_equal(vg_image_list_finish(list, NULL, NULL), VG_OK);
    return list;
}

static void write_text(vg_store *store, const char *file, const char *text)
{
    assert_int_equal(vg_store_write(store, file, text, strlen(text), NULL), VG_OK);
}

static bool exists(vg_store *store, const char *path)
{
    vg_file file;
    return vg_store_stat(store, path, &file, NULL) == VG_OK;
}

/* --- Plans ------------------------------------------------------------------------ */

static void plans_tell_what_differs(void **state)
{
    vg_store *store = open_store(*state);
    vg_image_list *images = list_of("a.jpg"), *others = list_of("b.jpg");
    vg_run_options options, other_options;
    vg_run_options_default(&options);
    options.model_source = "seeded:7";
    vg_part_bounds parts = {0};
    assert_int_equal(vg_part_bounds_open_one(&parts, images, NULL), VG_OK);
    vg_plan plan = {.input = "/data/\"fruits\"\n",
                    .model = "seeded:7",
                    .arithmetic = "float32",
                    .images = images,
                    .parts = &parts,
                    .options = &options,
                    .uuid = uuid,
                    .base = "20250101_000000"};
    assert_int_equal(vg_plan_write(store, ts, &plan, NULL), VG_OK);

    vg_saved_plan saved;
    vg_error error = {""};
    assert_int_equal(vg_plan_read(&saved, store, ts, &error), VG_OK);
    assert_string_equal(saved.uuid, uuid);
    assert_string_equal(saved.base, "20250101_000000");
    assert_int_equal(saved.images, 1);
    assert_int_equal(saved.part_rows, options.part_rows);
    assert_int_equal(saved.parts, 1);
    assert_int_equal(saved.part_ends, VG_PARTS_BY_PATHS);
    assert_int_equal(vg_plan_compare(&saved, &plan, VG_PLAN_WHOLE, &error), VG_OK);

    other_options = options;
    other_options.components = 20;
    plan.options = &other_options;
    assert_int_equal(vg_plan_compare(&saved, &plan, VG_PLAN_WHOLE, &error), VG_EINVAL);
    assert_non_null(strstr(error.message, "components was 50 and is 20 now"));
    assert_int_equal(vg_plan_compare(&saved, &plan, VG_PLAN_FEATURES, &error), VG_OK);
    plan.options = &options;
    plan.images = others;
    assert_int_equal(vg_plan_compare(&saved, &plan, VG_PLAN_WHOLE, &error), VG_EINVAL);
    assert_non_null(strstr(error.message, "images"));
    assert_int_equal(vg_plan_compare(&saved, &plan, VG_PLAN_FEATURES, &error), VG_OK);
    plan.model = "seeded:8";
    assert_int_equal(vg_plan_compare(&saved, &plan, VG_PLAN_FEATURES, &error), VG_EINVAL);
    assert_non_null(strstr(error.message, "the model was seeded:7 and is seeded:8 now"));
    vg_plan_free(&saved);
    vg_part_bounds_close(&parts);
    vg_image_list_close(&images);
    vg_image_list_close(&others);
    vg_store_close(&store);
}

/* Runs of versions that cut by the number of images alone say nothing of it. */
static void older_plans_have_parts_of_one_size(void **state)
{
    (void)state;
    static const char text[] =
        "{\"uuid\": \"a\", \"base\": \"\", \"images\": 1025, \"part_rows\": 256}";
    vg_saved_plan saved;
    char *json = strdup(text);
    assert_int_equal(vg_plan_parse(&saved, json, sizeof text - 1, NULL), VG_OK);
    assert_int_equal(saved.parts, 5);
    assert_int_equal(saved.part_ends, VG_PARTS_BY_COUNT);
    vg_plan_free(&saved);
}

static void damaged_plans_are_told(void **state)
{
    vg_store *store = open_store(*state);
    vg_saved_plan saved;
    vg_error error = {""};
    assert_int_equal(vg_plan_read(&saved, store, ts, &error), VG_ENOTFOUND);
    static const char no_rows[] =
        "{\"uuid\": \"a\", \"base\": \"\", \"images\": 1, \"part_rows\": 0}";
    static const char many_parts[] = "{\"uuid\": \"a\", \"base\": \"\", \"images\": "
                                     "18446744073709551615, \"part_rows\": 1}";
    static const char other_folder[] = "{\"uuid\": \"../a\", \"base\": \"\", \"images\": 1, "
                                       "\"part_rows\": 1}";
    const char *const damaged[] = {"",      "{",        "{}",        "[]", "{\"uuid\": \"x\"}",
                                   no_rows, many_parts, other_folder};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        write_text(store, "_verger/run_20250131_235959/run.json", damaged[i]);
        assert_int_equal(vg_plan_read(&saved, store, ts, &error), VG_EFORMAT);
        assert_non_null(strstr(error.message, "run.json"));
        assert_null(saved.json);
    }
    vg_store_close(&store);
}

/* --- Records ----------------------------------------------------------------------- */

static vg_part_record record_of(const char *const *paths, size_t n)
{
    vg_part_record record = {.images = 10, .failed = 1, .seconds = 1.5};
    for (size_t i = 0; i < n; i++) {
        vg_part_file *file = &record.files.items[record.files.count++];
        snprintf(file->path, sizeof file->path, "%s", paths[i]);
        file->digest.bytes = 5;
        snprintf(file->digest.sha256, sizeof file->digest.sha256, "%s", digest);
    }
    return record;
}

static void records_come_back(void **state)
{
    vg_store *store = open_store(*state);
    const char *const paths[] = {"features/parquet/features_20250131_235959/part-00003-x.parquet",
                                 "features/csv/features_20250131_235959/part-00003-x.csv",
                                 "metadata/metadata_20250131_235959/part-00003-x.csv"};
    vg_part_record record = record_of(paths, 3), found;
    vg_format format;
    assert_int_equal(vg_part_record_read(&found, store, ts, 3, NULL), VG_ENOTFOUND);
    assert_int_equal(vg_part_record_write(store, ts, 3, &record, NULL), VG_OK);
    assert_int_equal(vg_part_record_read(&found, store, ts, 3, NULL), VG_OK);
    assert_int_equal(found.images, 10);
    assert_int_equal(found.failed, 1);
    assert_int_equal(found.files.count, 3);
    assert_string_equal(found.files.items[1].digest.sha256, digest);
    assert_string_equal(vg_part_record_file(&found, VG_TABLE_FEATURES, ts, &format)->path,
                        paths[0]);
    assert_int_equal(format, VG_PARQUET);
    assert_null(vg_part_record_file(&found, VG_TABLE_ERRORS, ts, &format));
    assert_int_equal(vg_part_record_delete(store, ts, 3, NULL), VG_OK);
    assert_int_equal(vg_part_record_read(&found, store, ts, 3, NULL), VG_ENOTFOUND);
    vg_store_close(&store);
}

static void files_that_changed_are_told(void **state)
{
    vg_store *store = open_store(*state);
    const char *const paths[] = {"a.csv"};
    vg_part_record record = record_of(paths, 1);
    vg_error error = {""};
    assert_int_equal(vg_part_record_check(&record, store, &error), VG_ENOTFOUND);
    write_text(store, "a.csv", "other");
    assert_int_equal(vg_part_record_check(&record, store, &error), VG_EFORMAT);
    assert_non_null(strstr(error.message, "a.csv is not as it was written"));
    assert_int_equal(vg_store_digest(store, "a.csv", &record.files.items[0].digest, NULL), VG_OK);
    assert_int_equal(vg_part_record_check(&record, store, &error), VG_OK);
    write_text(store, "a.csv", "longer");
    assert_int_equal(vg_part_record_check(&record, store, &error), VG_EFORMAT);
    vg_store_close(&store);
}

/* --- Runs -------------------------------------------------------------------------- */

static void runs_are_found_by_their_state(void **state)
{
    vg_store *store = open_store(*state);
    vg_past_runs runs;
    assert_int_equal(vg_past_runs_find(&runs, store, NULL, NULL), VG_OK);
    assert_string_equal(runs.newest, "");
    const char *const files[] = {"_verger/run_20250101_000000/run.json",
                                 "_verger/run_20250101_000000/_SUCCESS",
                                 "_verger/run_20250102_000000/run.json",
                                 "_verger/run_20250102_000000/_SUCCESS",
                                 "_verger/run_20250103_000000/run.json",
                                 "_verger/run_20250104_000000/_SUCCESS",
                                 "_verger/run_2025/run.json",
                                 "_verger/lock"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) write_text(store, files[i], "x");
    assert_int_equal(vg_past_runs_find(&runs, store, NULL, NULL), VG_OK);
    assert_string_equal(runs.newest, "20250103_000000");
    assert_string_equal(runs.complete, "20250102_000000");
    assert_string_equal(runs.unfinished, "20250103_000000");
    assert_int_equal(vg_past_runs_find(&runs, store, "20250101_000000", NULL), VG_OK);
    assert_string_equal(runs.newest, "20250101_000000");
    assert_string_equal(runs.unfinished, "");
    vg_store_close(&store);
}

static void only_recorded_parts_outlive_a_sweep(void **state)
{
    vg_store *store = open_store(*state);
    const char *const kept[] = {
        STATE "run.json", STATE "part-00001.json", PARQUET "part-00001-" UUID ".snappy.parquet",
        "features/parquet/features_20250130_000000/part-00000-x.snappy.parquet"};
    const char *const stray[] = {STATE ".17-0.inprogress",
                                 PARQUET "part-00000-" UUID ".snappy.parquet",
                                 PARQUET ".part-00001-" UUID ".snappy.parquet.inprogress",
                                 "features/csv/features_20250131_235959/part-00001-another.csv",
                                 "features/csv/features_20250131_235959/_SUCCESS",
                                 "errors/errors_20250131_235959/part-00007-" UUID ".csv",
                                 "pca/csv/pca_20250131_235959/part-00001-" UUID ".csv"};
    enum { KEPT = sizeof kept / sizeof *kept, STRAY = sizeof stray / sizeof *stray };
    for (size_t i = 0; i < KEPT; i++) write_text(store, kept[i], "x");
    for (size_t i = 0; i < STRAY; i++) write_text(store, stray[i], "x");
    bool *recorded;
    assert_int_equal(vg_past_runs_recorded_parts(&recorded, 3, store, ts, NULL), VG_OK);
    assert_false(recorded[0] || recorded[2]);
    assert_true(recorded[1]);
    assert_int_equal(vg_past_runs_sweep(store, ts, uuid, recorded, 3, NULL), VG_OK);
    for (size_t i = 0; i < KEPT; i++) assert_true(exists(store, kept[i]));
    for (size_t i = 0; i < STRAY; i++) assert_false(exists(store, stray[i]));
    assert_int_equal(vg_past_runs_delete_part(store, ts, uuid, 1, NULL), VG_OK);
    assert_false(exists(store, kept[1]) || exists(store, kept[2]));
    free(recorded);
    vg_store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plans_tell_what_differs, make_folder, remove_folder),
        cmocka_unit_test(older_plans_have_parts_of_one_size),
        cmocka_unit_test_setup_teardown(damaged_plans_are_told, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(records_come_back, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(files_that_changed_are_told, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(runs_are_found_by_their_state, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(only_recorded_parts_outlive_a_sweep, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
