#include "selection/path_groups.h"

#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef struct member {
    char *key;
    size_t place; /* among the picks */
} member;

enum { CAPTURES = VG_MOST_CAPTURES + 1 };

/* The captures, each with a line feed behind it; all that matches where there are none.
 * Empty where the path does not match: *matches is false. */
static char *make_key(const regex_t *expression, const char *path, bool *matches)
{
    regmatch_t found[CAPTURES];
    *matches = regexec(expression, path, CAPTURES, found, 0) == 0;
    size_t captures = expression->re_nsub < CAPTURES ? expression->re_nsub : CAPTURES - 1;
    /* A capture may lie within another. */
    char *key = malloc(CAPTURES * (strlen(path) + 1) + 1), *to = key;
    if (key == NULL) return NULL;
    for (size_t i = captures > 0 ? 1 : 0; *matches && i <= captures; i++) {
        if (found[i].rm_so >= 0) {
            size_t size = (size_t)(found[i].rm_eo - found[i].rm_so);
            memcpy(to, path + found[i].rm_so, size);
            to += size;
        }
        *to++ = '\n';
    }
    *to = '\0';
    return key;
}

static int by_key(const void *left, const void *right)
{
    const member *a = left, *b = right;
    int order = strcmp(a->key, b->key);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static vg_status match_members(member *members, const char *expression, const vg_paths *paths,
                               const size_t *picks, size_t n, vg_error *error)
{
    regex_t compiled;
    int code = regcomp(&compiled, expression, REG_EXTENDED);
    if (code != 0) {
        char reason[128];
        regerror(code, &compiled, reason, sizeof reason);
        return vg_fail(error, VG_EINVAL, "the group's regular expression \"%s\": %s", expression,
                       reason);
    }
    size_t matching = 0;
    const char *other = NULL; /* the first path that does not match */
    vg_status status = VG_OK;
    for (size_t i = 0; i < n && status == VG_OK; i++) {
        bool matches = false;
        size_t row = picks != NULL ? picks[i] : i;
        members[i].place = i;
        members[i].key = make_key(&compiled, paths->items[row].text, &matches);
        matching += matches;
        if (!matches && other == NULL) other = paths->items[row].text;
        if (members[i].key == NULL) status = vg_fail_memory(error, strlen(paths->items[row].text));
    }
    regfree(&compiled);
    if (status != VG_OK || other == NULL) return status;
    if (matching == 0)
        return vg_fail(error, VG_EINVAL, "the group expression \"%s\" matches no path, such as %s",
                       expression, other);
    return vg_fail(error, VG_EINVAL,
                   "the group expression \"%s\" does not match %s: every path needs a group",
                   expression, other);
}

vg_status vg_path_groups_find(size_t *group_of, size_t *groups, const char *expression,
                              const vg_paths *paths, const size_t *picks, size_t n, vg_error *error)
{
    size_t count = 0;
    member *members = calloc(n + 1, sizeof *members);
    if (members == NULL) return vg_fail_memory(error, n * sizeof *members);
    vg_status status = match_members(members, expression, paths, picks, n, error);
    if (status == VG_OK) qsort(members, n, sizeof *members, by_key);
    for (size_t i = 0; i < n && status == VG_OK; i++) {
        count += i == 0 || strcmp(members[i].key, members[i - 1].key) != 0;
        group_of[members[i].place] = count - 1;
    }
    if (status == VG_OK && count < 2)
        status = vg_fail(error, VG_EINVAL,
                         "the group expression \"%s\" puts all images into one group", expression);
    *groups = count;
    for (size_t i = 0; i < n; i++) free(members[i].key);
    free(members);
    return status;
}
