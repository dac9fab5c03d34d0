#pragma once

#include <functional>
#include <map>
#include <string>

namespace see {

/// Names and values that go with a model or a file: what a safetensors file says of itself.
using Metadata = std::map<std::string, std::string, std::less<>>;

}  // namespace see
