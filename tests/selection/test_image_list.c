/* Lists of images: order, repetition, limits, cursors, in memory and spilled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../io/folder.h"
#include "selection/image_list.h"

enum { IMAGES = 50000, IN_MEMORY = 64 << 20, SPILLED = 100000 };

static void path_of(char path[64], int number)
{
    snprintf(path, 64, "folder %03d/%07d.jpg", number / 1000, number);
}

/* Every image twice, in an order of its own; the second time with another size. */
static vg_image_list *open_share(size_t memory, vg_image_share share)
{
    vg_image_list *list;
    char path[64];
    assert_int_equal(vg_image_list_open(&list, memory, NULL), VG_OK);
    for (int i = 0; i < 2 * IMAGES; i++) {
        int number = (int)(i * 7919LL % IMAGES);
        path_of(path, number);
        vg_listed_image image = {
            .path = path, .size = i < IMAGES ? number : -1, .modified = number + 1};
        assert_int_equal(vg_image_list_add(list, &image, NULL), VG_OK);
    }
    assert_int_equal(vg_image_list_count(list), 2 * IMAGES);
    assert_int_equal(vg_image_list_finish(list, &share, NULL), VG_OK);
    return list;
}

static vg_image_list *open_list(size_t memory, uint64_t limit)
{
    return open_share(memory, (vg_image_share){.limit = limit});
}

static void assert_images(const vg_image_list *list, int first, int end)
{
    vg_image_cursor *cursor;
    vg_listed_image image;
    char path[64];
    assert_int_equal(vg_image_cursor_open(&cursor, list, (uint64_t)first, NULL), VG_OK);
    for (int i = first; i < end; i++) {
        path_of(path, i);
        assert_int_equal(vg_image_cursor_next(cursor, &image, NULL), VG_OK);
        assert_string_equal(image.path, path);
        assert_int_equal(image.size, i);
        assert_int_equal(image.modified, i + 1);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vg_image_cursor_next(cursor, &image, NULL), VG_OK);
        assert_null(image.path);
    }
    vg_image_cursor_close(&cursor);
}

static void images_come_in_order_once(void **state)
{
    (void)state;
    const size_t memories[] = {IN_MEMORY, SPILLED};
    char digests[2][VG_SHA256_CHARS];
    for (size_t i = 0; i < 2; i++) {
        vg_image_list *list = open_list(memories[i], 0);
        assert_int_equal(vg_image_list_count(list), IMAGES);
        assert_int_equal(vg_image_list_repeated(list), IMAGES);
        const int firsts[] = {0, 1, 1023, 1024, 1025, 33333, IMAGES - 1, IMAGES};
        for (size_t j = 0; j < sizeof firsts / sizeof *firsts; j++)
            assert_images(list, firsts[j], IMAGES);
        strcpy(digests[i], vg_image_list_sha256(list));
        vg_image_list_close(&list);
        assert_null(list);
    }
    assert_string_equal(digests[0], digests[1]);
}

/* The numbers of the images, which are in the order of their paths. */
static void read_sizes(const vg_image_list *list, int64_t *sizes)
{
    vg_image_cursor *cursor;
    vg_listed_image image;
    assert_int_equal(vg_image_cursor_open(&cursor, list, 0, NULL), VG_OK);
    for (uint64_t i = 0; i < vg_image_list_count(list); i++) {
        assert_int_equal(vg_image_cursor_next(cursor, &image, NULL), VG_OK);
        sizes[i] = image.size;
    }
    vg_image_cursor_close(&cursor);
}

static void a_sample_is_told_by_its_seed(void **state)
{
    (void)state;
    enum { WANTED = 10000 };
    static int64_t first[WANTED], second[WANTED];
    const vg_image_share share = {.sample = WANTED, .seed = 7};
    vg_image_list *spilled = open_share(SPILLED, share), *memory = open_share(IN_MEMORY, share);
    assert_int_equal(vg_image_list_count(spilled), WANTED);
    assert_string_equal(vg_image_list_sha256(spilled), vg_image_list_sha256(memory));
    read_sizes(spilled, first);
    vg_image_list_close(&spilled);
    vg_image_list_close(&memory);

    /* Drawn all over the list: a quarter of it holds a quarter of the sample. */
    int quarters[4] = {0};
    for (int i = 0; i < WANTED; i++) {
        assert_true(i == 0 || first[i - 1] < first[i]);
        quarters[4 * first[i] / IMAGES]++;
    }
    for (int i = 0; i < 4; i++) assert_in_range(quarters[i], WANTED / 4 - 300, WANTED / 4 + 300);

    vg_image_list *other = open_share(IN_MEMORY, (vg_image_share){.sample = WANTED, .seed = 8});
    read_sizes(other, second);
    vg_image_list_close(&other);
    assert_memory_not_equal(first, second, sizeof first);
    vg_image_list *all = open_share(IN_MEMORY, (vg_image_share){.sample = 10 * IMAGES});
    assert_int_equal(vg_image_list_count(all), IMAGES);
    vg_image_list_close(&all);
}

static void a_limit_keeps_the_first(void **state)
{
    (void)state;
    const uint64_t limits[] = {1, 1024, 40000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        vg_image_list *list = open_list(SPILLED, limits[i]);
        assert_int_equal(vg_image_list_count(list), limits[i]);
        assert_images(list, 0, (int)limits[i]);
        vg_image_list_close(&list);
    }
}

static void digest_of(char sha256[VG_SHA256_CHARS], const vg_listed_image *images, size_t n)
{
    vg_image_list *list;
    assert_int_equal(vg_image_list_open(&list, 0, NULL), VG_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(vg_image_list_add(list, &images[i], NULL), VG_OK);
    assert_int_equal(vg_image_list_finish(list, NULL, NULL), VG_OK);
    strcpy(sha256, vg_image_list_sha256(list));
    vg_image_list_close(&list);
}

static void the_digest_tells_every_change(void **state)
{
    (void)state;
#define LISTED(...) ((vg_listed_image){__VA_ARGS__, .label = "l", .split = "s"})
    const vg_listed_image lists[][2] = {
        {LISTED("a", 1, 1), LISTED("b", 1, 1)},
        {LISTED("a", 2, 1), LISTED("b", 1, 1)},
        {LISTED("a", 1, 1), LISTED("b", 1, 2)},
        {LISTED("a", 1, 1), LISTED("c", 1, 1)},
        {LISTED("ab", 1, 1), LISTED("", 1, 1)},
        {{.path = "a", .size = 1, .modified = 1, .label = "m", .split = "s"}, LISTED("b", 1, 1)},
        {{.path = "a", .size = 1, .modified = 1, .label = "ls", .split = ""}, LISTED("b", 1, 1)}};
    enum { LISTS = sizeof lists / sizeof *lists };
    char digests[LISTS][VG_SHA256_CHARS];
    for (size_t i = 0; i < LISTS; i++) {
        digest_of(digests[i], lists[i], 2);
        for (size_t j = 0; j < i; j++) assert_string_not_equal(digests[i], digests[j]);
    }
}

static void paths_may_be_longer_than_every_buffer(void **state)
{
    (void)state;
    enum { LONG = 300000 };
    char *path = malloc(LONG + 1);
    assert_non_null(path);
    memset(path, 'x', LONG);
    path[LONG] = '\0';
    vg_image_list *list;
    vg_image_cursor *cursor;
    vg_listed_image image = {.path = path}, found;
    assert_int_equal(vg_image_list_open(&list, SPILLED, NULL), VG_OK);
    assert_int_equal(vg_image_list_add(list, &(vg_listed_image){.path = "a"}, NULL), VG_OK);
    assert_int_equal(vg_image_list_add(list, &image, NULL), VG_OK);
    assert_int_equal(vg_image_list_add(list, &(vg_listed_image){.path = "y"}, NULL), VG_OK);
    assert_int_equal(vg_image_list_finish(list, NULL, NULL), VG_OK);
    assert_int_equal(vg_image_cursor_open(&cursor, list, 1, NULL), VG_OK);
    assert_int_equal(vg_image_cursor_next(cursor, &found, NULL), VG_OK);
    assert_string_equal(found.path, path);
    assert_int_equal(vg_image_cursor_next(cursor, &found, NULL), VG_OK);
    assert_string_equal(found.path, "y");
    vg_image_cursor_close(&cursor);
    vg_image_list_close(&list);
    free(path);
}

static void no_folder_for_temporary_files_is_an_error(void **state)
{
    char path[64];
    vg_error error = {""};
    vg_image_list *list;
    setenv("TMPDIR", in(*state, "missing"), 1);
    assert_int_equal(vg_image_list_open(&list, SPILLED, NULL), VG_OK);
    vg_status status = VG_OK;
    for (int i = 0; i < IMAGES && status == VG_OK; i++) {
        path_of(path, i);
        status = vg_image_list_add(list, &(vg_listed_image){.path = path}, &error);
    }
    unsetenv("TMPDIR");
    assert_int_equal(status, VG_EIO);
    assert_non_null(strstr(error.message, "missing"));
    assert_non_null(strstr(error.message, "TMPDIR"));
    vg_image_list_close(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_come_in_order_once),
        cmocka_unit_test(a_limit_keeps_the_first),
        cmocka_unit_test(a_sample_is_told_by_its_seed),
        cmocka_unit_test(the_digest_tells_every_change),
        cmocka_unit_test(paths_may_be_longer_than_every_buffer),
        cmocka_unit_test_setup_teardown(no_folder_for_temporary_files_is_an_error, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
