/* Half precision against its definition: the nearest of all numbers that it has. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"

static float float_of(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static void every_half_comes_back(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 0x10000; half++) {
        float number = vg_half_to_float((uint16_t)half);
        if (isnan(number))
            assert_true((half & 0x7c00) == 0x7c00 && (half & 0x3ff) != 0);
        else
            assert_int_equal(vg_half_from_float(number), half);
    }
}

/* Between two neighbours: below the middle, in it, above it. */
static void numbers_between_go_to_the_nearest(void **state)
{
    (void)state;
    for (uint16_t half = 0; half < 0x7bff; half++) {
        uint16_t next = (uint16_t)(half + 1), even = half % 2 == 0 ? half : next;
        float middle = (vg_half_to_float(half) + vg_half_to_float(next)) / 2;
        assert_int_equal(vg_half_from_float(middle), even);
        assert_int_equal(vg_half_from_float(nextafterf(middle, 0)), half);
        assert_int_equal(vg_half_from_float(nextafterf(middle, INFINITY)), next);
        assert_int_equal(vg_half_from_float(-middle), even | 0x8000);
    }
}

static void ends_of_the_range(void **state)
{
    (void)state;
    assert_int_equal(vg_half_from_float(65519.996f), 0x7bff);
    assert_int_equal(vg_half_from_float(65520.0f), 0x7c00);
    assert_int_equal(vg_half_from_float(INFINITY), 0x7c00);
    assert_int_equal(vg_half_from_float(-INFINITY), 0xfc00);
    assert_int_equal(vg_half_from_float(3e38f), 0x7c00);
    assert_int_equal(vg_half_from_float(1e-40f), 0);
    assert_int_equal(vg_half_from_float(-0.0f), 0x8000);
    assert_true(isnan(vg_half_to_float(vg_half_from_float(float_of(0x7f800001)))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_comes_back),
        cmocka_unit_test(numbers_between_go_to_the_nearest),
        cmocka_unit_test(ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
