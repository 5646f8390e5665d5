#define _DEFAULT_SOURCE /* timegm */
#include "output/timestamp.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

static int number(const char *digits, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) value = value * 10 + (digits[i] - '0');
    return value;
}

static bool has_form(const char *text)
{
    const char form[] = "99999999_999999";
    if (strlen(text) != strlen(form)) return false;
    for (size_t i = 0; form[i] != '\0'; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == '9' ? !is_digit : text[i] != form[i]) return false;
    }
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool is_valid(const char *text)
{
    if (!has_form(text)) return false;
    int year = number(text, 4), month = number(text + 4, 2), day = number(text + 6, 2);
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
    return number(text + 9, 2) < 24 && number(text + 11, 2) < 60 && number(text + 13, 2) < 60;
}

static vg_status write_time(char timestamp[VG_TIMESTAMP_CHARS], time_t time, vg_error *error)
{
    struct tm utc;
    if (gmtime_r(&time, &utc) == NULL ||
        strftime(timestamp, VG_TIMESTAMP_CHARS, "%Y%m%d_%H%M%S", &utc) == 0)
        return vg_fail(error, VG_EIO, "the clock gives no date: give a timestamp");
    return VG_OK;
}

vg_status vg_timestamp_choose(char timestamp[VG_TIMESTAMP_CHARS], const char *requested,
                              vg_error *error)
{
    if (requested != NULL) {
        if (!is_valid(requested))
            return vg_fail(error, VG_EINVAL,
                           "timestamp \"%s\": it must be a date and a time as YYYYMMDD_HHMMSS, "
                           "such as 20250131_235959",
                           requested);
        memcpy(timestamp, requested, VG_TIMESTAMP_CHARS);
        return VG_OK;
    }
    return write_time(timestamp, time(NULL), error);
}

vg_status vg_timestamp_after(char after[VG_TIMESTAMP_CHARS],
                             const char timestamp[VG_TIMESTAMP_CHARS], vg_error *error)
{
    struct tm utc = {.tm_year = number(timestamp, 4) - 1900,
                     .tm_mon = number(timestamp + 4, 2) - 1,
                     .tm_mday = number(timestamp + 6, 2),
                     .tm_hour = number(timestamp + 9, 2),
                     .tm_min = number(timestamp + 11, 2),
                     .tm_sec = number(timestamp + 13, 2)};
    if (write_time(after, timegm(&utc) + 1, NULL) == VG_OK) return VG_OK;
    return vg_fail(error, VG_EINVAL,
                   "there is a run %s, and no timestamp comes after it: give one with --timestamp, "
                   "or delete what is not a run of yours",
                   timestamp);
}

const char *vg_timestamp_of(const char *folder)
{
    size_t size = strlen(folder);
    return size >= VG_TIMESTAMP_CHARS ? folder + size - (VG_TIMESTAMP_CHARS - 1) : "";
}
