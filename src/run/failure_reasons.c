#include "run/failure_reasons.h"

#include <stdbool.h>
#include <stdio.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Of a text that may be cut, and one that is whole. */
static bool is_same(const char *cut, const char *whole)
{
    const char *a = cut, *b = whole;
    while (*a != '\0' && *b != '\0') {
        if (is_digit(*a) && is_digit(*b)) {
            while (is_digit(*a)) a++;
            while (is_digit(*b)) b++;
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == '\0' && (*b == '\0' || a - cut == VG_REASON_CHARS - 1);
}

void vg_failure_reasons_add(vg_failure_reasons *reasons, const char *reason)
{
    size_t i = 0;
    while (i < reasons->count && !is_same(reasons->items[i].text, reason)) i++;
    if (i == VG_FAILURE_REASONS) return;
    if (i == reasons->count) {
        snprintf(reasons->items[i].text, VG_REASON_CHARS, "%s", reason);
        reasons->count++;
    }
    reasons->items[i].images++;
}

const char *vg_failure_reasons_most(const vg_failure_reasons *reasons, uint64_t *images)
{
    size_t most = 0;
    for (size_t i = 1; i < reasons->count; i++)
        if (reasons->items[i].images > reasons->items[most].images) most = i;
    *images = reasons->items[most].images;
    return reasons->items[most].text;
}
