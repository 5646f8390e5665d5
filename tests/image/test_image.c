/* Decoding and resizing from C: limits, reasons, hostile files, reuse. That the pixels
 * are Pillow's is shown by test_pillow.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <png.h>

#include "base/cpu.h"
#include "image/budget.h"
#include "image/image.h"

enum { WIDTH = 20, HEIGHT = 13, CHANNELS = 3, MAX_BYTES = 1 << 16 };

typedef struct encoded {
    unsigned char data[MAX_BYTES];
    size_t size;
} encoded;

/* --- Files -------------------------------------------------------------- */

static void fill_pixels(uint8_t *pixels)
{
    for (int i = 0; i < WIDTH * HEIGHT * CHANNELS; i++) pixels[i] = (uint8_t)(i * 7 + i / 60 * 11);
}

/* Kinds of JPEG, to be added up. */
enum { BASELINE = 0, PROGRESSIVE = 1, ARITHMETIC = 2 };

static encoded make_jpeg(int kind)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    uint8_t pixels[WIDTH * HEIGHT * CHANNELS];
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    fill_pixels(pixels);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    jpeg.image_width = WIDTH;
    jpeg.image_height = HEIGHT;
    jpeg.input_components = CHANNELS;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    if (kind & PROGRESSIVE) jpeg_simple_progression(&jpeg);
    if (kind & ARITHMETIC) jpeg.arith_code = TRUE;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < HEIGHT) {
        JSAMPROW row = pixels + jpeg.next_scanline * WIDTH * CHANNELS;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);

    encoded file = {.size = size};
    assert_true(size <= MAX_BYTES);
    memcpy(file.data, bytes, size);
    free(bytes);
    return file;
}

static encoded make_png(void)
{
    uint8_t pixels[WIDTH * HEIGHT * CHANNELS];
    encoded file = {.size = MAX_BYTES};
    fill_pixels(pixels);
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = WIDTH, .height = HEIGHT, .format = PNG_FORMAT_RGB};
    assert_true(png_image_write_to_memory(&image, file.data, &file.size, 0, pixels, 0, NULL));
    return file;
}

static size_t find(const encoded *file, const char *bytes, size_t count)
{
    for (size_t i = 0; i + count <= file->size; i++)
        if (memcmp(file->data + i, bytes, count) == 0) return i;
    fail_msg("the file lacks what the test looks for");
    return 0;
}

static void put_number(unsigned char *to, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
}

/* The CRC-32 of the PNG specification, appendix D. */
static uint32_t checksum(const unsigned char *data, size_t size)
{
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
    }
    return ~crc;
}

static encoded jpeg_of_size(uint32_t width, uint32_t height)
{
    encoded file = make_jpeg(0);
    size_t frame = find(&file, "\xFF\xC0", 2);
    put_number(file.data + frame + 5, height, 2);
    put_number(file.data + frame + 7, width, 2);
    return file;
}

static encoded png_of_size(uint32_t width, uint32_t height)
{
    encoded file = make_png();
    size_t header = find(&file, "IHDR", 4);
    put_number(file.data + header + 4, width, 4);
    put_number(file.data + header + 8, height, 4);
    put_number(file.data + header + 17, checksum(file.data + header, 17), 4);
    return file;
}

/* --- Helpers ------------------------------------------------------------ */

/* Decodes a copy that ends where its allocation ends. */
static vg_status decode(vg_image *image, const void *data, size_t size,
                        const vg_image_options *options, vg_error *error)
{
    void *copy = malloc(size);
    assert_true(copy != NULL || size == 0);
    if (size > 0) memcpy(copy, data, size);
    error->message[0] = '\0';
    vg_status status = vg_image_decode(image, copy, size, options, error);
    free(copy);
    assert_int_equal(status != VG_OK, error->message[0] != '\0');
    assert_int_equal(status == VG_OK, image->width > 0 && image->height > 0);
    return status;
}

/* Returns the bytes that the image took. */
static size_t assert_refused(const void *data, size_t size, vg_status expected, const char *reason)
{
    vg_image image = {0};
    vg_error error;
    vg_status status = decode(&image, data, size, NULL, &error);
    if (status != expected || strstr(error.message, reason) == NULL)
        fail_msg("expected '%s' with '%s', got '%s' with '%s'", vg_status_name(expected), reason,
                 vg_status_name(status), error.message);
    size_t capacity = image.capacity;
    vg_image_close(&image);
    return capacity;
}

/* --- Which format ------------------------------------------------------- */

static void test_formats_are_told_by_their_first_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *reason;
    } files[] = {
        {"", 0, "empty"},
        {"\xFF", 1, "ends within its first bytes"},
        {"\xFF\xD8", 2, "ends within its first bytes"},
        {"\x89PNG\r\n", 6, "ends within its first bytes"},
        {"GIF89a....", 10, "the GIF ends early"},
        {"GIF88a....", 10, "text, not an image"},
        {"RIFF\1\0\0\0WEBPVP8 ", 16, "the WebP"},
        {"BM\0\0\0\0\0\0", 8, "the BMP ends early"},
        {"P5\n3 3", 6, "the PNM ends early"},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0",
         16, "a HEIF image of a brand beside HEIC and AVIF (mif1)"},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0miafMiPr",
         24, "a HEIF image of a brand beside HEIC and AVIF (mif1)"},
        {"\0\0\0\x1C"
         "ftypmif1\0\0\0\0mif1avifmiaf",
         28, "AVIF"},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0mif1heix",
         24, "HEIC"},
        {"\0\0\0\x14"
         "ftypmif1\0\0\0\0mif1avif",
         24, "a HEIF image of a brand beside"},
        {"\0\0\0\x18"
         "ftypavis\0\0\0\0",
         16, "an AVIF sequence (avis)"},
        {"\xFF\x0A....", 6, "a JPEG XL image"},
        {"\x89PNG\r\n\032\n\0\0\0\4"
         "CgBI\120\0\040\002\053\325\263\177",
         24, "the PNG cannot be read: CgBI"},
        {"II+\0\10\0\0\0", 8, "a BigTIFF image"},
        {"\0\0\1\0\1\0\20\20", 8, "an ICO image"},
        {"8BPS\0\1", 6, "a PSD image"},
        {"hello, fruit\n", 13, "text, not an image"},
        {"h\xC3\xA9llo", 6, "text, not an image"},
        {"\1\2\3\4\5\6\7\10\11", 9, "no known image format"},
        {"\xFF\xD8\0\0", 4, "no known image format"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_refused(files[i].data, files[i].size, VG_EFORMAT, files[i].reason);
    assert_refused("8BPS", 4, VG_EFORMAT, "only JPEG, PNG");
    assert_string_equal(vg_image_format(0), "JPEG");
    size_t count = 0;
    while (vg_image_format(count) != NULL) count++;
    assert_true(count >= 4 && count <= 9);
    assert_null(vg_image_format(count + 1));
}

static void test_arguments_are_checked(void **state)
{
    (void)state;
    vg_image image = {0};
    vg_error error;
    assert_int_equal(vg_image_decode(NULL, "x", 1, NULL, &error), VG_EINVAL);
    assert_int_equal(vg_image_decode(&image, NULL, 1, NULL, &error), VG_EINVAL);
    assert_int_equal(vg_image_decode(&image, NULL, 0, NULL, NULL), VG_EFORMAT);
    vg_image_close(&image);
    vg_image_close(NULL);
}

/* --- Limits ------------------------------------------------------------- */

static void test_size_is_bounded_before_any_pixel(void **state)
{
    (void)state;
    const encoded files[] = {jpeg_of_size(65500, 65500), jpeg_of_size(65535, 65535),
                             jpeg_of_size(13378, 13378), png_of_size(65535, 65535),
                             png_of_size(13378, 13378),  png_of_size(0x7FFFFFFF, 0x7FFFFFFF)};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        /* libjpeg has a limit of its own. */
        const char *reason = i == 1 ? "65500" : "the limit of";
        assert_int_equal(assert_refused(files[i].data, files[i].size, VG_ELIMIT, reason), 0);
    }
    const encoded no_rows = png_of_size(20, 0), no_columns = jpeg_of_size(0, 20);
    assert_refused(no_rows.data, no_rows.size, VG_EFORMAT, "damaged");
    assert_refused(no_columns.data, no_columns.size, VG_EFORMAT, "damaged");
}

static void test_limit_is_the_options(void **state)
{
    (void)state;
    const encoded files[] = {make_jpeg(0), make_jpeg(1), make_png()};
    vg_image image = {0};
    vg_image_options options;
    vg_error error;
    vg_image_options_default(&options);
    assert_int_equal(options.max_pixels, 178956970);
    assert_int_equal(options.exif_orient, 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        options.max_pixels = WIDTH * HEIGHT;
        assert_int_equal(decode(&image, files[i].data, files[i].size, &options, &error), VG_OK);
        options.max_pixels = WIDTH * HEIGHT - 1;
        assert_int_equal(decode(&image, files[i].data, files[i].size, &options, &error), VG_ELIMIT);
        assert_non_null(strstr(error.message, "20 x 13"));
    }
    vg_image_close(&image);
}

/* A last scan that is there again and again costs a pass each time. */
static void assert_scans_refused(const encoded *file, size_t scans, const char *reason)
{
    size_t end = file->size - 2, scan = end;
    while (memcmp(file->data + scan, "\xFF\xDA", 2) != 0) scan--;
    size_t bytes = end - scan;
    unsigned char *bomb = malloc(end + scans * bytes + 2);
    assert_non_null(bomb);
    memcpy(bomb, file->data, end);
    for (size_t i = 0; i < scans; i++) memcpy(bomb + end + i * bytes, file->data + scan, bytes);
    memcpy(bomb + end + scans * bytes, "\xFF\xD9", 2);
    assert_refused(bomb, end + scans * bytes + 2, VG_ELIMIT, reason);
    free(bomb);
}

static void test_scans_are_bounded(void **state)
{
    (void)state;
    encoded file = make_jpeg(PROGRESSIVE);
    assert_scans_refused(&file, 600, "more than 500 scans");
    size_t frame = find(&file, "\xFF\xC2", 2);
    put_number(file.data + frame + 5, 8192, 2);
    put_number(file.data + frame + 7, 8192, 2);
    assert_scans_refused(&file, 100, "blocks or more in its scans");
}

static void test_sides_are_bounded_before_any_pixel(void **state)
{
    (void)state;
    const encoded files[] = {png_of_size(80000000, 1), png_of_size(1, 80000000)};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(assert_refused(files[i].data, files[i].size, VG_ELIMIT, "a side"), 0);
}

/* --- Hostile files ------------------------------------------------------ */

static void test_cut_files_end_early(void **state)
{
    (void)state;
    const encoded files[] = {make_jpeg(0), make_jpeg(1), make_png()};
    vg_error error;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        vg_image image = {0};
        for (size_t size = 0; size < files[i].size; size++) {
            vg_status status = decode(&image, files[i].data, size, NULL, &error);
            if (status != VG_OK) assert_int_equal(status, VG_EFORMAT);
            if (size >= 8 && status != VG_OK) assert_non_null(strstr(error.message, "ends early"));
            /* Only what follows the rows may be missing. */
            if (size + 40 < files[i].size) assert_int_not_equal(status, VG_OK);
        }
        assert_int_equal(decode(&image, files[i].data, files[i].size, NULL, &error), VG_OK);
        vg_image_close(&image);
    }
}

static void test_short_png_is_no_image(void **state)
{
    (void)state;
    /* Sound data of fewer rows than the header says, which Pillow leaves black. */
    const encoded file = png_of_size(WIDTH, HEIGHT + 5);
    assert_refused(file.data, file.size, VG_EFORMAT, "ends early");
}

static void test_jpeg_kinds_beyond_us_say_so(void **state)
{
    (void)state;
    encoded file = make_jpeg(0);
    size_t frame = find(&file, "\xFF\xC0", 2);
    file.data[frame + 1] = 0xC3;
    assert_refused(file.data, file.size, VG_EUNSUPPORTED, "SOF");
    file.data[frame + 1] = 0xC0;
    file.data[frame + 4] = 12;
    assert_refused(file.data, file.size, VG_EUNSUPPORTED, "recision");
}

static void test_arithmetic_coding_gives_the_same_pixels(void **state)
{
    (void)state;
    vg_image image = {0}, expected = {0};
    vg_error error;
    for (int progressive = BASELINE; progressive <= PROGRESSIVE; progressive++) {
        const encoded huffman = make_jpeg(progressive);
        const encoded file = make_jpeg(progressive | ARITHMETIC);
        assert_int_equal(decode(&expected, huffman.data, huffman.size, NULL, &error), VG_OK);
        assert_int_equal(decode(&image, file.data, file.size, NULL, &error), VG_OK);
        assert_memory_equal(image.rgb, expected.rgb, WIDTH * HEIGHT * CHANNELS);
    }
    vg_image_close(&image);
    vg_image_close(&expected);
}

/* The time of a stop, and of the limit, within images that take long. */
static int count_down(void *context)
{
    return --*(int *)context < 0;
}

static void test_decoding_can_be_cancelled(void **state)
{
    (void)state;
    const encoded files[] = {jpeg_of_size(4000, 4000), png_of_size(4000, 4000)};
    vg_image image = {0};
    vg_image_options options;
    vg_error error;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        vg_image_options_default(&options);
        /* What follows the first rows is missing, but nobody comes so far. */
        int looks = 0;
        options.is_cancelled = count_down;
        options.cancel_context = &looks;
        vg_status status = decode(&image, files[i].data, files[i].size, &options, &error);
        assert_int_equal(status, i == 0 ? VG_ECANCELLED : VG_EFORMAT);
    }
    encoded progressive = make_jpeg(PROGRESSIVE);
    size_t frame = find(&progressive, "\xFF\xC2", 2);
    put_number(progressive.data + frame + 5, 4096, 2);
    put_number(progressive.data + frame + 7, 4096, 2);
    for (int allowed = 0; allowed < 20; allowed++) {
        int looks = allowed;
        options.is_cancelled = count_down;
        options.cancel_context = &looks;
        assert_int_equal(decode(&image, progressive.data, progressive.size, &options, &error),
                         VG_ECANCELLED);
        assert_int_equal(looks, -1);
    }
    options.is_cancelled = NULL;
    options.max_seconds = 1e-9;
    assert_int_equal(decode(&image, progressive.data, progressive.size, &options, &error),
                     VG_ELIMIT);
    assert_non_null(strstr(error.message, "seconds"));
    options.max_seconds = 0;
    assert_int_equal(decode(&image, progressive.data, progressive.size, &options, &error), VG_OK);
    vg_image_close(&image);
}

/* --- Memory of several threads ------------------------------------------ */

static void test_large_images_wait_for_memory(void **state)
{
    (void)state;
    const encoded small = make_png(), large = png_of_size(6000, 6000);
    vg_image image = {0};
    vg_image_options options;
    vg_error error;
    int looks = 0;
    vg_image_options_default(&options);
    assert_int_equal(vg_budget_open(&options.budget, 1 << 20, &error), VG_OK);
    options.is_cancelled = count_down;
    options.cancel_context = &looks;
    assert_int_equal(vg_budget_take(options.budget, 1, &options, &error), VG_OK);
    assert_int_equal(decode(&image, large.data, large.size, &options, &error), VG_ECANCELLED);
    assert_int_equal(decode(&image, small.data, small.size, &options, &error), VG_OK);

    /* Alone it may be larger than all there is; what failed has given back. */
    vg_budget_give(options.budget, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(decode(&image, large.data, large.size, &options, &error), VG_EFORMAT);
    assert_int_equal(looks, -1);
    vg_budget_close(&options.budget);
    vg_image_close(&image);
}

static void test_a_large_image_keeps_what_it_took(void **state)
{
    (void)state;
    encoded file = make_jpeg(PROGRESSIVE);
    size_t frame = find(&file, "\xFF\xC2", 2);
    put_number(file.data + frame + 5, 4096, 2);
    put_number(file.data + frame + 7, 4096, 2);
    vg_image image = {0};
    vg_image_options options;
    vg_error error;
    uint64_t taken;
    int looks = 0;
    vg_image_options_default(&options);
    assert_int_equal(vg_budget_open(&options.budget, 100 << 20, &error), VG_OK);
    assert_int_equal(vg_image_decode_taking(&image, file.data, file.size, &options, &taken, &error),
                     VG_OK);
    /* Pixels, and coefficients of which the chroma's are a quarter each. */
    assert_true(taken >= 4096 * 4096 * 6 && taken < 4096 * 4096 * 6 + (1 << 20));
    options.is_cancelled = count_down;
    options.cancel_context = &looks;
    assert_int_equal(vg_budget_take(options.budget, 50 << 20, &options, &error), VG_ECANCELLED);
    vg_image_give_back(&image, &options, taken);
    assert_null(image.rgb);
    assert_int_equal(vg_budget_take(options.budget, 50 << 20, &options, &error), VG_OK);
    vg_budget_give(options.budget, 50 << 20);
    vg_budget_close(&options.budget);
}

/* --- Buffer ------------------------------------------------------------- */

static void test_buffer_is_reused(void **state)
{
    (void)state;
    const encoded jpeg = make_jpeg(0), png = make_png();
    vg_image image = {0};
    vg_error error;
    assert_int_equal(vg_image_reserve(&image, 100, 100, &error), VG_OK);
    const uint8_t *buffer = image.rgb;
    assert_int_equal(decode(&image, jpeg.data, jpeg.size, NULL, &error), VG_OK);
    assert_int_equal(decode(&image, png.data, png.size, NULL, &error), VG_OK);
    assert_ptr_equal(image.rgb, buffer);
    assert_int_equal(image.capacity, 100 * 100 * CHANNELS);
    uint8_t pixels[WIDTH * HEIGHT * CHANNELS];
    fill_pixels(pixels);
    assert_memory_equal(image.rgb, pixels, sizeof pixels);

    /* A huge one is not kept. */
    assert_int_equal(vg_image_reserve(&image, 6000, 6000, &error), VG_OK);
    assert_int_equal(vg_image_reserve(&image, 100, 100, &error), VG_OK);
    assert_int_equal(image.capacity, 100 * 100 * CHANNELS);
    assert_int_equal(vg_image_reserve(&image, 0, 5, &error), VG_EINVAL);
    assert_int_equal(vg_image_reserve(&image, -1, 5, &error), VG_EINVAL);
    vg_image_close(&image);
    assert_null(image.rgb);
}

static void test_failure_leaves_no_image(void **state)
{
    (void)state;
    const encoded jpeg = make_jpeg(0);
    vg_image image = {0};
    vg_error error;
    assert_int_equal(decode(&image, jpeg.data, jpeg.size, NULL, &error), VG_OK);
    assert_int_equal(decode(&image, "text", 4, NULL, &error), VG_EFORMAT);
    assert_int_equal(image.width, 0);
    assert_int_equal(decode(&image, jpeg.data, jpeg.size / 2, NULL, &error), VG_EFORMAT);
    assert_int_equal(image.width, 0);
    assert_int_equal(decode(&image, jpeg.data, jpeg.size, NULL, &error), VG_OK);
    vg_image_close(&image);
}

/* --- Resizer ------------------------------------------------------------ */

static void test_resizer_arguments(void **state)
{
    (void)state;
    vg_kernels kernels;
    vg_resizer *resizer;
    vg_error error;
    uint8_t rgb[4 * 4 * CHANNELS];
    assert_true(vg_kernels_init(&kernels, 0, "ref"));
    assert_int_equal(vg_resizer_open(&resizer, &kernels, 0, 4, &error), VG_EINVAL);
    assert_null(resizer);
    assert_int_equal(vg_resizer_open(&resizer, &kernels, 4, 4, &error), VG_OK);
    vg_image image = {0};
    assert_int_equal(vg_resizer_run(resizer, &image, rgb, &error), VG_EINVAL);
    image = (vg_image){.rgb = rgb, .width = 20000000, .height = 1, .capacity = sizeof rgb};
    assert_int_equal(vg_resizer_run(resizer, &image, rgb, &error), VG_ELIMIT);
    vg_resizer_close(&resizer);
    assert_null(resizer);
    vg_resizer_close(&resizer);
}

/* Windows of one input size must not serve the next. */
static void test_resizer_follows_the_size(void **state)
{
    (void)state;
    enum { SIZE = 24, LARGEST = 60 };
    static const int sizes[][2] = {{20, 13}, {60, 13}, {20, 13}, {24, 24}, {20, 60}, {1, 1}};
    static uint8_t pixels[LARGEST * LARGEST * CHANNELS];
    static uint8_t reused[SIZE * SIZE * CHANNELS], fresh[SIZE * SIZE * CHANNELS];
    vg_kernels kernels;
    vg_resizer *resizer, *other;
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * i / 7);
    assert_true(vg_kernels_init(&kernels, 0, "ref"));
    assert_int_equal(vg_resizer_open(&resizer, &kernels, SIZE, SIZE, NULL), VG_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        vg_image image = {.rgb = pixels, .width = sizes[i][0], .height = sizes[i][1]};
        assert_int_equal(vg_resizer_open(&other, &kernels, SIZE, SIZE, NULL), VG_OK);
        assert_int_equal(vg_resizer_run(resizer, &image, reused, NULL), VG_OK);
        assert_int_equal(vg_resizer_run(other, &image, fresh, NULL), VG_OK);
        assert_memory_equal(reused, fresh, sizeof fresh);
        vg_resizer_close(&other);
    }
    vg_resizer_close(&resizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_are_told_by_their_first_bytes),
        cmocka_unit_test(test_arguments_are_checked),
        cmocka_unit_test(test_size_is_bounded_before_any_pixel),
        cmocka_unit_test(test_sides_are_bounded_before_any_pixel),
        cmocka_unit_test(test_limit_is_the_options),
        cmocka_unit_test(test_scans_are_bounded),
        cmocka_unit_test(test_cut_files_end_early),
        cmocka_unit_test(test_short_png_is_no_image),
        cmocka_unit_test(test_jpeg_kinds_beyond_us_say_so),
        cmocka_unit_test(test_arithmetic_coding_gives_the_same_pixels),
        cmocka_unit_test(test_decoding_can_be_cancelled),
        cmocka_unit_test(test_large_images_wait_for_memory),
        cmocka_unit_test(test_a_large_image_keeps_what_it_took),
        cmocka_unit_test(test_buffer_is_reused),
        cmocka_unit_test(test_failure_leaves_no_image),
        cmocka_unit_test(test_resizer_arguments),
        cmocka_unit_test(test_resizer_follows_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
