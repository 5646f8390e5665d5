/* The few requests to S3 that Arrow's client has no function for: whole objects by one
 * GET, and what the headers say of buckets and objects. */
#ifndef VG_IO_S3_CLIENT_HPP
#define VG_IO_S3_CLIENT_HPP

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "io/io.h"
#include "io/proxy.hpp"
#include "io/s3_sign.hpp"

namespace verger
{

/* Where a bucket is asked and how. */
struct S3Endpoint {
    std::string address;      /* s3://bucket, for messages */
    std::string scheme, host; /* of the requests; the host with its port */
    std::string bucket;
    std::string folder;  /* of the endpoint, and "/bucket" where the host is not its own */
    std::string region;  /* that signatures are for */
    std::string ca_file; /* empty takes the system's */
    bool verify_certificates = true;
    bool requester_pays = false;
    Proxy proxy;
    std::function<S3Credentials()> credentials;
};

struct S3Answer {
    long status = 0;
    std::map<std::string, std::string> headers; /* names in lower case */
    std::string body;                           /* of errors, and of answers read whole */

    std::string header(const std::string &name) const;
    /* What stands in the first element of that name in the body; "" for none. */
    std::string element(const std::string &name) const;
};

class S3Client
{
  public:
    explicit S3Client(S3Endpoint endpoint);
    S3Client(const S3Client &) = delete;
    ~S3Client();

    /* Any answer but those that ask to try again later is returned, errors too.
     * `action` and `name` are for messages. `key` is empty for the bucket itself. */
    S3Answer ask(const std::string &method, const std::string &key, const std::string &query,
                 const std::string &action, const std::string &name);

    /* The same of a request with a body, or with headers of its own. */
    S3Answer ask(S3Request request, const std::string &action, const std::string &name);
    S3Request request(const std::string &method, const std::string &key,
                      const std::string &query = "") const;

    /* An answer of any length, a listing say; a refusal is thrown. */
    std::string ask_text(const std::string &query, const std::string &action,
                         const std::string &name);

    /* Makes the object `to` of the bytes of `from`, both of this bucket, if that still has the
     * ETag; the server copies. The answer may be a refusal. */
    S3Answer copy(const std::string &from, const std::string &etag, const std::string &to,
                  const std::string &action, const std::string &name);

    /* The whole object by one request. Where `size`, of a listing, is not what comes, a
     * second one asks whether the object has changed or was cut on its way. */
    void read(const std::string &key, int64_t size, uint64_t max_size, vg_bytes *content,
              const std::string &name);

    /* So many bytes of the object from there on; fewer are a failure. */
    void read_range(const std::string &key, int64_t from, int64_t size, void *out,
                    const std::string &name);

    bool requester_pays() const
    {
        return endpoint_.requester_pays;
    }

  private:
    struct Exchange;

    void send(Exchange &exchange);
    bool perform(Exchange &exchange);
    std::string path_of(const std::string &key) const;
    void *take_handle();
    void give_handle(void *handle);

    S3Endpoint endpoint_;
    std::mutex lock_;
    std::vector<void *> handles_; /* of curl, with their connections; those not in use */
};

/* Why S3 refused, with what to do. */
[[noreturn]] void fail_s3(const S3Answer &answer, const std::string &action,
                          const std::string &name);

} // namespace verger

#endif
