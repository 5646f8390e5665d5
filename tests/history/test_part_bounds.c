/* Where parts end, and how many of them change with the images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "history/part_bounds.h"

enum { IMAGES = 60000, FOLDER = 500, ROWS = 1024 };

/* A list of `count` images in folders of FOLDER, and `more` of them. */
typedef struct world {
    vg_image_list *list;
    vg_part_bounds parts;
} world;

static void add_image(world *made, int folder, const char *kind, int number)
{
    char path[64];
    snprintf(path, sizeof path, "Training/Kind %03d/%s_%03d.jpg", folder, kind, number);
    assert_int_equal(vg_image_list_add(made->list, &(vg_listed_image){.path = path}, NULL), VG_OK);
}

static world begin(int count)
{
    world made = {0};
    assert_int_equal(vg_image_list_open(&made.list, 0, NULL), VG_OK);
    for (int i = 0; i < count; i++) add_image(&made, i / FOLDER, "r", i % FOLDER);
    return made;
}

static void end(world *made, uint64_t rows, vg_part_ends ends)
{
    assert_int_equal(vg_image_list_finish(made->list, NULL, NULL), VG_OK);
    assert_int_equal(vg_part_bounds_open(&made->parts, made->list, rows, ends, NULL, NULL), VG_OK);
}

static void close_world(world *made)
{
    vg_part_bounds_close(&made->parts);
    vg_image_list_close(&made->list);
}

/* --- Sizes ------------------------------------------------------------------------ */

static void counted_parts_are_even(void **state)
{
    (void)state;
    static const struct {
        int images;
        uint64_t rows, parts, last;
    } cases[] = {{0, 4, 0, 0}, {1, 4, 1, 1},  {4, 4, 1, 4},
                 {5, 4, 2, 1}, {12, 4, 3, 4}, {3, 1, 3, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world made = begin(cases[i].images);
        end(&made, cases[i].rows, VG_PARTS_BY_COUNT);
        assert_int_equal(made.parts.count, cases[i].parts);
        assert_int_equal(made.parts.firsts[made.parts.count], cases[i].images);
        for (uint64_t part = 0; part + 1 < made.parts.count; part++)
            assert_int_equal(vg_part_images(&made.parts, part), cases[i].rows);
        if (cases[i].parts > 0)
            assert_int_equal(vg_part_images(&made.parts, cases[i].parts - 1), cases[i].last);
        close_world(&made);
    }
}

static void sizes_stay_near_what_is_asked_for(void **state)
{
    (void)state;
    static const uint64_t rows[] = {1, 2, 3, 64, 65, 1000};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world made = begin(IMAGES);
        end(&made, rows[i], VG_PARTS_BY_PATHS);
        const vg_part_bounds *parts = &made.parts;
        assert_int_equal(parts->firsts[parts->count], IMAGES);
        for (uint64_t part = 0; part < parts->count; part++) {
            uint64_t images = vg_part_images(parts, part);
            assert_true(images > 0 && images <= rows[i] + rows[i] / 2);
            assert_true(part + 1 == parts->count || images >= rows[i] - rows[i] / 2);
        }
        double mean = (double)IMAGES / (double)parts->count;
        assert_true(mean > 0.9 * (double)rows[i] && mean < 1.1 * (double)rows[i]);
        close_world(&made);
    }
}

static void a_list_shorter_than_a_part_is_one(void **state)
{
    (void)state;
    static const int images[] = {0, 1, 99, 100, 149};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        world made = begin(images[i]);
        end(&made, images[i] == 99 ? UINT64_MAX : 100, VG_PARTS_BY_PATHS);
        assert_int_equal(made.parts.count, images[i] > 0);
        assert_int_equal(made.parts.firsts[made.parts.count], images[i]);
        close_world(&made);
    }
}

/* --- What changes ------------------------------------------------------------------- */

/* The path with which each part begins. */
static char (*beginnings(const world *made))[64]
{
    char(*paths)[64] = calloc(made->parts.count + 1, sizeof *paths);
    vg_image_cursor *cursor;
    vg_listed_image image;
    assert_non_null(paths);
    for (uint64_t part = 0; part < made->parts.count; part++) {
        assert_int_equal(vg_image_cursor_open(&cursor, made->list, made->parts.firsts[part], NULL),
                         VG_OK);
        assert_int_equal(vg_image_cursor_next(cursor, &image, NULL), VG_OK);
        snprintf(paths[part], sizeof *paths, "%s", image.path);
        vg_image_cursor_close(&cursor);
    }
    return paths;
}

/* Parts of `after` that are none of `before`, where images only came: a part is the same that
 * begins with the same image, has as many, and so has next to it the same. */
static uint64_t changed_parts(const world *before, const world *after)
{
    char(*old)[64] = beginnings(before), (*new)[64] = beginnings(after);
    uint64_t changed = 0;
    for (uint64_t i = 0, j = 0; i < after->parts.count; i++) {
        while (j < before->parts.count && strcmp(old[j], new[i]) < 0) j++;
        bool is_there = j < before->parts.count && strcmp(old[j], new[i]) == 0 &&
                        strcmp(old[j + 1], new[i + 1]) == 0 &&
                        vg_part_images(&before->parts, j) == vg_part_images(&after->parts, i);
        changed += !is_there;
    }
    free(old);
    free(new);
    return changed;
}

/* Few parts change with one image; by their count, all that come after it would. */
static void one_image_changes_its_part(void **state)
{
    (void)state;
    world before = begin(IMAGES);
    end(&before, ROWS, VG_PARTS_BY_PATHS);
    uint64_t sum = 0, most = 0;
    enum { TIMES = 40 };
    for (int i = 0; i < TIMES; i++) {
        world after = begin(IMAGES);
        add_image(&after, i * IMAGES / FOLDER / TIMES, "new", i);
        end(&after, ROWS, VG_PARTS_BY_PATHS);
        uint64_t changed = changed_parts(&before, &after);
        sum += changed;
        if (changed > most) most = changed;
        close_world(&after);
    }
    print_message("one new image changes %.2f of %d parts, %d at the most\n", (double)sum / TIMES,
                  (int)before.parts.count, (int)most);
    assert_true(sum >= TIMES && sum <= TIMES * 3 / 2 && most <= 5);
    close_world(&before);
}

static void a_hundred_images_change_no_more_than_their_parts(void **state)
{
    (void)state;
    world before = begin(IMAGES), spread = begin(IMAGES), together = begin(IMAGES);
    for (int i = 0; i < 100; i++) {
        add_image(&spread, i * IMAGES / FOLDER / 100, "new", i);
        add_image(&together, 37, "new", i);
    }
    end(&before, ROWS, VG_PARTS_BY_PATHS);
    end(&spread, ROWS, VG_PARTS_BY_PATHS);
    end(&together, ROWS, VG_PARTS_BY_PATHS);
    uint64_t all = before.parts.count, apart = changed_parts(&before, &spread),
             in_one = changed_parts(&before, &together);
    print_message("100 new images change %d of %d parts, in one folder %d\n", (int)apart, (int)all,
                  (int)in_one);
    assert_true(apart > all / 2 && in_one <= 4);
    close_world(&before);
    close_world(&spread);
    close_world(&together);
}

/* New folders of some parts each: their own parts, and few beside them. */
static void a_folder_changes_what_is_beside_it(void **state)
{
    (void)state;
    world before = begin(IMAGES);
    end(&before, ROWS, VG_PARTS_BY_PATHS);
    uint64_t sum = 0, own = 0;
    enum { TIMES = 20, NEW = 3000 };
    for (int time = 0; time < TIMES; time++) {
        world after = begin(IMAGES);
        char path[64];
        for (int i = 0; i < NEW; i++) {
            snprintf(path, sizeof path, "Training/Kind %03d+/%d.jpg", 5 * time, i);
            assert_int_equal(vg_image_list_add(after.list, &(vg_listed_image){.path = path}, NULL),
                             VG_OK);
        }
        end(&after, ROWS, VG_PARTS_BY_PATHS);
        sum += changed_parts(&before, &after);
        own += NEW / ROWS;
        close_world(&after);
    }
    print_message("a folder of %.1f parts changes %.2f\n", (double)own / TIMES,
                  (double)sum / TIMES);
    assert_true(sum <= own + 4 * TIMES);
    close_world(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_parts_are_even),
        cmocka_unit_test(sizes_stay_near_what_is_asked_for),
        cmocka_unit_test(a_list_shorter_than_a_part_is_one),
        cmocka_unit_test(one_image_changes_its_part),
        cmocka_unit_test(a_hundred_images_change_no_more_than_their_parts),
        cmocka_unit_test(a_folder_changes_what_is_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
