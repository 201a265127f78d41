// SHA-256 (FIPS 180-4), which names converted models by their content.
#pragma once
#include <string>
#include <string_view>

namespace deepmd_c {

// Digest of bytes in hexadecimal, 64 digits.
std::string sha256(std::string_view bytes);

}  // namespace deepmd_c
