#include "io/s3.hpp"

#include <set>
#include <utility>
#include <vector>

#include <fnmatch.h>

#include <arrow/filesystem/s3fs.h>

extern "C" {
#include "base/certificates.h"
}

#include "io/profile.hpp"
#include "io/regions.hpp"
#include "io/remote.hpp"
#include "io/retry.hpp"
#include "io/s3_client.hpp"
#include "io/s3_objects.hpp"
#include "io/xml.hpp"

namespace fs = arrow::fs;

namespace verger
{

namespace
{

enum {
    HTTP_OK = 200,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_PRECONDITION_FAILED = 412,
    HTTP_NOT_IMPLEMENTED = 501
};

/* --- Retries of Arrow's client ------------------------------------------- */

/* The same rules as our own client's (Attempts). The SDK calls from the thread that waits
 * for the request, and counts the attempts itself. */
class Retry final : public fs::S3RetryStrategy
{
  public:
    bool ShouldRetry(const AWSErrorDetail &error, int64_t retries) override
    {
        using std::chrono::steady_clock;
        thread_local steady_clock::time_point first_failure;
        if (retries == 0) first_failure = steady_clock::now();
        if (!error.should_retry || is_certificate_refused(error)) return false;
        if (retries + 1 < max_attempts() && steady_clock::now() - first_failure < retry_time)
            return true;
        std::lock_guard guard(lock_);
        given_up_ = error.message;
        attempts_ = retries + 1;
        return false;
    }

    int64_t CalculateDelayBeforeNextRetry(const AWSErrorDetail &, int64_t retries) override
    {
        return backoff(retries + 1).count();
    }

    /* The attempts after which a request was given up, if this is what it was told. */
    int64_t attempts_at(const std::string &message)
    {
        std::lock_guard guard(lock_);
        bool is_it = !given_up_.empty() && message.find(given_up_) != std::string::npos;
        return is_it ? attempts_ : 0;
    }

  private:
    /* libcurl-errors(3): CURLE_PEER_FAILED_VERIFICATION. The SDK takes it for the network. */
    static bool is_certificate_refused(const AWSErrorDetail &error)
    {
        return error.message.find("curlCode: 60,") != std::string::npos;
    }

    std::mutex lock_;
    std::string given_up_;
    int64_t attempts_ = 0;
};

/* The SDK does not say through which proxy it found nobody. */
arrow::Status with_proxy(const arrow::Status &status, const Proxy &proxy)
{
    if (status.ok() || proxy.url.empty()) return status;
    std::string reason = status.message().substr(0, status.message().find('\n'));
    return status.WithMessage(reason, proxy.shown());
}

arrow::Status with_attempts(const arrow::Status &status, Retry &retry)
{
    int64_t attempts = status.ok() ? 0 : retry.attempts_at(status.message());
    if (attempts == 0) return status;
    std::string reason = status.message().substr(0, status.message().find('\n'));
    return status.WithMessage(reason, " (", attempts, " attempts): try again later");
}

/* --- Certificates ---------------------------------------------------------- */

/* Of buckets; Arrow's curl, too, has to be told. */
std::string certificates()
{
    std::string given = first_of_environment({"AWS_CA_BUNDLE"});
    const char *usual = vg_certificates();
    return !given.empty() || usual == nullptr ? given : usual;
}

/* --- Where a bucket is asked ------------------------------------------------ */

/* docs.aws.amazon.com/general/latest/gr/s3.html; the partitions are those of botocore's
 * partitions.json. */
std::string aws_domain(const std::string &region)
{
    static const struct {
        const char *regions, *domain;
    } partitions[] = {
        {"cn-*", "amazonaws.com.cn"},   {"eusc-*", "amazonaws.eu"},
        {"us-isob-*", "sc2s.sgov.gov"}, {"us-isof-*", "csp.hci.ic.gov"},
        {"us-iso-*", "c2s.ic.gov"},     {"eu-isoe-*", "cloud.adc-e.uk"},
    };
    for (const auto &partition : partitions)
        if (::fnmatch(partition.regions, region.c_str(), 0) == 0) return partition.domain;
    return "amazonaws.com";
}

std::string aws_host(const std::string &region)
{
    auto is_set = [](const char *name) { return first_of_environment({name}) == "true"; };
    std::string service = is_set("AWS_USE_FIPS_ENDPOINT") ? "s3-fips." : "s3.";
    if (is_set("AWS_USE_DUALSTACK_ENDPOINT")) service += "dualstack.";
    return service + region + "." + aws_domain(region);
}

/* Of the server that is named in the address or the environment; empty for AWS. */
std::string custom_endpoint(const Address &address)
{
    std::string given = setting(address, "endpoint_override");
    if (!given.empty()) return given;
    for (const char *variable : {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}) {
        given = first_of_environment({variable});
        if (given.empty()) continue;
        if (given.starts_with("http://") || given.starts_with("https://")) return given;
        throw Failure{VG_EINVAL, std::string(variable) + " is " + printable(given) +
                                     ": begin it with http:// or https://"};
    }
    return "";
}

std::string given_region(const Address &address)
{
    std::string given = setting(address, "region");
    if (given.empty()) given = first_of_environment({"AWS_REGION", "AWS_DEFAULT_REGION"});
    return given.empty() ? "us-east-1" : given;
}

S3Endpoint endpoint_of(const Address &address, const std::string &region)
{
    S3Endpoint endpoint;
    endpoint.bucket = address.host;
    endpoint.folder = "/" + address.host;
    endpoint.region = region;
    endpoint.ca_file = setting(address, "tls_ca_file_path");
    if (endpoint.ca_file.empty()) endpoint.ca_file = certificates();
    endpoint.verify_certificates = setting(address, "tls_verify_certificates") != "false";
    endpoint.credentials = [] { return S3Credentials(); };

    std::string custom = without_trailing_slash(custom_endpoint(address));
    size_t scheme_end = custom.find("://");
    std::string scheme =
        scheme_end != std::string::npos ? custom.substr(0, scheme_end) : setting(address, "scheme");
    endpoint.scheme = scheme.empty() ? "https" : scheme;
    endpoint.host = custom.empty()                    ? aws_host(region)
                    : scheme_end != std::string::npos ? custom.substr(scheme_end + 3)
                                                      : custom;
    /* What stands behind the host is a part of every path, and so of what is signed. */
    size_t slash = endpoint.host.find('/');
    if (slash != std::string::npos) {
        endpoint.folder = endpoint.host.substr(slash) + endpoint.folder;
        endpoint.host.erase(slash);
    }
    /* curl leaves the usual port out of the header Host, which is signed. */
    std::string usual = endpoint.scheme == "https" ? ":443" : ":80";
    if (endpoint.host.ends_with(usual)) endpoint.host.resize(endpoint.host.size() - usual.size());
    endpoint.proxy = proxy_for(endpoint.scheme, endpoint.host);
    return endpoint;
}

/* --- Regions ---------------------------------------------------------------- */

/* Of the answer's headers, which AWS gives with a refusal too. Empty where it has none. */
std::string region_by_header(S3Client &client, const std::string &name)
{
    S3Answer answer = client.ask("HEAD", "", "", "ask for the region of", name);
    std::string region = answer.header("x-amz-bucket-region");
    if (region.empty() && answer.status == 404)
        throw Failure{VG_ENOTFOUND, "cannot open " + printable(name) +
                                        ": no such bucket: check its name, the endpoint and, in "
                                        "another partition of AWS than the usual, AWS_REGION"};
    return region;
}

/* docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html: nothing is
 * us-east-1, and EU an old name. */
std::string region_by_location(S3Client &client, const std::string &name)
{
    const std::string action = "ask for the region of";
    S3Answer answer = client.ask("GET", "", "location=", action, name);
    if (answer.status != HTTP_OK || answer.body.find("LocationConstraint") == std::string::npos)
        fail_s3(answer, action, name);
    std::string region = answer.element("LocationConstraint");
    return region.empty() ? "us-east-1" : region == "EU" ? "eu-west-1" : region;
}

std::string real_region(S3Client &client, const std::string &name)
{
    std::string region = region_by_header(client, name);
    return region.empty() ? region_by_location(client, name) : region;
}

void check_region(const std::string &region, const Address &address, const std::string &name,
                  const char *pattern)
{
    if (pattern == nullptr || region_matches(region, pattern)) return;
    throw Failure{VG_EINVAL, "refused to open " + printable(name) + ": the bucket " +
                                 printable(address.host) + " is in " + printable(region) +
                                 ", and the region is required to be " + printable(pattern) +
                                 ": take a bucket there, or another requirement"};
}

/* --- Encryption --------------------------------------------------------------- */

void check_encryption_options(const vg_store_options &options)
{
    std::string sse = options.sse != nullptr ? options.sse : "";
    if (!sse.empty() && sse != "AES256" && sse != "aws:kms")
        throw Failure{VG_EINVAL,
                      "unknown encryption " + printable(sse) + ": say AES256 or aws:kms"};
    if (options.sse_kms_key == nullptr) return;
    if (sse != "aws:kms")
        throw Failure{VG_EINVAL, "a KMS key is given without the encryption aws:kms"};
    if (std::string_view(options.sse_kms_key).find("alias/") != std::string_view::npos)
        throw Failure{VG_EINVAL, "the KMS key is given by an alias, which S3 does not tell: give "
                                 "its id or ARN"};
}

/* S3 tells the ARN of a key, which ends with "/" and its id. */
bool is_key(const std::string &arn, const std::string &key)
{
    return arn == key || arn.ends_with("/" + key);
}

/* --- Uploads ------------------------------------------------------------------- */

using Upload = std::pair<std::string, std::string>; /* its key, its id */

std::vector<Upload> uploads_of(const std::string &listing)
{
    std::vector<Upload> uploads;
    Upload upload;
    for (const XmlElement &element : xml_elements(listing)) {
        if (element.name == "Key") upload.first = element.text;
        if (element.name == "UploadId") upload.second = element.text;
        if (element.name != "Upload") continue;
        if (!upload.second.empty()) uploads.push_back(upload);
        upload = {};
    }
    return uploads;
}

/* --- The store ------------------------------------------------------------------ */

class S3Store final : public RemoteStore
{
  public:
    S3Store(const std::shared_ptr<fs::S3FileSystem> &file_system, std::string folder,
            std::string name, Explain explain, S3Endpoint endpoint, const vg_store_options &options)
        : RemoteStore(file_system, std::move(folder), std::move(name), std::move(explain)),
          client_(std::move(endpoint)), sse_(options.sse != nullptr ? options.sse : ""),
          sse_key_(options.sse_kms_key != nullptr ? options.sse_kms_key : "")
    {
    }

    void read(const std::string &path, int64_t size, uint64_t max_size, vg_bytes *content) override
    {
        client_.read(key(path), size, max_size, content, name(path));
    }

    void list(const std::string &path, const Visitor &visit, const FolderVisitor &unlisted) override
    {
        if (!client_.requester_pays()) return RemoteStore::list(path, visit, unlisted);
        list_objects(
            client_, key(path),
            [&](const vg_file &file) {
                std::string whole = join(path, file.path);
                visit({.path = whole.c_str(), .size = file.size, .modified = file.modified});
            },
            name(path));
    }

    void stat(const std::string &path, vg_file *file) override
    {
        if (!client_.requester_pays()) return RemoteStore::stat(path, file);
        stat_object(client_, key(path), file, name(path));
    }

    std::shared_ptr<arrow::io::RandomAccessFile> open_input(const std::string &path) override
    {
        if (!client_.requester_pays()) return RemoteStore::open_input(path);
        return open_object(client_, key(path), name(path));
    }

    void delete_tree(const std::string &path) override
    {
        if (!client_.requester_pays()) return RemoteStore::delete_tree(path);
        std::vector<std::string> files;
        const Visitor keep = [&](const vg_file &file) { files.push_back(join(path, file.path)); };
        try {
            list_objects(client_, key(path), keep, name(path));
        } catch (const Failure &failure) {
            if (failure.status != VG_ENOTFOUND) throw;
        }
        for (const std::string &file : files) delete_file(file);
        if (!path.empty()) delete_file(path);
    }

    /* Arrow asks first whether the object is there, and makes the "folder" again that it
     * was in: four requests, and an object of its own that stays. */
    void delete_file(const std::string &path) override
    {
        S3Answer answer = client_.ask("DELETE", key(path), "", "delete", name(path));
        if (answer.status >= 300 && answer.status != 404) fail_s3(answer, "delete", name(path));
    }

    /* The ETag, without its quotes. */
    std::string stamp(const std::string &path) override
    {
        const std::string action = "ask for the version of";
        S3Answer answer = client_.ask("HEAD", key(path), "", action, name(path));
        if (answer.status != HTTP_OK) fail_s3(answer, action, name(path));
        std::string etag = answer.header("etag");
        bool is_strong = etag.size() > 2 && etag.front() == '"' && etag.back() == '"';
        return is_strong ? etag.substr(1, etag.size() - 2) : "";
    }

    /* A refusal may come after "200 OK", while the server was copying. What it does not like
     * (a permission of its own, more than 5 GB), or takes too long for, is no reason to stop: who
     * asks can write the file. */
    void share(const std::string &from, const std::string &stamp, const std::string &to) override
    {
        const std::string action = "copy";
        S3Answer answer;
        try {
            answer = client_.copy(key(from), stamp, key(to), action, name(from));
        } catch (const Failure &failure) {
            if (failure.status != VG_EIO) throw;
            throw Failure{VG_EUNSUPPORTED, failure.message};
        }
        std::string code = answer.element("Code");
        if (answer.status == HTTP_OK && code.empty()) return;
        if (answer.status == HTTP_NOT_FOUND) fail_s3(answer, action, name(from));
        if (answer.status == HTTP_PRECONDITION_FAILED)
            fail_with(VG_EFORMAT, "take", name(from), "it has been written to since");
        fail_with(VG_EUNSUPPORTED, action, name(from),
                  (code.empty() ? "HTTP" : code) + " " + std::to_string(answer.status));
    }

    std::unique_ptr<Output> open_output(const std::string &path) override
    {
        if (client_.requester_pays()) return write_object(client_, key(path), name(path));
        return std::make_unique<S3Output>(*this, path, RemoteStore::open_output(path));
    }

    /* docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html. An answer holds
     * so many that the next one holds others; one that stays listed although it was dropped is
     * passed over. To look needs a permission of its own, without which a run is as good. */
    void clear_uploads(const std::string &path) override
    {
        const std::string action = "look for uploads to", prefix = key(path);
        std::set<Upload> dropped;
        for (size_t count = 1; count > 0;) {
            S3Answer answer = client_.ask(
                "GET", "", "prefix=" + s3_query_escaped(prefix) + "&uploads=", action, name(path));
            if (answer.status == HTTP_FORBIDDEN || answer.status == HTTP_NOT_IMPLEMENTED) return;
            if (answer.status != HTTP_OK) fail_s3(answer, action, name(path));
            count = drop_uploads(uploads_of(answer.body), prefix, path, dropped);
        }
    }

    void check_encryption(const std::string &path) override
    {
        if (sse_.empty()) return;
        const std::string action = "ask for the encryption of";
        S3Answer answer = client_.ask("HEAD", key(path), "", action, name(path));
        if (answer.status != HTTP_OK) fail_s3(answer, action, name(path));
        std::string sse = answer.header("x-amz-server-side-encryption");
        std::string arn = answer.header("x-amz-server-side-encryption-aws-kms-key-id");
        if (sse == sse_ && (sse_key_.empty() || is_key(arn, sse_key_))) return;
        std::string bucket = full("").substr(0, full("").find('/'));
        throw Failure{VG_EINVAL,
                      "what is written to " + printable(address) + " is encrypted by " +
                          (sse.empty() ? "nothing" : printable(sse + " " + arn)) + ", not by " +
                          printable(sse_ + " " + sse_key_) +
                          ": set it for the bucket with aws s3api put-bucket-encryption --bucket " +
                          printable(bucket)};
    }

  private:
    /* Arrow's Abort does nothing once a part was refused, or the end was. */
    class S3Output final : public Output
    {
      public:
        S3Output(S3Store &store, std::string path, std::unique_ptr<Output> output)
            : store_(store), path_(std::move(path)), output_(std::move(output))
        {
        }
        ~S3Output() override
        {
            if (is_finished_) return;
            output_.reset();
            (void)guard(nullptr, [&] { store_.clear_uploads(path_); });
        }
        const std::shared_ptr<arrow::io::OutputStream> &stream() const override
        {
            return output_->stream();
        }
        void finish() override
        {
            output_->finish();
            is_finished_ = true;
        }

      private:
        S3Store &store_;
        std::string path_;
        std::unique_ptr<Output> output_;
        bool is_finished_ = false;
    };

    std::string key(const std::string &path) const
    {
        std::string whole = full(path);
        size_t slash = whole.find('/');
        return slash == std::string::npos ? "" : whole.substr(slash + 1);
    }

    /* Those that are not in `dropped` yet; returns how many. */
    size_t drop_uploads(const std::vector<Upload> &uploads, const std::string &prefix,
                        const std::string &path, std::set<Upload> &dropped)
    {
        size_t count = 0;
        for (const Upload &upload : uploads) {
            const auto &[uploaded, id] = upload;
            if (!uploaded.starts_with(prefix) || !dropped.insert(upload).second) continue;
            S3Answer answer = client_.ask("DELETE", uploaded, "uploadId=" + s3_query_escaped(id),
                                          "drop an upload to", name(path));
            if (answer.status >= 300 && answer.status != 404)
                fail_s3(answer, "drop an upload to", name(path));
            count++;
        }
        return count;
    }

    S3Client client_;
    std::string sse_, sse_key_;
};

/* Reads the address and asks nobody. Of AWS the region is to be filled in; elsewhere it is
 * the SDK's to say, out of the address, the environment or the profile. */
fs::S3Options options_of(Address address, const std::string &name, bool is_aws, std::string *folder,
                         const std::shared_ptr<Retry> &retry)
{
    /* A delayed open makes a small file one PUT in place of three requests. */
    set_default(address, "allow_delayed_open", "true");
    set_default(address, "tls_ca_file_path", certificates());
    /* Without a region Arrow would ask for it as we do. */
    if (is_aws) set_default(address, "region", given_region(address));
    auto made = fs::S3Options::FromUri(uri_of(address), folder);
    check(without_secrets(made.status(), address), "open", name, VG_EINVAL);
    if (is_unsigned())
        made->ConfigureAnonymousCredentials();
    else if (address.user.empty())
        check_profile(name);
    made->retry_strategy = retry;
    made->connect_timeout = static_cast<double>(connect_time.count());
    made->request_timeout = static_cast<double>(stall_time.count());
    return *made;
}

/* The keys of a role change while a run goes on; those of one request are of one time. */
S3Credentials credentials_of(const fs::S3Options &options)
{
    for (;;) {
        S3Credentials now = {options.GetAccessKey(), options.GetSecretKey(),
                             options.GetSessionToken()};
        if (options.GetAccessKey() == now.key) return now;
    }
}

/* AWS is asked without a signature: nobody has said yet which region that is for. */
std::string aws_region(const Address &address, const std::string &name, bool is_required)
{
    std::string given = setting(address, "region");
    if (!given.empty() && !is_required) return given;
    S3Client client(endpoint_of(address, given_region(address)));
    return real_region(client, name);
}

/* The bucket's own host, but for names with a dot, which no certificate covers. */
void take_bucket_host(S3Endpoint &endpoint, const std::string &bucket)
{
    if (bucket.find('.') != std::string::npos) return;
    endpoint.host = bucket + "." + endpoint.host;
    endpoint.folder.clear();
}

} // namespace

std::unique_ptr<vg_store> open_s3_store(const Address &address, const std::string &name,
                                        const vg_store_options &options)
{
    check_encryption_options(options);
    /* Whether this ends well or not: S3 has static objects that are made by its first use. */
    struct EndAtExit {
        ~EndAtExit()
        {
            end_file_systems_at_exit();
        }
    } end_at_exit;
    check(fs::EnsureS3Initialized(), "open", name);
    const char *pattern = options.require_region;
    const bool is_aws = custom_endpoint(address).empty();
    auto retry = std::make_shared<Retry>();
    std::string folder;
    fs::S3Options s3_options = options_of(address, name, is_aws, &folder, retry);
    if (is_aws) {
        s3_options.region = aws_region(address, name, pattern != nullptr);
        check_region(s3_options.region, address, name, pattern);
    }
    const Proxy proxy = endpoint_of(address, s3_options.region).proxy;
    if (!proxy.url.empty()) {
        auto through = fs::S3ProxyOptions::FromUri(proxy.url);
        check(through.status().ok() ? arrow::Status::OK()
                                    : arrow::Status::Invalid(proxy.variable, " is no address"),
              "open", name, VG_EINVAL);
        s3_options.proxy_options = *through;
    }
    Explain explain = [address, retry, proxy](const arrow::Status &status) {
        return with_proxy(with_attempts(without_secrets(status, address), *retry), proxy);
    };
    auto file_system = fs::S3FileSystem::Make(s3_options);
    check(explain(file_system.status()), "open", name, VG_EINVAL);

    S3Endpoint endpoint = endpoint_of(address, (*file_system)->region());
    endpoint.credentials = [s3_options] { return credentials_of(s3_options); };
    endpoint.requester_pays = options.requester_pays || requester_pays();
    if (endpoint.requester_pays && is_unsigned())
        fail_with(VG_EINVAL, "open", name,
                  "who pays has to sign: leave --requester-pays or AWS_NO_SIGN_REQUEST out");
    if (is_aws) take_bucket_host(endpoint, address.host);
    if (!is_aws && pattern != nullptr) {
        S3Client client(endpoint);
        check_region(real_region(client, name), address, name, pattern);
    }
    return std::make_unique<S3Store>(*file_system, without_trailing_slash(folder), name, explain,
                                     endpoint, options);
}

} // namespace verger
