/* Frames out of streams that come in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream/frame_cutter.h"

enum { MOST_FRAMES = 64 };

/* What came of a stream: a text a frame, its bytes or "!" and its fault. */
typedef struct outcome {
    char *texts[MOST_FRAMES];
    size_t sizes[MOST_FRAMES];
    size_t count, capacity; /* the latter of the cutter at the end */
    uint64_t skipped;
} outcome;

static void free_outcome(outcome *found)
{
    for (size_t i = 0; i < found->count; i++) free(found->texts[i]);
}

static void take_frames(vg_frame_cutter *cutter, int at_end, outcome *found)
{
    vg_frame frame;
    while (vg_frame_cutter_next(cutter, at_end, &frame)) {
        assert_true(found->count < MOST_FRAMES);
        assert_int_equal(frame.number, found->count + 1);
        size_t size = frame.fault != NULL ? strlen(frame.fault) + 1 : frame.size;
        char *text = calloc(size + 1, 1);
        assert_non_null(text);
        if (frame.fault != NULL)
            snprintf(text, size + 1, "!%s", frame.fault);
        else
            memcpy(text, frame.bytes, size);
        if (cutter->kind == VG_STREAM_PATHS && frame.fault == NULL)
            assert_int_equal(frame.bytes[size], 0);
        found->sizes[found->count] = size;
        found->texts[found->count++] = text;
    }
}

/* The stream in pieces of `piece` bytes at most. */
static outcome cut(vg_stream_kind kind, size_t limit, const void *bytes, size_t size, size_t piece)
{
    vg_frame_cutter cutter = {.kind = kind, .limit = limit};
    outcome found = {0};
    for (size_t at = 0; at < size;) {
        uint8_t *room;
        size_t left;
        assert_int_equal(vg_frame_cutter_room(&cutter, &room, &left, NULL), VG_OK);
        assert_true(left > 0);
        if (left > piece) left = piece;
        if (left > size - at) left = size - at;
        memcpy(room, (const char *)bytes + at, left);
        vg_frame_cutter_added(&cutter, left);
        at += left;
        take_frames(&cutter, 0, &found);
    }
    take_frames(&cutter, 1, &found);
    found.skipped = cutter.skipped;
    found.capacity = cutter.capacity;
    vg_frame_cutter_close(&cutter);
    return found;
}

typedef struct expected {
    const void *bytes; /* or a text that begins with '!' */
    size_t size;
} expected;

#define TEXT(text)             \
    {                          \
        text, sizeof(text) - 1 \
    }

static void check(vg_stream_kind kind, size_t limit, const void *bytes, size_t size,
                  const expected *frames, size_t count, uint64_t skipped)
{
    const size_t pieces[] = {1, 2, 3, 7, 1 << 20};
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        outcome found = cut(kind, limit, bytes, size, pieces[p]);
        assert_int_equal(found.count, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(found.sizes[i], frames[i].size);
            assert_memory_equal(found.texts[i], frames[i].bytes, frames[i].size);
        }
        assert_int_equal(found.skipped, skipped);
        free_outcome(&found);
    }
}

#define CHECK(kind, limit, bytes, frames, skipped) \
    check(kind, limit, bytes, sizeof(bytes) - 1, frames, sizeof(frames) / sizeof *(frames), skipped)

/* --- Lines -------------------------------------------------------------------------------- */

static void test_lines(void **state)
{
    (void)state;
    const expected frames[] = {TEXT("a.jpg"), TEXT("b c.png"), TEXT("\r d"), TEXT("last")};
    CHECK(VG_STREAM_PATHS, 100, "a.jpg\n\n\r\nb c.png\r\n\r d\nlast", frames, 0);
}

static void test_a_line_past_the_limit_is_one_fault(void **state)
{
    (void)state;
    const expected frames[] = {TEXT("12345678"), TEXT("!it has more bytes than a frame may have"),
                               TEXT("after"), TEXT("!it has more bytes than a frame may have")};
    CHECK(VG_STREAM_PATHS, 8, "12345678\n123456789\nafter\n1234567890123456789", frames, 0);
}

/* --- JPEGs -------------------------------------------------------------------------------- */

/* A thumbnail in a segment; fill bytes; a restart; 0xFF and 0 in the data; a second scan. */
#define THUMBNAIL "\xFF\xD8\xFF\xDB\x00\x03q\xFF\xD9"
#define HEAD "\xFF\xD8\xFF\xE1\x00\x0D" THUMBNAIL "xy\xFF\xFF\xFF\xDB\x00\x04qq"
#define SCANS                                                                           \
    "\xFF\xDA\x00\x03sdata\xFF\x00more\xFF\xD3more\xFF\xFF\xC4\x00\x02\xFF\xDA\x00\x02" \
    "again"
#define WHOLE HEAD SCANS "\xFF\xD9"
#define SMALL "\xFF\xD8\xFF\xDA\x00\x02x\xFF\xD9"

static void test_jpegs_one_behind_another(void **state)
{
    (void)state;
    const expected frames[] = {TEXT(WHOLE), TEXT(SMALL), TEXT(WHOLE)};
    CHECK(VG_STREAM_MJPEG, 1000, WHOLE SMALL WHOLE, frames, 0);
}

static void test_what_lies_between_is_skipped(void **state)
{
    (void)state;
    const char head[] = "--b\r\nContent-Type: image/jpeg\r\n\r\n";
    const char stream[] =
        "--b\r\nContent-Type: image/jpeg\r\n\r\n" WHOLE
        "\r\n--b\r\nContent-Type: image/jpeg\r\n\r\n" SMALL "\r\n\xFF\xD9\xFF\xD8\xFF";
    const expected frames[] = {TEXT(WHOLE), TEXT(SMALL), TEXT("!the stream ended within it")};
    CHECK(VG_STREAM_MJPEG, 1000, stream, frames, 2 * (sizeof head - 1) + 4 + 2);
    const expected none[] = {TEXT(SMALL)};
    CHECK(VG_STREAM_MJPEG, 1000, "\xFF\xD8 is none" SMALL "\xFF\xD8", none, 12);
}

static void test_a_frame_is_there_with_its_last_byte(void **state)
{
    (void)state;
    vg_frame_cutter cutter = {.kind = VG_STREAM_MJPEG, .limit = 1000};
    uint8_t *room;
    size_t left;
    vg_frame frame;
    assert_int_equal(vg_frame_cutter_room(&cutter, &room, &left, NULL), VG_OK);
    memcpy(room, WHOLE, sizeof(WHOLE) - 1);
    vg_frame_cutter_added(&cutter, sizeof(WHOLE) - 2);
    assert_false(vg_frame_cutter_next(&cutter, 0, &frame));
    vg_frame_cutter_added(&cutter, 1);
    assert_true(vg_frame_cutter_next(&cutter, 0, &frame));
    assert_false(vg_frame_cutter_next(&cutter, 0, &frame));
    vg_frame_cutter_close(&cutter);
}

static void test_cut_jpegs(void **state)
{
    (void)state;
    const expected in_scan[] = {TEXT("!another one begins within it"), TEXT(SMALL)};
    CHECK(VG_STREAM_MJPEG, 1000, HEAD "\xFF\xDA\x00\x02xx" SMALL, in_scan, 0);
    /* The next frame begins in what would be the segment's content. */
    const expected in_segment[] = {TEXT("!it is damaged"), TEXT(SMALL)};
    CHECK(VG_STREAM_MJPEG, 1000, "\xFF\xD8\xFF\xDB\x00\x0Cq" SMALL "zz", in_segment, 1 + 2);
    const expected at_end[] = {TEXT(SMALL), TEXT("!the stream ended within it")};
    CHECK(VG_STREAM_MJPEG, 1000, SMALL HEAD, at_end, 0);
    const expected odd[] = {TEXT("!it is damaged"), TEXT(SMALL)};
    CHECK(VG_STREAM_MJPEG, 1000, "\xFF\xD8\xFF\xDA\x00\x02x\xFF\x30" SMALL, odd, 2);
    CHECK(VG_STREAM_MJPEG, 1000, "\xFF\xD8\xFF\xE0\x00\x01" SMALL, odd, 4);
}

static void test_a_jpeg_without_an_end_takes_bounded_memory(void **state)
{
    (void)state;
    enum { SIZE = 4 << 20, LIMIT = 1 << 17 };
    char *stream = calloc(SIZE, 1);
    assert_non_null(stream);
    memcpy(stream, HEAD SCANS, sizeof(HEAD SCANS) - 1);
    memcpy(stream + SIZE - sizeof SMALL, SMALL, sizeof(SMALL) - 1);
    outcome found = cut(VG_STREAM_MJPEG, LIMIT, stream, SIZE, 1 << 16);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.texts[0], "!it has more bytes than a frame may have");
    assert_memory_equal(found.texts[1], SMALL, sizeof(SMALL) - 1);
    assert_true(found.capacity <= 4 * LIMIT);
    free_outcome(&found);
    free(stream);
}

/* Whatever comes, each byte is of a frame or skipped, and the work ends. */
static void test_noise(void **state)
{
    (void)state;
    enum { SIZE = 3000, ROUNDS = 300 };
    const uint8_t likely[] = {0xFF, 0xD8, 0xFF, 0xD9, 0xDA, 0x00, 0x02, 0xD0};
    uint8_t stream[SIZE];
    srand(7);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < SIZE; i++)
            stream[i] = rand() % 3 == 0 ? (uint8_t)rand() : likely[(size_t)rand() % sizeof likely];
        vg_frame_cutter cutter = {.kind = VG_STREAM_MJPEG, .limit = 500};
        vg_frame frame;
        for (size_t at = 0; at < SIZE;) {
            uint8_t *room;
            size_t left, piece = 1 + (size_t)rand() % 200;
            assert_int_equal(vg_frame_cutter_room(&cutter, &room, &left, NULL), VG_OK);
            if (piece > SIZE - at) piece = SIZE - at;
            memcpy(room, stream + at, piece);
            vg_frame_cutter_added(&cutter, piece);
            at += piece;
            while (vg_frame_cutter_next(&cutter, at == SIZE, &frame))
                assert_true(frame.fault != NULL || (frame.size >= 4 && frame.size <= 500));
        }
        assert_int_equal(cutter.begin, cutter.end);
        vg_frame_cutter_close(&cutter);
    }
}

/* --- Pixels -------------------------------------------------------------------------------- */

static void test_frames_of_one_size(void **state)
{
    (void)state;
    const expected frames[] = {TEXT("abcd"), TEXT("efgh"), TEXT("!the stream ended within it")};
    CHECK(VG_STREAM_FRAMES, 4, "abcdefghij", frames, 0);
    const expected whole[] = {TEXT("abcd"), TEXT("efgh")};
    CHECK(VG_STREAM_FRAMES, 4, "abcdefgh", whole, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_a_line_past_the_limit_is_one_fault),
        cmocka_unit_test(test_jpegs_one_behind_another),
        cmocka_unit_test(test_what_lies_between_is_skipped),
        cmocka_unit_test(test_a_frame_is_there_with_its_last_byte),
        cmocka_unit_test(test_cut_jpegs),
        cmocka_unit_test(test_a_jpeg_without_an_end_takes_bounded_memory),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_frames_of_one_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
