/* Safetensors files as they should not be, each refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/model.h"

enum { LENGTH_BYTES = 8, MAX_FILE = 4096 };

/* Writes length, header and `data_size` bytes of zeros; returns the size of all. */
static size_t make_file(unsigned char file[MAX_FILE], const char *header, size_t data_size)
{
    size_t length = strlen(header);
    assert_true(LENGTH_BYTES + length + data_size <= MAX_FILE);
    memset(file, 0, MAX_FILE);
    for (size_t i = 0; i < LENGTH_BYTES; i++) file[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(file + LENGTH_BYTES, header, length);
    return LENGTH_BYTES + length + data_size;
}

/* From a block of exactly that size, so that a byte read beyond it is found. */
static vg_status parse(vg_weights **weights, const unsigned char *file, size_t size,
                       vg_error *error)
{
    unsigned char *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, file, size);
    vg_status status = vg_weights_parse_safetensors(weights, exact, size, error);
    free(exact);
    return status;
}

static vg_status parse_header(const char *header, size_t data_size, vg_error *error)
{
    unsigned char file[MAX_FILE];
    vg_weights *weights = NULL;
    size_t size = make_file(file, header, data_size);
    vg_status status = parse(&weights, file, size, error);
    assert_true((status == VG_OK) == (weights != NULL));
    vg_weights_close(&weights);
    assert_null(weights);
    return status;
}

#define TWO                                                                      \
    "{\"a/kernel\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}," \
    "\"a/bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[24,36]}}"

static void test_reads_values(void **state)
{
    (void)state;
    unsigned char file[MAX_FILE];
    vg_weights *weights = NULL;
    const vg_tensor *bias = NULL;
    const int shape[] = {3};
    size_t size = make_file(file, TWO, 36);
    const unsigned char minus_half[] = {0x00, 0x00, 0x00, 0xbf};
    memcpy(file + size - sizeof minus_half, minus_half, sizeof minus_half);

    assert_int_equal(parse(&weights, file, size, NULL), VG_OK);
    assert_int_equal(weights->count, 2);
    assert_int_equal(vg_weights_find(weights, "a/bias", 1, shape, &bias, NULL), VG_OK);
    assert_true(bias->values[0] == 0.0f && bias->values[2] == -0.5f);
    vg_weights_close(&weights);
}

static void test_takes_what_the_format_allows(void **state)
{
    (void)state;
    static const char *const headers[] = {
        " {\n\t\"a\" : { \"data_offsets\" : [ 0 , 4 ] , \"shape\" : [ 1 ] , \"dtype\" : "
        "\"F32\" } }   \r\n",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1],\"data_offsets\":[0,4]},"
        "\"__metadata__\":{\"source\":\"caf\\u00e9 \\\"x\\\" \\\\ \\n\",\"b\":\"\"}}",
        "{\"__metadata__\":{},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        vg_error error = {""};
        vg_status status = parse_header(headers[i], 4, &error);
        if (status != VG_OK) fail_msg("%s: %s", headers[i], error.message);
    }
}

typedef struct bad_header {
    const char *header;
    size_t data_size;
    const char *reason; /* part of the message */
} bad_header;

#define TENSOR(dtype, shape, offsets) \
    "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{\"a\":" TENSOR(dtype, shape, offsets) "}"
#define F32 "\"F32\""
#define LONG_NAME "0123456789012345678901234567890123456789012345678901234567890123"

static const bad_header bad_headers[] = {
    {"", 0, "'{' is missing"},
    {"{", 0, "a tensor's name is missing"},
    {"{}", 0, "a tensor's name is missing"},
    {"[]", 0, "'{' is missing"},
    {"null", 0, "'{' is missing"},
    {"{\"a\"", 0, "a tensor's name is missing"},
    {"{\"a\":1}", 0, "'{' is missing"},
    {ONE(F32, "[1]", "[0,4]") "x", 4, "the end is missing"},
    {ONE(F32, "[1]", "[0,4]") "{}", 4, "the end is missing"},
    {"{\"a\":" TENSOR(F32, "[1]", "[0,4]") ",}", 4, "a tensor's name is missing"},
    {"{\"a\":" TENSOR(F32, "[1]", "[0,4]"), 4, "'}' is missing"},
    {"{\"a\n\":" TENSOR(F32, "[1]", "[0,4]") "}", 4, "a tensor's name is missing"},
    {"{\"a\\q\":" TENSOR(F32, "[1]", "[0,4]") "}", 4, "a tensor's name is missing"},
    {"{\"a\\u12g4\":" TENSOR(F32, "[1]", "[0,4]") "}", 4, "a tensor's name is missing"},
    {"{\"a\\", 4, "a tensor's name is missing"},
    {"{\"a\\u00e9\":" TENSOR(F32, "[1]", "[0,4]") "}", 4, "no plain text"},
    {"{\"" LONG_NAME "\":" TENSOR(F32, "[1]", "[0,4]") "}", 4, "no plain text"},
    {"{\"__metadata__\":[]}", 0, "'{' is missing"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "a string of __metadata__"},
    {"{\"__metadata__\":{\"a\":\"b\"}", 0, "'}' is missing"},

    {ONE("\"F16\"", "[1]", "[0,2]"), 2, "is F16, not F32"},
    {ONE("\"I32\"", "[1]", "[0,4]"), 4, "is I32, not F32"},
    {ONE("\"BF16\"", "[2]", "[0,4]"), 4, "is BF16, not F32"},
    {ONE("32", "[1]", "[0,4]"), 4, "a dtype is missing"},

    {ONE(F32, "[]", "[0,4]"), 4, "a dimension is missing"},
    {ONE(F32, "1", "[0,4]"), 4, "'[' is missing"},
    {ONE(F32, "[-1]", "[0,4]"), 4, "a dimension is missing"},
    {ONE(F32, "[1.0]", "[0,4]"), 4, "a dimension is missing"},
    {ONE(F32, "[1e0]", "[0,4]"), 4, "a dimension is missing"},
    {ONE(F32, "[01]", "[0,4]"), 4, "a dimension is missing"},
    {ONE(F32, "[1", "[0,4]"), 4, "a dimension is missing"},
    {ONE(F32, "[1}", "[0,4]"), 4, "']' is missing"},
    {ONE(F32, "[0]", "[0,0]"), 0, "has a shape that no MobileNetV2 has"},
    {ONE(F32, "[1,1,1,1,1]", "[0,4]"), 4, "has a shape that no MobileNetV2 has"},
    {ONE(F32, "[2147483648]", "[0,4]"), 4, "has a shape that no MobileNetV2 has"},
    {ONE(F32, "[18446744073709551616]", "[0,4]"), 4, "a dimension is missing"},
    /* 2^62 floats are 2^64 bytes, which is 0 where nobody looks. */
    {ONE(F32, "[2147483647,2147483647,2,2]", "[0,0]"), 0, "its shape asks for others"},
    {ONE(F32, "[1073741824,1073741824,4]", "[0,0]"), 0, "its shape asks for others"},
    {ONE(F32, "[2]", "[0,4]"), 4, "its shape asks for others"},
    {ONE(F32, "[1]", "[0,8]"), 8, "its shape asks for others"},
    {ONE(F32, "[1]", "[0,3]"), 3, "its shape asks for others"},

    {ONE(F32, "[1]", "[0]"), 4, "[begin, end] of data_offsets"},
    {ONE(F32, "[1]", "[0,4,8]"), 4, "[begin, end] of data_offsets"},
    {ONE(F32, "[1]", "[-4,0]"), 4, "[begin, end] of data_offsets"},
    {ONE(F32, "[1]", "[0,18446744073709551616]"), 4, "[begin, end] of data_offsets"},
    {ONE(F32, "[1]", "[0,8]"), 4, "of 4 bytes of values"},
    {ONE(F32, "[1]", "[8,4]"), 8, "of 8 bytes of values"},
    {ONE(F32, "[1]", "[18446744073709551612,18446744073709551615]"), 4, "of 4 bytes of values"},
    {ONE(F32, "[1]", "[2,6]"), 6, "begins at byte 2 where 0 is due"},
    {ONE(F32, "[1]", "[0,4]"), 5, "1 bytes follow the last tensor"},
    {"{\"a\":" TENSOR(F32, "[2]", "[0,8]") ",\"b\":" TENSOR(F32, "[1]", "[4,8]") "}", 8,
     "overlap or leave a hole"},
    {"{\"a\":" TENSOR(F32, "[1]", "[0,4]") ",\"b\":" TENSOR(F32, "[1]", "[0,4]") "}", 4,
     "overlap or leave a hole"},
    {"{\"a\":" TENSOR(F32, "[1]", "[0,4]") ",\"b\":" TENSOR(F32, "[1]", "[8,12]") "}", 12,
     "overlap or leave a hole"},

    {"{\"a\":" TENSOR(F32, "[1]", "[0,4]") ",\"a\":" TENSOR(F32, "[1]", "[4,8]") "}", 8,
     "\"a\" is there twice"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "a field twice"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "a field twice"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}", 4,
     "that the format does not know"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "lacks dtype, shape or data_offsets"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "lacks dtype, shape or data_offsets"},
    {"{\"a\":{}}", 4, "dtype, shape or data_offsets is missing"},
};

static void test_refuses_bad_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_headers / sizeof *bad_headers; i++) {
        const bad_header *bad = &bad_headers[i];
        vg_error error = {""};
        vg_status status = parse_header(bad->header, bad->data_size, &error);
        if (status != VG_EFORMAT || strstr(error.message, bad->reason) == NULL)
            fail_msg("%s: status %d, \"%s\" instead of \"%s\"", bad->header, status, error.message,
                     bad->reason);
        assert_int_equal(parse_header(bad->header, bad->data_size, NULL), VG_EFORMAT);
    }
}

static void test_refuses_every_truncation(void **state)
{
    (void)state;
    unsigned char file[MAX_FILE];
    vg_weights *weights = NULL;
    size_t size = make_file(file, TWO, 36);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(parse(&weights, file, cut, NULL), VG_EFORMAT);
}

static void test_refuses_header_lengths(void **state)
{
    (void)state;
    unsigned char file[MAX_FILE];
    vg_weights *weights = NULL;
    size_t size = make_file(file, TWO, 36);
    static const uint64_t lengths[] = {0,
                                       1,
                                       MAX_FILE,
                                       1 << 20,
                                       (1 << 20) + 1,
                                       UINT32_MAX,
                                       UINT64_MAX,
                                       UINT64_MAX - LENGTH_BYTES + 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t k = 0; k < LENGTH_BYTES; k++) file[k] = (unsigned char)(lengths[i] >> 8 * k);
        assert_int_equal(parse(&weights, file, size, NULL), VG_EFORMAT);
    }
}

static void test_refuses_what_is_not_finite(void **state)
{
    (void)state;
    static const unsigned char values[][4] = {
        {0, 0, 0xc0, 0x7f}, {0, 0, 0x80, 0x7f}, {0, 0, 0x80, 0xff}, {1, 0, 0x80, 0x7f}};
    unsigned char file[MAX_FILE];
    vg_weights *weights = NULL;
    size_t size = make_file(file, TWO, 36);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        vg_error error = {""};
        memcpy(file + size - 8, values[i], sizeof values[i]);
        assert_int_equal(parse(&weights, file, size, &error), VG_EFORMAT);
        assert_string_equal(error.message, "value 1 of the tensor \"a/bias\" is not finite");
    }
}

static void test_says_what_a_keras_file_needs(void **state)
{
    (void)state;
    static const unsigned char hdf5[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0, 0};
    vg_weights *weights = NULL;
    vg_error error = {""};
    assert_int_equal(parse(&weights, hdf5, sizeof hdf5, &error), VG_EFORMAT);
    assert_non_null(strstr(error.message, "verger model import"));
}

static void test_find_names_tensor_and_shapes(void **state)
{
    (void)state;
    unsigned char file[MAX_FILE];
    vg_weights *weights = NULL;
    const vg_tensor *tensor = NULL;
    vg_error error = {""};
    const int right[] = {2, 3}, wrong[] = {3, 2};
    size_t size = make_file(file, TWO, 36);
    assert_int_equal(parse(&weights, file, size, NULL), VG_OK);

    assert_int_equal(vg_weights_find(weights, "a/kernel", 2, right, &tensor, &error), VG_OK);
    assert_string_equal(tensor->name, "a/kernel");
    assert_int_equal(vg_weights_find(weights, "b", 2, right, &tensor, &error), VG_EFORMAT);
    assert_null(tensor);
    assert_non_null(strstr(error.message, "lack the tensor \"b\""));
    assert_int_equal(vg_weights_find(weights, "a/kernel", 2, wrong, &tensor, &error), VG_EFORMAT);
    assert_non_null(strstr(error.message, "\"a/kernel\" is 2x3"));
    assert_non_null(strstr(error.message, "has 3x2"));
    assert_int_equal(vg_weights_find(weights, "a/kernel", 1, right, &tensor, NULL), VG_EFORMAT);
    vg_weights_close(&weights);
}

static void expect_unreadable(const char *path, vg_status expected, const char *reason)
{
    vg_weights *weights = NULL;
    vg_error error = {""};
    vg_status status = vg_weights_read_safetensors(&weights, path, &error);
    assert_null(weights);
    if (status != expected || strstr(error.message, reason) == NULL ||
        strstr(error.message, path) == NULL)
        fail_msg("%s: status %d, %s", path, status, error.message);
}

static void test_names_the_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/verger-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/weights", folder);

    expect_unreadable(path, VG_ENOTFOUND, "verger model fetch");
    expect_unreadable(folder, VG_EINVAL, "is not a file");
    /* A pipe that nobody writes to must not be waited for. */
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_unreadable(path, VG_EINVAL, "is not a file");
    assert_int_equal(unlink(path), 0);

    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    expect_unreadable(path, VG_EFORMAT, "--force");
    assert_true(fputs("not weights at all", file) >= 0);
    assert_int_equal(fclose(file), 0);
    expect_unreadable(path, VG_EFORMAT, "--force");

    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    expect_unreadable(path, VG_EFORMAT, "too large");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_values),
        cmocka_unit_test(test_takes_what_the_format_allows),
        cmocka_unit_test(test_refuses_bad_headers),
        cmocka_unit_test(test_refuses_every_truncation),
        cmocka_unit_test(test_refuses_header_lengths),
        cmocka_unit_test(test_refuses_what_is_not_finite),
        cmocka_unit_test(test_says_what_a_keras_file_needs),
        cmocka_unit_test(test_find_names_tensor_and_shapes),
        cmocka_unit_test(test_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
