/* What the public functions answer to arguments that no caller may give: to objects that are
 * not open, to results without a place, to options of another make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verger/verger.h"

/* The call is VG_EINVAL and says why. */
#define EXPECT_EINVAL(call)                    \
    do {                                       \
        vg_error error = {""};                 \
        assert_int_equal((call), VG_EINVAL);   \
        assert_true(error.message[0] != '\0'); \
    } while (0)

static void test_closed_objects_are_answered(void **state)
{
    (void)state;
    vg_model *model = NULL;
    vg_extractor *extractor = NULL;
    assert_int_equal(vg_model_open(&model, "seeded:1", NULL, NULL), VG_OK);
    assert_int_equal(vg_extractor_open(&extractor, model, NULL, NULL), VG_OK);
    vg_extractor_close(&extractor);
    vg_model_close(&model);

    static uint8_t rgb[VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3];
    float features[VG_FEATURE_COUNT];
    vg_encoded_image encoded = {"", 0};
    vg_image_result result;
    vg_image image = {.rgb = rgb, .width = VG_IMAGE_SIZE, .height = VG_IMAGE_SIZE};
    EXPECT_EINVAL(vg_extract(extractor, 1, &encoded, features, &result, &error));
    EXPECT_EINVAL(vg_extractor_resize(extractor, &image, rgb, &error));
    EXPECT_EINVAL(vg_extractor_forward(extractor, 1, rgb, features, &error));
    EXPECT_EINVAL(vg_extractor_open(&extractor, model, NULL, &error));
    EXPECT_EINVAL(vg_model_save_packed(model, "nowhere", &error));
    vg_image_quality quality = {.width = 1};
    EXPECT_EINVAL(vg_extractor_get_quality(extractor, &quality, &error));
    EXPECT_EINVAL(vg_extractor_get_quality(extractor, NULL, &error));
    assert_int_equal(quality.width, 0);
    assert_null(vg_model_kernels(model));
    vg_extractor_times times = {1, 2, 3};
    vg_extractor_get_times(extractor, &times);
    assert_true(times.decode == 0 && times.resize == 0 && times.network == 0);
}

static void test_closed_sums_are_answered(void **state)
{
    (void)state;
    const float row[2] = {1, 2};
    double projected[2];
    vg_moments *moments = NULL, *other = NULL;
    vg_pca *pca = NULL;
    EXPECT_EINVAL(vg_moments_add(moments, 1, row, &error));
    EXPECT_EINVAL(vg_moments_merge(moments, other, &error));
    EXPECT_EINVAL(vg_moments_set_threads(moments, 1, &error));
    EXPECT_EINVAL(vg_pca_fit(&pca, moments, 1, &error));
    EXPECT_EINVAL(vg_pca_project(pca, 1, row, projected, &error));
    assert_int_equal(vg_moments_dims(moments), 0);
    assert_int_equal(vg_moments_count(moments), 0);
    assert_int_equal(vg_moments_serialized_size(moments), 0);
    vg_moments_serialize(moments, projected);
    assert_int_equal(vg_pca_dims(pca), 0);
    assert_int_equal(vg_pca_components(pca), 0);
    assert_null(vg_pca_matrix(pca));
    assert_null(vg_pca_explained_variance(pca));

    assert_int_equal(vg_moments_open(&moments, 2, NULL), VG_OK);
    EXPECT_EINVAL(vg_moments_merge(moments, other, &error));
    vg_moments_close(&moments);
}

static void test_closed_batches_are_answered(void **state)
{
    (void)state;
    struct ArrowSchema schema = {0}, out_schema;
    struct ArrowArray batch = {0}, out_batch;
    EXPECT_EINVAL(vg_extract_arrow(NULL, &schema, &batch, &out_schema, &out_batch, &error));
    EXPECT_EINVAL(vg_moments_add_arrow(NULL, &schema, &batch, &error));
    EXPECT_EINVAL(vg_pca_project_arrow(NULL, &schema, &batch, &out_schema, &out_batch, &error));
    assert_null(out_schema.release);
    assert_null(out_batch.release);
}

static void test_closed_indexes_are_answered(void **state)
{
    (void)state;
    const float query[1] = {1};
    int64_t index[1];
    double distance[1];
    EXPECT_EINVAL(vg_index_search(NULL, 1, query, 1, NULL, index, distance, &error));
    assert_int_equal(vg_index_count(NULL), 0);
    assert_int_equal(vg_index_dims(NULL), 0);
}

static void test_results_need_a_place(void **state)
{
    (void)state;
    const double numbers[1] = {1};
    EXPECT_EINVAL(vg_model_open(NULL, "seeded:1", NULL, &error));
    EXPECT_EINVAL(vg_extractor_open(NULL, NULL, NULL, &error));
    EXPECT_EINVAL(vg_image_decode(NULL, "", 0, NULL, &error));
    EXPECT_EINVAL(vg_budget_open(NULL, 1, &error));
    EXPECT_EINVAL(vg_moments_open(NULL, 1, &error));
    EXPECT_EINVAL(vg_moments_deserialize(NULL, numbers, sizeof numbers, &error));
    EXPECT_EINVAL(vg_pca_open(NULL, 1, 1, numbers, numbers, &error));
    EXPECT_EINVAL(vg_pca_fit(NULL, NULL, 1, &error));
    EXPECT_EINVAL(vg_index_open(NULL, NULL, 0, 1, NULL, &error));
    vg_model *model;
    EXPECT_EINVAL(vg_model_open(&model, NULL, NULL, &error));
    assert_null(model);
}

static void test_closing_twice_is_nothing(void **state)
{
    (void)state;
    vg_model *model = NULL;
    vg_model_close(&model);
    vg_model_close(NULL);
    vg_extractor_close(NULL);
    vg_image_close(NULL);
    vg_budget_close(NULL);
    vg_moments_close(NULL);
    vg_pca_close(NULL);
    vg_index_close(NULL);
}

/* The last image's alone, and where it is asked for. */
static void test_quality_is_that_of_the_last_image(void **state)
{
    (void)state;
    static const char white[] = "P5 2 3 255 \xff\xff\xff\xff\xff\xff";
    const vg_encoded_image images[] = {{white, sizeof white - 1}, {"no image", 8}};
    float features[2 * VG_FEATURE_COUNT];
    vg_image_result results[2];
    vg_image_quality quality;
    vg_model *model = NULL;
    assert_int_equal(vg_model_open(&model, "seeded:1", NULL, NULL), VG_OK);
    for (int asked = 0; asked < 2; asked++) {
        vg_extractor *extractor = NULL;
        vg_extractor_options options;
        vg_extractor_options_default(&options);
        assert_int_equal(options.quality, 0);
        options.quality = asked;
        assert_int_equal(vg_extractor_open(&extractor, model, &options, NULL), VG_OK);
        assert_int_equal(vg_extract(extractor, 1, images, features, results, NULL), VG_OK);
        assert_int_equal(results[0].status, VG_OK);
        assert_int_equal(vg_extractor_get_quality(extractor, &quality, NULL), VG_OK);
        assert_int_equal(quality.width, 2 * asked);
        assert_int_equal(quality.height, 3 * asked);
        for (int i = 0; i < VG_BRIGHTNESS_LEVELS; i++)
            assert_int_equal(quality.brightness[i], 255 * asked);
        assert_int_equal(quality.signature[255], 255 * 256 * asked);
        assert_true(quality.contrast == 0 && quality.sharpness == 0);
        assert_int_equal(vg_extract(extractor, 2, images, features, results, NULL), VG_OK);
        assert_int_equal(results[1].status, VG_EFORMAT);
        assert_int_equal(vg_extractor_get_quality(extractor, &quality, NULL), VG_OK);
        assert_int_equal(quality.width + quality.brightness[4] + quality.signature[0], 0);
        vg_extractor_close(&extractor);
    }
    vg_model_close(&model);
}

/* Options that did not begin as they must, or of a later version. */
static void test_reserved_is_zero(void **state)
{
    (void)state;
    vg_model *model = NULL;
    vg_model_options model_options;
    vg_model_options_default(&model_options);
    model_options.reserved[6] = 1;
    EXPECT_EINVAL(vg_model_open(&model, "seeded:1", &model_options, &error));

    vg_image image = {0};
    vg_image_options image_options;
    memset(&image_options, 0xA5, sizeof image_options);
    EXPECT_EINVAL(vg_image_decode(&image, "", 0, &image_options, &error));

    vg_extractor *extractor = NULL;
    vg_extractor_options options;
    vg_extractor_options_default(&options);
    assert_int_equal(options.threads, 1);
    assert_int_equal(vg_model_open(&model, "seeded:1", NULL, NULL), VG_OK);
    options.threads = 0;
    EXPECT_EINVAL(vg_extractor_open(&extractor, model, &options, &error));
    options.threads = 2;
    options.image.reserved[0] = 1;
    EXPECT_EINVAL(vg_extractor_open(&extractor, model, &options, &error));
    options.image.reserved[0] = 0;
    options.reserved[7] = 1;
    EXPECT_EINVAL(vg_extractor_open(&extractor, model, &options, &error));
    options.reserved[7] = 0;
    assert_int_equal(vg_extractor_open(&extractor, model, &options, NULL), VG_OK);
    vg_extractor_close(&extractor);
    vg_model_close(&model);

    const float rows[4] = {1, 2, 3, 4};
    int64_t indices[4];
    double distances[4];
    vg_neighbours_options neighbours;
    vg_neighbours_options_default(&neighbours);
    neighbours.reserved[0] = 1;
    EXPECT_EINVAL(vg_neighbours(rows, 4, 1, 1, &neighbours, indices, distances, &error));
    vg_index *index = NULL;
    vg_index_options index_options;
    vg_index_options_default(&index_options);
    index_options.reserved[0] = 1;
    EXPECT_EINVAL(vg_index_open(&index, rows, 4, 1, &index_options, &error));
    assert_null(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_objects_are_answered),
        cmocka_unit_test(test_closed_sums_are_answered),
        cmocka_unit_test(test_closed_batches_are_answered),
        cmocka_unit_test(test_closed_indexes_are_answered),
        cmocka_unit_test(test_results_need_a_place),
        cmocka_unit_test(test_closing_twice_is_nothing),
        cmocka_unit_test(test_quality_is_that_of_the_last_image),
        cmocka_unit_test(test_reserved_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
