#include "image/watch.h"

#include "base/clock.h"
#include "base/error.h"

/* The slowest decoder does as many within 5 ms, and a look costs less than a microsecond. */
enum { PIXELS_BETWEEN_LOOKS = 1 << 16 };

vg_watch vg_watch_start(const vg_image_options *options)
{
    return (vg_watch){.options = options, .start = vg_thread_seconds()};
}

vg_status vg_watch_pixels(vg_watch *watch, uint64_t pixels, vg_error *error)
{
    const vg_image_options *options = watch->options;
    watch->pixels += pixels;
    if (watch->pixels < PIXELS_BETWEEN_LOOKS) return VG_OK;
    watch->pixels = 0;
    if (options->is_cancelled != NULL && options->is_cancelled(options->cancel_context))
        return vg_fail(error, VG_ECANCELLED, "the image was given up: the work is to stop");
    if (options->max_seconds > 0 && vg_thread_seconds() - watch->start > options->max_seconds)
        return vg_fail(error, VG_ELIMIT,
                       "the image took more than %g seconds to decode: save it again, or smaller",
                       options->max_seconds);
    return VG_OK;
}
