/* "Did you mean": the edit distance between what was typed and what there is. */
#include <string.h>

#include "cli/cli.h"

enum { LONGEST_WORD = 32 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Optimal string alignment: insert, delete, replace, swap two neighbours. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][LONGEST_WORD + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++) above[j] = before[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, replaced);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_length];
}

void vg_cli_consider(vg_cli_suggestion *suggestion, const char *typed, const char *word)
{
    size_t typed_length = strlen(typed), length = strlen(word);
    if (typed_length > LONGEST_WORD || length > LONGEST_WORD || typed_length < 2) return;

    size_t distance = edit_distance(typed, typed_length, word, length);
    /* The beginning of a long name is as good as one slip. */
    if (typed_length < length && strncmp(typed, word, typed_length) == 0) distance = 1;
    bool near = distance <= 2 && distance * 2 < length;
    if (near && (suggestion->word == NULL || distance < suggestion->distance)) {
        suggestion->word = word;
        suggestion->distance = distance;
    }
}
