/* Which images a job takes, and in which order. */
#ifndef VG_SELECTION_SELECTION_H
#define VG_SELECTION_SELECTION_H

#include "base/observer.h"
#include "io/io.h"
#include "selection/image_list.h"
#include "selection/texts.h"

typedef struct vg_selection_options {
    /* One of three, or none, which takes every file whose ending is that of an image. A
     * mode ("mini", "apples", "full") stands for a pattern and a limit, of the layout that
     * Fruits-360 has. selects are patterns of paths below the input, as vg_patterns takes
     * them, of which one has to match. files_from is a list of names as vg_read_name_list
     * reads it ("-" is standard input); a repeated path is taken once. */
    const char *mode, *files_from;
    vg_texts selects;
    /* Patterns of files and folders that are not taken, whatever names them. */
    vg_texts excludes;
    /* One of two: the first `limit` images by the bytes of their paths, or `sample` drawn
     * from all of them; 0 takes all. The same seed draws the same images, in whatever
     * order a store lists them. */
    uint64_t limit, sample, seed;
    /* How labels are told from paths, as vg_label_rule_open takes it; a column of labels in
     * files_from goes before. NULL is the folder's name. label_column names that column. */
    const char *label, *label_column;
    /* Columns of files_from, or of tables found beside the images, that go into the tables as
     * text. Which names they may not have, vg_check_kept_columns says. */
    vg_texts keep_columns;
    /* What images show is of no use: tables beside them are not read, labels not looked at. */
    bool paths_alone;
} vg_selection_options;

/* VG_EINVAL where a column is named twice, or like one that tables have anyway. */
vg_status vg_check_kept_columns(const vg_texts *columns, vg_error *error);

/* The images of `input` as a finished list; tables that a run wrote to `output` are none.
 * Tables that lie beside the images (vg_metadata_list_is) say what they show, unless
 * files_from does or an exclude names them.
 * What a listing leaves out is told to the observer in one line: hidden files, and those in
 * folders that are hidden or a system's, are not taken unless a pattern names them; images that a
 * pattern would match but for capital letters. No image at all is VG_ENOTFOUND. */
vg_status vg_select_images(vg_image_list **images, vg_store *input, const vg_store *output,
                           const vg_selection_options *options, const vg_observer *observer,
                           const atomic_bool *cancel, vg_error *error);

#endif
