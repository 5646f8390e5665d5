/* Globs over relative paths.
 *
 * A failed match goes back to the last star only, which is enough: what stands
 * before it has matched as early as it can. A star within a folder has its own
 * place to go back to, since it fails at the next '/' while '**' goes on. */
#include "job/glob.h"

#include <stddef.h>

/* The part of a match that a star may take up again one character further on. */
typedef struct retry {
    const char *pattern; /* behind the star; NULL where there was none */
    const char *path;
    bool whole_folders; /* of '**' as a folder name: goes on behind a '/' only */
} retry;

/* Matches one character against the set behind '['. Returns the pattern behind
 * ']', or NULL where the set is never closed and '[' stands for itself. */
static const char *match_set(const char *pattern, unsigned char character, bool *matches)
{
    bool negated = *pattern == '!' || *pattern == '^';
    if (negated) pattern++;
    bool found = false;
    const char *start = pattern;
    while (*pattern != '\0' && (*pattern != ']' || pattern == start)) {
        if (*pattern == '\\' && pattern[1] != '\0') pattern++;
        unsigned char low = (unsigned char)*pattern++, high = low;
        if (*pattern == '-' && pattern[1] != ']' && pattern[1] != '\0') {
            pattern++;
            if (*pattern == '\\' && pattern[1] != '\0') pattern++;
            high = (unsigned char)*pattern++;
        }
        if (low <= character && character <= high) found = true;
    }
    if (*pattern != ']') return NULL;
    *matches = found != negated && character != '/';
    return pattern + 1;
}

/* Matches one character that is no star. Returns the pattern behind it, or NULL. */
static const char *match_character(const char *pattern, char character)
{
    if (*pattern == '?') return character != '/' ? pattern + 1 : NULL;
    if (*pattern == '[') {
        bool matches = false;
        const char *behind = match_set(pattern + 1, (unsigned char)character, &matches);
        if (behind != NULL) return matches ? behind : NULL;
    }
    if (*pattern == '\\' && pattern[1] != '\0') pattern++;
    return *pattern == character ? pattern + 1 : NULL;
}

/* Takes a star of either kind into its retry. Returns the pattern behind it. */
static const char *enter_star(const char *start, const char *pattern, const char *path,
                              retry *folders, retry *folder)
{
    if (pattern[1] != '*') {
        *folder = (retry){.pattern = pattern + 1, .path = path};
        return pattern + 1;
    }
    bool begins_folder = pattern == start || pattern[-1] == '/';
    bool whole_folders = begins_folder && pattern[2] == '/';
    pattern += whole_folders ? 3 : 2;
    *folders = (retry){.pattern = pattern, .path = path, .whole_folders = whole_folders};
    folder->pattern = NULL;
    return pattern;
}

/* Lets the star take more of the path; false where it cannot. */
static bool advance(retry *star)
{
    if (star->pattern == NULL) return false;
    if (star->whole_folders) {
        while (*star->path != '\0' && *star->path != '/') star->path++;
    }
    if (*star->path == '\0') return false;
    star->path++;
    return true;
}

bool vg_glob_match(const char *pattern, const char *path)
{
    const char *start = pattern;
    retry folders = {0}, folder = {0};
    for (;;) {
        if (*pattern == '*') {
            pattern = enter_star(start, pattern, path, &folders, &folder);
            continue;
        }
        if (*pattern == '\0' && *path == '\0') return true;
        const char *behind =
            *pattern != '\0' && *path != '\0' ? match_character(pattern, *path) : NULL;
        if (behind != NULL) {
            pattern = behind;
            path++;
            continue;
        }
        retry *star = &folder;
        if (folder.pattern == NULL || *folder.path == '/' || !advance(&folder)) {
            star = &folders;
            folder.pattern = NULL;
            if (!advance(&folders)) return false;
        }
        pattern = star->pattern;
        path = star->path;
    }
}
