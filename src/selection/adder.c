#include "selection/adder.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static vg_slice whole(const char *text)
{
    return (vg_slice){text, strlen(text)};
}

/* Copies the two behind one another, each with a NUL. */
static vg_status copy(vg_adder *adder, vg_slice label, vg_slice split, vg_error *error)
{
    size_t size = label.size + split.size + 2;
    if (size > adder->capacity) {
        char *texts = realloc(adder->texts, 2 * size);
        if (texts == NULL) return vg_fail_memory(error, 2 * size);
        adder->texts = texts;
        adder->capacity = 2 * size;
    }
    memcpy(adder->texts, label.text, label.size);
    adder->texts[label.size] = '\0';
    memcpy(adder->texts + label.size + 1, split.text, split.size);
    adder->texts[size - 1] = '\0';
    return VG_OK;
}

vg_status vg_adder_add(vg_adder *adder, const vg_listed_image *image, vg_error *error)
{
    if (vg_patterns_match_tree(adder->excludes, image->path)) {
        adder->left_out->excluded++;
        return VG_OK;
    }
    if (image->is_note) return vg_image_list_add(adder->images, image, error);
    vg_slice label = image->label != NULL
                         ? whole(image->label)
                         : vg_label_rule_apply(adder->rule, adder->input, image->path);
    vg_slice split = image->split != NULL ? whole(image->split) : vg_path_split_name(image->path);
    vg_status status = copy(adder, label, split, error);
    if (status != VG_OK) return status;
    vg_listed_image labelled = *image;
    labelled.label = adder->texts;
    labelled.split = adder->texts + label.size + 1;
    return vg_image_list_add(adder->images, &labelled, error);
}

void vg_adder_close(vg_adder *adder)
{
    free(adder->texts);
    adder->texts = NULL;
    adder->capacity = 0;
}
