#include "selection/patterns.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "selection/glob.h"

/* No longer than a path that can match (glob.c). */
enum { MAX_GLOBS = 4096, LONGEST_GLOB = 8192 };

/* The pattern behind one character, one escaped character or one set. */
static const char *behind_one(const char *at)
{
    if (*at == '\\' && at[1] != '\0') return at + 2;
    if (*at != '[') return at + 1;
    const char *close = at + 1;
    if (*close == '!' || *close == '^') close++;
    if (*close == ']') close++;
    while (*close != '\0' && *close != ']') close++;
    return *close == ']' ? close + 1 : at + 1;
}

/* The '}' that closes the brace at `open`, or NULL; whether there is a choice in it. */
static const char *closing(const char *open, bool *has_choice)
{
    int depth = 0;
    *has_choice = false;
    for (const char *at = open; *at != '\0'; at = behind_one(at)) {
        if (*at == '{') depth++;
        if (*at == ',' && depth == 1) *has_choice = true;
        if (*at == '}' && --depth == 0) return at;
    }
    return NULL;
}

/* The first brace that stands for a choice, or NULL. */
static const char *first_choice(const char *glob, const char **close)
{
    for (const char *at = glob; *at != '\0'; at = behind_one(at)) {
        bool has_choice;
        if (*at != '{') continue;
        *close = closing(at, &has_choice);
        if (*close != NULL && has_choice) return at;
    }
    return NULL;
}

/* The end of the choice that begins at `at`. */
static const char *end_of_choice(const char *at, const char *close)
{
    int depth = 0;
    while (at < close && (*at != ',' || depth > 0)) {
        if (*at == '{') depth++;
        if (*at == '}') depth--;
        at = behind_one(at);
    }
    return at;
}

static vg_status expand(vg_patterns *patterns, const char *glob, vg_error *error)
{
    const char *close, *open = first_choice(glob, &close);
    if (open == NULL) {
        if (patterns->globs.count == MAX_GLOBS)
            return vg_fail(error, VG_EINVAL, "the braces stand for more than %d patterns",
                           MAX_GLOBS);
        return vg_paths_add(&patterns->globs, glob, strlen(glob), error);
    }
    vg_status status = VG_OK;
    size_t size = strlen(glob) + 1;
    char *one = malloc(size);
    if (one == NULL) return vg_fail_memory(error, size);
    for (const char *begin = open + 1; begin <= close && status == VG_OK;) {
        const char *end = end_of_choice(begin, close);
        snprintf(one, size, "%.*s%.*s%s", (int)(open - glob), glob, (int)(end - begin), begin,
                 close + 1);
        status = expand(patterns, one, error);
        begin = end + 1;
    }
    free(one);
    return status;
}

vg_status vg_patterns_add(vg_patterns *patterns, const char *text, vg_error *error)
{
    vg_status status = VG_OK;
    if (strlen(text) > LONGEST_GLOB)
        status = vg_fail(error, VG_EINVAL, "it has more than %d bytes", LONGEST_GLOB);
    if (status == VG_OK) status = expand(patterns, text, error);
    return status == VG_OK ? VG_OK : vg_fail_prefix(error, status, "the pattern \"%.80s\"", text);
}

void vg_patterns_free(vg_patterns *patterns)
{
    vg_paths_free(&patterns->globs);
}

bool vg_patterns_match(const vg_patterns *patterns, const char *path)
{
    for (size_t i = 0; i < patterns->globs.count; i++)
        if (vg_glob_match(patterns->globs.items[i].text, path)) return true;
    return false;
}

static bool to_small_letters(char small[LONGEST_GLOB + 1], const char *text)
{
    size_t size = strlen(text);
    if (size > LONGEST_GLOB) return false;
    for (size_t i = 0; i <= size; i++) small[i] = (char)tolower((unsigned char)text[i]);
    return true;
}

bool vg_patterns_match_any_case(const vg_patterns *patterns, const char *path)
{
    char small_path[LONGEST_GLOB + 1], small_glob[LONGEST_GLOB + 1];
    if (!to_small_letters(small_path, path)) return false;
    for (size_t i = 0; i < patterns->globs.count; i++)
        if (to_small_letters(small_glob, patterns->globs.items[i].text) &&
            vg_glob_match(small_glob, small_path))
            return true;
    return false;
}

bool vg_patterns_match_tree(const vg_patterns *patterns, const char *path)
{
    if (patterns->globs.count == 0) return false;
    if (vg_patterns_match(patterns, path)) return true;
    char folder[LONGEST_GLOB + 1];
    size_t size = strlen(path);
    if (size > LONGEST_GLOB) return false;
    memcpy(folder, path, size + 1);
    for (char *slash; (slash = strrchr(folder, '/')) != NULL;) {
        *slash = '\0';
        if (vg_patterns_match(patterns, folder)) return true;
    }
    return false;
}

bool vg_patterns_name(const vg_patterns *patterns, const char *name, size_t size)
{
    char wanted[256], part[LONGEST_GLOB + 1];
    if (size >= sizeof wanted) return false; /* longer than a folder's name can be */
    snprintf(wanted, sizeof wanted, "%.*s", (int)size, name);
    for (size_t i = 0; i < patterns->globs.count; i++) {
        for (const char *at = patterns->globs.items[i].text; at != NULL;) {
            const char *slash = strchr(at, '/');
            size_t length = slash != NULL ? (size_t)(slash - at) : strlen(at);
            snprintf(part, sizeof part, "%.*s", (int)length, at);
            if (strchr("*?[", part[0]) == NULL && vg_glob_match(part, wanted)) return true;
            at = slash != NULL ? slash + 1 : NULL;
        }
    }
    return false;
}
