#include "classify/class_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int by_text(const void *left, const void *right)
{
    return strcmp(((const vg_path *)left)->text, ((const vg_path *)right)->text);
}

/* A text that is empty is no label. */
static vg_status add_names(vg_paths *names, const vg_paths *labels, vg_error *error)
{
    vg_path *sorted = malloc((labels->count + 1) * sizeof *sorted);
    if (sorted == NULL) return vg_fail_memory(error, labels->count * sizeof *sorted);
    if (labels->count > 0) memcpy(sorted, labels->items, labels->count * sizeof *sorted);
    qsort(sorted, labels->count, sizeof *sorted, by_text);
    vg_status status = VG_OK;
    for (size_t i = 0; i < labels->count && status == VG_OK; i++)
        if (sorted[i].text[0] != '\0' &&
            (i == 0 || strcmp(sorted[i].text, sorted[i - 1].text) != 0))
            status = vg_paths_add(names, sorted[i].text, strlen(sorted[i].text), error);
    free(sorted);
    if (status == VG_OK && names->count > VG_MOST_CLASSES)
        return vg_fail(error, VG_ELIMIT, "%zu classes, at most %d can be told apart", names->count,
                       VG_MOST_CLASSES);
    return status;
}

vg_status vg_class_names_match(int32_t **labels, const vg_paths *names, const vg_paths *of_rows,
                               vg_error *error)
{
    *labels = malloc((of_rows->count + 1) * sizeof **labels);
    if (*labels == NULL) return vg_fail_memory(error, of_rows->count * sizeof **labels);
    for (size_t i = 0; i < of_rows->count; i++) {
        const vg_path *found =
            bsearch(&of_rows->items[i], names->items, names->count, sizeof *names->items, by_text);
        (*labels)[i] = found != NULL ? (int32_t)(found - names->items) : -1;
    }
    return VG_OK;
}

vg_status vg_class_names_open(vg_class_names *classes, const vg_paths *labels, vg_error *error)
{
    *classes = (vg_class_names){0};
    vg_status status = add_names(&classes->names, labels, error);
    if (status == VG_OK)
        status = vg_class_names_match(&classes->labels, &classes->names, labels, error);
    if (status != VG_OK) vg_class_names_close(classes);
    return status;
}

void vg_class_names_close(vg_class_names *classes)
{
    vg_paths_free(&classes->names);
    free(classes->labels);
    classes->labels = NULL;
}
