#pragma once

#include <span>
#include <string_view>

#include "see/compress/plan/method.hpp"
#include "see/config.hpp"

namespace see {

/// All that CompressOptions::method may name, `auto` first.
std::span<const Method> compress_methods();

/// Throws where there is no method of this name, and lists those that there are.
const Method& compress_method(std::string_view name);

}  // namespace see

#if !defined(SEE_COMPILED)
#include "see/compress/methods-inl.hpp"
#endif
