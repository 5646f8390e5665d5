#include "selection/labels.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

/* The last name of a path or address whose end is not a '/'. */
static vg_slice last_name(const char *text, size_t size)
{
    size_t start = size;
    while (start > 0 && text[start - 1] != '/') start--;
    return (vg_slice){text + start, size - start};
}

vg_slice vg_path_label(const vg_store *input, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash != NULL) return last_name(path, (size_t)(slash - path));
    const char *address = vg_store_address(input);
    return last_name(address, strlen(address));
}

/* --- Rules ------------------------------------------------------------------------- */

static vg_status compile(vg_label_rule *rule, const char *expression, vg_error *error)
{
    int code = regcomp(&rule->expression, expression, REG_EXTENDED);
    rule->has_expression = code == 0;
    if (code == 0) return VG_OK;
    char reason[128];
    regerror(code, &rule->expression, reason, sizeof reason);
    return vg_fail(error, VG_EINVAL, "the label's regular expression \"%s\": %s", expression,
                   reason);
}

vg_status vg_label_rule_open(vg_label_rule *rule, const char *text, vg_error *error)
{
    static const char level[] = "level:", regex[] = "regex:";
    *rule = (vg_label_rule){0};
    if (text == NULL || strcmp(text, "parent") == 0) return VG_OK;
    if (strncmp(text, regex, strlen(regex)) == 0) return compile(rule, text + strlen(regex), error);
    const char *digits = text + strlen(level);
    if (strncmp(text, level, strlen(level)) == 0 && strlen(digits) <= 4 && digits[0] != '\0' &&
        digits[strspn(digits, "0123456789")] == '\0')
        rule->level = atoi(digits);
    if (rule->level > 0) return VG_OK;
    return vg_fail(error, VG_EINVAL,
                   "the label \"%s\": it must be parent, level:N with N from 1, or regex:EXPR",
                   text);
}

void vg_label_rule_close(vg_label_rule *rule)
{
    if (rule->has_expression) regfree(&rule->expression);
    *rule = (vg_label_rule){0};
}

static vg_slice match(const vg_label_rule *rule, const char *path)
{
    regmatch_t found[2];
    if (regexec(&rule->expression, path, 2, found, 0) != 0) return (vg_slice){path, 0};
    const regmatch_t *label = &found[rule->expression.re_nsub > 0 ? 1 : 0];
    if (label->rm_so < 0) return (vg_slice){path, 0};
    return (vg_slice){path + label->rm_so, (size_t)(label->rm_eo - label->rm_so)};
}

vg_slice vg_label_rule_apply(const vg_label_rule *rule, const vg_store *input, const char *path)
{
    if (rule->has_expression) return match(rule, path);
    if (rule->level == 0) return vg_path_label(input, path);
    const char *folder = path, *slash = strchr(path, '/');
    for (int level = 1; slash != NULL; level++) {
        if (level == rule->level) return (vg_slice){folder, (size_t)(slash - folder)};
        folder = slash + 1;
        slash = strchr(folder, '/');
    }
    return (vg_slice){path, 0};
}

/* --- Names ------------------------------------------------------------------------- */

vg_slice vg_path_split_name(const char *path)
{
    static const char *const names[] = {"train",      "training", "val",  "valid",
                                        "validation", "dev",      "test", "testing"};
    for (const char *folder = path, *slash; (slash = strchr(folder, '/')) != NULL;
         folder = slash + 1) {
        size_t size = (size_t)(slash - folder);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strlen(names[i]) == size && strncasecmp(folder, names[i], size) == 0)
                return (vg_slice){folder, size};
    }
    return (vg_slice){path, 0};
}

vg_slice vg_path_split(const char *path)
{
    const char *first = strchr(path, '/');
    if (first == NULL || strchr(first + 1, '/') == NULL) return (vg_slice){path, 0};
    return (vg_slice){path, (size_t)(first - path)};
}

const char *vg_path_filename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

vg_status vg_path_address(vg_bytes *address, const vg_store *input, const char *path,
                          vg_error *error)
{
    const char *above = vg_store_address(input);
    size_t above_size = strlen(above), path_size = strlen(path);
    bool ends_in_slash = above_size > 0 && above[above_size - 1] == '/';
    size_t size = above_size + !ends_in_slash + path_size;
    if (size > address->capacity) {
        unsigned char *bytes = realloc(address->bytes, 2 * size);
        if (bytes == NULL) return vg_fail_memory(error, 2 * size);
        address->bytes = bytes;
        address->capacity = 2 * size;
    }
    memcpy(address->bytes, above, above_size);
    if (!ends_in_slash) address->bytes[above_size] = '/';
    memcpy(address->bytes + size - path_size, path, path_size);
    address->size = size;
    return VG_OK;
}
