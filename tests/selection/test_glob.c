/* Globs: cases by hand, and random ones against a matcher that tries everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "selection/glob.h"

typedef struct glob_case {
    const char *pattern, *path;
    bool matches;
} glob_case;

static const glob_case cases[] = {
    {"Training/*/*.jpg", "Training/Apple 1/r_1.jpg", true},
    {"Training/*/*.jpg", "Training/Apple 1/deeper/r_1.jpg", false},
    {"Training/*/*.jpg", "Training/r_1.jpg", false},
    {"Training/Apple*/*.jpg", "Training/Apple/1.jpg", true},
    {"Training/Apple*/*.jpg", "Training/Pineapple/1.jpg", false},
    {"*.jpg", "a.jpg", true},
    {"*.jpg", "a/b.jpg", false},
    {"*.jpg", "a.jpg.txt", false},
    {"*.jpg", ".jpg", true},
    {"**/*.jpg", "a.jpg", true},
    {"**/*.jpg", "a/b/c.jpg", true},
    {"**/*.jpg", "a/b/cjpg", false},
    {"**", "", true},
    {"**", "a/b", true},
    {"a/**", "a/b/c", true},
    {"a/**", "b/c", false},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "a/xb", false},
    {"a**b", "a/x/b", true},
    {"**/a/*/b", "x/a/y/a/z/b", true},
    {"**/a/*/b", "x/a/y/z/b", false},
    {"**.png", "x/y.png", true},
    {"a?c", "abc", true},
    {"a?c", "a/c", false},
    {"a?c", "ac", false},
    {"[abc]x", "bx", true},
    {"[a-c]x", "dx", false},
    {"[!a-c]x", "dx", true},
    {"[^a-c]x", "ax", false},
    {"[]]x", "]x", true},
    {"[!x]", "/", false},
    {"[a-]", "-", true},
    {"[\\]]", "]", true},
    {"[ab", "[ab", true},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"a\\[1\\]/*", "a[1]/x", true},
    {"\\", "\\", true},
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"Pomme \xc3\xa9/*", "Pomme \xc3\xa9/\xff.jpg", true},
};

static void cases_match_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (vg_glob_match(cases[i].pattern, cases[i].path) != cases[i].matches)
            fail_msg("\"%s\" on \"%s\" should be %d", cases[i].pattern, cases[i].path,
                     cases[i].matches);
}

/* The definition, tried in every way: stars, '?', and plain characters. */
static bool matches_plainly(const char *start, const char *pattern, const char *path)
{
    if (*pattern == '\0') return *path == '\0';
    if (pattern[0] == '*' && pattern[1] == '*') {
        bool begins = pattern == start || pattern[-1] == '/';
        if (begins && pattern[2] == '/') {
            if (matches_plainly(start, pattern + 3, path)) return true;
            for (const char *slash = strchr(path, '/'); slash != NULL;
                 slash = strchr(slash + 1, '/'))
                if (matches_plainly(start, pattern + 3, slash + 1)) return true;
            return false;
        }
        for (const char *rest = path;; rest++) {
            if (matches_plainly(start, pattern + 2, rest)) return true;
            if (*rest == '\0') return false;
        }
    }
    if (*pattern == '*') {
        for (const char *rest = path;; rest++) {
            if (matches_plainly(start, pattern + 1, rest)) return true;
            if (*rest == '\0' || *rest == '/') return false;
        }
    }
    bool same = *pattern == '?' ? *path != '/' && *path != '\0' : *pattern == *path;
    return same && matches_plainly(start, pattern + 1, path + 1);
}

static void draw(char *text, size_t most, const char *alphabet)
{
    size_t length = (size_t)rand() % (most + 1);
    for (size_t i = 0; i < length; i++) text[i] = alphabet[(size_t)rand() % strlen(alphabet)];
    text[length] = '\0';
}

static void random_globs_match_the_definition(void **state)
{
    (void)state;
    const char *seed = getenv("VERGER_TEST_SEED");
    unsigned start = seed != NULL ? (unsigned)strtoul(seed, NULL, 10) : 1;
    srand(start);
    for (int i = 0; i < 300000; i++) {
        char pattern[9], path[13];
        draw(pattern, sizeof pattern - 1, "***/ab?");
        draw(path, sizeof path - 1, "//aab");
        /* '***' has no meaning worth one. */
        if (strstr(pattern, "***") != NULL) continue;
        if (vg_glob_match(pattern, path) != matches_plainly(pattern, pattern, path))
            fail_msg("seed %u: \"%s\" on \"%s\"", start, pattern, path);
    }
}

static void many_stars_take_no_time(void **state)
{
    (void)state;
    char path[4001];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    double start = vg_seconds();
    assert_false(vg_glob_match("**a**a**a**a**a**a**a**a**a*a*a*a*a*a*a*b", path));
    assert_true(vg_seconds() - start < 1.0);
}

/* What takes the square of the path's length where each star goes back on its own. */
static void a_star_within_stars_takes_no_time(void **state)
{
    (void)state;
    char path[4001], pattern[2100] = "**";
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    for (int half = 0; half < 2; half++) {
        memset(pattern + strlen(pattern), 'a', 1000);
        strcat(pattern, half == 0 ? "*" : "b");
    }
    double start = vg_seconds();
    assert_false(vg_glob_match(pattern, path));
    assert_true(vg_seconds() - start < 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_match_as_documented),
        cmocka_unit_test(random_globs_match_the_definition),
        cmocka_unit_test(many_stars_take_no_time),
        cmocka_unit_test(a_star_within_stars_takes_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
