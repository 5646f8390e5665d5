/* Register tiles: the shapes that a set has compiled, as data. What they do not cover is
 * left to the set's fallback, which takes any shape and need not be fast. */
#ifndef VG_KERNELS_TILES_H
#define VG_KERNELS_TILES_H

/* Sums that stay in registers: of `rows` pixels, `width` channels each. A list of them ends
 * with {0}; of one width, the tallest comes first. */
typedef struct vg_tile {
    int rows, width;
} vg_tile;

/* `count` tiles of the list's entry `tile`, one after the other. */
typedef struct vg_tile_run {
    int tile, count;
} vg_tile_run;

static inline int vg_div_up(int a, int b)
{
    return (a + b - 1) / b;
}

/* The tiles to begin m > 0 pixels of one width with: as few as may be, and as equal as the
 * list allows, for a ragged last one would leave the multipliers waiting for its few sums.
 * The count is 0 where no tile fits: the fallback's pixels. */
static inline vg_tile_run vg_tiles_pick(const vg_tile *tiles, int width, int m)
{
    vg_tile_run run = {0, 0};
    while (tiles[run.tile].rows > 0 && tiles[run.tile].width != width) run.tile++;
    if (tiles[run.tile].rows == 0) return run;
    int count = vg_div_up(m, tiles[run.tile].rows), share = vg_div_up(m, count);
    while (tiles[run.tile].width == width && tiles[run.tile].rows > share) run.tile++;
    if (tiles[run.tile].width != width) return run;
    int is_share = tiles[run.tile].rows == share;
    run.count = !is_share ? 1 : m % count > 0 ? m % count : count;
    return run;
}

#endif
