/* Panel layout. A tensor of C channels over M pixels is stored as panels of `panel`
 * channels, one after the other: panel p starts at p * panel * M floats, and within it a
 * pixel's channels lie side by side. The last panel is half as wide when that is enough for
 * what remains, and up to one and a half panels are a single one; channels past C are zero.
 *
 * Panels of 64, those of digits (digits/digits.h), are never wide, and the last is a quarter
 * where that is enough. */
#ifndef VG_KERNELS_PANELS_H
#define VG_KERNELS_PANELS_H

/* The panel of plain C. */
enum { VG_REF_PANEL = 16 };

enum { VG_DIGITS_PANEL = 64 };

/* Whether the tensor is one panel that is half as wide again. */
static inline int vg_panel_is_wide(int channels, int panel)
{
    return panel != VG_DIGITS_PANEL && channels > panel && channels <= panel + panel / 2;
}

static inline int vg_panel_count(int channels, int panel)
{
    return vg_panel_is_wide(channels, panel) ? 1 : (channels + panel - 1) / panel;
}

/* Channels that panel `p` of a tensor of `channels` channels holds. */
static inline int vg_panel_width(int channels, int panel, int p)
{
    if (vg_panel_is_wide(channels, panel)) return panel + panel / 2;
    int left = channels - p * panel;
    if (panel == VG_DIGITS_PANEL && left <= panel / 4) return panel / 4;
    return left <= panel / 2 ? panel / 2 : panel;
}

/* Whether a panel of some tensor is as wide. */
static inline int vg_panel_has_width(int panel, int width)
{
    int special = panel == VG_DIGITS_PANEL ? panel / 4 : panel + panel / 2;
    return width == panel / 2 || width == panel || width == special;
}

/* The panel that holds channel `c`. */
static inline int vg_panel_of(int channels, int panel, int c)
{
    return vg_panel_is_wide(channels, panel) ? 0 : c / panel;
}

/* Channels of the tensor with its padding. */
static inline int vg_panel_channels(int channels, int panel)
{
    int last = vg_panel_count(channels, panel) - 1;
    return last * panel + vg_panel_width(channels, panel, last);
}

#endif
