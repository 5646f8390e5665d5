/* When a request to a store is tried again, and how long that may take. */
#ifndef VG_IO_RETRY_HPP
#define VG_IO_RETRY_HPP

#include <chrono>
#include <mutex>
#include <string>

namespace verger
{

/* How often a request is sent at the most. AWS_MAX_ATTEMPTS says, as for other users of
 * AWS. Their 3 are too few where 64 readers of ours are told to slow down: a bucket that
 * splits its prefix answers 503 for seconds. */
int max_attempts();

/* What a request may spend on being tried again, from its first failure on. A run that is
 * being stopped waits no longer than this and one last attempt. */
inline constexpr std::chrono::seconds retry_time{20};

/* A request that gets nowhere is given up, to be tried again. */
inline constexpr std::chrono::seconds connect_time{5}, stall_time{10};

/* How long to wait after so many failures: a random part ("full jitter") of a time that
 * doubles, so that readers that failed together do not come back together
 * (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter). */
std::chrono::milliseconds backoff(int64_t failures);

/* The attempts at one request. */
class Attempts
{
  public:
    /* After a failure: whether to try again. If so the time to wait has passed. */
    bool again();
    int count() const
    {
        return count_;
    }

  private:
    int count_ = 1;
    std::chrono::steady_clock::time_point first_failure_;
};

} // namespace verger

#endif
