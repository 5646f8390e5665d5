#include "io/retry.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <thread>

using namespace std::chrono;

namespace verger
{

int max_attempts()
{
    constexpr long usual = 8, most = 100;
    const char *text = std::getenv("AWS_MAX_ATTEMPTS");
    long number = text != nullptr ? std::strtol(text, nullptr, 10) : 0;
    return static_cast<int>(std::min(number > 0 ? number : usual, most));
}

milliseconds backoff(int64_t failures)
{
    constexpr int64_t first = 200, longest = 5000, doublings = 6;
    thread_local std::minstd_rand random{std::random_device{}()};
    int64_t most = std::min(first << std::min(failures - 1, doublings), longest);
    return milliseconds(std::uniform_int_distribution<int64_t>(0, most)(random));
}

bool Attempts::again()
{
    auto now = steady_clock::now();
    if (count_ == 1) first_failure_ = now;
    auto wait = backoff(count_);
    if (count_ >= max_attempts() || now + wait - first_failure_ > retry_time) return false;
    std::this_thread::sleep_for(wait);
    count_++;
    return true;
}

} // namespace verger
