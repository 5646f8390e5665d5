#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "selection/selection.h"

/* Columns of features, components, errors and metadata. */
static const char *const taken[] = {"path",
                                    "label",
                                    "features",
                                    "pca_features",
                                    "relative_path",
                                    "split",
                                    "error",
                                    "filename",
                                    "modification_time",
                                    "file_size_bytes",
                                    "features_string",
                                    "pca_features_string"};

vg_status vg_check_kept_columns(const vg_texts *columns, vg_error *error)
{
    for (size_t i = 0; i < columns->count; i++) {
        const char *name = columns->items[i];
        size_t length = strlen(name);
        static const char joined[] = "_string";
        if (length == 0) return vg_fail(error, VG_EINVAL, "a column to keep has no name");
        for (size_t j = 0; j < sizeof taken / sizeof *taken; j++)
            if (strcasecmp(name, taken[j]) == 0)
                return vg_fail(error, VG_EINVAL,
                               "the column \"%s\" cannot be kept: tables have one of that name",
                               name);
        /* Readers of CSV take it for numbers. */
        if (length > strlen(joined) && strcmp(name + length - strlen(joined), joined) == 0)
            return vg_fail(error, VG_EINVAL,
                           "the column \"%s\" cannot be kept: _string ends the names of lists of "
                           "numbers in CSV",
                           name);
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(name, columns->items[j]) == 0)
                return vg_fail(error, VG_EINVAL, "the column \"%s\" is named twice", name);
    }
    return VG_OK;
}
