/* The steps and their names are those of
 * docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html. */
#include "io/s3_sign.hpp"

#include <new>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace verger
{

namespace
{

std::string hex(const std::string &bytes)
{
    static const char digits[] = "0123456789abcdef";
    std::string text;
    for (char c : bytes) {
        unsigned char byte = static_cast<unsigned char>(c);
        text += {digits[byte >> 4], digits[byte & 15]};
    }
    return text;
}

std::string sha256(std::string_view text)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr) != 1)
        throw std::bad_alloc();
    return {reinterpret_cast<char *>(digest), length};
}

std::string hmac(const std::string &key, const std::string &text)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char *>(text.data()), text.size(), digest,
             &length) == nullptr)
        throw std::bad_alloc();
    return {reinterpret_cast<char *>(digest), length};
}

std::string utc(std::time_t time, const char *format)
{
    std::tm parts;
    char text[32];
    ::gmtime_r(&time, &parts);
    return {text, std::strftime(text, sizeof text, format, &parts)};
}

} // namespace

std::string s3_escaped(const std::string &path)
{
    static const char digits[] = "0123456789ABCDEF";
    std::string out;
    for (char c : path) {
        unsigned char byte = static_cast<unsigned char>(c);
        bool is_plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~' ||
                        c == '/';
        if (is_plain)
            out += c;
        else
            out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
    return out;
}

std::string s3_query_escaped(const std::string &text)
{
    std::string out = s3_escaped(text);
    for (size_t at = 0; (at = out.find('/', at)) != std::string::npos;) out.replace(at, 1, "%2F");
    return out;
}

std::vector<std::string> s3_signed_headers(const S3Request &request,
                                           const S3Credentials &credentials,
                                           const std::string &region, std::time_t now)
{
    if (credentials.key.empty()) {
        std::vector<std::string> plain;
        for (const auto &[name, value] : request.headers) plain.push_back(name + ":" + value);
        return plain;
    }
    std::string timestamp = utc(now, "%Y%m%dT%H%M%SZ"), day = timestamp.substr(0, 8);
    std::string payload = hex(sha256(request.body));
    std::map<std::string, std::string> signed_ones = request.headers; /* sorted, as S3 wants them */
    signed_ones["x-amz-content-sha256"] = payload;
    signed_ones["x-amz-date"] = timestamp;
    if (!credentials.token.empty()) signed_ones["x-amz-security-token"] = credentials.token;
    std::vector<std::string> headers;
    std::string names = "host";
    for (const auto &[name, value] : signed_ones) {
        headers.push_back(name + ":" + value);
        names += ";" + name;
    }

    std::string canonical = request.method + "\n" + request.path + "\n" + request.query +
                            "\nhost:" + request.host + "\n";
    for (const std::string &header : headers) canonical += header + "\n";
    canonical += "\n" + names + "\n" + payload;

    std::string scope = day + "/" + region + "/s3/aws4_request";
    std::string to_sign =
        "AWS4-HMAC-SHA256\n" + timestamp + "\n" + scope + "\n" + hex(sha256(canonical));
    std::string key = "AWS4" + credentials.secret;
    for (const std::string &part : {day, region, std::string("s3"), std::string("aws4_request")})
        key = hmac(key, part);
    headers.push_back("Authorization: AWS4-HMAC-SHA256 Credential=" + credentials.key + "/" +
                      scope + ",SignedHeaders=" + names + ",Signature=" + hex(hmac(key, to_sign)));
    return headers;
}

} // namespace verger
