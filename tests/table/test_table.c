/* The builder's refusals and its release callbacks; views of batches made wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table/builder.h"

static const vg_column columns[] = {{"path", VG_COLUMN_STRING},
                                    {"features", VG_COLUMN_FLOAT32_LIST}};

static vg_builder *open_builder(void)
{
    vg_builder *builder;
    assert_int_equal(vg_builder_open(&builder, columns, 2, NULL), VG_OK);
    return builder;
}

static void add_row(vg_builder *builder, const char *path, size_t n)
{
    const float values[3] = {1, 2, 3};
    assert_int_equal(vg_builder_string(builder, 0, path, strlen(path), NULL), VG_OK);
    assert_int_equal(vg_builder_float32_list(builder, 1, values, n, NULL), VG_OK);
}

static void build(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    vg_builder *builder = open_builder();
    add_row(builder, "a", 3);
    add_row(builder, "bc", 0);
    assert_int_equal(vg_builder_finish(builder, schema, batch, NULL), VG_OK);
    vg_builder_close(&builder);
    assert_null(builder);
    vg_builder_close(&builder);
}

static void test_the_builder_is_empty_after_a_batch(void **state)
{
    (void)state;
    vg_builder *builder = open_builder();
    for (int64_t n = 0; n < 4; n++) {
        for (int64_t i = 0; i < n; i++) add_row(builder, "x", 2);
        struct ArrowSchema schema;
        struct ArrowArray batch;
        assert_int_equal(vg_builder_finish(builder, &schema, &batch, NULL), VG_OK);
        assert_int_equal(batch.length, n);
        assert_int_equal(batch.children[1]->children[0]->length, 2 * n);
        const int32_t *offsets = batch.children[1]->buffers[1];
        assert_int_equal(offsets[0], 0);
        assert_int_equal(offsets[n], 2 * n);
        vg_batch_release(&batch);
        vg_schema_release(&schema);
        assert_null(batch.release);
        assert_null(schema.release);
        vg_batch_release(&batch); /* released already */
        vg_schema_release(&schema);
    }
    vg_builder_close(&builder);
}

static void test_ragged_columns_are_refused_and_kept(void **state)
{
    (void)state;
    vg_builder *builder = open_builder();
    add_row(builder, "a", 1);
    assert_int_equal(vg_builder_string(builder, 0, "b", 1, NULL), VG_OK);
    struct ArrowSchema schema;
    struct ArrowArray batch;
    vg_error error;
    assert_int_equal(vg_builder_finish(builder, &schema, &batch, &error), VG_EINVAL);
    assert_string_equal(error.message, "table: column path has 2 rows, column features has 1");
    assert_null(schema.release);
    assert_null(batch.release);
    assert_int_equal(vg_builder_null(builder, 1, NULL), VG_OK);
    assert_int_equal(vg_builder_finish(builder, &schema, &batch, NULL), VG_OK);
    assert_int_equal(batch.length, 2);
    assert_int_equal(batch.children[1]->null_count, 1);
    assert_int_equal(*(const uint8_t *)batch.children[1]->buffers[0], 1);
    vg_batch_release(&batch);
    vg_schema_release(&schema);
    vg_builder_close(&builder);
}

static void test_booleans_are_bits(void **state)
{
    (void)state;
    const vg_column column = {"unknown", VG_COLUMN_BOOL};
    vg_builder *builder;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    assert_int_equal(vg_builder_open(&builder, &column, 1, NULL), VG_OK);
    for (int i = 0; i < 11; i++) /* every third one, but the fourth has no value */
        assert_int_equal(i == 4 ? vg_builder_null(builder, 0, NULL)
                                : vg_builder_bool(builder, 0, i % 3 == 0, NULL),
                         VG_OK);
    assert_int_equal(vg_builder_finish(builder, &schema, &batch, NULL), VG_OK);
    assert_string_equal(schema.children[0]->format, "b");
    const uint8_t *valid = batch.children[0]->buffers[0], *bits = batch.children[0]->buffers[1];
    assert_int_equal(valid[0], 0xEF);
    assert_int_equal(valid[1], 0x07);
    assert_int_equal(bits[0], 0x49);
    assert_int_equal(bits[1], 0x02);
    vg_batch_release(&batch);
    vg_schema_release(&schema);
    vg_builder_close(&builder);
}

static void test_wrong_types_and_columns(void **state)
{
    (void)state;
    vg_builder *builder = open_builder();
    vg_error error;
    assert_int_equal(vg_builder_int64(builder, 0, 1, &error), VG_EINVAL);
    assert_non_null(strstr(error.message, "column path takes values of another type"));
    assert_int_equal(vg_builder_float64(builder, 1, 1, NULL), VG_EINVAL);
    assert_int_equal(vg_builder_float64_list(builder, 1, NULL, 0, NULL), VG_EINVAL);
    assert_int_equal(vg_builder_string(builder, 1, "a", 1, NULL), VG_EINVAL);
    assert_int_equal(vg_builder_string(builder, 2, "a", 1, &error), VG_EINVAL);
    assert_string_equal(error.message, "table: no column 2, there are 2");
    assert_int_equal(vg_builder_null(builder, 2, NULL), VG_EINVAL);
    vg_builder_close(&builder);
}

static void test_offsets_do_not_overflow(void **state)
{
    (void)state;
    vg_builder *builder = open_builder();
    add_row(builder, "a", 3);
    /* As if the items were there: 2^31 of them are too many for a test. */
    vg_buffer *values = &builder->columns[1].values;
    size_t size = values->size;
    values->size = (size_t)INT32_MAX * sizeof(float);
    vg_error error;
    assert_int_equal(vg_builder_float32_list(builder, 1, (float[]){1}, 1, &error), VG_ELIMIT);
    assert_non_null(strstr(error.message, "column features has more than 2147483647 items"));
    values->size = size;
    assert_int_equal(vg_builder_float32_list(builder, 1, NULL, (size_t)INT32_MAX - 2, NULL),
                     VG_ELIMIT);
    assert_int_equal(builder->columns[1].length, 1);
    vg_builder_close(&builder);
}

static void test_a_schema_before_the_first_batch(void **state)
{
    (void)state;
    vg_builder *builder = open_builder();
    struct ArrowSchema schema;
    assert_int_equal(vg_builder_schema(builder, &schema, NULL), VG_OK);
    vg_builder_close(&builder); /* the schema is on its own */
    assert_string_equal(schema.format, "+s");
    assert_int_equal(schema.n_children, 2);
    assert_string_equal(schema.children[0]->name, "path");
    assert_string_equal(schema.children[0]->format, "u");
    assert_int_equal(schema.children[0]->flags, ARROW_FLAG_NULLABLE);
    assert_string_equal(schema.children[1]->format, "+l");
    assert_string_equal(schema.children[1]->children[0]->format, "f");
    assert_string_equal(schema.children[1]->children[0]->name, "item");
    vg_schema_release(&schema);
}

/* "Moving an array" and "Moving child arrays" of the C Data Interface. */
static void test_a_batch_and_its_children_can_be_moved(void **state)
{
    (void)state;
    struct ArrowSchema schema, moved_schema, child_schema;
    struct ArrowArray batch, moved, child;
    build(&schema, &batch);
    moved = batch;
    batch.release = NULL;
    moved_schema = schema;
    schema.release = NULL;
    child = *moved.children[1];
    moved.children[1]->release = NULL;
    child_schema = *moved_schema.children[1];
    moved_schema.children[1]->release = NULL;
    vg_batch_release(&moved);
    vg_schema_release(&moved_schema);

    assert_int_equal(child.length, 2);
    assert_true(((const float *)child.children[0]->buffers[1])[2] == 3);
    assert_string_equal(child_schema.name, "features");
    vg_batch_release(&child);
    vg_schema_release(&child_schema);
}

static void test_no_columns(void **state)
{
    (void)state;
    vg_builder *builder;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    assert_int_equal(vg_builder_open(&builder, NULL, 0, NULL), VG_OK);
    assert_int_equal(vg_builder_finish(builder, &schema, &batch, NULL), VG_OK);
    assert_int_equal(batch.length, 0);
    vg_column_view view;
    assert_int_equal(vg_column_find(&schema, &batch, "x", &view, NULL), VG_ENOTFOUND);
    vg_batch_release(&batch);
    vg_schema_release(&schema);
    vg_builder_close(&builder);
}

/* --- Batches made wrong --------------------------------------------------- */

static vg_status check_column(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                              const char *name, vg_error *error)
{
    vg_column_view view;
    vg_status status = vg_column_find(schema, batch, name, &view, error);
    if (status != VG_OK) return status;
    return strcmp(name, "path") == 0 ? vg_column_check_bytes(&view, error)
                                     : vg_column_check_float32_list(&view, error);
}

typedef void damage_function(struct ArrowSchema *schema, struct ArrowArray *batch);

static void assert_damaged(damage_function *damage, const char *name, vg_status expected)
{
    struct ArrowSchema schema, schema_before;
    struct ArrowArray batch, batch_before, children_before[2], items_before;
    vg_error error = {{0}};
    build(&schema, &batch);
    assert_int_equal(check_column(&schema, &batch, name, NULL), VG_OK);
    schema_before = schema;
    batch_before = batch;
    for (int i = 0; i < 2; i++) children_before[i] = *batch.children[i];
    items_before = *batch.children[1]->children[0];

    damage(&schema, &batch);
    assert_int_equal(check_column(&schema, &batch, name, &error), expected);
    assert_true(error.message[0] != '\0');

    schema = schema_before;
    batch = batch_before;
    for (int i = 0; i < 2; i++) *batch.children[i] = children_before[i];
    *batch.children[1]->children[0] = items_before;
    vg_batch_release(&batch);
    vg_schema_release(&schema);
}

static void not_a_struct(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)batch;
    schema->format = "+l";
}

static void too_few_children(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->n_children = 1;
}

static void short_column(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->children[0]->length = 1;
}

static void negative_offset(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->children[0]->offset = -1;
}

static void slice_past_the_end(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->offset = 1;
}

static void offsets_that_go_back(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    ((int32_t *)batch->children[0]->buffers[1])[1] = 9;
}

static void negative_offsets(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    ((int32_t *)batch->children[0]->buffers[1])[0] = -1;
}

static void too_few_buffers(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->children[0]->n_buffers = 2;
}

static void too_few_values(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->children[1]->children[0]->length = 2;
}

static void lists_without_values(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->children[1]->n_children = 0;
}

static void negative_children(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    schema->n_children = batch->n_children = -1;
}

static void no_children(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->children = NULL;
}

static void no_format(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)batch;
    schema->children[0]->format = schema->children[1]->children[0]->format = NULL;
}

static void no_buffers(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->children[0]->buffers = batch->children[1]->buffers = NULL;
}

static void no_data(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    static const void *without[3];
    (void)schema;
    without[1] = batch->children[0]->buffers[1];
    batch->children[0]->buffers = without;
}

static void length_and_offset_past_int64(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->length = batch->offset = INT64_MAX;
}

static void column_past_int64(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->children[0]->offset = INT64_MAX;
}

static void values_past_int64(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    (void)schema;
    batch->children[1]->children[0]->offset = INT64_MAX;
}

static void long_fixed_lists(struct ArrowSchema *schema, struct ArrowArray *batch)
{
    schema->children[1]->format = "+w:2147483647";
    batch->children[1]->offset = INT64_MAX / 2;
}

static void test_damaged_batches_are_refused(void **state)
{
    (void)state;
    assert_damaged(negative_children, "path", VG_EINVAL);
    assert_damaged(no_children, "path", VG_EINVAL);
    assert_damaged(no_format, "path", VG_EUNSUPPORTED);
    assert_damaged(no_format, "features", VG_EUNSUPPORTED);
    assert_damaged(no_buffers, "path", VG_EFORMAT);
    assert_damaged(no_buffers, "features", VG_EFORMAT);
    assert_damaged(no_data, "path", VG_EFORMAT);
    assert_damaged(length_and_offset_past_int64, "path", VG_EFORMAT);
    assert_damaged(column_past_int64, "path", VG_EFORMAT);
    assert_damaged(values_past_int64, "features", VG_EFORMAT);
    assert_damaged(long_fixed_lists, "features", VG_EFORMAT);
    assert_damaged(not_a_struct, "path", VG_EINVAL);
    assert_damaged(too_few_children, "path", VG_EINVAL);
    assert_damaged(short_column, "path", VG_EFORMAT);
    assert_damaged(negative_offset, "path", VG_EFORMAT);
    assert_damaged(slice_past_the_end, "path", VG_EFORMAT);
    assert_damaged(offsets_that_go_back, "path", VG_EFORMAT);
    assert_damaged(negative_offsets, "path", VG_EFORMAT);
    assert_damaged(too_few_buffers, "path", VG_EFORMAT);
    assert_damaged(too_few_values, "features", VG_EFORMAT);
    assert_damaged(lists_without_values, "features", VG_EFORMAT);
}

static void test_long_column_names_fit_the_message(void **state)
{
    (void)state;
    enum { N = 100 };
    vg_column many[N];
    for (size_t i = 0; i < N; i++)
        many[i] = (vg_column){"a rather long name of a column", VG_COLUMN_INT64};
    vg_builder *builder;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    vg_column_view view;
    vg_error error;
    assert_int_equal(vg_builder_open(&builder, many, N, NULL), VG_OK);
    assert_int_equal(vg_builder_finish(builder, &schema, &batch, NULL), VG_OK);
    assert_int_equal(vg_column_find(&schema, &batch, "path", &view, &error), VG_ENOTFOUND);
    assert_non_null(strstr(error.message, "no column path: the table has a rather long name"));
    vg_batch_release(&batch);
    vg_schema_release(&schema);
    vg_builder_close(&builder);
}

static void test_lists_of_strings(void **state)
{
    (void)state;
    const vg_column names = {"names", VG_COLUMN_STRING_LIST};
    const char *first[] = {"a", "", "b\xFF"}, *second[] = {"cd"};
    const size_t first_sizes[] = {1, 0, 2}, second_sizes[] = {2};
    vg_builder *builder;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    assert_int_equal(vg_builder_open(&builder, &names, 1, NULL), VG_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(vg_builder_string_list(builder, 0, first, first_sizes, 3, NULL), VG_OK);
        assert_int_equal(vg_builder_null(builder, 0, NULL), VG_OK);
        assert_int_equal(vg_builder_string_list(builder, 0, NULL, NULL, 0, NULL), VG_OK);
        assert_int_equal(vg_builder_string_list(builder, 0, second, second_sizes, 1, NULL), VG_OK);
        assert_int_equal(vg_builder_finish(builder, &schema, &batch, NULL), VG_OK);
        const struct ArrowArray *lists = batch.children[0], *items = lists->children[0];
        const int32_t offsets[] = {0, 3, 3, 3, 4}, ends[] = {0, 1, 1, 6, 8};
        assert_string_equal(schema.children[0]->children[0]->format, "u");
        assert_int_equal(lists->length, 4);
        assert_int_equal(lists->null_count, 1);
        assert_memory_equal(lists->buffers[1], offsets, sizeof offsets);
        assert_int_equal(items->length, 4);
        assert_memory_equal(items->buffers[1], ends, sizeof ends);
        assert_memory_equal(items->buffers[2], "ab\\xffcd", 8);
        vg_batch_release(&batch);
        vg_schema_release(&schema);
    }
    vg_builder_close(&builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_of_strings),
        cmocka_unit_test(test_the_builder_is_empty_after_a_batch),
        cmocka_unit_test(test_ragged_columns_are_refused_and_kept),
        cmocka_unit_test(test_booleans_are_bits),
        cmocka_unit_test(test_wrong_types_and_columns),
        cmocka_unit_test(test_offsets_do_not_overflow),
        cmocka_unit_test(test_a_schema_before_the_first_batch),
        cmocka_unit_test(test_a_batch_and_its_children_can_be_moved),
        cmocka_unit_test(test_no_columns),
        cmocka_unit_test(test_damaged_batches_are_refused),
        cmocka_unit_test(test_long_column_names_fit_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
