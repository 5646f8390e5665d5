/* Arguments of options: whole numbers, sizes and words of a list. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* strtol alone would take leading spaces; `*end` is what follows the number. */
static bool parse_long(const char *text, long *value, char **end)
{
    if (!isdigit((unsigned char)text[0]) && text[0] != '-' && text[0] != '+') return false;
    errno = 0;
    *value = strtol(text, end, 10);
    return errno == 0 && *end != text;
}

static bool refuse(const vg_cli_command *command, const char *option, const char *text, long low,
                   long high, const char *kind)
{
    if (high == LONG_MAX)
        vg_cli_usage_error(command, "%s takes %s, %ld or more, not '%s'", option, kind, low, text);
    else
        vg_cli_usage_error(command, "%s takes %s from %ld to %ld, not '%s'", option, kind, low,
                           high, text);
    return false;
}

bool vg_cli_integer(const vg_cli_command *command, const char *option, const char *text, long low,
                    long high, long *value)
{
    char *end;
    if (parse_long(text, value, &end) && *end == '\0' && *value >= low && *value <= high)
        return true;
    return refuse(command, option, text, low, high, "a whole number");
}

/* The power of two of "", "K", "M" or "G", -1 of anything else. */
static int suffix_shift(const char *suffix)
{
    if (suffix[0] == '\0') return 0;
    if (suffix[1] != '\0') return -1;
    switch (suffix[0]) {
    case 'k':
    case 'K': return 10;
    case 'm':
    case 'M': return 20;
    case 'g':
    case 'G': return 30;
    default: return -1;
    }
}

bool vg_cli_size(const vg_cli_command *command, const char *option, const char *text, long low,
                 long high, long *value)
{
    char *end;
    if (parse_long(text, value, &end) && *value >= 0) {
        int shift = suffix_shift(end);
        if (shift >= 0 && *value <= LONG_MAX >> shift) {
            *value *= 1L << shift;
            if (*value >= low && *value <= high) return true;
        }
    }
    return refuse(command, option, text, low, high, "a size (K, M and G may follow the number)");
}

/* "5%" or "0.5%" as a share of one; negative where it is neither. */
static double parse_share(const char *text)
{
    const char digits[] = "0123456789";
    size_t length = strspn(text, digits);
    if (length == 0) return -1;
    if (text[length] == '.') length += 1 + strspn(text + length + 1, digits);
    return strcmp(text + length, "%") == 0 ? strtod(text, NULL) / 100 : -1;
}

bool vg_cli_amount(const vg_cli_command *command, const char *option, const char *text, long *count,
                   double *share)
{
    *count = -1;
    *share = parse_share(text);
    if (*share >= 0 && *share <= 1) return true;
    if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0')
        return vg_cli_integer(command, option, text, 0, LONG_MAX, count);
    vg_cli_usage_error(command,
                       "%s takes a number of images or a share from 0%% to 100%%, not '%s'", option,
                       text);
    return false;
}

int vg_cli_choice(const vg_cli_command *command, const char *option, const char *text,
                  const char *values)
{
    int index = 0;
    for (const char *word = values; *word != '\0'; index++) {
        size_t length = strcspn(word, " ");
        if (strlen(text) == length && strncmp(text, word, length) == 0) return index;
        word += length + strspn(word + length, " ");
    }
    vg_cli_usage_error(command, "%s takes one of: %s; not '%s'", option, values, text);
    return -1;
}
