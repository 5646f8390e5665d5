/* A pattern and a path to vg_glob_match, against the definition tried in every way
 * where both are short. Long ones are for libFuzzer's time limit. */
#include "fuzz/bytes.h"
#include "selection/glob.h"

enum { LONGEST_PATTERN = 1024, LONGEST_PATH = 4096, LONGEST_TRIED = 10 };

/* What glob.h says of stars, '?' and plain characters; sets and '\' are left out. */
static bool matches_plainly(const char *start, const char *pattern, const char *path)
{
    if (*pattern == '\0') return *path == '\0';
    if (strncmp(pattern, "**/", 3) == 0 && (pattern == start || pattern[-1] == '/')) {
        if (matches_plainly(start, pattern + 3, path)) return true;
        const char *slash = strchr(path, '/');
        return slash != NULL && matches_plainly(pattern, pattern, slash + 1);
    }
    if (*pattern == '*') {
        bool crosses = pattern[1] == '*';
        if (matches_plainly(start, pattern + 1 + crosses, path)) return true;
        if (*path == '\0' || (*path == '/' && !crosses)) return false;
        return matches_plainly(start, pattern, path + 1);
    }
    bool same = *pattern == '?' ? *path != '/' && *path != '\0' : *pattern == *path;
    return same && matches_plainly(start, pattern + 1, path + 1);
}

/* '***' has no meaning worth one. */
static bool can_be_tried(const char *pattern, const char *path)
{
    return strlen(pattern) <= LONGEST_TRIED && strlen(path) <= LONGEST_TRIED &&
           strpbrk(pattern, "[\\") == NULL && strstr(pattern, "***") == NULL;
}

/* The pattern ends at the first line feed, the path at the end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char pattern[LONGEST_PATTERN + 1], path[LONGEST_PATH + 1];
    const uint8_t *feed = size > 0 ? memchr(data, '\n', size) : NULL;
    if (feed == NULL) return 0;
    size_t pattern_size = (size_t)(feed - data), path_size = size - pattern_size - 1;
    if (pattern_size > LONGEST_PATTERN || path_size > LONGEST_PATH) return 0;
    memcpy(pattern, data, pattern_size);
    pattern[pattern_size] = '\0';
    memcpy(path, feed + 1, path_size);
    path[path_size] = '\0';

    bool matches = vg_glob_match(pattern, path);
    if (can_be_tried(pattern, path)) FUZZ_CHECK(matches == matches_plainly(pattern, pattern, path));
    return 0;
}
