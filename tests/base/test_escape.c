/* What is escaped for whom, and names there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/escape.h"

static void assert_escaped(const char *text, const char *expected, vg_kept_length *kept)
{
    char escaped[256];
    assert_int_equal(vg_escape(escaped, sizeof escaped, text, strlen(text), kept),
                     strlen(expected));
    assert_string_equal(escaped, expected);
}

static void test_printable(void **state)
{
    (void)state;
    assert_escaped("a\033[31m\tb\177c\n", "a\\x1b[31m\\x09b\\x7fc\\x0a", vg_printable_length);
    /* C1 as UTF-8 and alone, a no-break space, an accent */
    assert_escaped("\xc2\x9b \x9b \xc2\xa0 \xc3\xa9", "\\xc2\\x9b \\x9b \xc2\xa0 \xc3\xa9",
                   vg_printable_length);
    /* U+2028 and U+202E, U+2066 and U+2069, and their neighbours, which stay */
    assert_escaped("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xae\xe2\x80\xaf",
                   "\xe2\x80\xa7\\xe2\\x80\\xa8\\xe2\\x80\\xae\xe2\x80\xaf", vg_printable_length);
    assert_escaped("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa",
                   "\xe2\x81\xa5\\xe2\\x81\\xa6\\xe2\\x81\\xa9\xe2\x81\xaa", vg_printable_length);
    assert_escaped("\xf0\x9f\x8d\x8e \\x41", "\xf0\x9f\x8d\x8e \\x41", vg_printable_length);
}

static void test_what_does_not_fit_is_cut_between_characters(void **state)
{
    (void)state;
    const char text[] = "\1\xc3\xa9plain\x80\xf0\x9f\x8d\x8e";
    const char whole[] = "\\x01\xc3\xa9plain\\x80\xf0\x9f\x8d\x8e";
    for (size_t capacity = 1; capacity <= sizeof whole; capacity++) {
        char escaped[sizeof whole + 1];
        memset(escaped, '?', sizeof escaped);
        size_t size = vg_escape(escaped, capacity, text, sizeof text - 1, vg_printable_length);
        assert_true(size < capacity);
        assert_int_equal(strlen(escaped), size);
        assert_memory_equal(escaped, whole, size);
        assert_int_equal(escaped[capacity], '?');
        assert_true((whole[size] & 0xc0) != 0x80);
        /* no half of an escape, which would stay as it is */
        assert_memory_equal(escaped, text, vg_unescape(escaped, size));
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_escaped("a\nb \\ \\x \\xF \\xFF.jpg", "a\nb \\ \\x \\xF \\xFF.jpg", vg_name_length);
    assert_escaped("\xff", "\\xff", vg_name_length);
    assert_escaped("\\xff", "\\x5cxff", vg_name_length);
    assert_escaped("\\\xff", "\\\\xff", vg_name_length);
}

static void test_printable_names(void **state)
{
    (void)state;
    assert_escaped("a\nb \\x5c \xc2\x9b\xe2\x80\xae", "a\\x0ab \\x5cx5c \\xc2\\x9b\\xe2\\x80\\xae",
                   vg_printable_name_length);
}

/* Every name comes back, so no two become one. */
static void test_names_come_back(void **state)
{
    (void)state;
    static const char alphabet[] = "\\\\\\xx0f5c\xff\x80\xc3\xa9/\033\xc2\x9b\xe2\xae";
    srand(1);
    for (int round = 0; round < 200000; round++) {
        char name[12], escaped[VG_ESCAPE_CHARS * sizeof name + 1];
        size_t size = (size_t)rand() % sizeof name;
        for (size_t i = 0; i < size; i++)
            name[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        vg_kept_length *kept = round % 2 == 0 ? vg_name_length : vg_printable_name_length;
        size_t length = vg_escape(escaped, sizeof escaped, name, size, kept);
        assert_int_equal(vg_unescape(escaped, length), size);
        assert_memory_equal(escaped, name, size);
    }
}

static void test_messages_are_one_line(void **state)
{
    (void)state;
    vg_error error;
    vg_fail(&error, VG_EIO, "cannot read %s", "a\n\xff\033[2J");
    assert_string_equal(error.message, "cannot read a\\x0a\\xff\\x1b[2J");
    vg_fail_prefix(&error, VG_EIO, "%s", "b\r");
    assert_string_equal(error.message, "b\\x0d: cannot read a\\x0a\\xff\\x1b[2J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_what_does_not_fit_is_cut_between_characters),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_printable_names),
        cmocka_unit_test(test_names_come_back),
        cmocka_unit_test(test_messages_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
