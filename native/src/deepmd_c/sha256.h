// SHA-256 (FIPS 180-4), which names converted models by their content.
#pragma once
#include <string>
#include <string_view>

namespace deepmd_c {

// Return the digest of bytes, 64 hexadecimal digits.
std::string sha256(std::string_view bytes);

}  // namespace deepmd_c
