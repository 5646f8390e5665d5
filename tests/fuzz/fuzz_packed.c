/* Head, tail and length of packed weights with any bits flipped: refused with a reason, or
 * what was written but for the origin. Of the input, byte 0 says how long the file is,
 * whether the checksum is made right again, and for which panels it is read; the rest is
 * flipped in the head, what is beyond it in the tail. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "model/packed.h"

enum { ORIGIN_AT = 64, CUT = 1, LONGER = 2, RIGHT_SUM = 4, OTHER_PANELS = 8, PANEL = 16 };

typedef struct ends {
    unsigned char head[VG_PACKED_HEAD_BYTES], tail[VG_PACKED_TAIL_BYTES];
    size_t size;
} ends;

static const ends *written(void)
{
    static ends kept;
    if (kept.size != 0) return &kept;
    vg_weights *weights = NULL;
    vg_packed packed;
    FUZZ_CHECK(vg_weights_seeded(&weights, 1, NULL) == VG_OK);
    FUZZ_CHECK(vg_packed_open(&packed, weights, PANEL, NULL) == VG_OK);
    kept.size = packed.size;
    memcpy(kept.head, packed.bytes, sizeof kept.head);
    memcpy(kept.tail, packed.bytes + packed.size - sizeof kept.tail, sizeof kept.tail);
    vg_packed_close(&packed);
    vg_weights_close(&weights);
    return &kept;
}

static void flip(unsigned char *bytes, size_t count, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < count && i < size; i++) bytes[i] ^= data[i];
}

static void make_checksum_right(ends *file)
{
    uint64_t sum = vg_packed_checksum(file->head);
    for (int i = 0; i < 8; i++)
        file->head[VG_PACKED_CHECKSUM_AT + i] = file->tail[i] = (unsigned char)(sum >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    ends file = *written();
    unsigned how = *data++;
    size--;
    flip(file.head, sizeof file.head, data, size);
    if (size > sizeof file.head)
        flip(file.tail, sizeof file.tail, data + sizeof file.head, size - sizeof file.head);
    if (how & CUT) file.size = size;
    if (how & LONGER) file.size += 64;
    if (how & RIGHT_SUM) make_checksum_right(&file);
    int panel = how & OTHER_PANELS ? 2 * PANEL : PANEL;

    vg_error error = {{0}};
    vg_status status = vg_packed_check(file.head, file.tail, file.size, panel, &error);
    if (status != VG_OK) {
        FUZZ_CHECK(status == VG_EFORMAT || status == VG_EUNSUPPORTED);
        FUZZ_CHECK(error.message[0] != '\0');
        return 0;
    }
    unsigned char *head = file.head;
    const ends *good = written();
    FUZZ_CHECK(panel == PANEL && file.size == good->size);
    memcpy(head + ORIGIN_AT, good->head + ORIGIN_AT, VG_ORIGIN_CHARS);
    memcpy(head + VG_PACKED_CHECKSUM_AT, good->head + VG_PACKED_CHECKSUM_AT, 8);
    FUZZ_CHECK(memcmp(head, good->head, sizeof file.head) == 0);
    return 0;
}
