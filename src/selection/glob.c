/* Globs over relative paths.
 *
 * All places of the path at which the pattern so far may end are followed at once
 * (Thompson, "Regular Expression Search Algorithm", 1968). The time is at most that of
 * the product of both lengths; going back to the last star of each kind, as is usual,
 * takes the square of the path's. */
#include "selection/glob.h"

#include <stddef.h>
#include <string.h>

/* Longer than any store takes (HDFS 8,000 bytes, local folders 4,095, S3 1,024). */
enum { LONGEST_PATH = 8192 };

typedef struct match {
    const char *path;
    size_t size;
    size_t first, last; /* ends outside are false; first > last where there is none */
    bool ends[LONGEST_PATH + 1];
} match;

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

/* --- What the stars take --- */

static void take_in_folder(match *so_far)
{
    for (size_t i = so_far->first; i < so_far->size; i++) {
        if (!so_far->ends[i] || so_far->path[i] == '/') continue;
        so_far->ends[i + 1] = true;
        if (so_far->last < i + 1) so_far->last = i + 1;
    }
}

static void take_all(match *so_far)
{
    memset(so_far->ends + so_far->first, true, so_far->size + 1 - so_far->first);
    so_far->last = so_far->size;
}

static void take_whole_folders(match *so_far)
{
    for (size_t i = so_far->first; i < so_far->size; i++) {
        if (so_far->path[i] != '/') continue;
        so_far->ends[i + 1] = true;
        if (so_far->last < i + 1) so_far->last = i + 1;
    }
}

/* Returns the pattern behind the star. */
static const char *take_star(match *so_far, const char *start, const char *star)
{
    if (star[1] != '*') {
        take_in_folder(so_far);
        return star + 1;
    }
    bool begins_folder = star == start || star[-1] == '/';
    if (begins_folder && star[2] == '/') {
        take_whole_folders(so_far);
        return star + 3;
    }
    take_all(so_far);
    return star + 2;
}

/* --- One character --- */

/* One character of the path, as the pattern says it. */
typedef struct one {
    const char *set; /* behind '[', or NULL */
    bool is_any;
    char literal;
} one;

/* Returns the pattern behind it. */
static const char *read_one(one *wanted, const char *pattern)
{
    bool matches;
    *wanted = (one){.is_any = *pattern == '?'};
    if (*pattern == '[') {
        const char *behind = match_set(pattern + 1, 0, &matches);
        if (behind != NULL) {
            wanted->set = pattern + 1;
            return behind;
        }
    }
    if (*pattern == '\\' && pattern[1] != '\0') pattern++;
    wanted->literal = *pattern;
    return pattern + 1;
}

static bool is_taken(const one *wanted, char character)
{
    if (wanted->is_any) return character != '/';
    if (wanted->set == NULL) return character == wanted->literal;
    bool matches = false;
    match_set(wanted->set, (unsigned char)character, &matches);
    return matches;
}

static void take_one(match *so_far, const one *wanted)
{
    if (so_far->last == so_far->size) so_far->ends[so_far->last] = false;
    if (so_far->last < so_far->size) so_far->last++;
    for (size_t i = so_far->last; i-- > so_far->first;)
        so_far->ends[i + 1] = so_far->ends[i] && is_taken(wanted, so_far->path[i]);
    so_far->ends[so_far->first++] = false;
    while (so_far->first <= so_far->last && !so_far->ends[so_far->first]) so_far->first++;
    while (so_far->first <= so_far->last && !so_far->ends[so_far->last]) so_far->last--;
}

bool vg_glob_match(const char *pattern, const char *path)
{
    match found;
    found.path = path;
    found.size = strnlen(path, LONGEST_PATH + 1);
    if (found.size > LONGEST_PATH) return false;
    memset(found.ends, false, found.size + 1);
    found.ends[0] = true;
    found.first = found.last = 0;
    for (const char *next = pattern; *next != '\0' && found.first <= found.last;) {
        if (*next == '*') {
            next = take_star(&found, pattern, next);
            continue;
        }
        one wanted;
        next = read_one(&wanted, next);
        take_one(&found, &wanted);
    }
    return found.first <= found.last && found.ends[found.size];
}
