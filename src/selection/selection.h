/* Which images a job takes, and in which order. */
#ifndef VG_SELECTION_SELECTION_H
#define VG_SELECTION_SELECTION_H

#include "base/observer.h"
#include "io/io.h"
#include "selection/image_list.h"

/* The caller's. */
typedef struct vg_texts {
    const char *const *items;
    size_t count;
} vg_texts;

typedef struct vg_selection_options {
    /* One of three, or none, which takes every file whose ending is that of an image. A
     * mode ("mini", "apples", "full") stands for a pattern and a limit, of the layout that
     * Fruits-360 has. selects are patterns of paths below the input, as vg_patterns takes
     * them, of which one has to match. files_from is a file with one path a line ("-" is
     * standard input), relative to the input or beginning with it, or a CSV whose first
     * column is "path", such as a metadata table. Of a path from elsewhere the longest end
     * that is a file of the input is taken, and a repeated path is taken once. */
    const char *mode, *files_from;
    vg_texts selects;
    /* Patterns of files and folders that are not taken, whatever names them. */
    vg_texts excludes;
    /* One of two: the first `limit` images by the bytes of their paths, or `sample` drawn
     * from all of them; 0 takes all. The same seed draws the same images, in whatever
     * order a store lists them. */
    uint64_t limit, sample, seed;
} vg_selection_options;

/* The images of `input` as a finished list; tables that a run wrote to `output` are none.
 * What a listing leaves out is told to the observer in one line: hidden files, and those in
 * folders that are hidden or a system's, are not taken unless a pattern names them. No
 * image at all is VG_ENOTFOUND. */
vg_status vg_select_images(vg_image_list **images, vg_store *input, const vg_store *output,
                           const vg_selection_options *options, const vg_observer *observer,
                           const atomic_bool *cancel, vg_error *error);

#endif
