/* Lines of progress, and suggestions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/reporting/progress_text.h"

static const vg_progress halfway = {
    .phase = VG_PHASE_EXTRACT, .done = 3412, .total = 6404, .failed = 2, .seconds = 16};

static void test_bar_never_passes_the_width(void **state)
{
    (void)state;
    char text[512];
    for (int phase = VG_PHASE_LIST; phase <= VG_PHASE_COMMIT; phase++) {
        vg_progress progress = halfway;
        progress.phase = (vg_phase)phase;
        for (size_t columns = 0; columns < 300; columns++) {
            vg_cli_bar_text(text, sizeof text, columns, &progress, 214.3);
            assert_true(strlen(text) <= columns);
            for (size_t capacity = 1; capacity < 100; capacity += 7) {
                memset(text, 'x', sizeof text);
                vg_cli_bar_text(text, capacity, columns, &progress, 214.3);
                assert_true(strnlen(text, capacity) < capacity);
                assert_int_equal(text[capacity], 'x');
            }
        }
    }
}

static void test_bar_text(void **state)
{
    (void)state;
    char text[512];
    vg_cli_bar_text(text, sizeof text, 79, &halfway, 214.3);
    assert_string_equal(
        text, "extract  [======>       ]   53%  3412/6404  2 failed  214.3 images/s  0:14 left");
    vg_cli_bar_text(text, sizeof text, 60, &halfway, 214.3);
    assert_string_equal(text, "extract   53%  3412/6404  2 failed  214.3 images/s");
    vg_cli_bar_text(text, sizeof text, 7, &halfway, 214.3);
    assert_string_equal(text, "extract");
}

static void test_line_text(void **state)
{
    (void)state;
    char text[512];
    vg_cli_line_text(text, sizeof text, &halfway, 214.3);
    assert_string_equal(text,
                        "extract: 3412 of 6404 images, 53 %, 2 failed, 214.3 images/s, 0:14 left");
    vg_progress listing = {.phase = VG_PHASE_LIST, .done = 12};
    vg_cli_line_text(text, sizeof text, &listing, 0);
    assert_string_equal(text, "list: 12 images");
    vg_cli_end_text(text, sizeof text, &halfway);
    assert_string_equal(text, "extract: 3412 images in 16.0 s, 213.2 images/s, 2 failed");
}

static void test_time_left(void **state)
{
    (void)state;
    char text[512];
    vg_progress progress = {.phase = VG_PHASE_PROJECT, .done = 1, .total = 36001};
    vg_cli_line_text(text, sizeof text, &progress, 5);
    assert_non_null(strstr(text, "2:00:00 left"));
    progress.total = UINT64_MAX;
    vg_cli_line_text(text, sizeof text, &progress, 1e-9);
    assert_non_null(strstr(text, "8333:20:00 left"));
    /* More done than there was to do: nobody knows. */
    progress.done = 5;
    progress.total = 4;
    assert_true(vg_cli_seconds_left(&progress, 1) < 0);
    assert_true(vg_cli_seconds_left(&halfway, 0) < 0);
}

static void test_rate_forgets_the_past(void **state)
{
    (void)state;
    vg_cli_rate rate = {0};
    vg_progress progress = {.phase = VG_PHASE_EXTRACT, .total = 100000};
    assert_true(vg_cli_rate_now(&rate, &progress) == 0);
    /* A minute at 100 a second, then half a minute at 10. */
    for (int tick = 1; tick <= 900; tick++) {
        progress.seconds = tick * 0.1;
        progress.done += tick <= 600 ? 10 : 1;
        vg_cli_rate_add(&rate, &progress);
        if (tick == 600) assert_true(vg_cli_rate_now(&rate, &progress) > 99);
    }
    assert_true(vg_cli_rate_now(&rate, &progress) < 10.5);
    assert_true(vg_cli_rate_now(&rate, &progress) > 9.5);
    progress.phase = VG_PHASE_FIT;
    assert_true(vg_cli_rate_now(&rate, &progress) == 0);
}

static const char *suggest(const char *typed)
{
    vg_cli_suggestion suggestion = {0};
    const char *words[] = {"threads", "timestamp", "model", "mode", "max-errors", "max-pixels"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        vg_cli_consider(&suggestion, typed, words[i]);
    return suggestion.word;
}

static void test_suggestions(void **state)
{
    (void)state;
    assert_string_equal(suggest("thread"), "threads");
    assert_string_equal(suggest("htreads"), "threads");
    assert_string_equal(suggest("time-stamp"), "timestamp");
    assert_string_equal(suggest("modle"), "model");
    assert_string_equal(suggest("max-pixel"), "max-pixels");
    assert_null(suggest("colour"));
    assert_null(suggest("x"));
    assert_null(suggest(""));
    assert_null(suggest("a-word-that-is-longer-than-any-option-can-ever-be"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar_never_passes_the_width),
        cmocka_unit_test(test_bar_text),
        cmocka_unit_test(test_line_text),
        cmocka_unit_test(test_time_left),
        cmocka_unit_test(test_rate_forgets_the_past),
        cmocka_unit_test(test_suggestions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
