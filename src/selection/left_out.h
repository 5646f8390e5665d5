/* What a listing left out, by kind and number: nobody shall miss an image in silence. */
#ifndef VG_SELECTION_LEFT_OUT_H
#define VG_SELECTION_LEFT_OUT_H

#include "base/observer.h"

enum { VG_LEFT_OUT_ENDINGS = 32, VG_ENDING_CHARS = 16, VG_LEFT_OUT_FOLDERS = 4 };

/* Starts as {0}. */
typedef struct vg_left_out {
    uint64_t by_ending, by_case, hidden_files, below_hidden, excluded;
    struct {
        char text[VG_ENDING_CHARS]; /* ".txt", in small letters; "" for none */
        uint64_t files;
    } endings[VG_LEFT_OUT_ENDINGS]; /* the first that came */
    size_t ending_count;
    char folders[VG_LEFT_OUT_FOLDERS][64]; /* hidden ones, the first by their bytes */
    size_t folder_count;
} vg_left_out;

/* A file that is no image by its ending. (Of by_case and excluded the number is all there is.) */
void vg_left_out_add_ending(vg_left_out *left, const char *path);
/* One that is hidden, or lies in a folder that is: that of the `size` bytes at `name`. */
void vg_left_out_add_hidden(vg_left_out *left, const char *name, size_t size, bool is_folder);

/* "left out: 12 files with other endings (9 .txt, 3 .csv), ..."; "" where nothing was.
 * Returns `text`. */
const char *vg_left_out_text(const vg_left_out *left, char *text, size_t size);

#endif
