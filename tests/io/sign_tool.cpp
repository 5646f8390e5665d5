/* The signature of a request, for tests that hold it against another signer:
 * sign_tool METHOD PATH QUERY HOST KEY SECRET TOKEN REGION SECONDS [NAME VALUE]... */
#include <cstdio>
#include <cstdlib>

#include "io/s3_sign.hpp"

int main(int argc, char **argv)
{
    if (argc < 10 || argc % 2 != 0) return 2;
    verger::S3Request request = {argv[1], argv[4], argv[2], argv[3]};
    for (int i = 10; i < argc; i += 2) request.headers[argv[i]] = argv[i + 1];
    const verger::S3Credentials credentials = {argv[5], argv[6], argv[7]};
    for (const std::string &header :
         verger::s3_signed_headers(request, credentials, argv[8], std::atol(argv[9])))
        std::printf("%s\n", header.c_str());
    return 0;
}
