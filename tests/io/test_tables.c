/* Tables through the room's C face: the bytes of CSV, what comes back, what faults
 * leave behind. test_readers.py holds the same files against other readers. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "folder.h"
#include "io/io.h"
#include "table/table.h"

static const vg_column columns[] = {
    {"path", VG_COLUMN_STRING},
    {"label", VG_COLUMN_STRING},
    {"features", VG_COLUMN_FLOAT32_LIST},
};
enum { PATH, LABEL, FEATURES, COLUMNS };

static const vg_format formats[] = {VG_PARQUET, VG_CSV};

#define OK(call)                                              \
    do {                                                      \
        vg_error failure = {""}, *why = &failure;             \
        if ((call) != VG_OK) fail_msg("%s", failure.message); \
    } while (0)

static void assert_says(const vg_error *error, const char *text)
{
    if (strstr(error->message, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error->message, text);
}

typedef struct table {
    struct ArrowSchema schema;
    struct ArrowArray batch;
} table;

static void release(table *rows)
{
    vg_schema_release(&rows->schema);
    vg_batch_release(&rows->batch);
}

/* `n` rows of `dims` numbers; every third has none. */
static table make_rows(size_t n, size_t dims)
{
    vg_builder *builder;
    table rows;
    float *values = calloc(dims + 1, sizeof *values);
    assert_non_null(values);
    OK(vg_builder_open(&builder, columns, COLUMNS, why));
    for (size_t row = 0; row < n; row++) {
        for (size_t i = 0; i < dims; i++) values[i] = (float)(row + 1) / (float)(i + 3);
        OK(vg_builder_string(builder, PATH, "/a b.jpg", 8, why));
        OK(vg_builder_string(builder, LABEL, "1", 1, why));
        if (row % 3 == 2)
            OK(vg_builder_null(builder, FEATURES, why));
        else
            OK(vg_builder_float32_list(builder, FEATURES, values, dims, why));
    }
    OK(vg_builder_finish(builder, &rows.schema, &rows.batch, why));
    vg_builder_close(&builder);
    free(values);
    return rows;
}

static vg_store *open_store(const char *folder)
{
    vg_store *store;
    OK(vg_store_open(&store, folder, NULL, why));
    return store;
}

static void write_table(vg_store *store, const char *path, vg_format format, const table *rows)
{
    vg_writer *writer;
    OK(vg_writer_open(&writer, store, path, format, &rows->schema, NULL, 0, why));
    OK(vg_writer_write(writer, &rows->batch, why));
    OK(vg_writer_finish(writer, NULL, why));
    vg_writer_close(&writer);
    assert_null(writer);
}

/* --- Numbers ------------------------------------------------------------ */

static void numbers_are_short_and_come_back(void **state)
{
    const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},          {-0.0, "-0"},        {1, "1"},           {0.1, "0.1"},
                 {-2.5, "-2.5"},    {1e300, "1e+300"},   {5e-324, "5e-324"}, {123456, "123456"},
                 {INFINITY, "inf"}, {0.71882, "0.71882"}};
    char text[VG_NUMBER_CHARS];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(vg_format_float64(text, cases[i].value), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 100000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        assert_true(vg_format_float64(text, value) < VG_NUMBER_CHARS);
        assert_true(strtod(text, NULL) == value);
    }
    (void)state;
}

/* --- What is written ---------------------------------------------------- */

static void csv_has_the_bytes_it_should(void **state)
{
    static const vg_column all[] = {
        {"path", VG_COLUMN_STRING},           {"a,b", VG_COLUMN_INT64},
        {"share", VG_COLUMN_FLOAT64},         {"when", VG_COLUMN_TIMESTAMP},
        {"features", VG_COLUMN_FLOAT32_LIST}, {"pca_features", VG_COLUMN_FLOAT64_LIST},
    };
    static const char *paths[] = {"plain", "a,b",         "say \"hi\"", "two\nlines", " x",
                                  "x ",    "one\rreturn", "\tx",        "x\t",        ""};
    const float features[] = {0.1f, 0, 1e-10f};
    const double pca[] = {0.1, -3};
    vg_builder *builder;
    table rows;
    OK(vg_builder_open(&builder, all, 6, why));
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        OK(vg_builder_string(builder, 0, paths[i], strlen(paths[i]), why));
        OK(vg_builder_int64(builder, 1, -7, why));
        OK(vg_builder_float64(builder, 2, 0.25, why));
        OK(vg_builder_int64(builder, 3, i == 0 ? 1625142896123456 : -1, why));
        OK(vg_builder_float32_list(builder, 4, features, i == 1 ? 0 : 3, why));
        OK(vg_builder_float64_list(builder, 5, pca, 2, why));
    }
    for (size_t i = 0; i < 6; i++) OK(vg_builder_null(builder, i, why));
    OK(vg_builder_finish(builder, &rows.schema, &rows.batch, why));
    vg_builder_close(&builder);

    vg_store *store = open_store(*state);
    write_table(store, "t.csv", VG_CSV, &rows);
    release(&rows);
    vg_store_close(&store);

    static const char end[] = ",-7,0.25,1969-12-31T23:59:59.999999Z,\"0.1,0,1e-10\",\"0.1,-3\"\n";
    char expected[2000];
    snprintf(expected, sizeof expected,
             "path,\"a,b\",share,when,features_string,pca_features_string\n"
             "plain,-7,0.25,2021-07-01T12:34:56.123456Z,\"0.1,0,1e-10\",\"0.1,-3\"\n"
             "\"a,b\",-7,0.25,1969-12-31T23:59:59.999999Z,\"\",\"0.1,-3\"\n"
             "\"say \"\"hi\"\"\"%s\"two\nlines\"%s\" x\"%s\"x \"%s\"one\rreturn\"%s"
             "\"\tx\"%s\"x\t\"%s\"\"%s,,,,,\n",
             end, end, end, end, end, end, end, end);
    char *text = get(in(*state, "t.csv"));
    assert_string_equal(text, expected);
    free(text);
}

static void what_is_written_is_read_back_bit_for_bit(void **state)
{
    enum { ROWS = 1500, DIMS = 40 };
    vg_store *store = open_store(*state);
    for (size_t f = 0; f < 2; f++) {
        table rows = make_rows(ROWS, DIMS);
        write_table(store, "deep/er/t", formats[f], &rows);
        assert_non_null(rows.batch.release); /* still ours */
        assert_non_null(rows.schema.release);

        vg_reader *reader;
        table got;
        int64_t seen = 0;
        vg_column_view expected, column;
        OK(vg_column_find(&rows.schema, &rows.batch, "features", &expected, why));
        OK(vg_reader_open(&reader, store, "deep/er/t", formats[f], why));
        for (;;) {
            OK(vg_reader_next(reader, &got.schema, &got.batch, why));
            if (got.batch.release == NULL) break;
            OK(vg_column_find(&got.schema, &got.batch, "label", &column, why));
            OK(vg_column_check_bytes(&column, why));
            OK(vg_column_find(&got.schema, &got.batch, "features", &column, why));
            OK(vg_column_check_float32_list(&column, why));
            for (int64_t row = 0; row < column.length; row++, seen++) {
                const float *a, *b;
                size_t n, m;
                assert_int_equal(vg_column_is_null(&column, row), seen % 3 == 2);
                if (seen % 3 == 2) continue;
                vg_column_float32_list(&column, row, &a, &n);
                vg_column_float32_list(&expected, seen, &b, &m);
                assert_int_equal(n, m);
                assert_memory_equal(a, b, n * sizeof *a);
            }
            release(&got);
        }
        assert_null(got.schema.release);
        assert_int_equal(seen, ROWS);
        vg_reader_close(&reader);
        release(&rows);
    }
    vg_store_close(&store);
}

static void a_table_without_rows_is_a_table(void **state)
{
    vg_store *store = open_store(*state);
    for (size_t f = 0; f < 2; f++) {
        vg_writer *writer;
        vg_reader *reader;
        table rows = make_rows(1, 1), got;
        OK(vg_writer_open(&writer, store, "t", formats[f], &rows.schema, NULL, 0, why));
        OK(vg_writer_finish(writer, NULL, why));
        vg_writer_close(&writer);
        OK(vg_reader_open(&reader, store, "t", formats[f], why));
        OK(vg_reader_next(reader, &got.schema, &got.batch, why));
        assert_null(got.batch.release);
        vg_reader_close(&reader);
        release(&rows);
    }
    vg_store_close(&store);
}

/* --- Faults ------------------------------------------------------------- */

static void an_unfinished_table_is_dropped(void **state)
{
    vg_store *store = open_store(*state);
    table rows = make_rows(10, 10);
    for (size_t f = 0; f < 2; f++) {
        vg_writer *writer;
        OK(vg_writer_open(&writer, store, "t", formats[f], &rows.schema, NULL, 0, why));
        OK(vg_writer_write(writer, &rows.batch, why));
        vg_writer_close(&writer);
        vg_writer_close(&writer);
        assert_int_equal(count_entries(*state), 0);
    }
    release(&rows);
    vg_store_close(&store);
}

static void a_full_disk_ends_the_table(void **state)
{
    enum { ROWS = 3000, DIMS = 200 };
    vg_store *store = open_store(*state);
    table rows = make_rows(ROWS, DIMS);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){.rlim_cur = 100000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    for (size_t f = 0; f < 2; f++) {
        vg_writer *writer;
        vg_error error = {""};
        OK(vg_writer_open(&writer, store, "t", formats[f], &rows.schema, NULL, 0, why));
        setrlimit(RLIMIT_FSIZE, &small);
        vg_status status = vg_writer_write(writer, &rows.batch, &error);
        if (status == VG_OK) status = vg_writer_finish(writer, NULL, &error);
        vg_status again = vg_writer_finish(writer, NULL, NULL);
        setrlimit(RLIMIT_FSIZE, &before);
        vg_writer_close(&writer);
        assert_int_equal(status, VG_EIO);
        assert_says(&error, "/t: the file would pass the size limit");
        assert_int_equal(again, VG_EINVAL);
        assert_int_equal(count_entries(*state), 0);
    }
    release(&rows);
    vg_store_close(&store);
}

static void a_batch_of_another_schema_is_refused(void **state)
{
    vg_store *store = open_store(*state);
    table rows = make_rows(2, 2);
    static const vg_column other[] = {{"path", VG_COLUMN_STRING}};
    vg_builder *builder;
    struct ArrowSchema schema;
    OK(vg_builder_open(&builder, other, 1, why));
    OK(vg_builder_schema(builder, &schema, why));
    for (size_t f = 0; f < 2; f++) {
        vg_writer *writer;
        vg_error error = {""};
        OK(vg_writer_open(&writer, store, "t", formats[f], &schema, NULL, 0, why));
        assert_int_equal(vg_writer_write(writer, &rows.batch, &error), VG_EINVAL);
        assert_says(&error, "/t");
        vg_writer_close(&writer);
    }
    vg_schema_release(&schema);
    vg_builder_close(&builder);
    release(&rows);
    vg_store_close(&store);
}

static vg_status read_all(vg_store *store, const char *path, vg_format format, vg_error *error)
{
    vg_reader *reader;
    vg_status status = vg_reader_open(&reader, store, path, format, error);
    while (status == VG_OK) {
        table got;
        status = vg_reader_next(reader, &got.schema, &got.batch, error);
        if (status != VG_OK || got.batch.release == NULL) break;
        release(&got);
    }
    vg_reader_close(&reader);
    return status;
}

static void damaged_tables_are_named(void **state)
{
    vg_store *store = open_store(*state);
    vg_error error = {""};
    table rows = make_rows(100, 100);
    write_table(store, "whole", VG_PARQUET, &rows);
    release(&rows);
    vg_bytes content = {0};
    OK(vg_store_read(store, "whole", VG_SIZE_UNKNOWN, 1 << 20, &content, why));

    for (size_t size = 0; size < content.size; size += content.size / 10) {
        OK(vg_store_write(store, "cut", content.bytes, size, why));
        assert_int_equal(read_all(store, "cut", VG_PARQUET, &error), VG_EFORMAT);
        assert_says(&error, "/cut: ");
    }
    /* Any byte may be wrong; then the numbers may be too, but nothing worse. */
    for (size_t i = 0; i < content.size; i += content.size / 200 + 1) {
        content.bytes[i] ^= 0xff;
        OK(vg_store_write(store, "flipped", content.bytes, content.size, why));
        (void)read_all(store, "flipped", VG_PARQUET, &error);
        content.bytes[i] ^= 0xff;
    }
    assert_int_equal(read_all(store, "none", VG_PARQUET, &error), VG_ENOTFOUND);
    assert_int_equal(read_all(store, "none", VG_CSV, &error), VG_ENOTFOUND);
    free(content.bytes);
    vg_store_close(&store);
}

static void bad_csv_is_named_with_its_row(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "/t"},
        {"path,features_string\na,\"1,2\"\nb,\"1,x\"\n", "features_string of row 2 is not a list"},
        {"path,features_string\na,\"1,2\"\nb,\"1,\"\n", "row 2"},
        {"path,features_string\na,\"1,,2\"\n", "row 1"},
        {"path,features_string\na,1;2\n", "row 1"},
        {"path,features_string\na,0x10\n", "row 1"},
        {"path,features_string\na,\"1,2\"\nb\n", "/t: "},
        {"path,features_string\na,\"1,2", "cut short"},
        {"path,label\na,b", "cut short"},
        {"path,features_string\n\xff,\"1,2\"\n", "/t: "},
    };
    vg_store *store = open_store(*state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vg_error error = {""};
        put(in(*state, "t"), cases[i].text);
        vg_status status = read_all(store, "t", VG_CSV, &error);
        if (status != VG_EFORMAT) fail_msg("case %zu: status %d", i, (int)status);
        assert_says(&error, cases[i].says);
    }
    vg_store_close(&store);
}

static void csv_of_other_writers_is_read(void **state)
{
    static const char text[] = "path,label,features_string\r\n"
                               "\"a\nb\",007,\"1.0, -2.5E-3,NaN,1e-60\"\r\n"
                               "c,,5\r\n";
    vg_store *store = open_store(*state);
    vg_reader *reader;
    table got;
    vg_column_view column;
    const char *bytes;
    const float *values;
    size_t size, n;
    put(in(*state, "t"), text);
    OK(vg_reader_open(&reader, store, "t", VG_CSV, why));
    OK(vg_reader_next(reader, &got.schema, &got.batch, why));
    OK(vg_column_find(&got.schema, &got.batch, "path", &column, why));
    vg_column_bytes(&column, 0, &bytes, &size);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "a\nb", 3);
    OK(vg_column_find(&got.schema, &got.batch, "label", &column, why));
    OK(vg_column_check_bytes(&column, why));
    vg_column_bytes(&column, 0, &bytes, &size);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "007", 3);
    assert_true(vg_column_is_null(&column, 1));
    OK(vg_column_find(&got.schema, &got.batch, "features", &column, why));
    OK(vg_column_check_float32_list(&column, why));
    vg_column_float32_list(&column, 0, &values, &n);
    assert_int_equal(n, 4);
    assert_true(values[0] == 1.0f && values[1] == -2.5e-3f && isnan(values[2]) && values[3] == 0);
    vg_column_float32_list(&column, 1, &values, &n);
    assert_true(n == 1 && values[0] == 5.0f);
    release(&got);
    vg_reader_close(&reader);
    vg_store_close(&store);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_short_and_come_back),
        TEST(csv_has_the_bytes_it_should),
        TEST(what_is_written_is_read_back_bit_for_bit),
        TEST(a_table_without_rows_is_a_table),
        TEST(an_unfinished_table_is_dropped),
        TEST(a_full_disk_ends_the_table),
        TEST(a_batch_of_another_schema_is_refused),
        TEST(damaged_tables_are_named),
        TEST(bad_csv_is_named_with_its_row),
        TEST(csv_of_other_writers_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
